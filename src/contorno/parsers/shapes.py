"""Shapes that annotation tools draw, as polygons: the one form in which records keep outlines.

Coordinates are xy pixels in the plane of the boxes, y downwards. Straight shapes keep their own corners. Curves become
polygons by one rule: vertices lie on the curve at even steps of its angle, in a number that is a multiple of four, at
least `FEWEST_VERTICES`, and large enough that no edge is farther than `FARTHEST_PX` from the curve. Multiples of four
put a vertex on each of the four ends of the axes, so the box of an upright ellipse is exactly its own.

An edge spans the angle 2π/n and lies r(1 - cos(π/n)) inside a circle of radius r. An ellipse is a circle stretched by
at most its longer half axis, so the same bound holds with that for r.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from contorno.errors import DataError
from contorno.geometry import Polygons
from contorno.parsers.coco_geometry import BadGeometry

FARTHEST_PX = 0.05
"""No edge of a polygon made from a curve is farther than this from the curve, in pixels."""

FEWEST_VERTICES = 16
"""A curve becomes a polygon of at least so many vertices."""

LARGEST_PX = 1e6
"""As far as `Polygons` take coordinates; it keeps the number of vertices of a curve below ten thousand."""

Points = Sequence[Sequence[float]] | NDArray[np.float64]


def polygon(points: Points) -> Polygons:
    """The polygon through n points (n, 2), as they are; it closes by itself.

    Raises BadGeometry for points that are no pairs of finite numbers below a million, and for fewer than three.
    """
    found = _points(points, "polygon")
    if len(found) < 3:
        raise BadGeometry("polygon with fewer than 3 points", f"it has {len(found)}")
    return _polygons(found, "polygon")


def polyline(points: Points) -> Polygons:
    """The polygon that a line through n points (n, 2) becomes when its last point is joined to its first.

    Raises BadGeometry for fewer than three different points, and as `polygon`.
    """
    found = _points(points, "line")
    if len(np.unique(found, axis=0)) < 3:
        raise BadGeometry("line with fewer than 3 points, which encloses nothing", f"it has {len(found)}")
    return _polygons(found, "line")


def rectangle(left: float, top: float, right: float, bottom: float, *, rotation: float = 0.0) -> Polygons:
    """The four corners of a rectangle, from upper left on clockwise; the corners are exact unless it is turned.

    rotation: radians about the centre, clockwise on the screen.
    Raises BadGeometry for a rectangle without area or with a number that is not finite.
    """
    _check_finite("rectangle", left, top, right, bottom, rotation)
    left, right, top, bottom = min(left, right), max(left, right), min(top, bottom), max(top, bottom)
    if left == right or top == bottom:
        raise BadGeometry("rectangle without area", f"width {right - left:g}, height {bottom - top:g}")
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], dtype=np.float64)
    if rotation:
        centre = corners.mean(axis=0)
        corners = (corners - centre) @ _turn(rotation) + centre
    return _polygons(corners, "rectangle")


def circle(x: float, y: float, radius: float) -> Polygons:
    """A circle as a polygon: `curve_vertices(radius)` vertices, nowhere farther than FARTHEST_PX from the circle.

    Raises BadGeometry for a radius that is not above 0 or a number that is not finite.
    """
    _check_finite("circle", x, y, radius)
    if radius <= 0:
        raise BadGeometry("circle without area", f"radius {radius:g}")
    return _curve("circle", x, y, radius, radius, 0.0)


def ellipse(x: float, y: float, radius_x: float, radius_y: float, *, rotation: float = 0.0) -> Polygons:
    """An ellipse as a polygon: `curve_vertices(longer half axis)` vertices, nowhere farther than FARTHEST_PX from it.

    radius_x, radius_y: half axes, along x and y before the turn.   rotation: radians, clockwise on the screen.
    Raises BadGeometry for a half axis that is not above 0 or a number that is not finite.
    """
    _check_finite("ellipse", x, y, radius_x, radius_y, rotation)
    if radius_x <= 0 or radius_y <= 0:
        raise BadGeometry("ellipse without area", f"half axes {radius_x:g} and {radius_y:g}")
    return _curve("ellipse", x, y, radius_x, radius_y, rotation)


def curve_vertices(radius: float) -> int:
    """How many vertices a circle of `radius` pixels gets: r(1 - cos(π/n)) <= FARTHEST_PX, n a multiple of four."""
    if radius <= FARTHEST_PX:
        return FEWEST_VERTICES
    needed = math.pi / math.acos(1.0 - FARTHEST_PX / radius)
    return max(FEWEST_VERTICES, 4 * math.ceil(needed / 4))


def _curve(what: str, x: float, y: float, radius_x: float, radius_y: float, rotation: float) -> Polygons:
    if max(radius_x, radius_y) > LARGEST_PX:
        raise BadGeometry(f"{what} beyond a million pixels", f"radius {max(radius_x, radius_y):g}")
    count = curve_vertices(max(radius_x, radius_y))
    # A quarter is turned about, so that the ends of the axes are exact and both halves are mirror images.
    angles = np.arange(count // 4) * (2 * np.pi / count)
    quarter = np.column_stack([np.cos(angles), np.sin(angles)])
    unit = np.concatenate([quarter, quarter[:, ::-1] * (-1, 1), -quarter, quarter[:, ::-1] * (1, -1)])
    points = unit * (radius_x, radius_y)
    if rotation:
        points = points @ _turn(rotation)
    points += (x, y)
    return _polygons(points, what)


def _turn(rotation: float) -> NDArray[np.float64]:
    """Rows of xy times this are turned from x towards y, which is clockwise where y runs downwards."""
    cos, sin = math.cos(rotation), math.sin(rotation)
    return np.array([[cos, sin], [-sin, cos]])


def _points(points: Points, what: str) -> NDArray[np.float64]:
    try:
        found = np.array(points, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise BadGeometry(f"{what} with points that are not numbers", str(error)) from error
    if not found.size:
        return np.empty((0, 2))
    if found.ndim != 2 or found.shape[1] != 2:
        raise BadGeometry(f"{what} with points that are not pairs of x and y", f"shape {list(found.shape)}")
    return found


def _polygons(points: NDArray[np.float64], what: str) -> Polygons:
    try:
        return Polygons((points,))
    except DataError as error:
        raise BadGeometry(f"{what} with a coordinate that is not a number within a million pixels") from error


def _check_finite(what: str, *numbers: float) -> None:
    if not all(math.isfinite(number) for number in numbers):
        raise BadGeometry(f"{what} with a number that is not finite", f"found {list(numbers)}")
