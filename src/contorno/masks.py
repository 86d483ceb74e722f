"""Masks of objects as COCO run-length code or polygons, and everything that turns one into the other.

A mask lies in an image of size (height, width). Run-length code counts pixels down the columns, as COCO does, and is
lossless. Polygon vertices are xy coordinates in the plane of the boxes: (0, 0) is the outer corner of the first pixel.
This module, `mask_measures` and `metrics` are the ones that use pycocotools.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from contorno import outlines, run_length, segmentations
from contorno.errors import DataError
from contorno.geometry import Geometry, Polygons, RunLength, Size
from contorno.mask_measures import area, areas, box, boxes, iou, union
from contorno.mask_sizes import check_proportions, fit_mask, nearest, resize

__all__ = [
    "MASK_THRESHOLD",
    "Geometry",
    "Polygons",
    "RunLength",
    "Size",
    "area",
    "areas",
    "box",
    "boxes",
    "decode",
    "decode_stack",
    "encode",
    "encode_bits",
    "encode_crop",
    "encode_stack",
    "fit_mask",
    "from_coco",
    "from_counts",
    "iou",
    "resize",
    "resize_run_length",
    "rings",
    "to_polygons",
    "to_run_length",
    "union",
]

MASK_THRESHOLD = 0.5
"""A soft mask counts as object from this probability on: in metric, prediction and export alike."""

_LONGEST_PX = 1e7
_MOST_PX = (1 << 32) - 1  # pycocotools counts in 32 bits, and would write beyond its memory
_SMALL_PX = 1 << 15  # up to this many pixels pycocotools is quicker than numpy's fixed costs


def encode(bitmap: NDArray[Any]) -> RunLength:
    """Encode a bitmap (H, W) of any dtype; nonzero is object. Raises DataError for another number of axes."""
    if bitmap.ndim != 2:
        raise DataError(f"a mask has shape {bitmap.shape}; expected (height, width).")
    height, width = bitmap.shape
    if not bitmap.size:
        return from_counts([height * width], (height, width))
    if bitmap.size <= _SMALL_PX:
        # pycocotools compares values, so all that is object has to have one; it takes columns after one another.
        code = coco_mask.encode(np.not_equal(bitmap, 0, order="F").view(np.uint8))
        return RunLength((height, width), code["counts"])
    cells = bitmap if bitmap.dtype == np.bool_ else bitmap != 0
    return _from_edges(run_length.edges_of_bitmap(cells), (height, width))


def encode_stack(bitmaps: NDArray[Any]) -> list[RunLength]:
    """Encode N bitmaps (N, H, W) of any dtype; nonzero is object. Raises DataError for another number of axes."""
    if bitmaps.ndim != 3:
        raise DataError(f"a stack of masks has shape {bitmaps.shape}; expected (N, height, width).")
    return [encode(bitmap) for bitmap in bitmaps]


def encode_bits(bits: NDArray[np.uint8], width: int, size: Size) -> RunLength:
    """Fit a mask of packed bits to its image and encode it: what `encode(fit_mask(mask, size))` gives, not unpacked.

    bits: (h, ceil(width / 8)), as `numpy.packbits` packs the rows; bits beyond the width are 0.   width: pixels.
    Raises DataError if the proportions do not fit, as `fit_mask` does.
    """
    if bits.ndim != 2 or not bits.size or bits.shape[1] != (width + 7) // 8:
        raise DataError(f"packed bits of shape {bits.shape} are no mask {width} pixels wide.")
    shape = (len(bits), int(width))
    check_proportions(shape, size)
    rows, columns = (None if old == new else nearest(old, new) for old, new in zip(shape, size, strict=True))
    return _from_edges(run_length.edges_of_bits(bits, rows, columns), (int(size[0]), int(size[1])))


def encode_crop(crop: NDArray[Any], x0: int, y0: int, size: Size) -> RunLength:
    """Encode a mask that is empty outside a crop (h, w); nonzero is object.

    x0, y0: where the crop's first pixel lies in the image; what sticks out of the image is cut off.
    No bitmap of the whole image is made.
    """
    height, width = size
    crop = crop[max(0, -y0) : max(0, height - y0), max(0, -x0) : max(0, width - x0)]
    x0, y0 = max(0, x0), max(0, y0)
    return _from_edges(run_length.edges_of_crop(crop, x0, y0, height), (height, width))


def from_counts(counts: Sequence[int] | NDArray[Any], size: Size) -> RunLength:
    """Take COCO's uncompressed runs: pixels outside, inside, outside, ... down the columns.

    Raises DataError if a run is not a whole number from 0 on, or the runs do not fill the image.
    """
    height, width = int(size[0]), int(size[1])
    try:
        runs = np.asarray(counts)
        with np.errstate(invalid="ignore"):  # what is not finite is not equal to itself as a whole number, below
            whole = runs.astype(np.int64)
    except (TypeError, ValueError, OverflowError) as error:
        raise DataError("run-length code: the counts are not whole numbers.") from error
    if runs.ndim != 1 or (len(runs) and (runs.dtype.kind not in "iuf" or (whole != runs).any())):
        raise DataError("run-length code: the counts are not a flat list of whole numbers.")
    if len(whole) and whole.min() < 0:
        raise DataError(f"run-length code: run {int(whole.argmin())} is negative ({whole.min()}).")
    # One run of 2**62 more makes a sum go round.
    if len(whole) and int(whole.max()) > height * width:
        raise DataError(
            f"run-length code: a run has {int(whole.max())} pixels; "
            f"an image of {height} x {width} (height x width) has {height * width}."
        )
    if int(whole.sum()) != height * width:
        raise DataError(
            f"run-length code: the runs add up to {int(whole.sum())} pixels; "
            f"an image of {height} x {width} (height x width) has {height * width}."
        )
    return _from_edges(run_length.edges_of_counts(whole), (height, width))


def from_coco(segmentation: Any, size: Size) -> Geometry:
    """Take the `segmentation` of a COCO annotation for an image of `size`.

    segmentation: a list of flat lists [x, y, x, y, ...], or {"size": [height, width], "counts": list, str or bytes}.
    Raises DataError that says what is wrong for anything else; an empty list of polygons is such a fault too.
    """
    if isinstance(segmentation, dict):
        return from_counts(segmentations.read_counts(segmentation, size), size)
    return segmentations.read_polygons(segmentation)


def to_run_length(geometry: Geometry, size: Size) -> RunLength:
    """Encode a geometry for an image of `size`; polygons are drawn by pycocotools, a RunLength is returned as it is.

    Raises DataError if a RunLength is for another size, the image has 2**32 pixels or more, or the outlines are so long
    that drawing them would fill the memory.
    """
    if isinstance(geometry, RunLength):
        if geometry.size != tuple(size):
            raise DataError(f"a mask is for an image of {geometry.size} (height, width); expected {tuple(size)}.")
        return geometry
    height, width = int(size[0]), int(size[1])
    _check_size(height, width)
    if not geometry.parts:
        return from_counts([height * width], (height, width))
    _check_length(geometry)
    # Always a list of lists of six numbers or more: pycocotools reads four numbers as a box.
    codes = coco_mask.frPyObjects(geometry.to_coco(), height, width)
    code = codes[0] if len(codes) == 1 else coco_mask.merge(codes)
    return RunLength((height, width), code["counts"])


def _check_length(polygons: Polygons) -> None:
    """pycocotools keeps some 80 bytes for each pixel along an outline."""
    for index, part in enumerate(polygons.parts):
        # The length of all its edges is at most this; most outlines are let through by it.
        if len(part) * float(np.ptp(part, axis=0).sum()) <= _LONGEST_PX:
            continue
        length = float(np.abs(np.diff(part, axis=0, append=part[:1])).max(axis=1).sum())
        if length > _LONGEST_PX:
            raise DataError(
                f"polygon {index} is {length:.3g} pixels long, too long to be drawn; expected at most "
                f"{_LONGEST_PX:.0g}: correct its vertices."
            )


def to_polygons(rle: RunLength) -> Polygons:
    """Trace a mask along its pixel edges, so that pycocotools decodes the polygons to the very same mask.

    Holes are joined to their part by edges that run there and back; see `contorno.outlines`.
    """
    crop, x0, y0 = _crop(rle)
    return Polygons(tuple(part + np.array([x0, y0]) for part in outlines.trace(crop)))


def rings(rle: RunLength) -> list[list[NDArray[np.float64]]]:
    """The outlines of a mask along its pixel edges: for each part its outer outline (n, 2), then its holes."""
    crop, x0, y0 = _crop(rle)
    return [[loop + np.array([x0, y0]) for loop in part] for part in outlines.rings(crop)]


def decode(rle: RunLength) -> NDArray[np.uint8]:
    """The mask as a C-contiguous bitmap (H, W), 0 or 1."""
    bitmap: NDArray[np.uint8] = decode_stack([rle], rle.size)[0]
    return bitmap


def decode_stack(codes: Sequence[RunLength], size: Size) -> NDArray[np.uint8]:
    """N masks as one C-contiguous stack (N, H, W), 0 or 1. Raises DataError if a mask is for another size."""
    stack = np.zeros((len(codes), *size), dtype=np.uint8)
    for bitmap, code in zip(stack, codes, strict=True):
        crop, x0, y0 = _crop(to_run_length(code, size))
        bitmap[y0 : y0 + crop.shape[0], x0 : x0 + crop.shape[1]] = crop
    return stack


def resize_run_length(rle: RunLength, size: Size) -> RunLength:
    """Resize a mask to an image of `size`, as `resize` does."""
    crop, x0, y0 = _crop(rle)
    rows, columns = (nearest(old, new) for old, new in zip(rle.size, size, strict=True))
    top, bottom = np.searchsorted(rows, [y0, y0 + crop.shape[0]])
    left, right = np.searchsorted(columns, [x0, x0 + crop.shape[1]])
    part = crop[np.ix_(rows[top:bottom] - y0, columns[left:right] - x0)]
    return encode_crop(part, int(left), int(top), (int(size[0]), int(size[1])))


def _check_size(height: int, width: int) -> None:
    if height * width > _MOST_PX:
        raise DataError(
            f"an image of {height} x {width} pixels (height x width) is larger than any mask can be, which is 2**32 - 1"
            " pixels; correct the stated size."
        )


def _crop(rle: RunLength) -> tuple[NDArray[np.uint8], int, int]:
    """The mask inside its box (h, w), and the x and y of its first pixel."""
    edges = run_length.edges_of_counts(run_length.parse_counts(rle.counts))
    return run_length.crop_of_edges(edges, rle.size[0])


def _from_edges(edges: run_length.Edges, size: Size) -> RunLength:
    _check_size(*size)
    counts = run_length.counts_of_edges(edges, size[0] * size[1])
    # What run_length.format_counts writes, in a quarter of the time.
    code = coco_mask.frPyObjects({"size": size, "counts": counts.tolist()}, *size)
    return RunLength(size, code["counts"])
