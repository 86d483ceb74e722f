"""Faults of the annotated objects of one image."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import replace

import numpy as np

from contorno import boxes, masks
from contorno.doctor.report import Faults, Place, Severity
from contorno.errors import DataError
from contorno.masks import RunLength
from contorno.records import Instances, Record

TINY_PX = 16
"""An object of fewer pixels than this is tiny."""

BOX_TOLERANCE_PX = 2.0
"""Stated boxes may differ from the tight box of the mask by this much."""

_Add = Callable[[Severity, str, int, str, str], None]


def check_objects(record: Record, place: Place, faults: Faults) -> None:
    """Look at boxes and masks, and how they agree. Masks are made for it and kept by the record."""
    instances = record.instances

    def add(severity: Severity, kind: str, index: int, cause: str, mend: str) -> None:
        faults.add(severity, kind, replace(place, object_index=index), cause, mend)

    _check_boxes(instances, add)
    codes = _codes(instances, add)
    indices = list(codes)
    areas, tight = masks.areas(list(codes.values())), masks.boxes(list(codes.values()))
    height, width = record.size_hw
    for row, index in enumerate(indices):
        if areas[row] == 0:
            add("error", "empty mask", index, "the mask covers no pixel.", "remove the object, or draw it again.")
            continue
        if areas[row] == height * width:
            add("warning", "mask over the whole image", index, "it covers every pixel.", "check that it is meant.")
        if areas[row] < TINY_PX and not instances.is_crowd[index]:
            cause = f"the object has {areas[row]} pixels."
            add("warning", f"tiny object (under {TINY_PX} px²)", index, cause, "train larger, or remove specks.")
        off = float(np.abs(instances.boxes[index] - tight[row]).max())
        if off > BOX_TOLERANCE_PX:
            stated, found = _text(instances.boxes[index]), _text(tight[row])
            add(
                "warning",
                f"box that disagrees with its mask by over {BOX_TOLERANCE_PX:.0f} px",
                index,
                f"the box is {stated}, the mask's is {found} (x_min, y_min, x_max, y_max).",
                "look whether boxes are stated as x, y, width, height; training takes the box of the mask.",
            )
    seen: dict[Hashable, int] = {}
    for index in range(len(instances)):
        key: Hashable = (int(instances.labels[index]), instances.boxes[index].tobytes())
        if index in codes:
            key = codes[index].counts
        first = seen.setdefault(key, index)
        if first != index:
            cause = f"objects {first} and {index} have the very same {'mask' if index in codes else 'box'}."
            add("warning", "object annotated twice", index, cause, "remove one of the two.")


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


def _text(box: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> str:
    return ", ".join(f"{value:g}" for value in box.tolist())
