"""The two forms in which a mask is kept: run-length code and polygons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contorno.errors import DataError

Size = tuple[int, int]
"""(height, width) in pixels."""

_FARTHEST_PX = 1e6  # pycocotools walks along each edge in fifths of a pixel, and would fill the memory beyond this


@dataclass(frozen=True, slots=True)
class RunLength:
    """A mask over a whole image, as COCO's compressed run-length code.

    size: (height, width) of the image.   counts: COCO's compressed string.
    Codes made in this module are canonical: equal masks have equal codes.
    """

    size: Size
    counts: bytes

    def to_coco(self) -> dict[str, Any]:
        """COCO's JSON form: {"size": [height, width], "counts": str}."""
        return {"size": list(self.size), "counts": self.counts.decode("ascii")}


@dataclass(frozen=True, slots=True, eq=False)
class Polygons:
    """A mask as polygons: the union of its parts, as in COCO; no parts is the empty mask.

    parts: float64 (n, 2) each, n >= 3, xy pixels; kept read-only.
    Raises DataError for another shape, fewer points, or a coordinate that is not finite or beyond a million pixels.
    """

    parts: tuple[NDArray[np.float64], ...]

    def __post_init__(self) -> None:
        parts = []
        for index, part in enumerate(self.parts):
            points = np.array(part, dtype=np.float64)
            if points.ndim != 2 or points.shape[1] != 2:
                raise DataError(f"polygon {index} has shape {points.shape}; expected (n, 2), xy.")
            if len(points) < 3:
                raise DataError(f"polygon {index} has {len(points)} points; a polygon needs at least 3.")
            # The comparison is False for NaN too.
            if not (np.abs(points) <= _FARTHEST_PX).all():
                raise DataError(
                    f"polygon {index} has a coordinate that is not a finite number within a million pixels; "
                    "correct the annotation."
                )
            points.flags.writeable = False
            parts.append(points)
        object.__setattr__(self, "parts", tuple(parts))

    def to_coco(self) -> list[list[float]]:
        """COCO's JSON form: one flat list [x, y, x, y, ...] for each part."""
        return [part.ravel().tolist() for part in self.parts]

    def __reduce__(self) -> tuple[type[Polygons], tuple[tuple[NDArray[np.float64], ...]]]:
        # A pickle made of the fields alone would bring writable arrays back.
        return Polygons, (self.parts,)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Polygons):
            return NotImplemented
        return len(self.parts) == len(other.parts) and all(map(np.array_equal, self.parts, other.parts))

    def __hash__(self) -> int:
        # Adding zero makes -0.0 hash as the 0.0 that it equals.
        return hash(tuple((part + 0.0).tobytes() for part in self.parts))


Geometry = RunLength | Polygons
