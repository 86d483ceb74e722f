"""The two forms in which a mask is kept: run-length code and polygons."""

from __future__ import annotations

import collections
import itertools
from collections.abc import Callable, Iterable
from dataclasses import FrozenInstanceError, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contorno.errors import DataError

Size = tuple[int, int]
"""(height, width) in pixels."""

FARTHEST_PX = 1e6
"""The farthest that a coordinate may lie: pycocotools walks along each edge in fifths of a pixel, and would fill the
memory with one that lies beyond."""


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


class Polygons:
    """A mask as polygons: the union of its parts, as in COCO; no parts is the empty mask.

    parts: float64 (n, 2) each, n >= 3, xy pixels; kept read-only.
    Raises DataError for another shape, fewer points, or a coordinate that is not finite or beyond a million pixels.
    """

    __slots__ = ("_held",)
    __match_args__ = ("parts",)

    # Arrays, or packed numbers that become arrays when they are first asked for: a data set of 860,000 polygons is a
    # third smaller so, and an array over bytes can never be written to.
    _held: tuple[NDArray[np.float64], ...] | tuple[bytes, ...] | bytes

    def __init__(self, parts: tuple[NDArray[np.float64], ...]) -> None:
        held = []
        for index, part in enumerate(parts):
            points = np.array(part, dtype=np.float64)
            if points.ndim != 2 or points.shape[1] != 2:
                raise DataError(f"polygon {index} has shape {points.shape}; expected (n, 2), xy.")
            if len(points) < 3:
                raise DataError(f"polygon {index} has {len(points)} points; a polygon needs at least 3.")
            # The comparison is False for NaN too.
            if not (np.abs(points) <= FARTHEST_PX).all():
                raise DataError(
                    f"polygon {index} has a coordinate that is not a finite number within a million pixels; "
                    "correct the annotation."
                )
            points.flags.writeable = False
            held.append(points)
        object.__setattr__(self, "_held", tuple(held))

    @staticmethod
    def of_packed(masks: Iterable[tuple[bytes, ...] | bytes]) -> list[Polygons]:
        """Make many from numbers that have been checked: nothing is checked again.

        masks: the parts of each, or its one part; a part is x, y, x, y, ... as little-endian float64, and is held to
        what the class says.
        """
        packed = list(masks)
        made = list(map(Polygons.__new__, itertools.repeat(Polygons, len(packed))))
        # A loop in C: of a million polygons each tenth of a microsecond counts.
        collections.deque(map(_SET_HELD, made, packed), maxlen=0)
        return made

    @property
    def parts(self) -> tuple[NDArray[np.float64], ...]:
        """The polygons, float64 (n, 2) each, n >= 3, xy pixels, read-only."""
        held = (self._held,) if isinstance(self._held, bytes) else self._held
        if held and isinstance(held[0], bytes):
            held = tuple(np.frombuffer(part, dtype="<f8").reshape(-1, 2) for part in held)
            object.__setattr__(self, "_held", held)
        return held  # type: ignore[return-value]

    def __setattr__(self, name: str, value: object) -> None:
        raise FrozenInstanceError(f"polygons cannot be changed: {name!r} is fixed; make new ones.")

    def __delattr__(self, name: str) -> None:
        raise FrozenInstanceError(f"polygons cannot be changed: {name!r} is fixed; make new ones.")

    def to_coco(self) -> list[list[float]]:
        """COCO's JSON form: one flat list [x, y, x, y, ...] for each part."""
        return [part.ravel().tolist() for part in self.parts]

    def __repr__(self) -> str:
        return f"Polygons(parts={self.parts!r})"

    def __reduce__(self) -> tuple[Any, tuple[tuple[bytes, ...]]]:
        # Packed: a pickle of arrays would bring writable ones back, and is larger.
        return _again, (tuple(part.astype("<f8", copy=False).tobytes() for part in self.parts),)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Polygons):
            return NotImplemented
        return len(self.parts) == len(other.parts) and all(map(np.array_equal, self.parts, other.parts))

    def __hash__(self) -> int:
        # Adding zero makes -0.0 hash as the 0.0 that it equals.
        return hash(tuple((part + 0.0).tobytes() for part in self.parts))


_SET_HELD: Callable[[Polygons, tuple[bytes, ...] | bytes], None] = Polygons.__dict__["_held"].__set__


def _again(packed: tuple[bytes, ...]) -> Polygons:
    return Polygons.of_packed([packed])[0]


Geometry = RunLength | Polygons
