"""Cut polygons off at the edges of their image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from contorno.masks import Size


def clip_polygon(points: NDArray[np.float64], size: Size) -> NDArray[np.float64]:
    """The part of a polygon (n, 2), xy, that lies inside an image of (height, width); (0, 2) if there is none.

    Vertices inside stay to the last bit. A polygon that leaves the image and comes back keeps its pieces joined along
    the image's edge, where they cover nothing. Source: Sutherland and Hodgman, Reentrant Polygon Clipping, 1974.
    """
    height, width = size
    for axis, limit, sign in ((0, 0.0, 1.0), (0, float(width), -1.0), (1, 0.0, 1.0), (1, float(height), -1.0)):
        if not len(points):
            break
        points = _cut(points, axis, limit, sign)
    return points


def _cut(points: NDArray[np.float64], axis: int, limit: float, sign: float) -> NDArray[np.float64]:
    """Keep what lies on one side of an upright or level line."""
    inside = (points[:, axis] - limit) * sign >= 0
    if inside.all():
        return points
    kept: list[NDArray[np.float64]] = []
    for index in range(len(points)):
        here, before = points[index], points[index - 1]
        if inside[index] != inside[index - 1]:
            share = (limit - before[axis]) / (here[axis] - before[axis])
            crossing = before + share * (here - before)
            crossing[axis] = limit
            kept.append(crossing)
        if inside[index]:
            kept.append(here)
    return np.array(kept, dtype=np.float64).reshape(-1, 2)
