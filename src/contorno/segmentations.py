"""The values of "segmentation" in COCO annotations: polygons and run lengths, with what is wrong about others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contorno import run_length
from contorno.errors import DataError
from contorno.geometry import Polygons, Size


def read_polygons(segmentation: Any) -> Polygons:
    """A list of flat lists [x, y, x, y, ...]. Raises DataError for anything else, and for an empty list."""
    if not isinstance(segmentation, list | tuple):
        raise DataError(
            f"segmentation is {type(segmentation).__name__}; expected a list of polygons, "
            "or a dict with size and counts."
        )
    if not segmentation:
        raise DataError("segmentation is an empty list; expected at least one polygon.")
    if all(isinstance(value, int | float) for value in segmentation):
        raise DataError(
            "segmentation is one flat list of numbers; expected a list of such lists: write [[x, y, ...]] "
            "for [x, y, ...]."
        )
    return Polygons(tuple(_part(part, index) for index, part in enumerate(segmentation)))


def read_counts(segmentation: dict[str, Any], size: Size) -> Sequence[int] | NDArray[Any]:
    """The uncompressed runs of {"size": [height, width], "counts": list, str or bytes}; a list's as they stand there.

    Raises DataError for other keys, a size that is not the image's, and text that is not COCO's.
    """
    if "counts" not in segmentation or "size" not in segmentation:
        raise DataError(f"run-length code has the keys {sorted(map(str, segmentation))}; expected size and counts.")
    stated, counts = segmentation["size"], segmentation["counts"]
    if not isinstance(stated, list | tuple) or list(stated) != list(size):
        raise DataError(
            f"run-length code is for a size of {stated}; its image has {list(size)} (height, width). "
            "Resize the mask to its image, or correct the image's width and height."
        )
    if isinstance(counts, str | bytes):
        try:
            text = counts.encode("ascii") if isinstance(counts, str) else counts
        except UnicodeEncodeError as error:
            raise DataError("run-length code: the counts are not COCO's compressed text.") from error
        return run_length.parse_counts(text)
    if isinstance(counts, list | tuple | np.ndarray):
        return counts
    raise DataError(f"run-length code: the counts are {type(counts).__name__}; expected a list, str or bytes.")


def _part(part: Any, index: int) -> NDArray[np.float64]:
    try:
        values = np.asarray(part)
    except ValueError as error:  # lists of different lengths inside
        raise DataError(f"polygon {index} is not a flat list of numbers [x, y, x, y, ...].") from error
    if values.ndim != 1 or (len(values) and values.dtype.kind not in "iuf"):
        raise DataError(f"polygon {index} is not a flat list of numbers [x, y, x, y, ...].")
    if len(values) % 2:
        raise DataError(f"polygon {index} has {len(values)} numbers; expected pairs of x and y.")
    return values.astype(np.float64).reshape(-1, 2)
