"""Masks as polygons of few vertices, for people to drag: as simple as a stated IoU lets.

An outline along pixel edges is cut into stretches, each fitted by a straight line, and neighbouring lines meet in the
vertices. So a vertex may lie off the outline, and the error falls on both sides of it: a disc needs about 11 vertices
for an IoU of 0.98, where a choice among its own points (Douglas and Peucker's way) needs 18. Where to cut is found by
dynamic programming for every number of vertices at once, with the moments of the stretches summed beforehand
(J.-C. Perez and E. Vidal, Optimum polygonal approximation of digitized curves, Pattern Recognition Letters 15, 1994;
lines and their meeting points as in P. Selinger, Potrace, 2003). How many vertices each outline gets is found by
drawing: the bound is kept for the mask that pycocotools draws.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from contorno import masks, outlines
from contorno.errors import ConfigError
from contorno.masks import Polygons, RunLength, Size

Points = NDArray[np.float64]

# How many places of an outline to look at for cuts, and how many vertices to try; more where that does not do.
_EFFORTS = ((96, 32), (96, 96), (384, 384))
_PULL = 0.01  # how much a vertex is held to the outline, against lines that are nearly parallel
_DIGITS = 2  # vertices are rounded to hundredths of a pixel; pycocotools rounds to fifths
_STEPS = 12  # halvings in the search for the price of a vertex
_LEAST = 1e-3  # px²
_MANY_LOOPS = 50  # from so many on the smallest go unweighed, together for a quarter of what the bound lets go
_SPECKS = 0.25
_LOOPS_AT_MOST = 2000
_EDGES_AT_MOST = 3000  # of one polygon: each is held against each


def simplified(rle: RunLength, min_iou: float = 0.98) -> Polygons:
    """Outline a mask with few vertices, so that pycocotools draws a mask from them whose IoU with it is >= `min_iou`.

    min_iou: above 0, up to 1; 1 gives the exact outline along the pixel edges.

    One polygon for each 8-connected part, in the order of `masks.to_polygons`; holes are linked to their part by an
    edge that runs there and back between two vertices (`outlines.link`). A hole or a part goes only if what it takes up
    is better spent on vertices elsewhere, and the bound holds. No polygon crosses itself, and vertices lie in the image
    on hundredths of a pixel. Where nothing simpler reaches the bound, as for masks of a few pixels or of thousands of
    specks, the exact outline comes back. An empty mask has no parts.
    Raises ConfigError for a bound outside 0..1.
    """
    if not 0 < min_iou <= 1:
        raise ConfigError(f"min_iou={min_iou!r} is no bound for an IoU; choose one above 0 and up to 1, such as 0.98.")
    exact = masks.to_polygons(rle)
    if min_iou < 1:
        parts = _without_specks(masks.rings(rle), (1 - min_iou) * masks.area(rle) * _SPECKS)
        for places, most in _EFFORTS if sum(map(len, parts)) <= _LOOPS_AT_MOST else ():
            found = _search(rle, [[_Outline(loop, places, most) for loop in part] for part in parts], min_iou)
            if found is not None and count_vertices(found) < count_vertices(exact):
                return found
    return exact


def _without_specks(parts: list[list[Points]], most_px: float) -> list[list[Points]]:
    """The parts without the smallest of very many holes and parts, which together take up less than `most_px`."""
    if sum(map(len, parts)) < _MANY_LOOPS:
        return parts
    kept_areas = np.sort([_area(loop) for part in parts for loop in part])
    least = kept_areas[np.searchsorted(np.cumsum(kept_areas), most_px)]
    holes_kept = [[part[0], *(hole for hole in part[1:] if _area(hole) >= least)] for part in parts]
    return [part for part in holes_kept if _area(part[0]) >= least]


def _area(loop: Points) -> float:
    x, y = loop.T
    return abs(float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))) / 2


def count_vertices(polygons: Polygons) -> int:
    """Vertices of all parts; where a link begins and ends, each time that it is passed."""
    return sum(len(part) for part in polygons.parts)


def _search(rle: RunLength, parts: list[list[_Outline]], min_iou: float) -> Polygons | None:
    """The polygons with about the fewest vertices that reach the bound, or None."""
    if not parts:
        return None
    everything = [outline for part in parts for outline in part]

    def polygons(chosen: list[int]) -> Polygons | None:
        made = _polygons(parts, chosen, rle.size)
        return made if made is not None and _iou(made, rle) >= min_iou else None

    best, counts = None, list[int]()
    dear, cheap = float(sum(outline.area for outline in everything)), _LEAST  # px² that a vertex has to save
    for _ in range(_STEPS):
        price = (dear * cheap) ** 0.5
        chosen = [outline.vertices_at(price) for outline in everything]
        made = best if chosen == counts else polygons(chosen)
        if made is None:
            dear = price
        else:
            best, counts, cheap = made, chosen, price
    # The price passes over numbers that are no bargain: look one below where that is a form too.
    for index, outline in enumerate(everything if best is not None else []):
        while 3 < counts[index] < len(outline.errors):
            fewer = [count - (place == index) for place, count in enumerate(counts)]
            made = polygons(fewer)
            if made is None:
                break
            best, counts = made, fewer
    return best


def _polygons(parts: list[list[_Outline]], counts: Sequence[int], size: Size) -> Polygons | None:
    """Polygons with as many vertices for each outline as `counts` says; None if one of them crosses itself."""
    left = iter(counts)
    made = []
    for part in parts:
        loops = [outline.loop(next(left), size) for outline in part]
        if not len(loops[0]):
            continue  # a part that goes takes its holes with it
        loops = [loop for loop in loops if len(loop)]
        if _crosses(loops):
            return None
        made.append(outlines.link(loops))
    return Polygons(tuple(made))


def _iou(polygons: Polygons, rle: RunLength) -> float:
    return float(masks.iou([masks.to_run_length(polygons, rle.size)], [rle])[0, 0])


@dataclass(slots=True, eq=False)
class _Outline:
    """One closed outline along pixel edges, and what it can become.

    exact: (n, 2) its corners.   places: how many of them to look at for cuts.   most: how many vertices to try.
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
        self.area = _area(self.exact)
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
        is_known = len(self.exact) <= len(self.errors) or self.most == _EFFORTS[-1][1]
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


def _crosses(loops: Sequence[Points]) -> bool:
    """True if an edge of the loops crosses another one, to touch is not to cross; or if they are too many to tell."""
    if sum(map(len, loops)) > _EDGES_AT_MOST:
        return True
    start = np.concatenate(loops)
    end = np.concatenate([np.roll(loop, -1, axis=0) for loop in loops])
    way = end - start

    def side(points: Points) -> Points:
        """Of each edge (rows), on which side each point (columns) lies."""
        apart = points - start[:, None]
        return np.sign(way[:, None, 0] * apart[..., 1] - way[:, None, 1] * apart[..., 0])

    apart = side(start) * side(end) < 0
    return bool((apart & apart.T).any())
