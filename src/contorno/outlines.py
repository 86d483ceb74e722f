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

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]
_LINKS_TRIED = 100  # vertices of one loop that are looked at for the end of a link: enough for a short one
_TREE_AT_MOST = 400  # loops
_LINKS_WEIGHED = 200  # that are tried where the shortest crosses an edge
_AT_ONCE = 1 << 18  # distances held at a time


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
    cells = _bordered(bitmap)
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


def rings(bitmap: NDArray[np.uint8]) -> list[list[NDArray[np.float64]]]:
    """Outline a bitmap (h, w) of 0 and 1 as `trace` does, each hole an outline of its own.

    For each part a list of arrays (n, 2), xy in pixel edges: its outer outline, then its holes, row by row.
    """
    cells = _bordered(bitmap)
    corners = _corners(cells)
    loops = _walk(corners.follow.tolist(), range(len(corners.follow)))
    points = np.column_stack([corners.x, corners.y]).astype(np.float64)
    outer = [loop for loop in loops if corners.inside[loop[0]]]
    holes = [loop for loop in loops if not corners.inside[loop[0]]]
    parts = [[points[loop]] for loop in outer]
    if holes:
        owner = np.empty(len(points), dtype=np.int64)
        for index, loop in enumerate(outer):
            owner[loop] = index
        _, upper, _ = _left_edges(cells, corners, holes)
        # What a hole meets on its left is the outer outline or a hole further up, whose owner is known by then.
        for hole, met in zip(holes, upper.tolist(), strict=True):
            owner[hole] = owner[met]
            parts[int(owner[met])].append(points[hole])
    return parts


def link(loops: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Join closed loops (n, 2) into one (m, 2) by edges that run there and back between vertices that lie near.

    Filled by the even-odd rule the edges cancel out, so that one loop fills what the loops fill together: a pixel is in
    if an odd number of them hold it. This is exact wherever an edge is drawn alike both ways, as pycocotools does.
    The loops are taken in as a shortest tree grows (Prim's way), beginning with the first; a link that would cross an
    edge gives way to a longer one that does not, where there is one among the next. Very many loops become a chain from
    first vertex to first vertex, in their order.
    """
    if len(loops) > _TREE_AT_MOST:
        firsts = [loop[:1] for loop in loops]
        return np.concatenate([points for pair in zip(loops, firsts, strict=True) for points in pair] + firsts[-2:0:-1])
    joined = np.asarray(loops[0], dtype=np.float64)
    if len(loops) == 1:
        return joined
    edges = np.concatenate([np.stack([loop, np.roll(loop, -1, axis=0)], axis=1) for loop in loops])  # (edges, 2, 2)
    tried = [np.arange(0, len(loop), 1 + len(loop) // _LINKS_TRIED) for loop in loops[1:]]
    of_loop = np.repeat(np.arange(1, len(loops)), [len(places) for places in tried])
    in_loop = np.concatenate(tried)
    rest = np.concatenate([loop[places] for loop, places in zip(loops[1:], tried, strict=True)])
    away = np.full(len(rest), np.inf)  # squared distance to the vertex at `near`, the nearest so far taken in
    near = np.zeros_like(rest)
    new = joined
    while len(rest):
        _come_nearer(rest, new, away, near)
        place = int(away.argmin())
        if not is_clear(near[place], rest[place], edges):
            others = np.argsort(away)[1:_LINKS_WEIGHED]
            place = next((int(i) for i in others if is_clear(near[i], rest[i], edges)), place)
        new, start = loops[of_loop[place]], in_loop[place]
        at = int(np.argmax((joined == near[place]).all(axis=1)))
        joined = np.concatenate([joined[: at + 1], new[start:], new[: start + 1], joined[at:]])
        left = of_loop != of_loop[place]
        rest, of_loop, in_loop, away, near = rest[left], of_loop[left], in_loop[left], away[left], near[left]
    return joined


def is_clear(start: NDArray[np.float64], end: NDArray[np.float64], edges: NDArray[np.float64]) -> bool:
    """True if no edge (n, 2, 2) crosses the way from `start` to `end`; to touch is not to cross."""
    a, b = edges[:, 0], edges[:, 1]

    def side(p: NDArray[np.float64], q: NDArray[np.float64], r: NDArray[np.float64]) -> NDArray[np.float64]:
        turned: NDArray[np.float64] = np.sign(
            (q[..., 0] - p[..., 0]) * (r[..., 1] - p[..., 1]) - (q[..., 1] - p[..., 1]) * (r[..., 0] - p[..., 0])
        )
        return turned

    crossed = (side(start, end, a) * side(start, end, b) < 0) & (side(a, b, start) * side(a, b, end) < 0)
    return not crossed.any()


def _come_nearer(
    rest: NDArray[np.float64], new: NDArray[np.float64], away: NDArray[np.float64], near: NDArray[np.float64]
) -> None:
    """Set `away` and `near` of each of `rest` for which one of `new` is nearer than what they say."""
    new = new[:: 1 + len(new) // _LINKS_TRIED]
    rows = max(1, _AT_ONCE // len(new))
    for start in range(0, len(rest), rows):
        some = slice(start, start + rows)
        apart = rest[some, None] - new
        squares = apart[..., 0] ** 2 + apart[..., 1] ** 2
        nearest = squares.argmin(axis=1)
        least = squares[np.arange(len(nearest)), nearest]
        closer = np.flatnonzero(least < away[some])
        away[start + closer], near[start + closer] = least[closer], new[nearest[closer]]


def _bordered(bitmap: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The bitmap with an empty border one pixel wide."""
    cells = np.zeros((bitmap.shape[0] + 2, bitmap.shape[1] + 2), dtype=np.uint8)
    cells[1:-1, 1:-1] = bitmap
    return cells


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
    hit_x, uppers, lowers = _left_edges(cells, corners, holes)
    y = corners.y[[hole[0] for hole in holes]]
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


def _left_edges(
    cells: NDArray[np.uint8], corners: _Corners, holes: list[list[int]]
) -> tuple[Indices, Indices, Indices]:
    """The upright edge that lies left of each hole's first corner, across the part: its x and its two corners."""
    h, w = cells.shape[0] - 2, cells.shape[1] - 2
    first = np.array([hole[0] for hole in holes])
    x, y = corners.x[first], corners.y[first]
    # Upright edges of single pixels, row by row: before a hole's own there is one where the object begins.
    edges = np.flatnonzero(cells[1:-1, 1:] != cells[1:-1, :-1])
    hit_x = edges[np.searchsorted(edges, y * (w + 1) + x) - 1] % (w + 1)
    keys = corners.x[corners.upper] * (h + 1) + corners.y[corners.upper]
    hit = np.searchsorted(keys, hit_x * (h + 1) + y, side="right") - 1
    return hit_x, corners.upper[hit], corners.lower[hit]
