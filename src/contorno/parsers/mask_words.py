"""Masks as IceVision's parsers state them: arrays, files, polygons, run lengths. Each says which objects it holds.

`geometries(size)` gives a mask for each object, over an image of `size` (height, width).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from contorno import masks
from contorno.errors import DataError
from contorno.images import read_mask_values
from contorno.masks import Geometry, Size
from contorno.parsers.voc_pictures import VOID


class MaskSource(Protocol):
    """Whatever holds the masks of some objects of an image."""

    def geometries(self, size: Size) -> list[Geometry]:
        """A mask for each object. Raises DataError for what is none."""
        ...


class MaskArray:
    """Masks as pixels: (N, H, W), or (H, W) for one object; what is not 0 is in."""

    def __init__(self, data: NDArray[Any]) -> None:
        self.data = np.asarray(data)
        if self.data.ndim not in (2, 3):
            raise DataError(f"a MaskArray has shape {self.data.shape}; expected (N, height, width), or one mask.")

    def geometries(self, size: Size) -> list[Geometry]:
        """See MaskSource."""
        stack = self.data[None] if self.data.ndim == 2 else self.data
        if stack.shape[1:] != size:
            raise DataError(f"a MaskArray of {stack.shape[1:]} stands in an image of {size} (height, width).")
        return list(masks.encode_stack((stack != 0).astype(np.uint8)))


class MaskFile:
    """A mask picture in which each number above 0 is an object; IceVision takes the smallest number for background."""

    def __init__(self, filepath: Path | str) -> None:
        self.filepath = Path(filepath)

    def _outside(self) -> tuple[int, ...]:
        return (0,)

    def geometries(self, size: Size) -> list[Geometry]:
        """See MaskSource."""
        values = read_mask_values(self.filepath).values
        if values.shape != size:
            raise DataError(f"{self.filepath}: the mask has {values.shape}, its image {size} (height, width).")
        numbers = [number for number in np.unique(values) if number not in self._outside()]
        return [masks.encode((values == number).astype(np.uint8)) for number in numbers]


class VocMaskFile(MaskFile):
    """A palette picture of PASCAL VOC: each number is an object, but 0 and, with `drop_void`, 255."""

    def __init__(self, filepath: Path | str, drop_void: bool = True) -> None:
        super().__init__(filepath)
        self.drop_void = drop_void

    def _outside(self) -> tuple[int, ...]:
        return (0, VOID) if self.drop_void else (0,)


class Polygon:
    """One object of polygons, each a list x, y, x, y, ... in pixels, as COCO has them."""

    def __init__(self, points: Sequence[Sequence[float]]) -> None:
        self.points = points

    def geometries(self, size: Size) -> list[Geometry]:
        """See MaskSource."""
        return [masks.from_coco([list(map(float, part)) for part in self.points], size)]


class RLE:
    """One object as run lengths, down the columns, the background first: made by `from_coco` or `from_kaggle`."""

    def __init__(self, counts: Sequence[int]) -> None:
        self.counts = [int(count) for count in counts]

    @classmethod
    def from_coco(cls, counts: Sequence[int]) -> RLE:
        """Of COCO's uncompressed counts."""
        return cls(counts)

    @classmethod
    def from_string(cls, s: str, sep: str = " ") -> RLE:
        """Of COCO's uncompressed counts as text."""
        return cls([int(count) for count in s.split(sep)])

    @classmethod
    def from_kaggle(cls, counts: Sequence[int]) -> RLE:
        """Of pairs (start, length), starts counted from 1. Raises DataError for an odd number of values."""
        if len(counts) % 2:
            raise DataError(f"Kaggle's run lengths are pairs of start and length; got {len(counts)} numbers.")
        made, place = [], 1
        for start, length in zip(counts[::2], counts[1::2], strict=True):
            made += [int(start) - place, int(length)]
            place = int(start) + int(length)
        return cls(made)

    def geometries(self, size: Size) -> list[Geometry]:
        """See MaskSource."""
        rest = size[0] * size[1] - sum(self.counts)
        # What follows the last run is background, which Kaggle's form leaves out.
        padded = [*self.counts, *([0] if len(self.counts) % 2 else []), rest] if rest > 0 else self.counts
        return [masks.from_counts(padded, size)]


class EncodedRLEs:
    """Objects as COCO's compressed run-length codes: dicts of size and counts."""

    def __init__(self, erles: Sequence[Mapping[str, Any]] | Mapping[str, Any] = ()) -> None:
        self.erles = [erles] if isinstance(erles, Mapping) else list(erles)

    def geometries(self, size: Size) -> list[Geometry]:
        """See MaskSource."""
        return [masks.from_coco(dict(code), size) for code in self.erles]
