"""Mask pictures to objects: what kind of picture it is, which pixels are an object, and of what class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from contorno import images, masks
from contorno.images import MaskValues
from contorno.masks import RunLength
from contorno.parsers.components import Connectivity, Region, part_count, regions, value_counts
from contorno.parsers.mask_values import Names, distances, value_text
from contorno.records import BACKGROUND, fold_name

MaskKind = Literal["instances", "label-map", "semantic"]
"""instances: one object a picture.   label-map: one object a value.   semantic: one class a value, objects are its
connected parts; a black and white picture is one of these with a single class."""

THRESHOLD = 128
"""Grey from which on a mask that was smoothed counts as object, where white is 255."""

_BETWEEN = (16, 239)  # grey levels beyond these are black and white, with a little loss
_MANY_GREYS = 8
_PHOTO_VALUES = 1000
_PHOTO_GREYS = 100
_PHOTO_PARTS = 8
_UNKNOWN_NAMED = 20

PHOTO = "picture that looks like a photo and not like a mask"
LOSSY = "mask that is not exact (smoothed, or saved with loss)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How mask pictures of a data set become objects; see `MaskFolderParser` for what the options mean.

    names: class of each value, or of each colour as one number (see `MaskValues`) with `by_colour`.
    binary: the pictures are black and white, though single ones may have greys between.
    """

    kind: MaskKind
    class_name: str
    names: Names | None = None
    by_colour: bool = False
    binary: bool = False
    void: frozenset[int] = frozenset()
    threshold: int = THRESHOLD
    connectivity: Connectivity = 8
    min_area: int = 1
    min_box_area: int = 0


@dataclass(slots=True, kw_only=True)
class Drawn:
    """What one mask picture holds. objects: (class, value, mask).   small_area, small_box: regions under the limits.
    unknown: pixels of each value that is not among the names.   mended, dropped: reason and detail."""

    objects: list[tuple[str, int, RunLength]] = field(default_factory=list)
    small_area: int = 0
    small_box: int = 0
    unknown: dict[int, int] = field(default_factory=dict)
    mended: list[tuple[str, str]] = field(default_factory=list)
    dropped: list[tuple[str, str]] = field(default_factory=list)


def read_picture(path: Path, rules: Rules | None) -> MaskValues:
    """The values of a mask picture as whole numbers, in colours where the rules name colours."""
    by_colour = rules is not None and rules.by_colour
    picture = images.read_mask_values(path, palette_as_colour=by_colour)
    values = picture.values
    if by_colour and not picture.is_colour:
        values = values.astype(np.int32) * 0x010101  # grey is a colour too
    elif values.dtype.kind == "f":
        values = np.nan_to_num(values)
        whole = values.astype(np.int64)
        top = float(values.max()) if values.size else 0.0
        # Probabilities, or what is left of 0 and 1 after resizing.
        values = whole if (whole == values).all() or top <= 0 else np.rint(values.clip(0) / top * 255).astype(np.uint8)
    elif values.dtype.kind == "u" and values.dtype.itemsize > 2:
        values = values.astype(np.int64)
    return MaskValues(
        values=values,
        is_colour=picture.is_colour or by_colour,
        is_lossy=picture.is_lossy,
        is_cmyk=picture.is_cmyk,
        frames=picture.frames,
    )


def is_smoothed(picture: MaskValues, found: NDArray[np.int64], counts: NDArray[np.int64]) -> bool:
    """True for black and white with greys between, as JPEG, smooth resizing and soft brushes leave them.

    found, counts: the picture's values and pixels of each. Told by three values or more, the highest from 128 on, and
    in files that are exact: eight greys or more between 16 and 239, of together at most half the pixels of white.
    """
    if picture.is_colour or picture.values.dtype != np.uint8 or len(found) < 3 or found[-1] < THRESHOLD:
        return False
    if picture.is_lossy:
        return True
    between = (found > _BETWEEN[0]) & (found < _BETWEEN[1])
    white = counts[found >= _BETWEEN[1]].sum()
    return bool(between.sum() >= _MANY_GREYS and 2 * counts[between].sum() <= white)


