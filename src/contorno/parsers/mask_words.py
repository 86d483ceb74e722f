"""Masks as IceVision's parsers state them: arrays, files, polygons, run lengths. Each says which objects it holds.

`geometries(size)` gives a mask for each object, over an image of `size` (height, width).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contorno import masks
from contorno.errors import DataError
from contorno.images import read_mask_values
from contorno.masks import Geometry, Size
from contorno.parsers.voc_pictures import VOID


class MaskSource(ABC):
    """Whatever holds the masks of some objects of an image; IceVision's `Mask`."""

    @abstractmethod
    def geometries(self, size: Size) -> list[Geometry]:
        """A mask for each object. Raises DataError for what is none."""


class MaskArray(MaskSource):
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


class MaskFile(MaskSource):
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


class Polygon(MaskSource):
    """One object of polygons, each a list x, y, x, y, ... in pixels, as COCO has them; or one such list alone."""

    def __init__(self, points: Sequence[Sequence[float]] | Sequence[float]) -> None:
        self.points = points

    def geometries(self, size: Size) -> list[Geometry]:
        """See MaskSource."""
        if not isinstance(self.points, Iterable) or isinstance(self.points, str | bytes):
            found = type(self.points).__name__
            raise DataError(f"a Polygon is made of {found}; expected lists of numbers [[x, y, x, y, ...], ...].")
        parts: list[Any] = list(self.points)
        if parts and all(isinstance(value, Real) for value in parts):
            parts = [parts]
        return [masks.from_coco(parts, size)]


class RLE(MaskSource):
    """One object as run lengths, down the columns, the background first: made by `from_coco` or `from_kaggle`.

    Raises DataError, as do all ways to make one, for what are no whole numbers.
    """

    def __init__(self, counts: Sequence[int]) -> None:
        self.counts = _whole_numbers(counts)

    @classmethod
    def from_coco(cls, counts: Sequence[int]) -> RLE:
        """Of COCO's uncompressed counts."""
        return cls(counts)

    @classmethod
    def from_string(cls, s: str, sep: str = " ") -> RLE:
        """Of COCO's uncompressed counts as text; where `sep` is a blank, any white space stands between them."""
        if not isinstance(s, str):
            raise DataError(f"run lengths are {s!r:.60}; expected text of whole numbers.")
        return cls(s.split(sep if sep.strip() and s.strip() else None))  # type: ignore[arg-type]

    @classmethod
    def from_kaggle(cls, counts: Sequence[int]) -> RLE:
        """Of pairs (start, length), starts counted from 1, in any order; where they overlap they are put together.

        Raises DataError for an odd number of values, and for a start or length that no image has.
        """
        numbers = _whole_numbers(counts)
        if len(numbers) % 2:
            raise DataError(f"Kaggle's run lengths are pairs of start and length; got {len(numbers)} numbers.")
        made, place = [], 1
        for start, length in sorted(zip(numbers[::2], numbers[1::2], strict=True)):
            if start < 1 or length < 0:
                raise DataError(
                    f"Kaggle's run lengths have start {start} and length {length}; expected starts from 1, lengths "
                    "from 0: add 1 to starts that are counted from 0."
                )
            begin, end = max(start, place), start + length
            if begin < end:
                made += [begin - place, end - begin]
                place = end
        return cls(made)

    def geometries(self, size: Size) -> list[Geometry]:
        """See MaskSource."""
        rest = size[0] * size[1] - sum(self.counts)
        # What follows the last run is background, which Kaggle's form leaves out.
        padded = [*self.counts, *([0] if len(self.counts) % 2 else []), rest] if rest > 0 else self.counts
        return [masks.from_counts(padded, size)]


class EncodedRLEs(MaskSource):
    """Objects as COCO's compressed run-length codes: dicts of size and counts."""

    def __init__(self, erles: Sequence[Mapping[str, Any]] | Mapping[str, Any] = ()) -> None:
        self.erles = [erles] if isinstance(erles, Mapping) else list(erles)

    def geometries(self, size: Size) -> list[Geometry]:
        """See MaskSource."""
        return [masks.from_coco(dict(code), size) for code in self.erles]


def _whole_numbers(counts: Iterable[Any]) -> list[int]:
    """Numbers as ints, or texts of them. Raises DataError for anything else."""
    if isinstance(counts, str | bytes) or not isinstance(counts, Iterable):
        raise DataError(
            f"run lengths are {type(counts).__name__}; expected a list of whole numbers: RLE.from_string reads text, "
            "EncodedRLEs COCO's compressed codes."
        )
    numbers = []
    for count in counts:
        try:
            number = int(count)
        except (TypeError, ValueError, OverflowError) as error:
            raise DataError(f"run lengths have {count!r:.60}; expected whole numbers.") from error
        if not isinstance(count, str) and number != count:
            raise DataError(f"run lengths have {count!r:.60}; expected whole numbers.")
        numbers.append(number)
    return numbers
