"""The masks in VOC's pictures, and which object of the XML each of them is.

By VOC's rule the object with number i in SegmentationObject is the i-th object of the XML. That is checked against the
boxes, since many files of other origin keep another order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contorno import boxes as box_arrays
from contorno import masks
from contorno.masks import RunLength
from contorno.parsers.coco_geometry import Box

SURE_IOU = 0.5
"""A mask is the object of the XML in its place if their boxes overlap by at least this."""
LEAST_IOU = 0.1
"""Below this, a mask is not the object in its place even if no other fits."""

_BORDERS_PX = range(6)  # VOC draws its void border, up to 5 px wide, half over the object that the box is around


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberedMask:
    """One object of a mask picture. number: as in the picture.   box: tight, xyxy.

    class_number: what most of its pixels are in the class picture, None if there is none or they are of no class.
    mixed:        True if its pixels are of several classes.
    """

    number: int
    code: RunLength
    box: Box
    class_number: int | None = None
    mixed: bool = False


@dataclass(frozen=True, slots=True)
class Pairing:
    """Masks and objects of the XML.

    object_of: the position of the object of each mask, None if it has none.
    moved:     masks that are another object than the one in their place.   doubtful: whose box fits ill.
    """

    object_of: list[int | None]
    moved: list[int]
    doubtful: list[int]


def numbered_masks(indices: NDArray[np.int32], classes: NDArray[np.int32] | None = None) -> list[NumberedMask]:
    """The objects of a picture (H, W) of numbers, 0 none, in the order of their numbers.

    classes: the class picture (H, W), 0 none.
    """
    height, width = indices.shape
    rows, columns = np.nonzero(indices)
    values = indices[rows, columns]
    order = np.argsort(values, kind="stable")
    numbers, starts = np.unique(values[order], return_index=True)
    found = []
    for number, places in zip(numbers.tolist(), np.split(order, starts[1:]), strict=False):
        # Pixels come row by row, so the first and last are the top and bottom.
        top, bottom = int(rows[places[0]]), int(rows[places[-1]]) + 1
        left, right = int(columns[places].min()), int(columns[places].max()) + 1
        crop = indices[top:bottom, left:right] == number
        class_number, mixed = _majority(classes[top:bottom, left:right][crop]) if classes is not None else (None, False)
        found.append(
            NumberedMask(
                number=int(number),
                code=masks.encode_crop(crop, left, top, (height, width)),
                box=(float(left), float(top), float(right), float(bottom)),
                class_number=class_number,
                mixed=mixed,
            )
        )
    return found


def pair(found: Sequence[NumberedMask], boxes: Sequence[Box | None], same_class: NDArray[np.bool_]) -> Pairing:
    """Find the object of the XML that each mask is.

    boxes:      xyxy edges of the objects of the XML, None for one without.
    same_class: (masks, objects), False where the class picture says another class than the XML.

    0. Where every mask lies inside the box of the object in its place, and is of its class, it is that object, however
       much of it others hide.
    1. A mask is the object in its place if they are of one class and their boxes overlap by SURE_IOU; an object without
       a box is taken for the one in its place.
    2. The others are paired with free objects that overlap by SURE_IOU, the best pair first, those of one class before.
    3. What is left is the object in its place if that is free and overlaps by LEAST_IOU.
    In 1 and 2 the box of a mask is grown by up to 5 px, which VOC's void border takes from it.
    The place of a number is itself, or, where numbers go beyond the objects, its rank among them.
    """
    object_of: list[int | None] = [None] * len(found)
    pairing = Pairing(object_of, [], [])
    if not found or not boxes:
        return pairing
    beyond = found[-1].number > len(boxes)
    place = [rank if beyond else mask.number - 1 for rank, mask in enumerate(found)]
    if not beyond and all(
        same_class[index, position] and _lies_in(found[index].box, boxes[position])
        for index, position in enumerate(place)
    ):
        return Pairing(list(place), [], [])
    overlap = _overlap(found, boxes, _BORDERS_PX)
    tight = _overlap(found, boxes, (0,))
    free = set(range(len(boxes)))
    for mask, position in enumerate(place):
        fits = position in free and same_class[mask, position]
        if fits and (boxes[position] is None or overlap[mask, position] >= SURE_IOU):
            object_of[mask] = position
            free.discard(position)
    candidates = [
        (not same_class[mask, position], -overlap[mask, position], mask, position)
        for mask in range(len(found))
        if object_of[mask] is None
        for position in sorted(free)
        if overlap[mask, position] >= SURE_IOU
    ]
    for _, _, mask, position in sorted(candidates):
        if object_of[mask] is None and position in free:
            object_of[mask] = position
            free.discard(position)
            if position != place[mask]:
                pairing.moved.append(mask)
    for mask, position in enumerate(place):
        if object_of[mask] is None and position in free and tight[mask, position] >= LEAST_IOU:
            object_of[mask] = position
            free.discard(position)
            pairing.doubtful.append(mask)
    return pairing


def _lies_in(inner: Box, outer: Box | None) -> bool:
    return outer is not None and (
        inner[0] >= outer[0] and inner[1] >= outer[1] and inner[2] <= outer[2] and inner[3] <= outer[3]
    )


def _overlap(found: Sequence[NumberedMask], boxes: Sequence[Box | None], borders: Sequence[int]) -> NDArray[np.float64]:
    """IoU (masks, objects) of the boxes, each mask's grown by that of the borders that suits it best."""
    stated = np.array([box if box is not None else (0.0, 0.0, 0.0, 0.0) for box in boxes], dtype=np.float64)
    height, width = found[0].code.size
    tight = np.array([mask.box for mask in found], dtype=np.float64)
    best = np.zeros((len(found), len(boxes)))
    for border in borders:
        grown = box_arrays.clip(tight + np.array([-border, -border, border, border]), (height, width))
        best = np.maximum(best, box_arrays.iou(grown, stated))
    return best


def _majority(classes: NDArray[np.int32]) -> tuple[int | None, bool]:
    numbers, counts = np.unique(classes[classes > 0], return_counts=True)
    if not len(numbers):
        return None, False
    return int(numbers[counts.argmax()]), len(numbers) > 1
