"""How objects of one image overlap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contorno import boxes, masks
from contorno.instances import Instances
from contorno.object_sizes import object_areas
from contorno.progress import Progress, silent
from contorno.records import Records
from contorno.splits.drawn import draw_order

CONTAINED = 0.95
"""An object of which so much lies in another one is contained in it."""
DOUBLED = 0.9
"""Two objects of one class that overlap so far may be one, annotated twice."""
IOU_EDGES = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)

_ROWS = 256  # objects compared with all others at a time, so that thousands in one image do not fill the memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlaps:
    """Pairs of objects of one image that share pixels; crowd regions are left out.

    images, of_images: how many images were looked at, and how many there are.   objects: in those.
    overlapping:  objects that share a pixel with another one.
    pairs:        with an IoU above 0.   contained: pairs of which one lies in the other by 95 % or more.
    doubled:      pairs of one class with an IoU of 0.9 or more.
    pairs_by_iou: pairs between neighbouring `IOU_EDGES`, each with its upper edge.
    """

    images: int
    of_images: int
    objects: int
    overlapping: int
    pairs: int
    contained: int
    doubled: int
    pairs_by_iou: tuple[int, ...]


def find_overlaps(
    records_by_split: Mapping[str, Records], *, most_images: int | None, seed: int, progress: Progress = silent
) -> Overlaps:
    """Compare the objects of each image, by masks where both have them, else by boxes.

    Only objects whose boxes overlap are compared, and only their masks are drawn.
    most_images: of more images with objects so many are drawn by `seed` and looked at; None looks at all.
    """
    everything = [record for records in records_by_split.values() for record in records]
    chosen = [record for record in everything if len(record.instances)]
    empty = len(everything) - len(chosen)
    if most_images is not None and len(chosen) > most_images:
        order = draw_order([record.image_id for record in chosen], seed)
        chosen = [chosen[index] for index in sorted(order[:most_images])]
        empty = 0
    objects = overlapping = contained = doubled = 0
    by_iou = np.zeros(len(IOU_EDGES) - 1, dtype=np.int64)
    for done, record in enumerate(chosen, start=1):
        found = record.instances.select(~record.instances.is_crowd)
        pairs = _pairs(found)
        objects += len(found)
        overlapping += len(np.unique(pairs.places))
        contained += int((pairs.share >= CONTAINED).sum())
        first, second = pairs.places.T
        doubled += int(((pairs.iou >= DOUBLED) & (found.labels[first] == found.labels[second])).sum())
        # Upper edges belong to their bin, so that none falls into "0".
        bins = np.searchsorted(IOU_EDGES, np.minimum(pairs.iou, 1.0), side="left") - 1
        by_iou += np.bincount(bins, minlength=len(by_iou))
        if done % 64 == 0 or done == len(chosen):
            progress("comparing objects of images", done, len(chosen))
    return Overlaps(
        images=len(chosen) + empty,
        of_images=len(everything),
        objects=objects,
        overlapping=overlapping,
        pairs=int(by_iou.sum()),
        contained=contained,
        doubled=doubled,
        pairs_by_iou=tuple(int(count) for count in by_iou),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Pairs:
    """places: int64 (P, 2), rising in a pair.   iou: (P,), above 0.   share: (P,), of the smaller one in the other."""

    places: NDArray[np.int64]
    iou: NDArray[np.float64]
    share: NDArray[np.float64]


def _pairs(found: Instances) -> _Pairs:
    places = overlapping_boxes(found.boxes)
    if not len(places):
        return _Pairs(places, np.zeros(0), np.zeros(0))
    near = np.unique(places)
    small = found.select(near)
    first, second = np.searchsorted(near, places).T
    is_mask = np.array([shape is not None for shape in small.geometries])
    codes = [None if s is None else masks.to_run_length(s, small.size_hw) for s in small.geometries]
    # Of drawn masks the pixels: what polygons enclose differs a little, and shares could come out above 1.
    areas = np.zeros(len(small))
    drawn = [code for code in codes if code is not None]
    areas[is_mask] = masks.areas(drawn)
    areas[~is_mask] = object_areas([small.select(~is_mask)])
    ious = np.zeros(len(places))
    for start in range(0, len(small), _ROWS):
        here = (first >= start) & (first < start + _ROWS)
        rows = np.unique(first[here])
        if not len(rows):
            continue
        columns = np.unique(second[here])
        table = _ious(small, codes, rows, columns)
        ious[here] = table[np.searchsorted(rows, first[here]), np.searchsorted(columns, second[here])]
    touch = ious > 0
    shared = ious * (areas[first] + areas[second]) / (1 + ious)
    share = shared / np.maximum(np.minimum(areas[first], areas[second]), 1e-9)
    return _Pairs(places[touch], ious[touch], share[touch])


def _ious(
    found: Instances, codes: Sequence[masks.RunLength | None], rows: NDArray[np.int64], columns: NDArray[np.int64]
) -> NDArray[np.float64]:
    table: NDArray[np.float64] = boxes.iou(found.boxes[rows], found.boxes[columns]).astype(np.float64)
    with_mask = [[place for place, index in enumerate(side) if codes[index] is not None] for side in (rows, columns)]
    if with_mask[0] and with_mask[1]:
        a, b = (
            [codes[side[place]] for place in chosen] for side, chosen in zip((rows, columns), with_mask, strict=True)
        )
        table[np.ix_(*with_mask)] = masks.iou([c for c in a if c is not None], [c for c in b if c is not None])
    return table


def overlapping_boxes(corners: NDArray[np.floating]) -> NDArray[np.int64]:
    """Pairs of boxes that share area: places (P, 2), the lower first.

    corners: (N, 4), xyxy. In order of their left sides, a box can meet only those that start before it ends.
    """
    order = np.argsort(corners[:, 0], kind="stable")
    x0, y0, x1, y1 = corners[order].T
    ends = np.searchsorted(x0, x1, side="left")
    starts = np.arange(len(order)) + 1
    counts = np.maximum(ends - starts, 0)
    found = []
    # A few hundred thousand candidates at a time: thousands of boxes in one image make millions.
    total = np.cumsum(counts)
    step = 1 << 19
    low = 0
    while low < len(order):
        high = max(low + 1, int(np.searchsorted(total, (total[low - 1] if low else 0) + step, side="right")))
        some = counts[low:high]
        first = np.repeat(np.arange(low, high), some)
        ahead = np.arange(int(some.sum())) - np.repeat(np.cumsum(some) - some, some)
        second = first + 1 + ahead
        meet = (np.minimum(y1[first], y1[second]) > np.maximum(y0[first], y0[second])) & (x1[second] > x0[second])
        found.append(np.column_stack([order[first[meet]], order[second[meet]]]))
        low = high
    pairs = np.concatenate(found) if found else np.zeros((0, 2), np.int64)
    return np.sort(pairs.astype(np.int64), axis=1)
