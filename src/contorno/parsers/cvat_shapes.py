"""The shapes of "CVAT for images 1.1" as geometries. Coordinates are xy pixels in the plane of the boxes."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from contorno import masks
from contorno.images import MOST_PIXELS
from contorno.masks import Geometry, RunLength, Size
from contorno.parsers import shapes
from contorno.parsers.coco_geometry import BadGeometry, Box
from contorno.parsers.xml_file import XmlElement

_CUBOID = tuple((f"x{corner}{side}", f"y{corner}{side}") for side in "12" for corner in ("tl", "bl", "tr", "br"))
_MOST_OF_IMAGE = 4
"""The box of a mask may have so many times the pixels of its image; more is no slip but a decompression bomb."""


def box_of(element: XmlElement) -> Box:
    """The box of a rectangle that is not turned, as stated. Raises BadGeometry for what is no number."""
    left, top, right, bottom = (_number(element, name) for name in ("xtl", "ytl", "xbr", "ybr"))
    return left, top, right, bottom


def rotation_of(element: XmlElement) -> float:
    """The turn of a rectangle or an ellipse about its centre, radians, clockwise on the screen; CVAT writes degrees."""
    degrees = _number(element, "rotation") if element.attributes.get("rotation", "").strip() else 0.0
    return math.radians(degrees % 360)


def geometry_of(element: XmlElement, size: Size | None) -> Geometry:
    """The mask of a shape that encloses something.

    polygon:  its own vertices.   polyline: closed, its own vertices.   box: its four corners, turned if it is.
    ellipse:  a polygon, see `shapes`.   cuboid: the convex hull of its eight corners, as it hides what is behind it.
    mask:     run-length code; needs the `size` (height, width) of the image.
    Raises BadGeometry for what cannot be used.
    """
    if element.tag == "polygon":
        return shapes.polygon(points_of(element))
    if element.tag == "polyline":
        return shapes.polyline(points_of(element))
    if element.tag == "box":
        return shapes.rectangle(*box_of(element), rotation=rotation_of(element))
    if element.tag == "ellipse":
        x, y, radius_x, radius_y = (_number(element, name) for name in ("cx", "cy", "rx", "ry"))
        return shapes.ellipse(x, y, radius_x, radius_y, rotation=rotation_of(element))
    if element.tag == "cuboid":
        return shapes.polygon(_hull(np.array([[_number(element, x), _number(element, y)] for x, y in _CUBOID])))
    assert element.tag == "mask"
    return _mask(element, size)


def points_of(element: XmlElement) -> list[list[float]]:
    """The points of a polygon or line, written as "x,y;x,y"."""
    try:
        points = [[float(part) for part in pair.split(",")] for pair in element.attributes["points"].split(";") if pair]
    except (KeyError, ValueError) as error:
        raise BadGeometry(f"{element.tag} with points that are not numbers", str(error)) from error
    if any(len(point) != 2 for point in points):
        raise BadGeometry(f"{element.tag} with points that are not pairs of x and y")
    return points


def is_closed(element: XmlElement) -> bool:
    """True if a line ends where it begins, around something."""
    points = points_of(element)
    return len(points) > 3 and points[0] == points[-1]


def _mask(element: XmlElement, size: Size | None) -> RunLength:
    """Pixels outside, inside, outside, ... along the rows of the mask's own box."""
    if size is None:
        raise BadGeometry("mask in an image without a size", "the image states no width and height, or 0")
    left, top, width, height = (_whole(element, name) for name in ("left", "top", "width", "height"))
    if min(width, height) < 1 or width * height > min(_MOST_OF_IMAGE * size[0] * size[1], MOST_PIXELS):
        raise BadGeometry("mask with a box of impossible size", f"{width} x {height} pixels (width x height)")
    text = element.attributes.get("rle", "")
    try:
        runs = np.array([int(run) for run in text.split(",")] if text.strip() else [], dtype=np.int64)
    except (ValueError, OverflowError) as error:
        raise BadGeometry("mask with run lengths that are not whole numbers", str(error)[:80]) from error
    if len(runs) and (runs.min() < 0 or runs.max() > width * height):
        raise BadGeometry("mask with run lengths that do not fill its box", f"a run of {runs.min()} or {runs.max()}")
    if int(runs.sum()) != width * height:
        raise BadGeometry(
            "mask with run lengths that do not fill its box", f"{int(runs.sum())} pixels, the box has {width * height}"
        )
    crop = np.repeat((np.arange(len(runs)) % 2).astype(np.uint8), runs).reshape(height, width)
    return masks.encode_crop(crop, left, top, size)


def _hull(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Corners of the convex hull (n, 2), by Andrew's monotone chain."""
    ordered = sorted(set(map(tuple, points.tolist())))
    halves = []
    for chain in (ordered, ordered[::-1]):
        half: list[tuple[float, ...]] = []
        for point in chain:
            while len(half) > 1 and _turns_right(half[-2], half[-1], point):
                half.pop()
            half.append(point)
        halves += half[:-1]
    return np.array(halves, dtype=np.float64).reshape(-1, 2)


def _turns_right(a: tuple[float, ...], b: tuple[float, ...], c: tuple[float, ...]) -> bool:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]) <= 0


def _number(element: XmlElement, name: str) -> float:
    text = element.attributes.get(name, "")
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not abs(value) <= 1e6:
        raise BadGeometry(f"{element.tag} with a value that is not a number within a million", f"{name}={text[:40]!r}")
    return value


def _whole(element: XmlElement, name: str) -> int:
    value = _number(element, name)
    if value != int(value):
        raise BadGeometry(f"{element.tag} with a value that is not a whole number", f"{name}={value}")
    return int(value)
