"""Objects of Open Images that nobody outlined: what becomes of their boxes."""

from __future__ import annotations

from math import ceil, floor
from typing import Any, Literal

import numpy as np

from contorno import masks
from contorno.masks import RunLength, Size
from contorno.parsers.coco_geometry import Box
from contorno.parsers.found import FoundObject

Unmasked = Literal["leave-out", "ignore", "keep"]


def unmasked_object(
    class_name: str, box: Box, size: Size, unmasked: Unmasked, attributes: dict[str, Any], where: str
) -> FoundObject | None:
    """What becomes of a box (xyxy pixels) without a mask; None to leave it out."""
    if unmasked == "keep":
        is_group = attributes.get("IsGroupOf") is True
        return FoundObject(class_name=class_name, box=box, attributes=attributes, where=where, is_crowd=is_group)
    if unmasked == "ignore":
        return FoundObject(
            class_name=class_name, geometry=rectangle(box, size), is_crowd=True, attributes=attributes, where=where
        )
    return None


def rectangle(box: Box, size: Size) -> RunLength:
    """The pixels that a box (xyxy pixels) touches, cut to the image; at least one."""
    height, width = size
    x0, y0 = min(max(floor(box[0]), 0), width - 1), min(max(floor(box[1]), 0), height - 1)
    x1, y1 = min(max(ceil(box[2]), x0 + 1), width), min(max(ceil(box[3]), y0 + 1), height)
    return masks.encode_crop(np.ones((y1 - y0, x1 - x0), dtype=np.bool_), x0, y0, size)
