"""The shapes of VIA regions as boxes and polygons."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from contorno.geometry import Polygons
from contorno.parsers import shapes
from contorno.parsers.coco_geometry import BadGeometry, Box

Rectangles = Literal["box", "mask"]
"""What a rectangle is: the box of an object whose mask is not known, or an object that is a rectangle."""

_TEXT = "number written as a text"


def read_shape(
    shape: Mapping[str, Any], rectangles: Rectangles, mended: Callable[[str], None]
) -> tuple[Polygons | None, Box | None]:
    """Mask and xyxy box of a region; the box only of a rectangle, unless rectangles are masks.

    shape:  as VIA 2 writes it: polygon, polyline, rect, circle, ellipse.   mended: told of what is put right.
    Circles and ellipses become polygons within `shapes.FARTHEST_PX`; a line of three points or more is closed; numbers
    may be texts, as scripts write them.
    Raises BadGeometry for points, lines of two points, shapes that are not known and numbers that are none.
    """
    name = shape.get("name")
    if name in ("polygon", "polyline", "line"):
        points = _points(shape, mended)
        if name == "polygon":
            return shapes.polygon(points), None
        closed = shapes.polyline(points)
        if not np.array_equal(points[0], points[-1]):
            mended("open line closed into a polygon")
        return closed, None
    if name == "rect":
        left, top, width, height = _numbers(shape, mended, "x", "y", "width", "height")
        polygon = shapes.rectangle(left, top, left + width, top + height)
        box = (min(left, left + width), min(top, top + height), max(left, left + width), max(top, top + height))
        return (polygon if rectangles == "mask" else None), box
    if name == "circle":
        return shapes.circle(*_numbers(shape, mended, "cx", "cy", "r")), None
    if name == "ellipse":
        x, y, radius_x, radius_y = _numbers(shape, mended, "cx", "cy", "rx", "ry")
        theta = shape.get("theta")
        (rotation,) = (0.0,) if theta is None else _numbers(shape, mended, "theta")
        return shapes.ellipse(x, y, radius_x, radius_y, rotation=rotation), None
    if name == "point":
        raise BadGeometry("point, which encloses nothing")
    raise BadGeometry("region of a shape that is not known", f"shape {name!r}")


def _points(shape: Mapping[str, Any], mended: Callable[[str], None]) -> NDArray[np.float64]:
    xs, ys = shape.get("all_points_x"), shape.get("all_points_y")
    if not isinstance(xs, list) or not isinstance(ys, list):
        raise BadGeometry("polygon without points", "all_points_x and all_points_y are not lists")
    if len(xs) != len(ys):
        raise BadGeometry("polygon with more of x than of y, or the reverse", f"{len(xs)} of x, {len(ys)} of y")
    types = {*map(type, xs), *map(type, ys)}
    if not types <= {int, float, str}:
        raise BadGeometry("polygon with a coordinate that is not a number")
    try:
        points = np.array([list(map(float, xs)), list(map(float, ys))], dtype=np.float64).T
    except (OverflowError, ValueError) as error:  # a whole number beyond any float, or a text that is none
        raise BadGeometry("polygon with a coordinate that is not a number", str(error)[:80]) from error
    if str in types:
        mended(_TEXT)
    return points


def _numbers(shape: Mapping[str, Any], mended: Callable[[str], None], *keys: str) -> list[float]:
    values = [shape.get(key) for key in keys]
    numbers = [_number(value) for value in values]
    if not all(math.isfinite(number) for number in numbers):
        stated = ", ".join(f"{key}={str(value)[:20]}" for key, value in zip(keys, values, strict=True))
        raise BadGeometry(f"{shape.get('name')} with a place or length that is not a number", stated)
    if any(isinstance(value, str) for value in values):
        mended(_TEXT)
    return numbers


def _number(value: Any) -> float:
    """NaN for what is none."""
    try:
        return float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else math.nan
    except (OverflowError, ValueError):  # a whole number beyond any float, or a text that is none
        return math.nan
