"""Builders of folders with mask pictures, a few pixels each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from contorno import masks
from contorno.parsers import MaskFolderParser
from contorno.records import Record, Records
from contorno.splits import SingleSplitter


def picture(*rows: str) -> NDArray[np.uint8]:
    """Values from rows of text: a digit is itself, '#' is 255, anything else 0."""
    return np.array(
        [[255 if cell == "#" else int(cell) if cell.isdigit() else 0 for cell in row] for row in rows], "u1"
    )


def save(path: Path, values: NDArray[Any], **options: object) -> Path:
    """Write a picture as it is, by the suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path, **options)
    return path


def image(path: Path, size: tuple[int, int] = (3, 4)) -> Path:
    """Write a black image."""
    return save(path, np.zeros((*size, 3), dtype=np.uint8))


def read(path: Path, **options: Any) -> tuple[Records, MaskFolderParser]:
    """All records in one part, and the parser with its report."""
    strict = options.pop("autofix", True)
    parser = MaskFolderParser(path, **options)
    (records,) = parser.parse(SingleSplitter(), strict)
    return records, parser


def objects(record: Record, records: Records) -> list[tuple[str, int]]:
    """Class and area of each object."""
    instances = record.instances
    names = [records.class_map.get_by_id(int(label)) for label in instances.labels]
    return list(zip(names, [masks.area(code) for code in instances.run_lengths()], strict=True))
