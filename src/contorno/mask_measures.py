"""Measures of masks in run-length code, without a bitmap: area, tight box, overlap, and what several cover together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from contorno.errors import DataError
from contorno.geometry import RunLength

_AREAS_AT_ONCE = 255  # pycocotools 2.0.11 on numpy 2 raises OverflowError for more, holding their number in a byte


def area(rle: RunLength) -> int:
    """Pixels of the mask."""
    return int(coco_mask.area(_coco(rle)))


def areas(codes: Sequence[RunLength]) -> NDArray[np.int64]:
    """Pixels of each mask, (N,)."""
    found = np.zeros(len(codes), dtype=np.int64)
    for start in range(0, len(codes), _AREAS_AT_ONCE):
        some = codes[start : start + _AREAS_AT_ONCE]
        found[start : start + len(some)] = coco_mask.area([_coco(code) for code in some])
    return found


def box(rle: RunLength) -> NDArray[np.float32]:
    """The tight box (4,), xyxy; 0, 0, 0, 0 for an empty mask."""
    found: NDArray[np.float32] = boxes([rle])[0]
    return found


def boxes(codes: Sequence[RunLength]) -> NDArray[np.float32]:
    """The tight boxes (N, 4), xyxy; 0, 0, 0, 0 for an empty mask."""
    found = np.array(coco_mask.toBbox([_coco(code) for code in codes]), dtype=np.float64).reshape(-1, 4)
    found[:, 2:] += found[:, :2]
    return found.astype(np.float32)


def iou(
    a: Sequence[RunLength], b: Sequence[RunLength], is_crowd: Sequence[bool] | NDArray[np.bool_] | None = None
) -> NDArray[np.float64]:
    """Intersection over union of each mask in `a` with each in `b`, (len(a), len(b)); 0 for two empty masks.

    is_crowd: one flag for each of `b`; against a crowd region the intersection is divided by the area of `a` alone.
    Raises DataError if the masks are for images of different sizes.
    """
    sizes = {code.size for code in (*a, *b)}
    if len(sizes) > 1:
        raise DataError(f"masks of images of different sizes cannot be compared: {sorted(sizes)} (height, width).")
    if not a or not b:
        return np.zeros((len(a), len(b)))
    flags = [False] * len(b) if is_crowd is None else [bool(flag) for flag in is_crowd]
    found = coco_mask.iou([_coco(code) for code in a], [_coco(code) for code in b], flags)
    return np.asarray(found, dtype=np.float64).reshape(len(a), len(b))


def union(codes: Sequence[RunLength]) -> RunLength:
    """The pixels that are in any of the masks. Raises DataError for no masks, or masks for images of several sizes."""
    sizes = {code.size for code in codes}
    if len(sizes) != 1:
        raise DataError(f"masks of the sizes {sorted(sizes)} (height, width) have no union; expected one size.")
    return RunLength(codes[0].size, coco_mask.merge([_coco(code) for code in codes])["counts"])


def _coco(rle: RunLength) -> dict[str, Any]:
    """The form that pycocotools takes."""
    return {"size": rle.size, "counts": rle.counts}
