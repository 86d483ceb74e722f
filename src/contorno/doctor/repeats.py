"""Annotations that repeat another one of the same COCO document."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any


def repeats(entries: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Annotations that have the image, category, mask and all further keys of an earlier one.

    The id may differ, and with a mask also box and area, which follow from it. Those with neither mask nor box are no
    repeats.
    """
    alike: dict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
    for entry in entries:
        if entry.get("segmentation") or entry.get("bbox"):
            alike[_short_key(entry)].append(entry)
    for group in alike.values():
        seen: set[str] = set()
        for entry in group if len(group) > 1 else ():
            key = _whole_key(entry)
            if key in seen:
                yield entry
            seen.add(key)


def _short_key(entry: dict[str, Any]) -> tuple[str, ...]:
    """A key that repeats share, and that takes far less time than comparing whole masks."""
    mask = entry.get("segmentation")
    begins = ""
    if isinstance(mask, list) and mask:
        begins = repr(mask[0][:6]) if isinstance(mask[0], list) else repr(mask[:6])
    elif isinstance(mask, dict):
        begins = str(mask.get("counts"))[:60]
    return repr(entry.get("image_id")), repr(entry.get("category_id")), begins or repr(entry.get("bbox"))


def _whole_key(entry: dict[str, Any]) -> str:
    left_out = ("id", "bbox", "area") if entry.get("segmentation") else ("id",)
    return repr(sorted((str(name), repr(value)) for name, value in entry.items() if name not in left_out))
