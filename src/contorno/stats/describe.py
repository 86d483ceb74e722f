"""From records to statistics."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from contorno.errors import ConfigError
from contorno.progress import Progress, silent
from contorno.records import Records
from contorno.stats.measures import Flags, Floats, Measures, measure
from contorno.stats.overlaps import find_overlaps
from contorno.stats.statistics import (
    LARGE,
    QUANTILES,
    SMALL,
    ClassCounts,
    SizeHint,
    SplitCounts,
    Spread,
    Statistics,
)

HEAT_CELLS = 32
IMAGE_SIZES = (256, 384, 512, 640, 800, 1024, 1333)
"""Sizes of training images that hints are given for, px, longest side."""
TINY_PX = 16.0
"""A box below this, the root of its area, is hard to learn: four cells of a detector's finest level, 4 px each."""
MOST_TINY = 0.1
_COMMON_SIZES = 8
_SHARES = np.array([0.0, *(step * 10.0**power for power in range(-5, 0) for step in (1, 2, 5)), 1.0])
_ASPECTS = np.array([1 / 16, 1 / 8, 1 / 5, 1 / 4, 1 / 3, 1 / 2, 2 / 3, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 8, 16])


def describe(
    records_by_split: Mapping[str, Records],
    *,
    overlap_images: int | None = 20_000,
    seed: int = 42,
    progress: Progress = silent,
) -> Statistics:
    """Describe a data set in figures.

    records_by_split: as in {"train": records, "validation": records}; class maps may differ, and are joined by name.
    overlap_images:   masks are compared on at most so many images, drawn by `seed`; None compares all. The statistics
                      say on how many.
    No image file is opened.
    Raises ConfigError for no splits.
    """
    if not records_by_split:
        raise ConfigError("there are no splits to describe; give at least one, as in {'train': records}.")
    found = measure(records_by_split, progress)
    alone = ~found.is_crowd
    sizes = found.image_sizes[found.image_of][alone].astype(np.float64)  # (N, 2), height and width
    areas, corners = found.areas[alone], found.boxes[alone]
    sides = np.maximum(corners[:, 2:] - corners[:, :2], 0.0)  # (N, 2), width and height
    side = np.sqrt(sides.prod(axis=1))
    has_sides = (sides > 0).all(axis=1)
    heights, widths = found.image_sizes.T.astype(np.float64)
    hints = _hints(side, sizes)
    fitting = [hint.image_size for hint in hints if hint.tiny_fraction <= MOST_TINY]
    return Statistics(
        splits={
            name: _counts(found, found.image_split == place, found.split_of == place)
            for place, name in enumerate(found.splits)
        },
        total=_counts(found, np.ones(len(found.image_split), bool), np.ones(len(found.labels), bool)),
        classes=_classes(found),
        area=_spread(areas, _doublings(areas)),
        relative_area=_spread(areas / np.maximum(sizes.prod(axis=1), 1.0), _SHARES),
        box_side=_spread(side, _doublings(side)),
        aspect=_spread(sides[has_sides, 0] / sides[has_sides, 1], _ASPECTS),
        objects_per_image=_spread(found.image_objects.astype(np.float64), _whole_bins(found.image_objects)),
        image_width=_spread(widths, _doublings(widths)),
        image_height=_spread(heights, _doublings(heights)),
        image_aspect=_spread(widths / np.maximum(heights, 1), _ASPECTS),
        image_sizes=_common_sizes(found.image_sizes),
        overlaps=find_overlaps(records_by_split, most_images=overlap_images, seed=seed, progress=progress),
        heat=tuple(tuple(row) for row in _heat(corners, sizes).round(4).tolist()),
        hints=hints,
        suggested_image_size=min(fitting) if fitting else None,
    )


def _counts(found: Measures, images: Flags, objects: Flags) -> SplitCounts:
    alone = objects & ~found.is_crowd
    small, medium, large = _by_size(found.areas[alone])
    return SplitCounts(
        images=int(images.sum()),
        negatives=int((found.image_objects[images] == 0).sum()),
        objects=int(objects.sum()),
        crowd=int((objects & found.is_crowd).sum()),
        masks=int((objects & found.has_mask).sum()),
        boxes_only=int((objects & ~found.has_mask).sum()),
        several_parts=int((found.parts[objects] > 1).sum()),
        small=small,
        medium=medium,
        large=large,
    )


def _by_size(areas: Floats) -> tuple[int, int, int]:
    small, large = int((areas < SMALL).sum()), int((areas >= LARGE).sum())
    return small, len(areas) - small - large, large


