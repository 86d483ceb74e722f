"""Boxes and masks as COCO annotations hold them, with a reason for each way in which they can be bad."""

from __future__ import annotations

import math
import struct
from itertools import starmap
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contorno import masks
from contorno.errors import DataError
from contorno.masks import Geometry, Polygons, RunLength, Size
from contorno.parsers.coco_forms import usual_segmentation
from contorno.parsers.findings import Findings

Box = tuple[float, float, float, float]
Numbers = NDArray[np.float64]

FEW_NUMBERS = 6  # three points; pycocotools would take four numbers for a box
SURE_PX = 16.0
_FOUR = struct.Struct("4d")
_NO_BOX = (0, 0, 0, 0)


class BadGeometry(Exception):  # noqa: N818
    """An object cannot be used. reason: short, the same for all of a kind.   detail: what is so in this one."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


def read_box(bbox: Any) -> Box | None:
    """COCO's [x, y, width, height] as xyxy, or None if it is not four finite numbers."""
    try:
        left, top, width, height = bbox
        right, bottom = left + width, top + height
        finite = math.isfinite(left) and math.isfinite(top) and math.isfinite(right) and math.isfinite(bottom)
    except (TypeError, ValueError, OverflowError):
        return None
    return (float(left), float(top), float(right), float(bottom)) if finite else None


def clip_box(box: Box, size: Size) -> Box | None:
    """The part of an xyxy box that is inside the image, or None if it has no area."""
    height, width = size
    left, top, right, bottom = box
    clipped = (max(left, 0.0), max(top, 0.0), min(right, float(width)), min(bottom, float(height)))
    # As float32, in which records keep it: an area that is lost there is none.
    with np.errstate(over="ignore"):
        x_min, y_min, x_max, y_max = np.array(clipped, dtype=np.float32).tolist()
    return clipped if x_max > x_min and y_max > y_min else None


def mask_box(geometry: Geometry, size: Size) -> Box:
    """The tight xyxy box of a mask."""
    left, top, right, bottom = masks.box(masks.to_run_length(geometry, size)).tolist()
    return left, top, right, bottom


def read_mask(segmentation: Any, size: Size, vertex_offset: float, findings: Findings, where: str) -> Geometry:
    """A `segmentation` as it came, in an image of `size`; polygons moved by `vertex_offset` pixels in x and y.

    A geometry has been read and moved already. Parts of fewer than three points beside others are left out and
    counted as mended.
    Raises BadGeometry if nothing is there, it is not COCO's, is for an image of another size, or covers no pixel.
    """
    if isinstance(segmentation, Polygons | RunLength):
        check_mask(segmentation, size)
        return segmentation
    segmentation, odd = usual_segmentation(segmentation)
    if odd:
        findings.mend(odd, where)
    if is_no_mask(segmentation):
        raise BadGeometry("object without a mask", "it has a box only; read boxes with COCOBBoxParser")
    if isinstance(segmentation, list):
        segmentation = _usable_parts(segmentation, findings, where)
    elif isinstance(segmentation, dict):
        stated = segmentation.get("size")
        if isinstance(stated, list) and stated != list(size):
            raise BadGeometry(
                "run lengths of another size than the image",
                f"size {str(stated)[:60]}, the image has {list(size)} (height, width)",
            )
    try:
        geometry = masks.from_coco(segmentation, size)
    except DataError as error:
        kind = "run lengths" if isinstance(segmentation, dict) else "segmentation"
        raise BadGeometry(f"{kind} that cannot be read", str(error)) from error
    if vertex_offset and isinstance(geometry, Polygons):
        geometry = Polygons(tuple(part + vertex_offset for part in geometry.parts))
    check_mask(geometry, size)
    return geometry


def is_no_mask(segmentation: Any) -> bool:
    """True where an annotation says nothing of a mask, in one of the ways that tools have: `null`, "", [], {}, [[]]."""
    return (
        segmentation is None
        or segmentation == ""
        or (isinstance(segmentation, list | dict) and (not segmentation or segmentation == [[]]))
    )


def read_boxes(values: list[Any], heights: Numbers, widths: Numbers) -> tuple[Numbers, NDArray[np.bool_]]:
    """N boxes at once, as `read_box` and `clip_box` see each.

    heights, widths: float64 (N,), of the images.
    Returns xyxy float64 (N, 4), and bool (N,): True for boxes with area that lie inside their image. The others are to
    be looked at one by one; their numbers may be anything.
    Raises OverflowError for a whole number that no float can hold.
    """
    try:
        packed = b"".join(starmap(_FOUR.pack, values))  # takes numbers only, where numpy would take texts too
    except (TypeError, struct.error):
        packed = b"".join(_FOUR.pack(*(value if _is_box(value) else _NO_BOX)) for value in values)
    boxes = np.frombuffer(packed, dtype=np.float64).reshape(-1, 4).copy()
    with np.errstate(over="ignore", invalid="ignore"):
        boxes[:, 2:] += boxes[:, :2]
        left, top, right, bottom = boxes.T
        inside = (left >= 0) & (top >= 0) & (right <= widths) & (bottom <= heights)
        inside &= (boxes[:, 2:].astype(np.float32) > boxes[:, :2].astype(np.float32)).all(axis=1)
    return boxes, inside


def check_mask(geometry: Geometry, size: Size) -> None:
    """Raises BadGeometry if a mask covers no pixel of an image of `size`, or cannot be drawn."""
    try:
        empty = _may_be_empty(geometry, size) and masks.area(masks.to_run_length(geometry, size)) == 0
    except DataError as error:
        raise BadGeometry("mask that cannot be drawn", str(error)) from error
    if empty:
        raise BadGeometry("empty mask")


def _is_box(value: Any) -> bool:
    return type(value) is list and len(value) == 4 and {int, float} >= set(map(type, value))


def _usable_parts(parts: list[Any], findings: Findings, where: str) -> list[Any]:
    if all(isinstance(value, int | float) for value in parts):
        findings.mend("polygon as one flat list instead of a list of lists", where)
        parts = [parts]
    usable = [part for part in parts if not isinstance(part, list) or len(part) >= FEW_NUMBERS]
    if not usable:
        raise BadGeometry("polygon with fewer than 3 points")
    if len(usable) < len(parts):
        findings.mend("part with fewer than 3 points beside others, left out", where)
    return usable


def _may_be_empty(geometry: Geometry, size: Size) -> bool:
    """False if the mask is sure to cover a pixel, so that large polygons need not be drawn to know it.

    Not seen: slivers far thinner than a pixel and yet of 16 px² and more.
    """
    if isinstance(geometry, RunLength):
        return True
    height, width = size
    for part in geometry.parts:
        x, y = part[:, 0], part[:, 1]
        doubled = x[:-1] @ y[1:] - x[1:] @ y[:-1] + x[-1] * y[0] - x[0] * y[-1]
        if abs(doubled) >= 2 * SURE_PX and part.min() >= 0 and x.max() <= width and y.max() <= height:
            return False
    return True
