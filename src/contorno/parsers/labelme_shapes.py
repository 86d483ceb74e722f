"""The shapes of LabelMe files, and of the tools that write its format, as boxes, polygons and masks."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np

from contorno import masks
from contorno.errors import DataError
from contorno.geometry import Geometry
from contorno.masks import Size
from contorno.parsers import shapes
from contorno.parsers.coco_geometry import BadGeometry, Box
from contorno.parsers.labelme_images import embedded_mask

Rectangles = Literal["box", "mask"]

_POLYGONS = ("polygon", "rotation", "oriented_rectangle", "quadrilateral")


def read_shape(
    shape: Mapping[str, Any], size: Size, rectangles: Rectangles, mended: Callable[[str], None]
) -> tuple[Geometry | None, Box | None]:
    """Mask and xyxy box of a shape; the box only of a rectangle, unless rectangles are masks.

    size: of the image.   mended: told of what is put right.

    Types: polygon, and none at all, as old files have it; rectangle, by two corners or by four; rotation and
    oriented_rectangle, turned rectangles by four; circle, by its centre and a point on it, a polygon within
    `shapes.FARTHEST_PX`; linestrip, closed if it has three points or more; mask, a picture at its upper left point.
    Raises BadGeometry for points, lines, types that are not known, and points that are no numbers.
    """
    kind = shape.get("shape_type")
    if kind in ("point", "points"):
        raise BadGeometry("point, which encloses nothing")
    points = _points(shape)
    if kind is None or kind in _POLYGONS:
        return shapes.polygon(points), None
    if kind == "rectangle":
        return _rectangle(points, rectangles)
    if kind == "circle":
        if len(points) != 2:
            raise BadGeometry("circle without a centre and a point on it", f"it has {len(points)} points")
        (x, y), edge = points
        return shapes.circle(x, y, math.hypot(edge[0] - x, edge[1] - y)), None
    if kind in ("line", "linestrip"):
        closed = shapes.polyline(points)
        if points[0] != points[-1]:
            mended("open line closed into a polygon")
        return closed, None
    if kind == "mask":
        return _mask(shape, points, size, mended), None
    raise BadGeometry("shape of a type that is not known", f"shape_type {kind!r}")


def _points(shape: Mapping[str, Any]) -> list[list[float]]:
    points = shape.get("points")
    if not isinstance(points, list) or not all(isinstance(point, list) and len(point) == 2 for point in points):
        raise BadGeometry("shape with points that are not pairs of x and y")
    try:
        numbers = [[float(x), float(y)] for x, y in points]
    except (TypeError, ValueError, OverflowError) as error:
        raise BadGeometry("shape with points that are not numbers", str(error)) from error
    is_plain = {type(value) for point in points for value in point} <= {int, float}
    if not is_plain or not np.isfinite(numbers).all():
        raise BadGeometry("shape with points that are not numbers")
    return numbers


def _rectangle(points: list[list[float]], rectangles: Rectangles) -> tuple[Geometry | None, Box | None]:
    if len(points) not in (2, 4):
        raise BadGeometry("rectangle without two corners or four", f"it has {len(points)} points")
    xs, ys = sorted({point[0] for point in points}), sorted({point[1] for point in points})
    if len(points) == 4 and (len(xs) > 2 or len(ys) > 2):
        return shapes.polygon(points), None  # a turned one
    box = (xs[0], ys[0], xs[-1], ys[-1])
    polygon = shapes.rectangle(*box)
    return (polygon if rectangles == "mask" else None), box


def _mask(shape: Mapping[str, Any], points: list[list[float]], size: Size, mended: Callable[[str], None]) -> Geometry:
    """A picture of pixels laid with its first pixel at the first point, rounded; the second is its last pixel.

    A picture larger than whole-numbered points say is cut off, as LabelMe does (labelme, `shapes_to_label`).
    """
    text = shape.get("mask")
    if not isinstance(text, str) or not text:
        raise BadGeometry("mask without its picture")
    if not points:
        raise BadGeometry("mask without its place")
    try:
        crop = embedded_mask(text)
    except DataError as error:
        raise BadGeometry("mask whose picture cannot be read", str(error)) from error
    if np.abs(points).max() > shapes.LARGEST_PX:
        raise BadGeometry("mask beyond a million pixels", f"it lies at {points[0][0]:g}, {points[0][1]:g}")
    if len(points) > 1 and (points[1][0] < points[0][0] or points[1][1] < points[0][1]):
        mended("mask with its corners exchanged")
        points = np.sort(points[:2], axis=0).tolist()
    x0, y0 = round(points[0][0]), round(points[0][1])
    if len(points) > 1 and all(value.is_integer() for point in points for value in point):
        width, height = int(points[1][0]) - x0 + 1, int(points[1][1]) - y0 + 1
        if width > 0 and height > 0:
            # One less is how tools write it that take the second point for the end of the last pixel.
            if (crop.shape[0] - height, crop.shape[1] - width) not in ((0, 0), (-1, -1)):
                mended("mask whose picture has another size than its place")
            crop = crop[:height, :width]
    return masks.encode_crop(crop, x0, y0, size)
