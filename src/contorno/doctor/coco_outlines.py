"""Faults of the outlines themselves: polygons that cross themselves, and points that stand twice."""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from contorno.doctor.coco_objects import Objects
from contorno.doctor.crossings import crossing
from contorno.doctor.report import Faults
from contorno.masks import Polygons
from contorno.progress import Progress


def check_outlines(objects: Objects, faults: Faults, progress: Progress) -> None:
    """Look at all polygons at once."""
    what = "looking for outlines that cross themselves"
    owners: list[int] = []
    parts: list[NDArray[np.float64]] = []
    for i, row in enumerate(objects.rows):
        if isinstance(row.shape.geometry, Polygons):
            owners += [i] * len(row.shape.geometry.parts)
            parts += row.shape.geometry.parts
    progress(what, 0, len(parts))
    found = crossing(parts)
    counts = Counter(owners[at] for at in np.flatnonzero(found).tolist())
    for i, count in counts.items():
        row = objects.rows[i]
        whole = len(row.shape.geometry.parts) if isinstance(row.shape.geometry, Polygons) else 0
        cause = f"{count} of {whole} parts cross themselves; what lies in the loops may be inside or outside."
        faults.add("warning", "polygon that crosses itself", row.place("segmentation"), cause, "draw it again.")
    for i, count in _repeated(owners, parts).items():
        cause = f"{count} points are the same as the one before; it does no harm to the mask."
        faults.add("note", "polygon with repeated points", objects.rows[i].place("segmentation"), cause, "none needed.")
    progress(what, len(parts), len(parts))


def _repeated(owners: list[int], parts: list[NDArray[np.float64]]) -> Counter[int]:
    """How many points of each object repeat the one before; the last that closes a part is none."""
    if not parts:
        return Counter()
    points = np.concatenate(parts)
    part_of = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    same = (points[1:] == points[:-1]).all(axis=1) & (part_of[1:] == part_of[:-1])
    return Counter(owners[at] for at in part_of[1:][same].tolist())