def _classes(found: Measures) -> dict[str, ClassCounts]:
    splits, names = len(found.splits), len(found.classes)
    cell = found.split_of * (names + 1) + found.labels
    objects = np.bincount(cell, minlength=splits * (names + 1)).reshape(splits, names + 1)
    pairs = np.unique(found.image_of * (names + 1) + found.labels)
    where, label = np.divmod(pairs, names + 1)
    images = np.bincount(found.image_split[where] * (names + 1) + label, minlength=objects.size).reshape(objects.shape)
    relative: Floats = found.areas / np.maximum(found.image_sizes[found.image_of].prod(axis=1), 1)
    order = np.argsort(found.labels, kind="stable")
    bounds = np.searchsorted(found.labels[order], np.arange(1, names + 2))
    made = {}
    for place, name in enumerate(found.classes):
        own = order[bounds[place] : bounds[place + 1]]
        alone = own[~found.is_crowd[own]]
        small, medium, large = _by_size(found.areas[alone])
        made[name] = ClassCounts(
            objects={split: int(objects[s, place + 1]) for s, split in enumerate(found.splits)},
            images={split: int(images[s, place + 1]) for s, split in enumerate(found.splits)},
            crowd=len(own) - len(alone),
            small=small,
            medium=medium,
            large=large,
            median_area=_median(found.areas[alone]),
            median_relative_area=_median(relative[alone]),
        )
    return made


def _spread(values: Floats, edges: NDArray[np.float64]) -> Spread:
    """Values beyond the edges are counted in the first and the last bin."""
    if not len(values):
        nothing = float("nan")
        return Spread(mean=nothing, quantiles=(nothing,) * len(QUANTILES), edges=(), counts=())
    counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), bins=edges)
    return Spread(
        mean=float(values.mean()),
        quantiles=tuple(float(value) for value in np.quantile(values, QUANTILES)),
        edges=tuple(float(edge) for edge in edges),
        counts=tuple(int(count) for count in counts),
    )


def _doublings(values: Floats) -> NDArray[np.float64]:
    """Edges at powers of two around the values, from 1 on or 0."""
    if not len(values):
        return np.array([0.0, 1.0])
    low = int(np.floor(np.log2(max(values.min(), 1.0))))
    high = int(np.floor(np.log2(max(values.max(), 1.0)))) + 1
    edges: Floats = np.exp2(np.arange(low, high + 1, dtype=np.float64))
    return np.concatenate([np.zeros(1), edges]) if values.min() < 1 else edges


def _whole_bins(counts: NDArray[np.int64]) -> Floats:
    """Edges of about twenty bins of a round whole width from 0 on; 0 has a bin of its own."""
    most = int(counts.max()) if len(counts) else 0
    width = next(step * 10**power for power in range(20) for step in (1, 2, 5) if step * 10**power * 20 >= most)
    later = np.arange(width, most + width + 1, width, dtype=np.float64)
    return np.concatenate([np.array([0.0, 1.0]), later[later > 1]])


def _common_sizes(sizes: NDArray[np.int64]) -> tuple[tuple[int, int, int], ...]:
    kinds, counts = np.unique(sizes, axis=0, return_counts=True)
    order = np.lexsort((kinds[:, 1], kinds[:, 0], -counts))[:_COMMON_SIZES]
    return tuple((int(kinds[i, 0]), int(kinds[i, 1]), int(counts[i])) for i in order)


def _heat(corners: Floats, sizes: Floats) -> NDArray[np.float64]:
    """How many boxes cover each cell of a square grid over the image, as a share of the most: (cells, cells), 0..1."""
    scale = HEAT_CELLS / np.maximum(sizes[:, [1, 0, 1, 0]], 1.0)
    placed = corners * scale
    low = np.clip(np.floor(placed[:, :2]), 0, HEAT_CELLS - 1).astype(np.int64)
    high = np.clip(np.ceil(placed[:, 2:]), low + 1, HEAT_CELLS).astype(np.int64)
    # Marked at the four corners, and summed along both axes: each box costs four additions whatever its size.
    marks = np.zeros((HEAT_CELLS + 1, HEAT_CELLS + 1))
    for columns, rows, sign in ((low, low, 1), (high, low, -1), (low, high, -1), (high, high, 1)):
        np.add.at(marks, (rows[:, 1], columns[:, 0]), sign)
    cover = marks.cumsum(axis=0).cumsum(axis=1)[:HEAT_CELLS, :HEAT_CELLS]
    found: NDArray[np.float64] = cover / max(cover.max(), 1.0)
    return found


def _hints(side: Floats, sizes: Floats) -> tuple[SizeHint, ...]:
    if not len(side):
        return ()
    scaled = side / np.maximum(sizes.max(axis=1), 1.0)
    return tuple(
        SizeHint(
            image_size=size,
            tiny_fraction=float((scaled * size < TINY_PX).mean()),
            median_px=float(np.median(scaled) * size),
        )
        for size in IMAGE_SIZES
    )


def _median(values: Floats) -> float:
    return float(np.median(values)) if len(values) else float("nan")
