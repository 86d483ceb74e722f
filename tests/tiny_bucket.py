"""Rows of the tables of an offline bucket, read with the standard library alone."""

from __future__ import annotations

import csv

from contorno.rehearsal import OfflineBucket

SPLITS = ("train", "validation", "test")
BOX_FILES = {
    "train": "2018_04/train/train-annotations-bbox.csv",
    "validation": "v5/validation-annotations-bbox.csv",
    "test": "v5/test-annotations-bbox.csv",
}
LISTING_FILES = {
    "train": "2018_04/train/train-images-boxable-with-rotation.csv",
    "validation": "2018_04/validation/validation-images-with-rotation.csv",
    "test": "2018_04/test/test-images-with-rotation.csv",
}


def rows_of(bucket: OfflineBucket, key: str) -> list[dict[str, str]]:
    with (bucket.meta_dir / key).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def mask_rows_of(bucket: OfflineBucket, split: str) -> list[dict[str, str]]:
    return rows_of(bucket, f"v5/{split}-annotations-object-segmentation.csv")


def all_mask_rows(bucket: OfflineBucket) -> list[dict[str, str]]:
    return [row for split in SPLITS for row in mask_rows_of(bucket, split)]
