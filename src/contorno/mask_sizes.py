"""Bitmaps of masks brought to the size of their image: nearest pixels, so that no grey edge appears."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from contorno.errors import DataError
from contorno.geometry import Size


def resize(bitmap: NDArray[np.uint8], size: Size) -> NDArray[np.uint8]:
    """Resize a bitmap (h, w) to `size`: each pixel takes the value under its centre, so no grey edge appears."""
    rows, columns = (nearest(old, new) for old, new in zip(bitmap.shape, size, strict=True))
    return bitmap[np.ix_(rows, columns)]


def fit_mask(bitmap: NDArray[np.uint8], size: Size) -> NDArray[np.uint8]:
    """Resize a mask (h, w) of 0 and 1, nearest, to its image's `size` (H, W).

    The two may be scalings of one original, each with its sides rounded (or cut) to whole pixels. So their proportions
    fit if |h * W - w * H| <= max(w + H, h + W) + 1, which is what such rounding can amount to.
    Raises DataError if another value is present or the proportions do not fit.
    Source: Open Images masks seldom share their image's size (openimages/dataset issue 92).
    """
    if bitmap.ndim != 2 or not bitmap.size:
        raise DataError(f"a mask has shape {bitmap.shape}; expected (height, width).")
    is_binary = bitmap.max() <= 1 if bitmap.dtype.kind in "bu" else np.isin(bitmap, (0, 1)).all()
    if not is_binary:
        raise DataError("a mask has values other than 0 and 1.")
    check_proportions((bitmap.shape[0], bitmap.shape[1]), size)
    return resize(bitmap, size)


def check_proportions(shape: Size, size: Size) -> None:
    """Raises DataError if a mask of `shape` (height, width) cannot be a scaling of its image; see `fit_mask`."""
    (h, w), (height, width) = shape, size
    if abs(h * width - w * height) > max(w + height, h + width) + 1:
        raise DataError(
            f"a mask of {w} x {h} pixels (width x height) does not fit its image of {width} x {height}: "
            "the proportions differ by more than a pixel of rounding; look whether it belongs to another image."
        )


@lru_cache(maxsize=64)
def nearest(old: int, new: int) -> NDArray[np.int64]:
    """Index of the old pixel under the centre of each new one: floor((i + 0.5) * old / new), in whole numbers."""
    places = (2 * np.arange(new, dtype=np.int64) + 1) * old // (2 * new)
    places.flags.writeable = False
    return places
