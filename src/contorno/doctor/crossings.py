"""Which polygons cross themselves: a test of all edges of many polygons at once.

Two edges cross if the ends of each lie strictly on different sides of the other; an edge is also crossed by a path that
meets it in a vertex and goes on at the other side. Edges that only touch, run back over each other or meet in a common
vertex are no crossing: polygons of masks with holes are joined that way. Sides are signs of a determinant that are
certain beyond the rounding of float64, so that no crossing is named that is none.

Edges are sorted by polygon and left end, and each is compared with those that begin before it ends: for outlines that
people draw, a few comparisons an edge instead of all pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MOST_COMPARISONS = 200_000_000
"""Beyond this the remaining pairs are left out, so that a file made to be slow cannot be."""

_EDGES_AT_ONCE = 400_000
_ROUNDING = 4 * float(np.finfo(np.float64).eps)


def crossing(polygons: Sequence[Floats]) -> NDArray[np.bool_]:
    """Which of N polygons cross themselves, (N,). Each is float64 (n, 2), xy, closed by itself."""
    found = np.zeros(len(polygons), dtype=bool)
    budget = [MOST_COMPARISONS]
    start = 0
    while start < len(polygons):
        end, edges = start, 0
        while end < len(polygons) and (end == start or edges + len(polygons[end]) <= _EDGES_AT_ONCE):
            edges += len(polygons[end])
            end += 1
        found[start:end] = _crossing(polygons[start:end], budget)
        start = end
    return found


def _crossing(polygons: Sequence[Floats], budget: list[int]) -> NDArray[np.bool_]:
    found = np.zeros(len(polygons), dtype=bool)
    points, owner = _distinct(polygons)
    if not len(points):
        return found
    lengths = np.bincount(owner, minlength=len(polygons))
    starts = np.cumsum(lengths) - lengths
    index = np.arange(len(points))
    before, after = index - 1, index + 1
    ends = (starts + lengths - 1)[lengths > 0]
    after[ends], before[starts[lengths > 0]] = starts[lengths > 0], ends
    a, b = points, points[after]
    low_x, high_x = np.minimum(a[:, 0], b[:, 0]), np.maximum(a[:, 0], b[:, 0])
    order = np.lexsort((low_x, owner))
    owners, lows, highs = owner[order], low_x[order], high_x[order]
    bottoms, tops = np.minimum(a[:, 1], b[:, 1])[order], np.maximum(a[:, 1], b[:, 1])[order]
    active = np.arange(len(order) - 1)
    step = 1
    while len(active) and budget[0] > 0:
        budget[0] -= len(active)
        other = active + step
        if other[-1] >= len(order):  # they rise
            active, other = active[other < len(order)], other[other < len(order)]
        reach = (lows[other] <= highs[active]) & (owners[active] == owners[other])
        active, other = active[reach], other[reach]
        level = (bottoms[other] <= tops[active]) & (bottoms[active] <= tops[other])
        i, j = order[active[level]], order[other[level]]
        open_ = (after[i] != j) & (after[j] != i) & ~found[owner[i]]
        i, j = i[open_], j[open_]
        if len(i):
            found[owner[i[_cross(a, b, before, i, j)]]] = True
        step += 1
    return found


def _cross(a: Floats, b: Floats, before: NDArray[Any], i: NDArray[Any], j: NDArray[Any]) -> NDArray[np.bool_]:
    """Whether edges i (a to b) and j cross, or the path through an end of one passes through the other."""
    ja, jb = _side(a[i], b[i], a[j]), _side(a[i], b[i], b[j])
    ia, ib = _side(a[j], b[j], a[i]), _side(a[j], b[j], b[i])
    proper = (ja * jb < 0) & (ia * ib < 0)
    return np.asarray(
        proper | _passes(a, b, before, i, j, ja, jb, ia * ib) | _passes(a, b, before, j, i, ia, ib, ja * jb)
    )


def _passes(
    a: Floats,
    b: Floats,
    before: NDArray[Any],
    i: NDArray[Any],
    j: NDArray[Any],
    side_start: NDArray[np.int8],
    side_end: NDArray[np.int8],
    split: NDArray[np.int8],
) -> NDArray[np.bool_]:
    """Whether edge j starts on the inside of edge i, and the path comes from the other side of it."""
    meets = (side_start == 0) & (side_end != 0) & (split < 0)
    out = np.zeros(len(i), dtype=bool)
    rows = np.flatnonzero(meets)
    if len(rows):
        came = _side(a[i[rows]], b[i[rows]], a[before[j[rows]]])
        # The vertex must lie between the ends of the edge: they are on different sides of edge j already.
        out[rows] = came * side_end[rows] < 0
    return out


def _side(a: Floats, b: Floats, c: Floats) -> NDArray[np.int8]:
    """On which side of the line from a to b the point c lies: 1, -1, or 0 where rounding leaves it open."""
    left = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1])
    right = (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    value = left - right
    sure = np.abs(value) > _ROUNDING * (np.abs(left) + np.abs(right))
    return np.where(sure, np.sign(value), 0).astype(np.int8)


def _distinct(polygons: Sequence[Floats]) -> tuple[Floats, NDArray[np.int64]]:
    """All points without those that repeat the one before, the closing one included, and the polygon of each."""
    lengths = np.array([len(polygon) for polygon in polygons], dtype=np.int64)
    if not lengths.sum():
        return np.zeros((0, 2)), np.zeros(0, dtype=np.int64)
    points = np.concatenate(polygons)
    owner = np.repeat(np.arange(len(polygons)), lengths)
    before = np.arange(len(points)) - 1
    some = lengths > 0
    before[(np.cumsum(lengths) - lengths)[some]] = (np.cumsum(lengths) - 1)[some]
    stays = (points[:, 0] != points[before, 0]) | (points[:, 1] != points[before, 1])
    return points[stays], owner[stays]
