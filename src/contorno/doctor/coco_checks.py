"""Faults of COCO annotations that show once all masks are drawn: boxes, areas, outlines."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from contorno.doctor import coco_boxes
from contorno.doctor.coco_objects import ObjectRow, Objects
from contorno.doctor.coco_outlines import check_outlines
from contorno.doctor.report import Faults, Place, Severity
from contorno.masks import Polygons
from contorno.progress import Progress

BEYOND_PX = 1.0
"""Outlines and boxes may reach over the image by this much: tools put the last pixel at different places."""

AREA_TOLERANCE = 0.1
"""A stated area may differ from the pixels of the mask by this share, and by half the way around its box."""

BOX_AREA = "area that is that of the box"
OTHER_AREA = "area that disagrees with its mask"

_MANY = 0.5


def check_objects_of_file(objects: Objects, place: Place, faults: Faults, progress: Progress) -> None:
    """Compare boxes, areas and outlines with the masks and the images."""
    is_other = _check_masks(objects, place, faults)
    _check_boxes(objects, place, faults, is_other)
    _check_areas(objects, faults, is_other)
    _check_crowds(objects, place, faults)
    check_outlines(objects, faults, progress)


def _check_masks(objects: Objects, place: Place, faults: Faults) -> bool:
    """Whether the outlines are in other coordinates, so that nothing that goes by them is mended."""
    rows, measured = objects.rows, objects.measured
    absent = [row for row in rows if row.shape.is_absent and row.box is not None]
    if absent and len(absent) == len(rows):
        cause = "no annotation has a mask: the file is for detection; read it with COCOBBoxParser."
        faults.add("note", "file of boxes without masks", place, cause, "none needed for detection.")
    else:
        for row in absent:
            cause = "other annotations of the file have a mask."
            mend = "draw it; training of masks leaves the object out."
            faults.add("warning", "annotation without a mask", row.place("segmentation"), cause, mend)
    drawn = np.flatnonzero(~np.isnan(measured.areas))
    if not len(drawn):
        return False
    sizes = objects.sizes(drawn)
    bounds, areas = measured.bounds[drawn], measured.areas[drawn]
    hint = outline_hint(objects, drawn, faults, place)
    limit = np.stack([sizes[:, 1], sizes[:, 0]], axis=1)
    outside = np.asarray((bounds[:, :2] >= limit).any(axis=1) | (bounds[:, 2:] <= 0).any(axis=1))
    outside &= np.array([isinstance(rows[i].shape.geometry, Polygons) for i in drawn.tolist()], dtype=bool)
    beyond = np.maximum(bounds[:, 2:] - limit, -bounds[:, :2]).max(axis=1)
    for at in np.flatnonzero(outside | (areas == 0) | (beyond > BEYOND_PX)).tolist():
        row = rows[drawn[at]]
        height, width = row.size or (0, 0)
        spans = _text(bounds[at])
        cause = f"the outline spans {spans} (x_min, y_min, x_max, y_max) "
        cause += f"in an image of {width} x {height} (width x height).{hint}"
        # Where the coordinates seem to be of another kind, cutting them off would destroy what can be corrected.
        if outside[at]:
            mend = "remove the object, or look whether it belongs to another image."
            faults.add("error", "polygon outside the image", row.place("segmentation"), cause, mend, fixable=not hint)
        elif areas[at] == 0:
            kind = "empty mask"
            if isinstance(row.shape.geometry, Polygons):
                cause = f"the polygon covers no pixel; {cause}"
            else:
                cause = "the run lengths cover no pixel."
            mend = "remove the object, or draw it again."
            faults.add("error", kind, row.place("segmentation"), cause, mend, fixable=not hint)
        else:
            mend = "cut it off at the image's edge."
            faults.add("warning", "polygon beyond the image", row.place("segmentation"), cause, mend, fixable=not hint)
    return bool(hint)


def outline_hint(objects: Objects, drawn: NDArray[np.int64], faults: Faults, place: Place) -> str:
    """What all outlines seem to be, if not x, y in pixels; also told as a fault of its own. drawn: rows with masks."""
    bounds, sizes = objects.measured.bounds[drawn], objects.sizes(drawn)
    outlined = np.array([isinstance(objects.rows[i].shape.geometry, Polygons) for i in drawn.tolist()], dtype=bool)
    if not outlined.any():
        return ""
    bounds, sizes = bounds[outlined], sizes[outlined]
    if bounds.min() >= 0 and bounds.max() <= 1.0 and sizes.min() > 4:
        kind = "polygons in shares of the image"
        cause = f"all coordinates of the {len(bounds)} outlines lie within 0 and 1."
        mend = "multiply x by the width and y by the height of the image."
        faults.add("error", kind, place, cause, mend, count=len(bounds))
        return " The coordinates look like shares of the image."
    limit = np.stack([sizes[:, 1], sizes[:, 0]], axis=1) + BEYOND_PX
    fits = (bounds[:, 2:] <= limit).all(axis=1)
    swapped = (bounds[:, 2:] <= limit[:, ::-1]).all(axis=1)
    if not fits.all() and swapped.all():
        kind = "polygons with x and y swapped"
        cause = (
            f"{int((~fits).sum())} of {len(fits)} outlines reach out of their image; with x and y swapped none does."
        )
        faults.add("error", kind, place, cause, "write x before y.", count=int((~fits).sum()))
        return " Its coordinates look like y before x."
    return ""


def swap_is_doubtful(objects: Objects, rows: NDArray[np.int64], verdict: coco_boxes.Verdict) -> bool:
    """Whether polygons may have y before x where boxes seem to: they would lie in their images that way too."""
    if not verdict.form.startswith("rows first"):
        return False
    outlined = [isinstance(objects.rows[i].shape.geometry, Polygons) for i in rows.tolist()]
    limit = objects.sizes(rows) + BEYOND_PX  # height and width, for y and x
    return all(outlined) and bool((objects.measured.bounds[rows, 2:] <= limit).all())


def _check_boxes(objects: Objects, place: Place, faults: Faults, is_other: bool) -> None:
    rows, measured = objects.rows, objects.measured
    stated = np.array([i for i, row in enumerate(rows) if row.box is not None and row.size is not None], dtype=np.int64)
    if not len(stated):
        return
    boxes, sizes = objects.boxes(stated), objects.sizes(stated)
    drawn = measured.areas[stated] > 0  # False for NaN too
    told: set[int] = set()
    wrong, verdict = coco_boxes.compare(boxes[drawn], measured.boxes[stated[drawn]], sizes[drawn])
    with_masks = np.flatnonzero(drawn)
    if verdict is not None:
        kind = f"boxes that look like {coco_boxes.FORMS[verdict.form]}"
        is_doubtful = swap_is_doubtful(objects, stated[with_masks[verdict.fitting]], verdict)
        for at in with_masks[verdict.fitting].tolist():
            row = rows[stated[at]]
            true = _xywh(measured.boxes[stated[at]])
            cause = f"bbox is {_text(boxes[at])}, the mask's is {true} (x_min, y_min, width, height); {verdict}."
            mend = "write x_min, y_min, width, height in pixels."
            if is_doubtful:
                kind = "boxes or polygons with y before x"
                mend = "look at a picture of some: either the polygons or the boxes are to be turned."
            faults.add("error", kind, row.place("bbox"), cause, mend, fixable=not (is_doubtful or is_other))
            told.add(at)
    for at in with_masks[wrong].tolist():
        if at not in told and (boxes[at, 2:] > 0).all():  # flat ones are told of as such
            row = rows[stated[at]]
            true = _xywh(measured.boxes[stated[at]])
            cause = f"bbox is {_text(boxes[at])}, the mask's is {true} (x_min, y_min, width, height)."
            kind = f"box that disagrees with its mask by over {coco_boxes.TOLERANCE_PX:.0f} px"
            faults.add("warning", kind, row.place("bbox"), cause, "take the box of the mask.", fixable=not is_other)
            told.add(at)
    alone = np.flatnonzero(~drawn)
    guessed = coco_boxes.guess(boxes[alone], sizes[alone])
    if guessed is not None:
        kind = f"boxes that look like {coco_boxes.FORMS[guessed.form]}"
        example = rows[stated[alone[guessed.fitting[0]]]] if len(guessed.fitting) else rows[stated[alone[0]]]
        cause = f"bbox is {_text(np.array(example.box))}; there is no mask to prove it, but {guessed}."
        mend = "write x_min, y_min, width, height in pixels."
        faults.add("error", kind, example.place("bbox"), cause, mend, count=max(1, len(guessed.fitting)))
        told |= set(alone.tolist())
    _check_each_box(objects, stated, boxes, sizes, drawn, told, faults)


def _check_each_box(
    objects: Objects,
    stated: NDArray[np.int64],
    boxes: NDArray[np.float64],
    sizes: NDArray[np.float64],
    drawn: NDArray[np.bool_],
    told: set[int],
    faults: Faults,
) -> None:
    ends = boxes[:, :2] + boxes[:, 2:]
    limit = sizes[:, ::-1]
    flat = np.asarray((boxes[:, 2:] <= 0).any(axis=1))
    outside = np.asarray((boxes[:, :2] >= limit).any(axis=1) | (ends <= 0).any(axis=1))
    beyond = np.maximum(ends - limit, -boxes[:, :2]).max(axis=1, initial=0.0) > BEYOND_PX
    for at in np.flatnonzero(flat | outside | beyond).tolist():
        row = objects.rows[stated[at]]
        height, width = row.size or (0, 0)
        cause = f"bbox is {_text(boxes[at])} (x_min, y_min, width, height) "
        cause += f"in an image of {width} x {height} (width x height)."
        if flat[at]:
            kind = "box of negative width or height" if (boxes[at, 2:] < 0).any() else "box without area"
            faults.add("error", kind, row.place("bbox"), cause, "remove the object, or correct its box.", fixable=True)
        elif at in told:
            continue
        elif outside[at]:
            mend = "look whether it belongs to another image or another size of it."
            faults.add("error", "box outside the image", row.place("bbox"), cause, mend, fixable=True)
        else:
            faults.add("warning", "box beyond the image", row.place("bbox"), cause, "clip it.", fixable=True)


def _check_areas(objects: Objects, faults: Faults, is_other: bool) -> None:
    measured = objects.measured
    for i in np.flatnonzero(measured.areas > 0).tolist():
        if not area_is_wrong(objects, i):
            continue
        row, true, box = objects.rows[i], float(measured.areas[i]), measured.boxes[i]
        kind = area_fault(row, true, float((box[2] - box[0]) * (box[3] - box[1])))
        cause = f"area is {row.area:g}, the mask has {true:g} px²."
        mend = "state the pixels of the mask."
        # Many tools state the area of the box, which moves objects between COCO's small, medium and large, and no more.
        severity: Severity = "warning" if kind in (BOX_AREA, OTHER_AREA) else "error"
        faults.add(severity, kind, row.place("area"), cause, mend, fixable=not is_other)


def area_is_wrong(objects: Objects, i: int) -> bool:
    """Whether an area is stated for row `i`, and is not that of its mask."""
    area, true, box = objects.rows[i].area, float(objects.measured.areas[i]), objects.measured.boxes[i]
    if area is None:
        return False
    around = float(box[2] - box[0] + box[3] - box[1])
    is_near = abs(area - true) <= max(AREA_TOLERANCE * true, around + 4.0)
    return not (is_near and (area > 0 or true <= 4.0))


def area_fault(row: ObjectRow, true: float, box_area: float) -> str:
    """What a stated area that is not that of the mask seems to be."""
    area = row.area or 0.0
    if area <= 0:
        return "area of zero or less"
    stated_box = 0.0 if row.box is None else row.box[2] * row.box[3]
    if any(whole > 0 and abs(area - whole) <= 0.02 * whole for whole in (box_area, stated_box)):
        return BOX_AREA
    pixels = 1 if row.size is None else row.size[0] * row.size[1]
    if any(abs(area * unit - true) <= 0.05 * true for unit in (pixels, pixels / 100)):
        return "area as a share or per cent of the image"
    return OTHER_AREA


def _check_crowds(objects: Objects, place: Place, faults: Faults) -> None:
    crowds = [row for row in objects.rows if row.is_crowd]
    for row in crowds:
        if isinstance(row.shape.geometry, Polygons):
            cause = "crowd regions are run lengths in COCO's own files; every reader takes polygons too, or should."
            faults.add("note", "crowd region as polygons", row.place("segmentation"), cause, "none needed.")
    if len(crowds) > 10 and len(crowds) > _MANY * len(objects.rows):
        cause = f"{len(crowds)} of {len(objects.rows)} annotations have iscrowd 1, and evaluation ignores them."
        mend = "set iscrowd to 0 unless they are regions of many objects; it does not mean run lengths or holes."
        faults.add("warning", "crowd regions in the majority", place, cause, mend, count=len(crowds))


def _xywh(box: NDArray[np.float64]) -> str:
    return _text(np.array([box[0], box[1], box[2] - box[0], box[3] - box[1]]))


def _text(values: NDArray[np.float64]) -> str:
    return ", ".join(f"{value:g}" for value in values.tolist())
