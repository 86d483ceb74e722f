"""Write a small Open Images to a folder: the real keys, headers and mask archives around drawn photographs.

What it copies from the real store, since each can break a reader: masks larger than their images; a file of class
names without a header; boxes in the order XMin, XMax; empty PredictedIoU and Clicks; flags of -1; boxes without a mask;
group boxes; titles with commas and quotes; a listed image that is not there.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from contorno.errors import ConfigError
from contorno.files import folder_lock, read_json, write_json
from contorno.progress import Progress, silent
from contorno.rehearsal import tables
from contorno.rehearsal.photographs import draw_photographs, plan_photographs
from contorno.rehearsal.store_files import write_store

VERSION = 1
"""Raised whenever the same seed gives other bytes, so that buckets made before are made anew."""

DEFAULT_IMAGES = {"train": 160, "validation": 40, "test": 24}
_UNFINISHED = "bucket.unfinished"


@dataclass(frozen=True, slots=True, kw_only=True)
class OfflineBucket:
    """A bucket on disk. counts: masks by class name, for each split. missing_images: listed ids without a file."""

    root: Path
    seed: int
    images: Mapping[str, int]
    counts: Mapping[str, Mapping[str, int]]
    missing_images: tuple[str, ...]

    @property
    def meta_dir(self) -> Path:
        """Stands for https://storage.googleapis.com/openimages/."""
        return self.root / "openimages"

    @property
    def images_dir(self) -> Path:
        """Stands for https://open-images-dataset.s3.amazonaws.com/."""
        return self.root / "open-images-dataset"


def make_bucket(
    root: Path,
    *,
    images: Mapping[str, int] | None = None,
    seed: int = 0,
    long_edge_px: int = 320,
    missing_images: int = 1,
    workers: int = 1,
    progress: Progress = silent,
) -> OfflineBucket:
    """Draw the bucket into `root`, or find it there already.

    images: how many for each split; None means 160 train, 40 validation, 24 test.
    long_edge_px: of the images; their masks are larger.
    missing_images: training images that are listed and annotated but have no file.
    workers: processes that draw; with more than one, call it under `if __name__ == "__main__":`.
    The same arguments give the same bytes, whatever the number of workers. An interrupted bucket is made anew.
    Raises ConfigError for a split that does not exist, a negative number, or a folder that holds something else.
    """
    images = dict(DEFAULT_IMAGES if images is None else images)
    for split, number in images.items():
        if split not in tables.SPLITS or number < 0:
            raise ConfigError(
                f"images={{{split!r}: {number}}} is no split of Open Images; give {', '.join(tables.SPLITS)} >= 0."
            )
    if long_edge_px < 64 or missing_images < 0 or workers < 1:
        raise ConfigError("make_bucket needs long_edge_px >= 64, missing_images >= 0 and workers >= 1.")
    images = {split: images.get(split, 0) for split in tables.SPLITS}
    facts = {
        "version": VERSION, "seed": seed, "images": images, "long_edge_px": long_edge_px, "missing": missing_images
    }  # fmt: skip
    root = Path(root)
    record = root / "bucket.json"
    with folder_lock(root):
        known = read_json(record) if record.exists() else None
        if known is None or known["facts"] != facts:
            _clear(root)
            tasks = plan_photographs(images, seed=seed, long_edge_px=long_edge_px)
            drawn = draw_photographs(tasks, workers=workers, progress=progress)
            known = {"facts": facts, **write_store(root, drawn, seed=seed, missing_images=missing_images)}
            write_json(record, known, indent=1)
            (root / _UNFINISHED).unlink()
    return OfflineBucket(
        root=root, seed=seed, images=images, counts=known["counts"], missing_images=tuple(known["missing_images"])
    )


def _clear(root: Path) -> None:
    """Make room, after making sure that what stands there is a bucket or nothing."""
    record, unfinished = root / "bucket.json", root / _UNFINISHED
    if not record.exists() and not unfinished.exists() and any(path.name != ".lock" for path in root.iterdir()):
        raise ConfigError(
            f"{root} holds other files and no bucket.json; choose an empty folder for the offline bucket."
        )
    unfinished.touch()
    record.unlink(missing_ok=True)
    for name in ("openimages", "open-images-dataset"):
        if (root / name).exists():
            shutil.rmtree(root / name)
