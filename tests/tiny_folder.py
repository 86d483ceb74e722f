"""Builders of a fetched folder of Open Images, one or two tiny files at a time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from contorno.openimages import (
    Bucket,
    FetchReport,
    Folder,
    MaskRow,
    OpenImagesClass,
    Plan,
    Request,
    SplitPlan,
    WantedClass,
)

SIZE = (6, 8)
DOG = WantedClass(OpenImagesClass("Hot dog", "/m/1", True), "hot dog")


def mask(folder: Folder, name: str, size: tuple[int, int], filled: bool = True) -> None:
    """Write a mask: its upper left quarter, or nothing."""
    pixels = np.zeros(size, dtype=bool)
    if filled:
        pixels[: size[0] // 2, : size[1] // 2] = True
    folder.masks("train").mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(folder.masks("train") / name)


def image(folder: Folder, image_id: str) -> None:
    """Write a black image of SIZE."""
    folder.images("train").mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((*SIZE, 3), dtype=np.uint8)).save(folder.images("train") / f"{image_id}.jpg")


def planned(rows: list[tuple[str, str]], negatives: tuple[str, ...] = ()) -> Plan:
    """A plan of (MaskPath, ImageID) pairs."""
    ids = tuple(sorted({image_id for _, image_id in rows}))
    made = tuple(MaskRow(name, image_id, "/m/1", "b0", None, 0.5) for name, image_id in rows)
    part = SplitPlan(split="train", positives=ids, negatives=negatives, rows=made)
    return Plan(classes=(DOG,), splits=(part,), bucket=Bucket(), request=Request(class_names=("hot dog",)))


def empty_folder(root: Path) -> Folder:
    """A folder of train images of hot dogs, with nothing in it."""
    return Folder(root, ("train",), ("hot dog",), FetchReport(splits={}))
