"""The `segmentation` of COCO annotations: read if at all possible, every way in which it is wrong told."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contorno import masks
from contorno.doctor.coco_fields import number_in_text
from contorno.doctor.report import Severity
from contorno.errors import DataError
from contorno.masks import Geometry, Polygons, Size
from contorno.parsers.coco_forms import BYTES_AS_TEXT, counts_of_bytes

Tell = Callable[[Severity, str, str, str, bool], None]
"""Takes severity, kind, cause, mend and whether `mend_path` mends it."""

FARTHEST_AROUND_PX = 2e6
"""pycocotools keeps each fifth of a pixel of an outline while it draws."""

_FEW_NUMBERS = 6


@dataclass(slots=True)
class Shape:
    """A segmentation in its sound form. geometry: None if there is none or it cannot be read.

    value: what COCO should hold, None where it is as it should be.   is_absent: nothing was given.
    """

    geometry: Geometry | None = None
    value: Any = None
    is_absent: bool = False


def read_shape(segmentation: Any, size: Size | None, tell: Tell) -> Shape:
    """Take the segmentation of one annotation. size: of the image; None while unknown, run lengths go by their own."""
    if segmentation is None or segmentation in ([], "", {}):
        return Shape(is_absent=True)
    if isinstance(segmentation, list):
        held: list[tuple[Severity, str, str, str, bool]] = []
        shape = _polygons(segmentation, lambda *fault: held.append(fault))
        is_mended = shape.geometry is not None or shape.value is not None
        for severity, kind, cause, mend, fixable in held:
            # Nothing of a mask is mended where something in it cannot be.
            tell(severity, kind, cause, mend, fixable and is_mended)
        return shape
    if isinstance(segmentation, dict):
        return _run_lengths(segmentation, size, tell)
    cause = (
        f"segmentation is {type(segmentation).__name__} ({str(segmentation)[:40]!r}); expected polygons or run lengths."
    )
    tell("error", "segmentation that cannot be read", cause, "write it as COCO's polygons or run lengths.", False)
    return Shape()


def _polygons(segmentation: list[Any], tell: Tell) -> Shape:
    parts, changed = _nested(segmentation, tell)
    usable: list[NDArray[np.float64]] = []
    short = 0
    for part in parts:
        points = _points(part, tell)
        if points is None:
            return Shape()
        changed |= points[1]
        if len(points[0]) < _FEW_NUMBERS:
            short += 1
        else:
            usable.append(np.array(points[0], dtype=np.float64).reshape(-1, 2))
    if short:
        kind = "polygon with fewer than 3 points"
        if usable:
            cause = f"{short} of {len(parts)} parts have fewer than 3 points."
            tell("warning", "part with fewer than 3 points", cause, "leave the part out.", True)
        else:
            cause = (
                f"the polygon has {len(parts[0]) // 2} points: no area, and 4 numbers are read as a box by pycocotools."
            )
            tell("error", kind, cause, "remove the object, or draw it again.", True)
            return Shape(value=[])
    try:
        geometry = Polygons(tuple(usable))
    except DataError as error:
        mend = "correct the coordinates."
        tell("error", "polygon with a coordinate that cannot be", str(error), mend, False)
        return Shape()
    if any(_is_endless(part) for part in geometry.parts):
        cause = f"the way around a part is over {FARTHEST_AROUND_PX:.0f} px: drawing it would fill the memory."
        tell("error", "polygon too long to be drawn", cause, "correct the coordinates.", False)
        return Shape()
    return Shape(geometry, geometry.to_coco() if changed or short else None)


def _is_endless(points: NDArray[np.float64]) -> bool:
    if len(points) < 1000 and abs(points).max() * len(points) < FARTHEST_AROUND_PX:
        return False
    return bool(np.abs(np.diff(points, axis=0, append=points[:1])).max(axis=1).sum() > FARTHEST_AROUND_PX)


def _nested(segmentation: list[Any], tell: Tell) -> tuple[list[Any], bool]:
    """The parts, and whether they had to be put into COCO's lists of lists."""
    first = segmentation[0]
    if isinstance(first, int | float | str):
        cause = "segmentation is one flat list of numbers; COCO has a list of such lists."
        tell("error", "polygon as a flat list", cause, "put it into a list.", True)
        return [segmentation], True
    if all(isinstance(p, list) and len(p) == 2 and not isinstance(p[0], list) for p in segmentation):
        if len(segmentation) >= 3:
            cause = "segmentation is a list of [x, y] points; COCO has flat lists [x, y, x, y, ...]."
            tell("error", "polygon as a list of points", cause, "write x and y in one flat list.", True)
            return [[value for point in segmentation for value in point]], True
        return segmentation, False
    if all(isinstance(p, list) and p and all(isinstance(q, list) and len(q) == 2 for q in p) for p in segmentation):
        cause = "the parts are lists of [x, y] points; COCO has flat lists [x, y, x, y, ...]."
        tell("error", "polygon as a list of points", cause, "write x and y in one flat list.", True)
        return [[value for point in part for value in point] for part in segmentation], True
    return segmentation, False


