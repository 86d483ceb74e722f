"""Masks as polygons of few vertices, for people to drag: as simple as a stated IoU lets.

Vertices are where straight lines fitted to stretches of an outline meet (`contorno.fitted_outlines`). So a vertex may
lie off the outline, and the error falls on both sides of it: a disc needs about 11 vertices for an IoU of 0.98, where a
choice among its own points (Douglas and Peucker's way) needs 18. How many vertices each outline gets is found by
drawing: the bound is kept for the mask that pycocotools draws.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from contorno import masks, outlines
from contorno.errors import ConfigError
from contorno.fitted_outlines import MOST_VERTICES, FittedOutline, Points, loop_area
from contorno.masks import Polygons, RunLength, Size

# How many places of an outline to look at for cuts, and how many vertices to try; more where that does not do.
_EFFORTS = ((96, 32), (96, 96), (384, MOST_VERTICES))
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
            found = _search(rle, [[FittedOutline(loop, places, most) for loop in part] for part in parts], min_iou)
            if found is not None and count_vertices(found) < count_vertices(exact):
                return found
    return exact


def _without_specks(parts: list[list[Points]], most_px: float) -> list[list[Points]]:
    """The parts without the smallest of very many holes and parts, which together take up less than `most_px`."""
    if sum(map(len, parts)) < _MANY_LOOPS:
        return parts
    kept_areas = np.sort([loop_area(loop) for part in parts for loop in part])
    least = kept_areas[np.searchsorted(np.cumsum(kept_areas), most_px)]
    holes_kept = [[part[0], *(hole for hole in part[1:] if loop_area(hole) >= least)] for part in parts]
    return [part for part in holes_kept if loop_area(part[0]) >= least]


def count_vertices(polygons: Polygons) -> int:
    """Vertices of all parts; where a link begins and ends, each time that it is passed."""
    return sum(len(part) for part in polygons.parts)


def _search(rle: RunLength, parts: list[list[FittedOutline]], min_iou: float) -> Polygons | None:
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


def _polygons(parts: list[list[FittedOutline]], counts: Sequence[int], size: Size) -> Polygons | None:
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
