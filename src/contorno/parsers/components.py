"""Regions of a picture of labels as run-length code: each value as one object, or each connected part.

The one door to scipy, which fastai brings.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from contorno import masks
from contorno.masks import RunLength

Connectivity = Literal[4, 8]

_FEW_BITS = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """Pixels that belong together.

    value:  the number that they have in the picture.   area: how many there are.   box_area: width x height of
    their tight box, px².   code: None for a region that was too small to be wanted.
    """

    value: int
    area: int
    box_area: int
    code: RunLength | None


def value_counts(values: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The values of a picture of whole numbers in rising order, and how many pixels have each; both int64 (n,)."""
    if not values.size:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    if values.dtype in (np.uint8, np.uint16) or (values.min() >= 0 and values.max() < _FEW_BITS):
        counts = np.bincount(values.ravel())
        found = np.flatnonzero(counts)
        return found.astype(np.int64), counts[found].astype(np.int64)
    found, times = np.unique(values, return_counts=True)
    return found.astype(np.int64), times.astype(np.int64)


def regions(
    values: NDArray[Any],
    wanted: list[int],
    *,
    split: bool,
    connectivity: Connectivity = 8,
    min_area: int = 1,
    min_box_area: int = 0,
) -> list[Region]:
    """The regions of the `wanted` values of a picture (H, W), by value, then from the top down by first row.

    split: True gives each connected part as a region of its own, False all pixels of a value as one.
    connectivity: 8 joins pixels that touch by an edge or a corner, 4 by an edge only.
    min_area, min_box_area: px²; a region under either has no `code`. The box is measured over whole pixels, so that
        one pixel has a box of 1 px².
    """
    ndimage = _ndimage()
    numbers = np.array(sorted(wanted), dtype=np.int64)
    if not len(numbers):
        return []
    size = (int(values.shape[0]), int(values.shape[1]))
    structure = np.ones((3, 3), dtype=bool) if connectivity == 8 else None
    found: list[Region] = []
    ranks = _ranks(values, numbers)
    for rank, (number, window) in enumerate(
        zip(numbers.tolist(), ndimage.find_objects(ranks, len(numbers)), strict=True), start=1
    ):
        if window is None:
            continue
        rows, columns = window
        inside = ranks[window] == rank
        parts, count = ndimage.label(inside, structure) if split else (inside.view(np.uint8), 1)
        areas = np.bincount(parts.ravel(), minlength=count + 1)
        windows = ndimage.find_objects(parts, count) if split else [(slice(0, len(inside)), slice(0, inside.shape[1]))]
        for part, (part_rows, part_columns) in enumerate(windows, start=1):
            area = int(areas[part])
            box_area = (part_rows.stop - part_rows.start) * (part_columns.stop - part_columns.start)
            code = None
            if area >= min_area and box_area >= min_box_area:
                crop = parts[part_rows, part_columns] == part
                code = masks.encode_crop(crop, columns.start + part_columns.start, rows.start + part_rows.start, size)
            found.append(Region(value=number, area=area, box_area=box_area, code=code))
    return found


def part_count(values: NDArray[Any], number: int) -> int:
    """How many 8-connected parts the pixels of one value form."""
    return int(_ndimage().label(values == number, np.ones((3, 3), dtype=bool))[1])


def _ndimage() -> Any:
    # Takes a tenth of a second to load, which other formats need not pay.
    return importlib.import_module("scipy.ndimage")


def _ranks(values: NDArray[Any], numbers: NDArray[np.int64]) -> NDArray[np.int32]:
    """For each pixel 1 + the place of its value in `numbers`, which rise; 0 for other values."""
    if values.dtype in (np.uint8, np.uint16):
        table = np.zeros(int(np.iinfo(values.dtype).max) + 1, dtype=np.int32)
        known = numbers[(numbers >= 0) & (numbers < len(table))]
        table[known] = np.searchsorted(numbers, known) + 1
        ranks: NDArray[np.int32] = table[values]
        return ranks
    places = np.searchsorted(numbers, values).clip(max=len(numbers) - 1)
    return np.where(numbers[places] == values, places + 1, 0).astype(np.int32)