def draw_objects(picture: MaskValues, rules: Rules, class_name: str | None, names: Names | None = None) -> Drawn:
    """The objects of one mask picture.

    class_name: what file and folder names tell, or None.   names: class of each value in this one picture.
    """
    drawn = Drawn()
    if picture.frames > 1:
        drawn.mended.append(("mask of several pictures, the first taken", f"{picture.frames} pictures in the file"))
    if picture.is_cmyk:
        drawn.mended.append(("mask in CMYK, taken as RGB", ""))
    values = picture.values
    top = int(values.max()) if values.size else 0
    # Two values at most is by far the usual case, and costs two passes.
    is_plain = values.dtype.kind == "u" and np.count_nonzero(values) == np.count_nonzero(values == top)
    if rules.kind == "instances" or rules.binary:
        known = names if names is not None else rules.names
        name = class_name if class_name is not None else rules.class_name
        if is_plain and known is not None and top in known:
            name = known[top]
        _draw_binary(drawn, picture, rules, name, is_plain)
        return drawn
    found, counts = (
        (np.array([0, top]), np.array([values.size - np.count_nonzero(values), np.count_nonzero(values)]))
        if is_plain
        else value_counts(values)
    )
    known = names if names is not None else rules.names
    present = {int(value): int(count) for value, count in zip(found, counts, strict=True) if count}
    wanted = [
        value
        for value in present
        if value not in rules.void and value >= 0 and (value != 0 or (known is not None and 0 in known))
    ]
    if len(wanted) > _PHOTO_VALUES and np.median(counts) <= 4:
        drawn.dropped.append((PHOTO, f"{len(wanted)} different values"))
        return drawn
    if known is None and not picture.is_lossy and len(wanted) >= _PHOTO_GREYS and _is_strewn(values, wanted):
        drawn.dropped.append((PHOTO, f"{len(wanted)} different values, each strewn over the picture"))
        return drawn
    if known is not None:
        values, wanted = _only_known(drawn, picture, wanted, present, known)
    elif picture.is_lossy:
        drawn.dropped.append(("label map saved with loss, whose values are not exact", f"{len(wanted)} values"))
        return drawn
    split = rules.kind == "semantic"
    limits = (rules.min_area, rules.min_box_area)
    for region in regions(
        values, wanted, split=split, connectivity=rules.connectivity, min_area=limits[0], min_box_area=limits[1]
    ):
        called = _name(region.value, rules, class_name, known, picture.is_colour)
        if called is not None and fold_name(called) != BACKGROUND:
            _take(drawn, region, called, rules)
    return drawn


def _is_strewn(values: NDArray[Any], wanted: list[int]) -> bool:
    """True if most values, looked at here and there, lie in many parts, as the greys of a photo do."""
    looked_at = wanted[:: max(1, len(wanted) // _PHOTO_PARTS)]
    return float(np.median([part_count(values, value) for value in looked_at])) > _PHOTO_PARTS


def _draw_binary(drawn: Drawn, picture: MaskValues, rules: Rules, name: str, is_plain: bool) -> None:
    values = picture.values
    object_here = values != 0
    for value in rules.void:
        object_here &= values != value
    if not is_plain:
        found, counts = value_counts(values)
        if is_smoothed(picture, found, counts) or (rules.binary and values.dtype == np.uint8 and len(found) > 2):
            object_here &= values >= rules.threshold
            greys = int(counts[(found > 0) & (found < 255)].sum())
            detail = f"{greys} pixels between black and white; cut at {rules.threshold}"
            drawn.mended.append((LOSSY, detail))
    if rules.kind == "semantic":
        parts = regions(
            object_here.view(np.uint8),
            [1],
            split=True,
            connectivity=rules.connectivity,
            min_area=rules.min_area,
            min_box_area=rules.min_box_area,
        )
        for part in parts:
            _take(drawn, part, name, rules)
    elif object_here.any():
        code = masks.encode(object_here)
        area, box_area = int(object_here.sum()), 0
        if rules.min_box_area:
            left, upper, right, lower = masks.box(code).tolist()
            box_area = int((right - left) * (lower - upper))
        is_large = area >= rules.min_area and box_area >= rules.min_box_area
        region = Region(value=1, area=area, box_area=box_area, code=code if is_large else None)
        _take(drawn, region, name, rules)


def _take(drawn: Drawn, region: Region, name: str, rules: Rules) -> None:
    if region.code is not None:
        drawn.objects.append((name, region.value, region.code))
    elif region.area < rules.min_area:
        drawn.small_area += 1
    else:
        drawn.small_box += 1


def _only_known(
    drawn: Drawn, picture: MaskValues, wanted: list[int], present: Mapping[int, int], known: Names
) -> tuple[NDArray[Any], list[int]]:
    """The picture with values that stand among the names; others are counted, or taken to the nearest."""
    values = picture.values
    strange = [value for value in wanted if value not in known]
    pixels = sum(present[value] for value in strange)
    if strange and (picture.is_lossy or (len(strange) >= _MANY_GREYS and 10 * pixels <= values.size)):
        anchors = np.array(sorted({0, *known}), dtype=np.int64)
        changed = np.array(strange, dtype=np.int64)
        nearest = anchors[distances(changed, anchors, picture.is_colour).argmin(axis=1)]
        everything = np.array(sorted(present), dtype=np.int64)
        table = everything.copy()
        table[np.searchsorted(everything, changed)] = nearest
        values = table[np.searchsorted(everything, values)]
        drawn.mended.append((LOSSY, f"{pixels} pixels of {len(strange)} values taken to the nearest of the map"))
        return values, [value for value in known if (values == value).any()]
    drawn.unknown = {value: present[value] for value in strange}
    return values, [value for value in wanted if value in known]


def _name(value: int, rules: Rules, class_name: str | None, known: Names | None, by_colour: bool) -> str | None:
    if known is not None:
        return known.get(value)
    if class_name is not None:
        return class_name
    return value_text(value, by_colour) if rules.kind == "semantic" else rules.class_name
