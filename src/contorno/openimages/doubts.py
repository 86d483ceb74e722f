"""Masks and boxes in doubt: groups, drawings of a thing, masks of low quality, boxes without a mask.

What becomes of each is the user's choice (`Request`); here it is carried out and counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from contorno.openimages.request import Request
from contorno.openimages.tables import BoxFlags, BoxRow, MaskRow

_TOLERANCE = 2e-6  # both tables round to 6 digits, one of them from more


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What the masks and boxes of a split come to.

    objects:       masks to learn.
    ignored_rows:  masks of regions that training and measuring pass over.   ignored_boxes: the same, as rectangles.
    dropped_rows:  masks that become background.
    left_out:      {image id: reason} of images that the request does not want.
    flags:         {mask_path: flags} where the table of boxes was read and has the mask's box.
    rows_without_box: masks whose box the table of boxes does not have.
    """

    objects: tuple[MaskRow, ...]
    ignored_rows: tuple[MaskRow, ...]
    ignored_boxes: tuple[BoxRow, ...]
    dropped_rows: tuple[MaskRow, ...]
    left_out: Mapping[str, str]
    flags: Mapping[str, BoxFlags]
    rows_without_box: int


def judge(request: Request, rows: Sequence[MaskRow], boxes: Iterable[BoxRow] | None) -> Judgement:
    """Sort masks and boxes by the request's options. boxes: rows of the table of boxes, None if it was not read."""
    flags, unmasked = ({}, []) if boxes is None else join(rows, boxes)
    objects: list[MaskRow] = []
    ignored_rows: list[MaskRow] = []
    dropped: list[MaskRow] = []
    left_out: dict[str, str] = {}
    for row in rows:
        noted = flags.get(row.mask_path)
        reason = _rejection(request, row, noted)
        if noted is not None and noted.is_group_of and request.groups != "object":
            ignored_rows.append(row)
            if request.groups == "leave-out":
                left_out.setdefault(row.image_id, "a group of things in the image")
        elif reason is None:
            objects.append(row)
        else:
            (dropped if request.rejected == "background" else ignored_rows).append(row)
            if request.rejected == "leave-out":
                left_out.setdefault(row.image_id, reason)
    ignored_boxes = []
    for box in unmasked:
        if box.flags.is_group_of and request.groups != "object":
            ignored_boxes.append(box)
            if request.groups == "leave-out":
                left_out.setdefault(box.image_id, "a group of things in the image")
        elif request.unmasked != "background":
            ignored_boxes.append(box)
            if request.unmasked == "leave-out":
                left_out.setdefault(box.image_id, "a box without a mask in the image")
    return Judgement(
        objects=tuple(objects),
        ignored_rows=tuple(ignored_rows),
        ignored_boxes=tuple(ignored_boxes),
        dropped_rows=tuple(dropped),
        left_out=left_out,
        flags=flags,
        rows_without_box=0 if boxes is None else sum(row.mask_path not in flags for row in rows),
    )


def join(rows: Iterable[MaskRow], boxes: Iterable[BoxRow]) -> tuple[dict[str, BoxFlags], list[BoxRow]]:
    """The flags of each mask's box, by MaskPath, and the boxes that have no mask.

    BoxID is not in the table of boxes, so a mask belongs to the box of the same image and class whose corners are
    equal within 2e-6.
    """
    free: dict[tuple[str, str], list[BoxRow]] = {}
    for box in boxes:
        free.setdefault((box.image_id, box.mid), []).append(box)
    flags: dict[str, BoxFlags] = {}
    for row in rows:
        if row.box is None:
            continue
        near = free.get((row.image_id, row.mid), [])
        for at, box in enumerate(near):
            if all(abs(a - b) <= _TOLERANCE for a, b in zip(row.box, box.box, strict=True)):
                flags[row.mask_path] = near.pop(at).flags
                break
    return flags, [box for found in free.values() for box in found]


def _rejection(request: Request, row: MaskRow, flags: BoxFlags | None) -> str | None:
    if request.min_iou is not None and row.predicted_iou is not None and row.predicted_iou < request.min_iou:
        return f"a mask of PredictedIoU below {request.min_iou:g}"
    for flag in request.without if flags is not None else ():
        if getattr(flags, f"is_{flag}"):
            return f"a mask flagged {flag}"
    return None
