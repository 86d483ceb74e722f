"""Polygons along the pixel edges of a bitmap, from which pycocotools draws the very same bitmap.

Pixels that touch at a corner belong together, so a bitmap becomes one polygon for each of its 8-connected parts. A hole
is cut in by an edge from its first corner level to the left, through the part, to the next outline and back again: the
two ways cancel each other when the polygon is filled. Outlines run clockwise as seen on the screen and holes the other
way round, so the even-odd and the nonzero rule fill the same pixels.

Corners are found for the whole bitmap at once. Along a line through the corners of a rectilinear figure, edge and no
edge take turns from corner to corner, so corners sorted by row and by column, taken in pairs, give all edges; only the
walk along each outline is a loop.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Corners:
    """The corners of a bitmap, row by row; a point where two pixels touch cornerwise holds two of them, side by side.

    x, y:          (n,) in pixel edges.
    inside:        (n,) whether the pixel to the lower right of the corner is object.
    upper, lower:  (n / 2,) the ends of each vertical edge, as indices of corners; edges go by x, then by y.
    follow:        (n,) the corner that comes after each, with the object to the right of the way.
    """

    x: Indices
    y: Indices
    inside: NDArray[np.bool_]
    upper: Indices
    lower: Indices
    follow: Indices


def trace(bitmap: NDArray[np.uint8]) -> list[NDArray[np.float64]]:
    """Outline a bitmap (h, w) of 0 and 1: one array (n, 2), xy in pixel edges (0..w, 0..h), for each part.

    Each part starts at the left end of its topmost edge, and the parts are in the order of these points, row by row.
    """
    cells = np.zeros((bitmap.shape[0] + 2, bitmap.shape[1] + 2), dtype=np.uint8)
    cells[1:-1, 1:-1] = bitmap
    corners = _corners(cells)
    follow: list[int] = corners.follow.tolist()
    loops = _walk(follow, range(len(follow)))
    # The first corner of a loop is the left end of its topmost edge: object below an outline, none below a hole's.
    holes = [loop for loop in loops if not corners.inside[loop[0]]]
    points = np.column_stack([corners.x, corners.y]).astype(np.float64)
    if holes:
        points = np.concatenate([points, _cut(cells, corners, holes, follow)])
        loops = _walk(follow, [loop[0] for loop in loops if corners.inside[loop[0]]])
    return [points[loop] for loop in loops]


def _corners(cells: NDArray[np.uint8]) -> _Corners:
    """Find and link the corners of a bitmap that has an empty border one pixel wide."""
    across = cells[1:] ^ cells[:-1]  # (h + 1, w + 2): level edges
    down = cells[:, 1:] ^ cells[:, :-1]  # (h + 2, w + 1): upright edges
    left, right = across[:, :-1], across[:, 1:]
    crossing = left & right & down[:-1]  # (h + 1, w + 1): all four edges meet, two pixels touch cornerwise
    rows, columns = crossing.shape
    is_corner = ((left ^ right) | crossing).ravel()
    places = np.flatnonzero(is_corner)
    places = np.repeat(places, 1 + crossing.ravel()[places].astype(np.int64))
    y, x = np.divmod(places, columns)
    inside = cells[y + 1, x + 1] == 1

    # Of the two corners in one place the first ends the edge from the left. The object holds together there, so where
    # its pixels are upper left and lower right, that corner goes with the edge downwards: second in its column.
    order_key = 2 * (x * rows + y)
    double = np.flatnonzero(places[1:] == places[:-1])
    order_key[double] += inside[double]
    by_column = np.argsort(order_key, kind="stable")
    upper, lower = by_column[::2], by_column[1::2]

    follow = np.empty(len(places), dtype=np.int64)
    level = np.arange(0, len(places), 2)
    rightwards, upwards = inside[level], inside[upper]
    follow[np.where(rightwards, level, level + 1)] = np.where(rightwards, level + 1, level)
    follow[np.where(upwards, lower, upper)] = np.where(upwards, upper, lower)
    return _Corners(x=x, y=y, inside=inside, upper=upper, lower=lower, follow=follow)


def _walk(follow: list[int], starts: range | list[int]) -> list[list[int]]:
    """The closed ways through `follow` from each start that no earlier way has passed."""
    passed = bytearray(len(follow))
    loops = []
    for start in starts:
        if passed[start]:
            continue
        loop, corner = [start], follow[start]
        while corner != start:
            loop.append(corner)
            corner = follow[corner]
        for corner in loop:
            passed[corner] = 1
        loops.append(loop)
    return loops


def _cut(cells: NDArray[np.uint8], corners: _Corners, holes: list[list[int]], follow: list[int]) -> NDArray[np.float64]:
    """Join each hole to the outline on its left: changes `follow`, and returns the points (m, 2) that it now has more.

    holes: in the order of their first corners, row by row.
    """
    h, w = cells.shape[0] - 2, cells.shape[1] - 2
    first = np.array([hole[0] for hole in holes])
    x, y = corners.x[first], corners.y[first]
    # Upright edges of single pixels, row by row: before a hole's own there is one where the object begins.
    edges = np.flatnonzero(cells[1:-1, 1:] != cells[1:-1, :-1])
    hit_x = edges[np.searchsorted(edges, y * (w + 1) + x) - 1] % (w + 1)
    keys = corners.x[corners.upper] * (h + 1) + corners.y[corners.upper]
    hit = np.searchsorted(keys, hit_x * (h + 1) + y, side="right") - 1
    uppers, lowers = corners.upper[hit], corners.lower[hit]
    # The way along that edge leads upwards. Holes come from top to bottom, so the next one is cut in below, right
    # after the lower end, and the way back from the earlier ones stays as it is.
    points: list[tuple[float, float]] = []
    for hole, upper, lower, px, py in zip(
        holes, uppers.tolist(), lowers.tolist(), hit_x.tolist(), y.tolist(), strict=True
    ):
        after = follow[lower]
        follow[lower] = len(follow)
        points.append((px, py))
        follow.append(hole[0])
        if py == corners.y[upper]:
            follow[hole[-1]] = after
        else:
            follow[hole[-1]] = len(follow)
            points.append((px, py))
            follow.append(after)
    return np.array(points, dtype=np.float64)
