"""COCO files out of fetched images and masks: every mask at the exact size of its image, lossless."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import ceil, floor
from typing import Any

import numpy as np

from contorno import masks
from contorno.masks import RunLength, Size
from contorno.openimages.folder import (
    BOX_INSTEAD,
    MASK_MISSING,
    NO_USABLE_MASK,
    Folder,
    SplitReport,
)
from contorno.openimages.mask_images import MASK_DAMAGED, read_masks
from contorno.openimages.plans import Plan, SplitPlan
from contorno.openimages.tables import BoxRow, MaskRow
from contorno.progress import Progress, silent
from contorno.records import ClassMap, Instances, Record, Records
from contorno.writers.coco import write_coco


@dataclass(frozen=True, slots=True)
class _Thing:
    """One annotation to be written."""

    label: int
    shape: RunLength
    is_ignored: bool
    extras: dict[str, Any]


def write_annotations(
    folder: Folder,
    part: SplitPlan,
    plan: Plan,
    sizes: Mapping[str, Size],
    dropped: dict[str, list[str]],
    *,
    progress: Progress = silent,
) -> SplitReport:
    """Write the COCO file of a split from its images and masks, and count what could not be used.

    sizes: (height, width) of the images that are there.   dropped: reasons known so far; more are added.
    Regions to be ignored are written with `iscrowd` 1: a mask where there is one, else the rectangle of the box. The
    box of an object whose mask cannot be used is such a region too, where the table of masks states it.
    A damaged mask file is removed, so that the next run fetches it anew.
    """
    class_map = ClassMap(plan.class_names)
    labels = {item.source.mid: class_map.get_by_name(item.name) for item in plan.classes}
    lost = set(dropped.get(MASK_MISSING, [])) | set(dropped.get(MASK_DAMAGED, []))
    there = [row for row in part.mask_rows if row.image_id in sizes]
    read = [row for row in there if row.mask_path not in lost]
    items = [(folder.masks(part.split) / row.mask_path, sizes[row.image_id]) for row in read]
    shapes = dict(zip((row.mask_path for row in read), read_masks(items, progress=progress), strict=True))
    for row in read:
        shape = shapes[row.mask_path]
        if not isinstance(shape, RunLength):
            dropped.setdefault(shape, []).append(row.mask_path)
            if shape == MASK_DAMAGED:
                (folder.masks(part.split) / row.mask_path).unlink(missing_ok=True)

    ignored = {row.mask_path for row in part.ignored_rows}
    rows_of: dict[str, list[MaskRow]] = {image_id: [] for image_id in part.image_ids if image_id in sizes}
    for row in there:
        rows_of[row.image_id].append(row)
    boxes_of: dict[str, list[BoxRow]] = {}
    for box in part.ignored_boxes:
        boxes_of.setdefault(box.image_id, []).append(box)
    extras: dict[int | str, dict[str, Any]] = {}
    records: list[Record] = []
    for image_id, rows in rows_of.items():
        usable = [row for row in rows if isinstance(shapes.get(row.mask_path), RunLength)]
        if rows and all(row.mask_path in ignored for row in usable):
            # It shows the object and cannot say where: as a negative it would teach misses.
            dropped.setdefault(NO_USABLE_MASK, []).append(image_id)
            continue
        size = sizes[image_id]
        found: list[_Thing] = []
        for row in rows:
            mask = shapes.get(row.mask_path)
            told: dict[str, Any] = {"mask_path": row.mask_path, "box_id": row.box_id}
            told["predicted_iou"] = row.predicted_iou
            if row.mask_path in part.flags:
                told |= asdict(part.flags[row.mask_path])
            if isinstance(mask, RunLength):
                found.append(_Thing(labels[row.mid], mask, row.mask_path in ignored, told))
            elif row.box is not None:
                dropped.setdefault(BOX_INSTEAD, []).append(row.mask_path)
                found.append(_Thing(labels[row.mid], rectangle(row.box, size), True, told))
        for box in boxes_of.get(image_id, ()):
            found.append(_Thing(labels[box.mid], rectangle(box.box, size), True, asdict(box.flags)))
        ids = range(len(extras) + 1, len(extras) + len(found) + 1)
        extras |= {i: thing.extras for i, thing in zip(ids, found, strict=True)}
        codes = [thing.shape for thing in found]
        instances = Instances.build(
            size,
            labels=[thing.label for thing in found],
            geometries=codes,
            is_crowd=[thing.is_ignored for thing in found],
            areas=masks.areas(codes).astype(np.float64),
            ids=list(ids),
        )
        path = folder.image(part.split, image_id)
        records.append(Record(image_id=image_id, path=path, size_hw=size, instances=instances, split=part.split))
    made = Records(records, class_map)
    write_coco(made, folder.annotations(part.split), img_dir=folder.images(part.split), object_extras=extras)
    return SplitReport(
        images=len(records),
        negatives=sum(not len(record.instances) for record in records),
        masks=sum(int((~record.instances.is_crowd).sum()) for record in records),
        ignored=sum(int(record.instances.is_crowd.sum()) for record in records),
        dropped={reason: tuple(names) for reason, names in sorted(dropped.items())},
    )


def rectangle(box: tuple[float, float, float, float], size: Size) -> RunLength:
    """The pixels that a box touches, as a mask. box: x_min, y_min, x_max, y_max, 0..1 of width and height.

    Cut to the image; a box without extent covers the pixel that it lies in.
    """
    height, width = size
    x0, y0 = (min(max(floor(edge * side), 0), side - 1) for edge, side in zip(box[:2], (width, height), strict=True))
    x1, y1 = (min(max(ceil(edge * side), 0), side) for edge, side in zip(box[2:], (width, height), strict=True))
    return masks.encode_crop(np.ones((max(y1 - y0, 1), max(x1 - x0, 1)), dtype=np.bool_), x0, y0, size)
