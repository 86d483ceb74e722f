"""The bucket on disk: the same from the same seed, made once, and never over other files."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

import pytest

from contorno.errors import ConfigError
from contorno.rehearsal import OfflineBucket, make_bucket
from tiny_bucket import SPLITS, mask_rows_of

TINY = {"train": 3, "validation": 1}


def _digests(root: Path) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): hashlib.md5(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def test_counts_are_those_of_the_tables(bucket: OfflineBucket) -> None:
    names = {"/m/01b9xk": "Hot dog", "/m/0jy4k": "Doughnut", "/m/09qck": "Banana", "/m/0cyhj_": "Orange"}
    for split in SPLITS:
        assert bucket.counts[split] == Counter(names[row["LabelName"]] for row in mask_rows_of(bucket, split))


def test_same_seed_gives_the_same_bytes_with_any_number_of_workers(tmp_path: Path) -> None:
    one = make_bucket(tmp_path / "one", images=TINY, seed=1, long_edge_px=96)
    two = make_bucket(tmp_path / "two", images=TINY, seed=1, long_edge_px=96, workers=2)
    other = make_bucket(tmp_path / "other", images=TINY, seed=2, long_edge_px=96)
    assert _digests(one.root) == _digests(two.root)
    assert len(_digests(one.root)) > 60
    assert _digests(one.root) != _digests(other.root)


def test_finished_bucket_is_reused_and_other_arguments_make_it_anew(tmp_path: Path) -> None:
    calls: list[tuple[str, int, int | None]] = []
    root = tmp_path / "bucket"
    first = make_bucket(root, images=TINY, long_edge_px=96, progress=lambda *call: calls.append(call))
    assert calls[-1] == ("drawing images", 4, 4)
    assert {path.name for path in root.iterdir()} == {".lock", "bucket.json", "openimages", "open-images-dataset"}
    calls.clear()
    assert make_bucket(root, images=TINY, long_edge_px=96, progress=lambda *call: calls.append(call)) == first
    assert calls == []
    make_bucket(root, images={"test": 1}, long_edge_px=96, progress=lambda *call: calls.append(call))
    assert calls == [("drawing images", 1, 1)]
    assert len(list((root / "open-images-dataset").glob("*/*.jpg"))) == 1


def test_interrupted_bucket_does_not_count_as_present(tmp_path: Path) -> None:
    def stop(what: str, done: int, total: int | None) -> None:
        if done == 2:
            raise KeyboardInterrupt

    root = tmp_path / "bucket"
    with pytest.raises(KeyboardInterrupt):
        make_bucket(root, images=TINY, long_edge_px=96, progress=stop)
    assert not (root / "bucket.json").exists()
    bucket = make_bucket(root, images=TINY, long_edge_px=96)
    whole = make_bucket(tmp_path / "whole", images=TINY, long_edge_px=96)
    assert _digests(bucket.root) == _digests(whole.root)


def test_missing_images_can_be_turned_off(tmp_path: Path) -> None:
    bucket = make_bucket(tmp_path, images={"train": 2}, long_edge_px=64, missing_images=0)
    assert bucket.missing_images == ()
    assert len(list(bucket.images_dir.glob("train/*.jpg"))) == 2


def test_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(ConfigError, match=r"holds other files and no bucket\.json"):
        make_bucket(tmp_path, images=TINY)
    assert (tmp_path / "thesis.txt").read_text() == "mine"


@pytest.mark.parametrize("images", [{"valid": 3}, {"train": -1}], ids=["unknown split", "negative"])
def test_unfit_numbers_of_images_are_refused(tmp_path: Path, images: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="no split of Open Images"):
        make_bucket(tmp_path / "bucket", images=images)
    assert not (tmp_path / "bucket").exists()