def _points(part: Any, tell: Tell) -> tuple[list[float], bool] | None:
    """The numbers of one part, and whether texts had to be read as numbers; None if they cannot be taken."""
    what = "write flat lists of numbers [x, y, x, y, ...]."
    if not isinstance(part, list):
        cause = f"a part of the segmentation is {type(part).__name__}; expected a flat list of numbers."
        tell("error", "polygon that cannot be read", cause, what, False)
        return None
    changed = False
    if any(type(value) is not float and type(value) is not int for value in part):
        values = [number_in_text(value) if isinstance(value, str) else value for value in part]
        if any(not isinstance(value, int | float) or isinstance(value, bool) for value in values):
            bad = next(v for v in part if not isinstance(v, int | float) or isinstance(v, bool))
            cause = f"a part of the segmentation holds {str(bad)[:40]!r}; expected numbers."
            tell("error", "polygon that cannot be read", cause, what, False)
            return None
        cause = "coordinates are texts."
        tell("error", "polygon with texts for numbers", cause, "write numbers.", True)
        part, changed = values, True
    if len(part) % 2:
        cause = f"a part has {len(part)} numbers; expected pairs of x and y."
        tell("error", "polygon with an odd count of numbers", cause, "find the coordinate that is missing.", False)
        return None
    try:
        sound = all(map(math.isfinite, part))
    except OverflowError:
        sound = False
    if not sound:
        cause = "a coordinate is not a finite number."
        tell("error", "polygon with a coordinate that cannot be", cause, "correct the coordinates.", False)
        return None
    return part, changed


def _run_lengths(segmentation: dict[str, Any], size: Size | None, tell: Tell) -> Shape:
    counts = counts_of_bytes(segmentation)
    if counts is not None:
        held: list[tuple[Severity, str, str, str, bool]] = []
        usual = {**segmentation, "counts": counts}
        shape = _run_lengths(usual, size, lambda *fault: held.append(fault))
        cause = f"counts are {segmentation['counts'][:24]!r} ..., which is how Python shows bytes; COCO has the text."
        tell("error", BYTES_AS_TEXT, cause, "write the counts alone.", shape.geometry is not None)
        for fault in held:
            tell(*fault)
        return shape if shape.geometry is None else Shape(shape.geometry, usual)
    whole = _whole_numbers(segmentation)
    if whole is not None:
        cause = f"size and counts have fractions: {str(segmentation.get('size'))[:40]}."
        tell("warning", "run lengths with fractions for whole numbers", cause, "write whole numbers.", True)
        shape = _run_lengths(whole, size, tell)
        return Shape(shape.geometry, whole)
    stated = segmentation.get("size")
    readable = (
        isinstance(stated, list)
        and len(stated) == 2
        and all(isinstance(side, int) and not isinstance(side, bool) and 0 < side < 1 << 20 for side in stated)
    )
    if not readable or "counts" not in segmentation:
        keys = ", ".join(map(repr, segmentation)) or "none"
        cause = f"run lengths with the keys {keys} and the size {stated!r}; expected size [height, width] and counts."
        tell("error", "run lengths that cannot be read", cause, "write them again.", False)
        return Shape()
    assert isinstance(stated, list)
    own: Size = (stated[0], stated[1])
    try:
        with np.errstate(invalid="ignore"):  # counts that are not finite
            geometry = masks.from_coco(segmentation, own)
    except DataError as error:
        _tell_bad_counts(segmentation, own, size, str(error), tell)
        return Shape()
    if size is not None and own != size:
        hint = " Height and width seem swapped: COCO's size is [height, width]." if own == size[::-1] else ""
        cause = f"the run lengths are for {list(own)}, the image has {list(size)} (height, width).{hint}"
        mend = (
            "make the mask anew at the size of the image."
            if not hint
            else "decode it as it was meant, and write it again."
        )
        tell("error", "run lengths of another size than the image", cause, mend, False)
        return Shape()
    return Shape(geometry)


def _whole_numbers(segmentation: dict[str, Any]) -> dict[str, Any] | None:
    """The same with whole numbers where size or counts have floats without a fraction; None for others."""
    found, changed = dict(segmentation), False
    for key in ("size", "counts"):
        values = segmentation.get(key)
        if isinstance(values, list) and any(type(value) is float for value in values):
            if not all(type(value) is int or (type(value) is float and value.is_integer()) for value in values):
                return None
            found[key], changed = [int(value) for value in values], True
    return found if changed else None


def _tell_bad_counts(segmentation: dict[str, Any], own: Size, size: Size | None, error: str, tell: Tell) -> None:
    counts = segmentation["counts"]
    if isinstance(counts, list) and counts and all(isinstance(c, int) and c >= 0 for c in counts):
        total = sum(counts)
        hint = ""
        if size is not None and total == size[0] * size[1]:
            hint = f" They fill the image of {list(size)}."
        cause = f"the runs add up to {total} pixels, the size {list(own)} has {own[0] * own[1]}.{hint}"
        tell("error", "run lengths that do not add up", cause, "write the mask again.", False)
        return
    kind = "run lengths that do not add up" if "add up" in error else "run lengths that cannot be read"
    tell("error", kind, error, "write the mask again.", False)
