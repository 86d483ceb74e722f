"""Masks of objects as COCO run-length code or polygons, and everything that turns one into the other.

A mask lies in an image of size (height, width). Run-length code counts pixels down the columns, as COCO does, and is
lossless. Polygon vertices are xy coordinates in the plane of the boxes: (0, 0) is the outer corner of the first pixel.
This is the one module beside `metrics` that uses pycocotools.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from contorno import outlines, run_length
from contorno.errors import DataError
from contorno.geometry import Geometry, Polygons, RunLength, Size

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
    "to_polygons",
    "to_run_length",
]

MASK_THRESHOLD = 0.5
"""A soft mask counts as object from this probability on: in metric, prediction and export alike."""

_AREAS_AT_ONCE = 255  # pycocotools 2.0.11 on numpy 2 raises OverflowError for more, holding their number in a byte
_SMALL_PX = 1 << 14  # below this many pixels pycocotools is quicker than numpy's fixed costs


def encode(bitmap: NDArray[Any]) -> RunLength:
    """Encode a bitmap (H, W) of any dtype; nonzero is object. Raises DataError for another number of axes."""
    if bitmap.ndim != 2:
        raise DataError(f"a mask has shape {bitmap.shape}; expected (height, width).")
    height, width = bitmap.shape
    if bitmap.size <= _SMALL_PX:
        return _encode_small(bitmap[None])[0]
    cells = bitmap if bitmap.dtype in (np.uint8, np.bool_) else bitmap != 0
    x0, x1 = _span(np.bitwise_or.reduce(cells, axis=0))
    y0, y1 = _span(np.bitwise_or.reduce(cells[:, x0:x1], axis=1))
    return encode_crop(cells[y0:y1, x0:x1], x0, y0, (height, width))


def encode_stack(bitmaps: NDArray[Any]) -> list[RunLength]:
    """Encode N bitmaps (N, H, W) of any dtype; nonzero is object. Raises DataError for another number of axes."""
    if bitmaps.ndim != 3:
        raise DataError(f"a stack of masks has shape {bitmaps.shape}; expected (N, height, width).")
    if bitmaps.shape[1] * bitmaps.shape[2] <= _SMALL_PX:
        return _encode_small(bitmaps)
    return [encode(bitmap) for bitmap in bitmaps]


def encode_bits(bits: NDArray[np.uint8], width: int, size: Size) -> RunLength:
    """Fit a mask of packed bits to its image and encode it: what `encode(fit_mask(mask, size))` gives, not unpacked.

    bits: (h, ceil(width / 8)), as `numpy.packbits` packs the rows; bits beyond the width are 0.   width: pixels.
    Raises DataError if the proportions do not fit, as `fit_mask` does.
    """
    if bits.ndim != 2 or not bits.size or bits.shape[1] != (width + 7) // 8:
        raise DataError(f"packed bits of shape {bits.shape} are no mask {width} pixels wide.")
    shape = (len(bits), int(width))
    _check_proportions(shape, size)
    rows, columns = (None if old == new else _nearest(old, new) for old, new in zip(shape, size, strict=True))
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
        whole = runs.astype(np.int64)
    except (TypeError, ValueError, OverflowError) as error:
        raise DataError("run-length code: the counts are not whole numbers.") from error
    if runs.ndim != 1 or (len(runs) and (runs.dtype.kind not in "iuf" or (whole != runs).any())):
        raise DataError("run-length code: the counts are not a flat list of whole numbers.")
    if len(whole) and whole.min() < 0:
        raise DataError(f"run-length code: run {int(whole.argmin())} is negative ({whole.min()}).")
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
        return _from_coco_runs(segmentation, size)
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
    return Polygons(tuple(_from_coco_part(part, index) for index, part in enumerate(segmentation)))


def to_run_length(geometry: Geometry, size: Size) -> RunLength:
    """Encode a geometry for an image of `size`; polygons are drawn by pycocotools, a RunLength is returned as it is.

    Raises DataError if a RunLength is for another size.
    """
    if isinstance(geometry, RunLength):
        if geometry.size != tuple(size):
            raise DataError(f"a mask is for an image of {geometry.size} (height, width); expected {tuple(size)}.")
        return geometry
    height, width = int(size[0]), int(size[1])
    if not geometry.parts:
        return from_counts([height * width], (height, width))
    # Always a list of lists of six numbers or more: pycocotools reads four numbers as a box.
    codes = coco_mask.frPyObjects(geometry.to_coco(), height, width)
    code = codes[0] if len(codes) == 1 else coco_mask.merge(codes)
    return RunLength((height, width), code["counts"])


def to_polygons(rle: RunLength) -> Polygons:
    """Trace a mask along its pixel edges, so that pycocotools decodes the polygons to the very same mask.

    Holes are joined to their part by edges that run there and back; see `contorno.outlines`.
    """
    crop, x0, y0 = _crop(rle)
    return Polygons(tuple(part + np.array([x0, y0]) for part in outlines.trace(crop)))


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


def resize(bitmap: NDArray[np.uint8], size: Size) -> NDArray[np.uint8]:
    """Resize a bitmap (h, w) to `size`: each pixel takes the value under its centre, so no grey edge appears."""
    rows, columns = (_nearest(old, new) for old, new in zip(bitmap.shape, size, strict=True))
    return bitmap[np.ix_(rows, columns)]


def resize_run_length(rle: RunLength, size: Size) -> RunLength:
    """Resize a mask to an image of `size`, as `resize` does."""
    crop, x0, y0 = _crop(rle)
    rows, columns = (_nearest(old, new) for old, new in zip(rle.size, size, strict=True))
    top, bottom = np.searchsorted(rows, [y0, y0 + crop.shape[0]])
    left, right = np.searchsorted(columns, [x0, x0 + crop.shape[1]])
    part = crop[np.ix_(rows[top:bottom] - y0, columns[left:right] - x0)]
    return encode_crop(part, int(left), int(top), (int(size[0]), int(size[1])))


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
    _check_proportions((bitmap.shape[0], bitmap.shape[1]), size)
    return resize(bitmap, size)


def _check_proportions(shape: Size, size: Size) -> None:
    (h, w), (height, width) = shape, size
    if abs(h * width - w * height) > max(w + height, h + width) + 1:
        raise DataError(
            f"a mask of {w} x {h} pixels (width x height) does not fit its image of {width} x {height}: "
            "the proportions differ by more than a pixel of rounding; look whether it belongs to another image."
        )


def _coco(rle: RunLength) -> dict[str, Any]:
    """The form that pycocotools takes."""
    return {"size": rle.size, "counts": rle.counts}


def _crop(rle: RunLength) -> tuple[NDArray[np.uint8], int, int]:
    """The mask inside its box (h, w), and the x and y of its first pixel."""
    edges = run_length.edges_of_counts(run_length.parse_counts(rle.counts))
    return run_length.crop_of_edges(edges, rle.size[0])


def _encode_small(bitmaps: NDArray[Any]) -> list[RunLength]:
    """Encode N bitmaps (N, H, W) as they are, by pycocotools."""
    count, height, width = bitmaps.shape
    if not bitmaps.size:
        return [from_counts([height * width], (height, width)) for _ in range(count)]
    # pycocotools compares values, and takes (H, W, N) with the rows lying closest in memory.
    columns = np.ascontiguousarray((bitmaps != 0).transpose(0, 2, 1)).view(np.uint8)
    return [RunLength((height, width), code["counts"]) for code in coco_mask.encode(columns.T)]


def _from_edges(edges: run_length.Edges, size: Size) -> RunLength:
    return RunLength(size, run_length.format_counts(run_length.counts_of_edges(edges, size[0] * size[1])))


def _from_coco_part(part: Any, index: int) -> NDArray[np.float64]:
    try:
        values = np.asarray(part)
    except ValueError as error:  # lists of different lengths inside
        raise DataError(f"polygon {index} is not a flat list of numbers [x, y, x, y, ...].") from error
    if values.ndim != 1 or (len(values) and values.dtype.kind not in "iuf"):
        raise DataError(f"polygon {index} is not a flat list of numbers [x, y, x, y, ...].")
    if len(values) % 2:
        raise DataError(f"polygon {index} has {len(values)} numbers; expected pairs of x and y.")
    return values.astype(np.float64).reshape(-1, 2)


def _from_coco_runs(segmentation: dict[str, Any], size: Size) -> RunLength:
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
        return from_counts(run_length.parse_counts(text), size)
    if isinstance(counts, list | tuple | np.ndarray):
        return from_counts(counts, size)
    raise DataError(f"run-length code: the counts are {type(counts).__name__}; expected a list, str or bytes.")


@lru_cache(maxsize=64)
def _nearest(old: int, new: int) -> NDArray[np.int64]:
    """Index of the old pixel under the centre of each new one: floor((i + 0.5) * old / new), in whole numbers."""
    places = (2 * np.arange(new, dtype=np.int64) + 1) * old // (2 * new)
    places.flags.writeable = False
    return places


def _span(hit: NDArray[Any]) -> tuple[int, int]:
    """First and one past the last nonzero entry; 0, 0 if there is none."""
    places = np.flatnonzero(hit)
    return (int(places[0]), int(places[-1]) + 1) if len(places) else (0, 0)
