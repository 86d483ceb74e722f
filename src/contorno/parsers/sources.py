"""What a data set was taken for: its format, its parts, and where they lie."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal[
    "COCO file",
    "VIA file",
    "LabelMe folder",
    "YOLO folder",
    "VOC folder",
    "CVAT file",
    "Open Images folder",
    "mask folder",
    "run-length table",
]

UNFINISHED = ".contorno-unfinished"
"""A file in a folder that a command of ours has begun to write and not finished."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One part of a data set. path: its label file or its folder.   images: its image folder, where that is known."""

    kind: Kind
    path: Path
    images: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognised:
    """What a data set was taken for.

    splits: its parts by the name of the split; one part named "" where one source holds all of them, or there are
            none.   how: why, in one line each.
    """

    splits: dict[str, Source]
    how: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join(self.how)
