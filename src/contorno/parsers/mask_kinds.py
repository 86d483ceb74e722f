"""Tell from some mask pictures what kind they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from contorno.images import MaskValues
from contorno.parsers.components import part_count, value_counts
from contorno.parsers.label_maps import MaskKind, is_smoothed

_WHOLE_FRACTION = 0.8
_VALUES_LOOKED_AT = 16


def find_kind(pictures: Iterable[MaskValues], void: frozenset[int] = frozenset()) -> tuple[MaskKind, bool, str]:
    """The kind of some pictures of which each image has one, whether they are black and white, and why.

    The rule: pictures with one value beside 0 each (or greys between black and white, see `is_smoothed`) are black and
    white if that value is the same in all: "semantic", whose connected parts are the objects. Otherwise, where at least
    8 of 10 values are one connected part of their picture, each value is an object: "label-map". Else each value is a
    class: "semantic". Data with one object of each class an image look like a label map; the caller has to say.
    """
    plain: Counter[int] = Counter()
    seen = whole = smoothed = count = 0
    for picture in pictures:
        count += 1
        found, times = value_counts(picture.values)
        if is_smoothed(picture, found, times):
            smoothed += 1
            continue
        inner = [value for value in found.tolist() if value > 0 and value not in void]
        if len(inner) <= 1:
            plain.update(inner)
        for value in inner[:_VALUES_LOOKED_AT]:
            seen += 1
            whole += part_count(picture.values, value) == 1
        if len(inner) > 1:
            plain[-1] += 1
    many = plain.pop(-1, 0)
    if 2 * smoothed > count or (not many and (len(plain) <= 1 or plain.keys() <= {1, 255})):
        return "semantic", True, "black and white pictures: each connected part is an object"
    if not many and plain:
        # One value in each picture: the number of its only object, or its class.
        what = "one value in each picture, not the same in all"
        return "semantic", False, f"{what}: each value is taken for a class; pass kind='label-map' if it is an object"
    share = f"{whole} of {seen} values are one connected part of their picture"
    if whole >= _WHOLE_FRACTION * seen:
        return "label-map", False, f"{share}: each value is an object; pass kind='semantic' if it is a class"
    return "semantic", False, f"{share}: each value is a class; pass kind='label-map' if it is an object"
