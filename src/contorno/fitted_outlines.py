"""Outlines along pixel edges, and the best form of each for any number of vertices.

An outline is cut into stretches, each fitted by a straight line, and neighbouring lines meet in the vertices. Where to
cut is found by dynamic programming for every number of vertices at once, with the moments of the stretches summed
beforehand (J.-C. Perez and E. Vidal, Optimum polygonal approximation of digitized curves, Pattern Recognition
Letters 15, 1994; lines and their meeting points as in P. Selinger, Potrace, 2003).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from contorno.geometry import Size

Points = NDArray[np.float64]

MOST_VERTICES = 384
"""The most that are tried; the exact outline, which may have more of them, is weighed only against all of these."""

_PULL = 0.01  # how much a vertex is held to the outline, against lines that are nearly parallel
_DIGITS = 2  # vertices are rounded to hundredths of a pixel; pycocotools rounds to fifths


@dataclass(slots=True, eq=False)
class FittedOutline:
    """One closed outline along pixel edges, and what it can become.

    exact: (n, 2) its corners.   places: how many of them to look at for cuts.   most: how many vertices to try,
    up to MOST_VERTICES.
    errors[k]: about how many px² lie between the outline and its best form of k vertices; 0 vertices leave it out.
    """

    exact: Points
    places: int
    most: int
    area: float = field(init=False)
    errors: NDArray[np.float64] = field(init=False)
    _sums: Points = field(init=False)
    _places: NDArray[np.int64] = field(init=False)
    _before: list[NDArray[np.int64]] = field(init=False)
    _made: dict[int, Points] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.area = loop_area(self.exact)
        sharp = _sharpness(self.exact)
        self.exact = np.roll(self.exact, -int(sharp.argmax()), axis=0)
        self._places = _cut_places(np.roll(sharp, -int(sharp.argmax())), self.places)
        self._sums = _moments(self.exact)
        self._solve()

    def _solve(self) -> None:
        """Fill `errors` and `_before`, the place before each in the best way of k stretches to it."""
        sums = self._sums[np.append(self._places, len(self.exact))]
        n = len(self._places)
        cost = _misfit(sums[None, :] - sums[:, None])  # [i, j]: of the stretch from place i to place j
        cost[np.tri(n + 1, dtype=bool)] = np.inf
        best = cost[0]
        self._before = [np.zeros(n + 1, dtype=np.int64)] * 2
        errors = [self.area, np.inf]
        for k in range(2, min(n, self.most, len(self.exact) - 1) + 1):
            ways = best[:, None] + cost
            before = ways.argmin(axis=0)
            best = ways[before, np.arange(n + 1)]
            self._before.append(before)
            errors.append(float(best[-1]) if k > 2 else np.inf)
        self.errors = np.array(errors)

    def vertices_at(self, price: float) -> int:
        """The best number of vertices if each costs `price` px²."""
        total = self.errors + price * np.arange(len(self.errors))
        k = int(total.argmin())
        # The exact outline is no bargain as long as there are numbers between that have not been tried.
        is_known = len(self.exact) <= len(self.errors) or self.most == MOST_VERTICES
        return len(self.exact) if is_known and price * len(self.exact) <= total[k] else k

    def loop(self, k: int, size: Size) -> Points:
        """The outline as k vertices (k, 2), rounded and in the image; (0, 2) for none."""
        if k == 0:
            return np.empty((0, 2))
        if k >= len(self.errors):
            return self.exact
        if k not in self._made:
            self._made[k] = self._fit(k, size)
        return self._made[k]

    def _fit(self, k: int, size: Size) -> Points:
        cuts = [len(self._places)]
        for before in self._before[k:1:-1]:
            cuts.append(int(before[cuts[-1]]))
        starts = self._places[[0, *cuts[:0:-1]]]
        ends = np.append(starts[1:], len(self.exact))
        length, sx, sy, sxx, sxy, syy = (self._sums[ends] - self._sums[starts]).T
        cx, cy = sx / length, sy / length
        xx, xy, yy = sxx - sx * cx, sxy - sx * cy, syy - sy * cy
        angle = 0.5 * np.arctan2(2 * xy, xx - yy)  # of the line
        normal = np.column_stack([-np.sin(angle), np.cos(angle)])
        offset = normal[:, 0] * cx + normal[:, 1] * cy
        # The point nearest to the lines before and after a cut, held a little to the cut.
        middle = self.exact.mean(axis=0)  # `_moments` counts from it
        at, last, last_offset = self.exact[starts] - middle, np.roll(normal, 1, axis=0), np.roll(offset, 1)
        sides = np.stack([normal, last], axis=1)  # (k, 2, 2)
        system = np.einsum("nai,naj->nij", sides, sides) + _PULL * np.eye(2)
        wanted = np.einsum("nai,na->ni", sides, np.column_stack([offset, last_offset])) + _PULL * at
        vertices = np.linalg.solve(system, wanted[..., None])[..., 0] + middle
        height, width = size
        made: Points = np.clip(vertices.round(_DIGITS), 0.0, np.array([width, height], dtype=np.float64))
        return made


def loop_area(loop: Points) -> float:
    """Area inside a closed outline (n, 2), px²."""
    x, y = loop.T
    return abs(float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))) / 2


def _sharpness(points: Points) -> Points:
    """How far each corner (n,) lies from the middle of the two points a few pixels before and after it, px."""
    steps = np.abs(np.roll(points, -1, axis=0) - points).sum(axis=1)  # edges are upright or level
    along = np.concatenate([[0.0], np.cumsum(steps)])
    around, closed = along[-1], np.concatenate([points, points[:1]])
    reach = max(2.0, around / 48)
    middle = np.zeros_like(points)
    for places in (along[:-1] - reach, along[:-1] + reach):
        places %= around
        middle += np.column_stack([np.interp(places, along, closed[:, axis]) for axis in (0, 1)]) / 2
    x, y = (points - middle).T
    distance: Points = np.hypot(x, y)
    return distance


def _cut_places(sharp: Points, most: int) -> NDArray[np.int64]:
    """Corners to try as cuts, rising: all, or the first and the sharpest of each of `most` stretches."""
    if len(sharp) <= most:
        return np.arange(len(sharp))
    stretch = np.arange(len(sharp)) * most // len(sharp)
    order = np.lexsort([-sharp, stretch])
    first = np.flatnonzero(np.diff(stretch[order], prepend=-1))
    return np.union1d(order[first], [0])


def _moments(points: Points) -> Points:
    """Sums along the outline up to each corner and back to the first (n + 1, 6): of 1, x, y, x², xy and y²."""
    points = points - points.mean(axis=0)
    (x, y), (u, v) = points.T, np.roll(points, -1, axis=0).T
    terms = [np.ones_like(x), (x + u) / 2, (y + v) / 2, (x * x + x * u + u * u) / 3]
    terms += [(2 * x * y + x * v + u * y + 2 * u * v) / 6, (y * y + y * v + v * v) / 3]
    sums = np.zeros((len(points) + 1, 6))
    np.cumsum(np.column_stack(terms) * (np.abs(u - x) + np.abs(v - y))[:, None], axis=0, out=sums[1:])
    return sums


def _misfit(sums: Points) -> Points:
    """About how many px² lie between stretches and the straight lines that fit them best: length × RMS distance.

    sums: (..., 6) as of `_moments`, of each stretch.
    """
    length = np.maximum(sums[..., 0], 1e-9)
    cx, cy = sums[..., 1] / length, sums[..., 2] / length
    xx, xy, yy = sums[..., 3] - sums[..., 1] * cx, sums[..., 4] - sums[..., 1] * cy, sums[..., 5] - sums[..., 2] * cy
    least = (xx + yy) / 2 - np.hypot((xx - yy) / 2, xy)
    misfit: Points = np.sqrt(np.maximum(least, 0.0) * length)
    return misfit
