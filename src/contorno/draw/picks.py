"""Which images of many to show: some of everything, the same ones each time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from contorno.records import ClassMap, Record, Records
from contorno.splits.drawn import draw_order


def varied(
    records: Sequence[Record], count: int, seed: int = 42, *, class_map: ClassMap | None = None
) -> list[tuple[int, str]]:
    """Choose at most `count` images that show what a data set holds: (place, why it was chosen), no place twice.

    First one image of each class, the rarest class first; then the most crowded ones and images without objects, a
    sixth of the rest each; the others at random. Drawn by `seed` and image id, so the order of the records is nothing.

    class_map: whose names say why an image was chosen; unset: that of Records.
    """
    drawn = draw_order([record.image_id for record in records], seed)
    if class_map is None:
        class_map = records.class_map if isinstance(records, Records) else ClassMap()
    names = class_map.names
    chosen: dict[int, str] = {}

    holders: dict[int, list[int]] = {}
    for index in drawn:
        for label in np.unique(records[index].instances.labels).tolist():
            holders.setdefault(label, []).append(index)
    for label in sorted(holders, key=lambda label: (len(holders[label]), label)):
        if len(chosen) >= count:
            break
        if not any(label in records[index].instances.labels for index in chosen):
            name = names[label - 1] if label <= len(names) else f"class {label}"
            index = _typical(records, holders[label], label)
            chosen[index] = f"{name}, in {len(holders[label])} image{'s' if len(holders[label]) > 1 else ''}"

    share = max(1, (count - len(chosen)) // 6)
    full = [index for index in drawn if len(records[index].instances)]
    empty = [index for index in drawn if not len(records[index].instances)]
    crowded = sorted(full, key=lambda index: -len(records[index].instances))
    # Negatives once more at the end: a data set may hold little else.
    pools = (
        (crowded, share, "most objects"),
        (empty, share, "no objects"),
        (full, count, ""),
        (empty, count, "no objects"),
    )
    for pool, most, why in pools:
        fresh = [index for index in pool if index not in chosen]
        for index in fresh[: min(most, count - len(chosen))]:
            chosen[index] = why
    return list(chosen.items())


def _typical(records: Sequence[Record], holders: Sequence[int], label: int) -> int:
    """Of the first images drawn the one with the largest object of the class, so that it is seen."""

    def largest(index: int) -> float:
        record = records[index]
        boxes = record.instances.boxes[record.instances.labels == label].astype(np.float64)
        return float((boxes[:, 2:] - boxes[:, :2]).prod(axis=1).max()) / (record.size_hw[0] * record.size_hw[1])

    return max(holders[:8], key=largest)
