"""The objects of one image painted into one picture, and what that hides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contorno import masks
from contorno.masks import RunLength, Size
from contorno.parsers.components import regions

MOST_VALUES = 65535


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Painted:
    """A picture of values, uint8 or uint16 (H, W), 0 where nothing is.

    shown: for each object the part of it that can be told from the others in the picture; None if that is nothing.
    lost:  {what: how many objects}.
    """

    values: NDArray[np.unsignedinteger]
    shown: list[RunLength | None]
    lost: Counter[str]


def paint_label_map(codes: Sequence[RunLength], size: Size) -> Painted:
    """Each object as its place in `codes`, from 1 on, as uint16; where two overlap the later one is seen."""
    values = _paint(codes, range(1, len(codes) + 1), size).astype(np.uint16)
    found = {region.value: region.code for region in regions(values, list(range(1, len(codes) + 1)), split=False)}
    shown = [found.get(value) for value in range(1, len(codes) + 1)]
    lost: Counter[str] = Counter()
    for code, seen in zip(codes, shown, strict=True):
        if seen is None:
            lost["object wholly under later ones"] += 1
        elif seen != code:
            lost["object partly under later ones"] += 1
    return Painted(values=values, shown=shown, lost=lost)


def paint_semantic(codes: Sequence[RunLength], labels: Sequence[int], size: Size) -> Painted:
    """Each object as its label; where two overlap the later one is seen. An object comes back as it was only if it is
    one 8-connected part that touches no other of its class."""
    values = _paint(codes, labels, size)
    parts: dict[int, list[RunLength]] = {}
    for region in regions(values, sorted(set(labels)), split=True):
        assert region.code is not None
        parts.setdefault(region.value, []).append(region.code)
    lost: Counter[str] = Counter()
    shown: list[RunLength | None] = []
    for code, label in zip(codes, labels, strict=True):
        there = parts.get(label, [])
        if code in there:
            shown.append(code)
            continue
        seen = masks.encode((values == label) & (masks.decode(code) == 1))
        if not masks.area(seen):
            lost["object wholly under later ones"] += 1
        elif seen != code:
            lost["object partly under later ones"] += 1
        else:
            own = regions(masks.decode(code), [1], split=True)
            several = len(own) > 1 and all(part.code in there for part in own)
            reason = "object of several parts, which come apart" if several else "object that touches one of its class"
            lost[reason] += 1
        overlaps = masks.iou([code], there)[0] if there else np.zeros(0)
        shown.append(there[int(overlaps.argmax())] if len(overlaps) and overlaps.max() > 0 else None)
    small = values.astype(np.uint8) if max(labels, default=0) <= 255 else values
    return Painted(values=small, shown=shown, lost=lost)


def _paint(codes: Sequence[RunLength], numbers: Sequence[int], size: Size) -> NDArray[np.uint16]:
    values = np.zeros(size, dtype=np.uint16)
    for code, number in zip(codes, numbers, strict=True):
        values[masks.decode(code) == 1] = number
    return values
