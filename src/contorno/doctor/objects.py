"""Faults of the annotated objects of one image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from contorno import boxes, masks
from contorno.doctor.object_pairs import TWICE, check_pairs
from contorno.doctor.report import Faults, Place, Severity
from contorno.errors import DataError
from contorno.masks import Polygons, RunLength
from contorno.records import ImageId, Instances, Record

TINY_PX = 16
"""An object of fewer pixels than this is tiny."""

BOX_TOLERANCE_PX = 2.0
"""Stated boxes may differ from the tight box of the mask by this much."""

SPECK_PX = 4.0
"""A part of a polygon with a smaller area, beside a larger one, is a speck."""

_Add = Callable[[Severity, str, int, str, str], None]


def check_objects(record: Record, place: Place, faults: Faults, *, repeats: frozenset[ImageId] | None = None) -> None:
    """Look at boxes and masks, and how they agree. Masks are made for it and kept by the record.

    repeats: where boxes have been compared with masks and image before: the ids of the objects that mending removes.
    """
    instances = record.instances

    def add(severity: Severity, kind: str, index: int, cause: str, mend: str) -> None:
        key = None if instances.ids is None else instances.ids[index]
        fixable = kind == TWICE and repeats is not None and key in repeats
        faults.add(severity, kind, replace(place, object_index=index, annotation_id=key), cause, mend, fixable=fixable)

    if not len(instances):
        return
    compare = repeats is None
    if compare:
        _check_boxes(instances, add)
    codes = _codes(instances, add)
    indices = list(codes)
    areas, tight = masks.areas(list(codes.values())), masks.boxes(list(codes.values()))
    height, width = record.size_hw
    if compare and indices:
        off = np.abs(instances.boxes[indices] - tight).max(axis=1)
        for row in np.flatnonzero((off > BOX_TOLERANCE_PX) & (areas > 0)).tolist():
            stated, found = _text(instances.boxes[indices[row]]), _text(tight[row])
            add(
                "warning",
                f"box that disagrees with its mask by over {BOX_TOLERANCE_PX:.0f} px",
                indices[row],
                f"the box is {stated}, the mask's is {found} (x_min, y_min, x_max, y_max).",
                "look whether boxes are stated as x, y, width, height; training takes the box of the mask.",
            )
    for row in np.flatnonzero((areas < TINY_PX) | (areas == height * width)).tolist():
        index = indices[row]
        if areas[row] == 0:
            add("error", "empty mask", index, "the mask covers no pixel.", "remove the object, or draw it again.")
            continue
        if areas[row] == height * width:
            add("warning", "mask over the whole image", index, "it covers every pixel.", "check that it is meant.")
        if areas[row] < TINY_PX and not instances.is_crowd[index]:
            cause = f"the object has {areas[row]} pixels."
            add("warning", f"tiny object (under {TINY_PX} px²)", index, cause, "train larger, or remove specks.")
    _check_specks(instances, add)
    check_pairs(instances, codes, add)


def _check_specks(instances: Instances, add: _Add) -> None:
    for index, geometry in enumerate(instances.geometries):
        if not isinstance(geometry, Polygons) or len(geometry.parts) < 2:
            continue
        sizes = [_polygon_area(part) for part in geometry.parts]
        specks = sum(size < SPECK_PX for size in sizes)
        if 0 < specks < len(sizes):
            cause = f"{specks} of its {len(sizes)} parts are under {SPECK_PX:g} px²."
            add("warning", f"object with specks (parts under {SPECK_PX:g} px²)", index, cause, "remove the specks.")


def _polygon_area(points: NDArray[np.float64]) -> float:
    x, y = points[:, 0], points[:, 1]
    doubled = x[:-1] @ y[1:] - x[1:] @ y[:-1] + x[-1] * y[0] - x[0] * y[-1]
    return abs(float(doubled)) / 2


def _check_boxes(instances: Instances, add: _Add) -> None:
    clipped = boxes.clip(instances.boxes, instances.size_hw)
    valid, inside = boxes.valid(instances.boxes), boxes.valid(clipped)
    beyond = np.abs(instances.boxes - clipped).max(axis=1, initial=0.0)
    height, width = instances.size_hw
    for index in np.flatnonzero(~valid | ~inside | (beyond > 1.0)).tolist():
        cause = f"the box is {_text(instances.boxes[index])} in an image of {width} x {height} (width x height)."
        if not valid[index]:
            add("error", "box without area", index, cause, "remove the object, or correct its box.")
        elif not inside[index]:
            add("error", "box outside the image", index, cause, "look whether it is for another size of the image.")
        else:
            add("warning", "box beyond the image", index, cause, "clip it; parsing with autofix does.")


def _codes(instances: Instances, add: _Add) -> dict[int, RunLength]:
    """Run lengths of the objects that have masks, by index."""
    if instances.has_masks:
        try:
            return dict(enumerate(instances.run_lengths()))
        except DataError:
            pass  # found again below, one by one
    codes = {}
    for index, geometry in enumerate(instances.geometries):
        if geometry is None:
            continue
        try:
            codes[index] = masks.to_run_length(geometry, instances.size_hw)
        except DataError as error:
            add("error", "mask that cannot be read", index, str(error), "draw the object again.")
    return codes


def _text(box: NDArray[np.float32]) -> str:
    return ", ".join(f"{value:g}" for value in box.tolist())
