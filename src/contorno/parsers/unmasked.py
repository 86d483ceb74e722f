"""Objects without a mask beside objects with one: what training is to make of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from contorno.geometry import Polygons
from contorno.records import Instances, ParseReport, Record, Records


def masks_or_boxes(parts: Mapping[str, Records]) -> dict[str, Records]:
    """Objects with masks, and the boxes of the others as regions to be ignored; all as they are without any mask.

    Left out, an object that has a box only would be taught as background; left in, training would have no mask for it.
    """
    have = [
        shape is not None for records in parts.values() for record in records for shape in record.instances.geometries
    ]
    if all(have) or not any(have):
        return dict(parts)
    made = {}
    for name, records in parts.items():
        boxes_only = sum(shape is None for record in records for shape in record.instances.geometries)
        made[name] = Records([_boxes_ignored(record) for record in records], records.class_map, records.report)
        if boxes_only:
            report = records.report if records.report is not None else ParseReport()
            mended = {**report.mended, "object without a mask, its box is a region to be ignored": boxes_only}
            made[name].report = replace(report, mended=mended)
    return made


def _boxes_ignored(record: Record) -> Record:
    """The record with a rectangle as the mask of each object that has none, marked as a crowd region."""
    instances = record.instances
    if instances.has_masks:
        return record
    without = np.array([shape is None for shape in instances.geometries], dtype=bool)
    shapes = [
        _rectangle(box) if shape is None else shape
        for shape, box in zip(instances.geometries, instances.boxes.astype(np.float64), strict=True)
    ]
    marked = Instances.build(
        instances.size_hw,
        instances.labels,
        shapes,
        boxes=instances.boxes,
        is_crowd=instances.is_crowd | without,
        areas=instances.areas,
        ids=instances.ids,
        attributes=instances.attributes,
    )
    return replace(record, instances=marked)


def _rectangle(box: NDArray[np.float64]) -> Polygons:
    left, top, right, bottom = box.tolist()
    return Polygons((np.array([[left, top], [right, top], [right, bottom], [left, bottom]]),))
