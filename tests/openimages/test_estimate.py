from __future__ import annotations

from pathlib import Path

import pytest

from contorno.openimages import Bucket, HttpSource, estimate, fetch, plan
from contorno.rehearsal import OfflineBucket, Server


def test_the_images_are_estimated_from_a_sample_of_them(bucket: Bucket, source: HttpSource, tmp_path: Path) -> None:
    made = plan(["Hot dog"], bucket=bucket, source=source)
    guess = estimate(made, source)
    folder = fetch(["Hot dog"], out=tmp_path, bucket=bucket, source=source)
    real = sum(path.stat().st_size for path in folder.root.glob("images/*/*.jpg"))
    assert guess.is_measured
    assert guess.images_bytes == pytest.approx(real, rel=0.25)
    assert str(guess).startswith("about ")


def test_only_sizes_are_asked_for(server: Server, bucket: Bucket, source: HttpSource) -> None:
    made = plan(["Hot dog"], bucket=bucket, source=source)
    server.clear_log()
    estimate(made, source)
    assert {request.method for request in server.log} == {"HEAD"}
    assert len(server.log) <= 16 + 48


def test_a_server_that_cannot_be_reached_costs_only_the_exactness(offline: OfflineBucket) -> None:
    nowhere = Bucket("http://127.0.0.1:9", "http://127.0.0.1:9")
    with HttpSource(pause_seconds=0.001, attempts=2) as source:
        made = plan(["Hot dog"], splits=["train"], limit=10, bucket=nowhere, meta_dir=offline.meta_dir, source=source)
        guess = estimate(made, source)
    assert not guess.is_measured
    assert guess.images_bytes == made.num_images * 350_000
    assert "the server was not asked" in str(guess)
    assert estimate(made, None) == guess
