"""Polygons of many objects checked at once: each part is packed by itself, and all are looked at in one array."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, islice

import numpy as np
from numpy.typing import NDArray

from contorno.geometry import FARTHEST_PX, Polygons
from contorno.parsers.coco_geometry import FEW_NUMBERS, SURE_PX, Numbers

Parts = tuple[bytes, ...]
"""The parts of one object: x, y, x, y, ... as little-endian float64, each with bytes of its own: a view of a batch
would keep all of it alive for one object selected."""


@dataclass(frozen=True, slots=True)
class Found:
    """Polygons of N objects. sure: bool (N,), True if the mask is sure to cover a pixel, so it need not be drawn."""

    polygons: list[Polygons]
    sure: NDArray[np.bool_]


def pack(polygons: list[list[float]]) -> Parts:
    """Pack COCO's lists, while the numbers are in the processor's cache: a third quicker than many at once."""
    return tuple([_packer(len(part)).pack(*part) for part in polygons])


def is_fit(parts: Parts, vertex_offset: float) -> bool:
    """Whether `check` takes one object: has parts, each of three points or more, whole pairs, none too far away."""
    numbers = [np.frombuffer(part, dtype="<f8") for part in parts]
    most = FARTHEST_PX - abs(vertex_offset)
    return bool(parts) and all(
        len(part) >= FEW_NUMBERS and len(part) % 2 == 0 and np.abs(part).max() <= most for part in numbers
    )


def check(objects: list[Parts], heights: Numbers, widths: Numbers, vertex_offset: float) -> Found | None:
    """Make polygons moved by `vertex_offset` pixels in x and y; None if one object is not fit.

    heights, widths: float64 (N,), of the images. Every object has a part.
    """
    if not objects:
        return Found([], np.zeros(0, dtype=bool))
    parts = list(chain.from_iterable(objects))
    sizes = np.fromiter(map(len, parts), np.int64, len(parts))
    if sizes.min() < 8 * FEW_NUMBERS or (sizes % 16).any():
        return None
    ends = np.cumsum(sizes)
    numbers = np.frombuffer(b"".join(parts), dtype="<f8")
    if max(-numbers.min(), numbers.max()) > FARTHEST_PX - abs(vertex_offset):
        return None
    counts = np.fromiter(map(len, objects), np.int64, len(objects))
    if vertex_offset:
        numbers = numbers + vertex_offset
        data, stops = numbers.tobytes(), ends.tolist()
        pieces = iter([data[start:stop] for start, stop in zip([0, *stops[:-1]], stops, strict=True)])
        objects = [tuple(islice(pieces, count)) for count in counts.tolist()]
    made = Polygons.of_packed(parts[0] if len(parts) == 1 else parts for parts in objects)
    if len(parts) == len(objects):
        return Found(made, _sure(numbers, ends // 16, heights, widths))
    sure = _sure(numbers, ends // 16, np.repeat(heights, counts), np.repeat(widths, counts))
    return Found(made, np.logical_or.reduceat(sure, np.cumsum(counts) - counts))


@lru_cache(maxsize=1024)
def _packer(count: int) -> struct.Struct:
    return struct.Struct(f"<{count}d")


def _sure(numbers: Numbers, ends: NDArray[np.int64], heights: Numbers, widths: Numbers) -> NDArray[np.bool_]:
    """Which parts lie inside their image and have area enough, as `coco_geometry.check_mask` sees one.

    numbers: x, y, x, y, ... of all parts.   ends: (M,), one past the last point of each.   heights, widths: (M,).
    """
    starts = np.concatenate(([0], ends[:-1]))
    x, y = np.ascontiguousarray(numbers[0::2]), np.ascontiguousarray(numbers[1::2])
    x_next, y_next = _following(x, starts, ends), _following(y, starts, ends)
    doubled = np.add.reduceat(x * y_next - x_next * y, starts)
    inside = (np.minimum.reduceat(x, starts) >= 0) & (np.minimum.reduceat(y, starts) >= 0)
    inside &= (np.maximum.reduceat(x, starts) <= widths) & (np.maximum.reduceat(y, starts) <= heights)
    inside &= np.abs(doubled) >= 2 * SURE_PX
    return inside


def _following(values: Numbers, starts: NDArray[np.int64], ends: NDArray[np.int64]) -> Numbers:
    """The next value of each within its part; after the last the first."""
    following = np.empty_like(values)
    following[:-1] = values[1:]
    following[ends - 1] = values[starts]
    return following
