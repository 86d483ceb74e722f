"""One small offline bucket for all tests of Open Images, and a server before it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from contorno.openimages import Bucket, HttpSource
from contorno.rehearsal import OfflineBucket, Server, make_bucket, serve


@pytest.fixture(scope="session")
def offline(tmp_path_factory: pytest.TempPathFactory) -> OfflineBucket:
    """48 train images of which one is missing, 12 validation, 8 test; longest side 96 pixels."""
    return make_bucket(
        tmp_path_factory.mktemp("bucket"), images={"train": 48, "validation": 12, "test": 8}, long_edge_px=96
    )


@pytest.fixture
def server(offline: OfflineBucket) -> Iterator[Server]:
    """A server for `offline`, without faults."""
    with serve(offline.root) as running:
        yield running


@pytest.fixture
def bucket(server: Server) -> Bucket:
    """Its addresses."""
    return Bucket(server.meta_url, server.images_url)


@pytest.fixture
def source() -> Iterator[HttpSource]:
    """A client that waits hardly at all between attempts."""
    with HttpSource(pause_seconds=0.001, timeout_seconds=2.0, attempts=4) as made:
        yield made
