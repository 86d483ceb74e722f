"""Boxes as arrays: xyxy inside contorno, xywh where COCO files are read and written.

A box is (x_min, y_min, x_max, y_max) in pixels with edges between pixels, so one over the last column ends at
`x_max == width`, and its width is `x_max - x_min`. All functions take (N, 4), N = 0 included, and return new arrays;
floats keep their precision and whole numbers become float32. DataError is raised for any other shape or content.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from contorno.errors import DataError


def xywh_to_xyxy(boxes: ArrayLike) -> NDArray[Any]:
    """(x_min, y_min, width, height) to (x_min, y_min, x_max, y_max)."""
    taken = _boxes(boxes)
    return np.concatenate([taken[:, :2], taken[:, :2] + taken[:, 2:]], axis=1)


def xyxy_to_xywh(boxes: ArrayLike) -> NDArray[Any]:
    """(x_min, y_min, x_max, y_max) to (x_min, y_min, width, height)."""
    taken = _boxes(boxes)
    return np.concatenate([taken[:, :2], taken[:, 2:] - taken[:, :2]], axis=1)


def clip(boxes: ArrayLike, size_hw: tuple[int, int]) -> NDArray[Any]:
    """Cut xyxy boxes off at the image's edges. A box wholly outside becomes one without area; see `valid`.

    size_hw: (height, width) of the image, pixels.
    """
    taken = _boxes(boxes)
    height, width = size_hw
    clipped: NDArray[Any] = np.clip(taken, 0, np.array([width, height, width, height], dtype=taken.dtype))
    return clipped


def area(boxes: ArrayLike) -> NDArray[Any]:
    """Area of xyxy boxes in px², (N,); 0 where an end lies before its start."""
    taken = _boxes(boxes)
    sides: NDArray[Any] = np.maximum(taken[:, 2:] - taken[:, :2], 0)
    areas: NDArray[Any] = sides[:, 0] * sides[:, 1]
    return areas


def iou(a: ArrayLike, b: ArrayLike) -> NDArray[Any]:
    """Intersection over union of each of `a` (N, 4) with each of `b` (M, 4), xyxy: (N, M), 0..1.

    0 where both boxes have no area.
    """
    first, second = _boxes(a), _boxes(b)
    low = np.maximum(first[:, None, :2], second[None, :, :2])  # (N, M, 2)
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    sides = np.maximum(high - low, 0)
    shared = sides[..., 0] * sides[..., 1]
    union = area(first)[:, None] + area(second)[None, :] - shared
    ratio: NDArray[Any] = np.divide(shared, union, out=np.zeros_like(union), where=union > 0)
    return ratio


def valid(boxes: ArrayLike) -> NDArray[np.bool_]:
    """Which xyxy boxes are finite and have width and height above 0, (N,)."""
    taken = _boxes(boxes)
    with np.errstate(invalid="ignore"):  # infinity minus infinity
        has_sides = (taken[:, 2] > taken[:, 0]) & (taken[:, 3] > taken[:, 1])
    return np.asarray(np.isfinite(taken).all(axis=1) & has_sides)


def _boxes(boxes: ArrayLike) -> NDArray[Any]:
    """As floats (N, 4). Raises DataError for another shape, or for what is not a number."""
    try:
        taken = np.asarray(boxes)
    except ValueError as error:  # rows of different lengths
        raise DataError("boxes have rows of different lengths; expected (N, 4).") from error
    if taken.dtype.kind not in "fiub":
        raise DataError("boxes hold something that is not a number; expected (N, 4) numbers.")
    if taken.dtype.kind != "f":
        taken = taken.astype(np.float32)
    if taken.size == 0 and taken.ndim <= 2:
        taken = taken.reshape(0, 4)
    if taken.ndim != 2 or taken.shape[1] != 4:
        raise DataError(f"boxes have shape {taken.shape}; expected (N, 4).")
    return taken
