"""One small bucket, drawn once, that the tests of this folder only read."""

from __future__ import annotations

from pathlib import Path

import pytest

from contorno.rehearsal import OfflineBucket, make_bucket

SMALL = {"train": 32, "validation": 16, "test": 2}


@pytest.fixture(scope="session")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> OfflineBucket:
    root: Path = tmp_path_factory.mktemp("rehearsal") / "bucket"
    return make_bucket(root, images=SMALL, seed=3, long_edge_px=128)
