"""Mend the objects of a COCO document in place: masks, boxes, areas, flags, and the sizes of images.

A mask is put into COCO's form and cut off at the image's edge; it is never drawn anew. Boxes and areas follow the mask
where there is one. Nothing is touched where the coordinates seem to be of another kind (shares of the image, y before
x), since cutting them off would destroy what can be corrected.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from contorno.doctor import coco_boxes
from contorno.doctor.clipping import clip_polygon
from contorno.doctor.coco import known_sizes
from contorno.doctor.coco_checks import BEYOND_PX, area_is_wrong, outline_hint, swap_is_doubtful
from contorno.doctor.coco_fields import number, number_in_text
from contorno.doctor.coco_measures import measure
from contorno.doctor.coco_objects import ObjectRow, Objects, read_objects
from contorno.doctor.coco_tables import ImageRow, Tables, read_tables
from contorno.doctor.mend_tables import TableMender
from contorno.doctor.report import Faults, Place
from contorno.errors import DataError
from contorno.images import image_size
from contorno.masks import Polygons
from contorno.progress import Progress, silent
from contorno.records import ImageId

_FEW_POINTS = 3


def mend_objects(mender: TableMender, folder: Path | None, progress: Progress = silent) -> None:
    """Mend what the tables name. folder: of the images, if it is known."""
    unheard, place = Faults(), Place(split="")
    tables = read_tables(mender.document, place, unheard)
    if folder is not None:
        _mend_sizes(mender, tables, folder)
        tables = read_tables(mender.document, place, unheard)
    # Objects of an id that stands for two files may lie in an image of another size.
    tables.annotations = [row for row in tables.annotations if row[2].key not in tables.unsure]
    objects = read_objects(tables, known_sizes(tables, folder), unheard, progress)
    drawn = np.flatnonzero(~np.isnan(objects.measured.areas))
    is_other = bool(len(drawn)) and bool(outline_hint(objects, drawn, Faults(), place))
    gone: set[int] = set()
    for row in objects.rows:
        _mend_plain(row, mender)
        if row.shape.value is not None:
            _set(mender, row, "segmentation", row.shape.value, "segmentation not in COCO's form")
    if not is_other:
        _cut_off(mender, objects, gone)
        _mend_boxes(mender, objects, gone)
        _mend_areas(mender, objects, gone)
    mender.drop(gone)
    mender.drop_repeats()


def _set(mender: TableMender, row: ObjectRow, field: str, value: Any, why: str) -> None:
    mender.note(why, field, row.entry.get(field), value, row.entry)
    row.entry[field] = value


def _drop(mender: TableMender, row: ObjectRow, gone: set[int], why: str) -> None:
    if id(row.entry) not in gone:
        mender.note(why, "annotations", row.entry, None, row.entry)
        gone.add(id(row.entry))


def _mend_sizes(mender: TableMender, tables: Tables, folder: Path) -> None:
    """Width and height from the file: where none are stated, or the annotations fit the file and not what is stated."""
    of_image: dict[ImageId, list[dict[str, Any]]] = defaultdict(list)
    for _, entry, image, _ in tables.annotations:
        of_image[image.key].append(entry)
    for key, image in tables.images.items():
        if image.file_name is None:
            continue
        try:
            found = image_size(folder / image.file_name)
        except DataError:
            continue
        if image.size == found:
            continue
        if image.size is None:
            _set_size(mender, image, found, "image without width or height")
        else:
            reach = [box for entry in of_image[key] if (box := _reach(entry)) is not None]
            fits = all(x <= found[1] + BEYOND_PX and y <= found[0] + BEYOND_PX for x, y in reach)
            fitted = all(x <= image.size[1] + BEYOND_PX and y <= image.size[0] + BEYOND_PX for x, y in reach)
            if fits and not fitted and len(reach) == len(of_image[key]):
                _set_size(mender, image, found, "image of another size than stated")


def _set_size(mender: TableMender, image: ImageRow, size: tuple[int, int], why: str) -> None:
    for field, value in zip(("height", "width"), size, strict=True):
        if image.entry.get(field) != value:
            mender.note(why, field, image.entry.get(field), value, image.entry)
            image.entry[field] = value


def _reach(entry: dict[str, Any]) -> tuple[float, float] | None:
    """The greatest x and y of the polygons of an annotation; None for anything but plain polygons."""
    parts = entry.get("segmentation")
    if not isinstance(parts, list) or not parts or not all(isinstance(part, list) and part for part in parts):
        return None
    numbers = [[number(value) for value in part] for part in parts]
    xs = [value for part in numbers for value in part[::2]]
    ys = [value for part in numbers for value in part[1::2]]
    if not ys or None in xs or None in ys:
        return None
    return max(x for x in xs if x is not None), max(y for y in ys if y is not None)


def _mend_plain(row: ObjectRow, mender: TableMender) -> None:
    """Texts that hold numbers, and flags."""
    entry = row.entry
    box = entry.get("bbox")
    if row.box is not None and isinstance(box, list) and any(isinstance(value, str) for value in box):
        _set(mender, row, "bbox", list(row.box), "box with texts for numbers")
    if isinstance(entry.get("area"), str) and row.area is not None:
        _set(mender, row, "area", row.area, "area that is a text")
    flag = entry.get("iscrowd")
    if flag is None:
        _set(mender, row, "iscrowd", 0, "annotation without iscrowd")
    elif isinstance(flag, bool) or number_in_text(flag) in (0.0, 1.0):
        _set(mender, row, "iscrowd", int(row.is_crowd), "iscrowd that is neither 0 nor 1")


def _cut_off(mender: TableMender, objects: Objects, gone: set[int]) -> None:
    """Cut polygons off at the edge, and drop objects that cover nothing."""
    changed = []
    for i, row in enumerate(objects.rows):
        geometry = row.shape.geometry
        if row.size is None:
            continue
        if geometry is None:
            if row.shape.value == []:
                _drop_without_box(mender, row, gone, "polygon with fewer than 3 points")
            elif row.shape.is_absent and row.box is None and row.entry.get("bbox") in (None, []):
                _drop(mender, row, gone, "annotation without box and mask")
            continue
        if objects.measured.areas[i] == 0:
            _drop(mender, row, gone, "empty mask")
        elif isinstance(geometry, Polygons) and _is_beyond(objects, i):
            parts = [clip_polygon(part, row.size) for part in geometry.parts]
            clipped = Polygons(tuple(part for part in parts if len(part) >= _FEW_POINTS))
            row.shape.geometry = clipped
            _set(mender, row, "segmentation", clipped.to_coco(), "polygon beyond the image")
            changed.append(i)
    again = measure(
        [objects.rows[i].shape.geometry for i in changed], [objects.rows[i].size or (0, 0) for i in changed]
    )
    for at, i in enumerate(changed):
        objects.measured.areas[i], objects.measured.boxes[i] = again.areas[at], again.boxes[at]
        if again.areas[at] == 0:
            _drop(mender, objects.rows[i], gone, "empty mask")


def _is_beyond(objects: Objects, i: int) -> bool:
    low_x, low_y, high_x, high_y = objects.measured.bounds[i].tolist()
    height, width = objects.rows[i].size or (0, 0)
    return bool(max(-low_x, -low_y, high_x - width, high_y - height) > BEYOND_PX)


def _drop_without_box(mender: TableMender, row: ObjectRow, gone: set[int], why: str) -> None:
    """An object whose mask is nothing stays if its box is something."""
    if row.box is None or min(row.box[2:]) <= 0:
        _drop(mender, row, gone, why)


def _mend_boxes(mender: TableMender, objects: Objects, gone: set[int]) -> None:
    rows, measured = objects.rows, objects.measured
    with_mask = np.flatnonzero(measured.areas > 0)
    stated = np.array([i for i in with_mask.tolist() if rows[i].box is not None], dtype=np.int64)
    wrong: set[int] = set()
    if len(stated):
        found, verdict = coco_boxes.compare(objects.boxes(stated), measured.boxes[stated], objects.sizes(stated))
        wrong = set(stated[found].tolist())
        if verdict is not None and swap_is_doubtful(objects, stated[verdict.fitting], verdict):
            wrong -= set(stated[verdict.fitting].tolist())
    for i in with_mask.tolist():
        row = rows[i]
        is_bad = row.box is not None and (min(row.box[2:]) <= 0 or _box_is_beyond(row))
        if row.box is None or i in wrong or is_bad:
            why = "annotation without a box" if row.box is None else "box that disagrees with its mask or image"
            left, top, right, bottom = measured.boxes[i].astype(np.float64).tolist()
            _set(mender, row, "bbox", [left, top, right - left, bottom - top], why)
            row.box = (left, top, right - left, bottom - top)
    alone = [
        i for i, row in enumerate(rows) if not measured.areas[i] > 0 and row.box is not None and row.size is not None
    ]
    at = np.array([i for i in alone if id(rows[i].entry) not in gone], dtype=np.int64)
    if coco_boxes.guess(objects.boxes(at), objects.sizes(at)) is not None:
        return
    for i in at.tolist():
        row = rows[i]
        assert row.box is not None
        assert row.size is not None
        x, y, w, h = row.box
        height, width = row.size
        if w <= 0 or h <= 0:
            _drop(mender, row, gone, "box without area")
        elif x >= width or y >= height or x + w <= 0 or y + h <= 0:
            _drop(mender, row, gone, "box outside the image")
        elif _box_is_beyond(row):
            left, top = max(x, 0.0), max(y, 0.0)
            row.box = (left, top, min(x + w, float(width)) - left, min(y + h, float(height)) - top)
            _set(mender, row, "bbox", list(row.box), "box beyond the image")


def _box_is_beyond(row: ObjectRow) -> bool:
    if row.box is None or row.size is None:
        return False
    x, y, w, h = row.box
    return max(-x, -y, x + w - row.size[1], y + h - row.size[0]) > BEYOND_PX


def _mend_areas(mender: TableMender, objects: Objects, gone: set[int]) -> None:
    for i, row in enumerate(objects.rows):
        if id(row.entry) in gone:
            continue
        if objects.measured.areas[i] > 0:
            if row.area is None or area_is_wrong(objects, i):
                why = "annotation without an area" if row.area is None else "area that disagrees with its mask"
                _set(mender, row, "area", int(objects.measured.areas[i]), why)
        elif row.area is None and row.box is not None and row.shape.is_absent:
            _set(mender, row, "area", row.box[2] * row.box[3], "annotation without an area")
