"""Statistics as tables of text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contorno.stats.statistics import Spread, Statistics  # which imports this module

MOST_CLASSES = 40
MOST_BARE = 10


def to_text(found: Statistics, *, most_classes: int = MOST_CLASSES) -> str:
    """The figures as tables. most_classes: so many classes are listed, those with the most objects."""
    blocks = [_splits(found), _classes(found, most_classes), _spreads(found), _overlaps(found), _hints(found)]
    return "\n\n".join(block for block in [*blocks, "\n".join(found.notes)] if block)


def number(value: float) -> str:
    """A number as people read it: whole from 100 on, three digits below; a dash for NaN."""
    if not math.isfinite(value):
        return "–"
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.3g}"


def _splits(found: Statistics) -> str:
    columns = [asdict(counts) for counts in found.splits.values()]
    names = list(found.splits)
    if len(names) > 1:
        names, columns = [*names, "all"], [*columns, asdict(found.total)]
    rows = [[key.replace("_", " "), *(number(column[key]) for column in columns)] for key in columns[0]]
    return table(["", *names], rows)


def _classes(found: Statistics, most: int) -> str:
    ranked = sorted(found.classes.items(), key=lambda pair: -sum(pair[1].objects.values()))
    bare = [name for name, counts in ranked if not sum(counts.objects.values())]
    ranked = ranked[: len(ranked) - len(bare)]
    rows = []
    for name, counts in ranked[:most]:
        row = [name, number(sum(counts.objects.values())), number(sum(counts.images.values()))]
        row += [number(counts.objects[split]) for split in found.splits] if len(found.splits) > 1 else []
        rows.append([*row, *(number(v) for v in (counts.small, counts.medium, counts.large, counts.median_area))])
    by_split = [f"in {split}" for split in found.splits] if len(found.splits) > 1 else []
    head = ["class", "objects", "images", *by_split, "small", "medium", "large", "median px²"]
    more = f"\n... and {len(ranked) - most} classes with fewer objects" if len(ranked) > most else ""
    if bare:
        names = ", ".join(bare[:MOST_BARE]) + (", ..." if len(bare) > MOST_BARE else "")
        more += f"\n{len(bare)} classes without objects: {names}" if len(bare) > 1 else f"\nwithout objects: {names}"
    return (table(head, rows) + more if rows else more).strip("\n")


def _spreads(found: Statistics) -> str:
    rows = [
        _spread("area, px²", found.area),
        _spread("area, % of image", found.relative_area, 100),
        _spread("box side, px", found.box_side),
        _spread("box width / height", found.aspect),
        _spread("objects an image", found.objects_per_image),
        _spread("image width, px", found.image_width),
        _spread("image height, px", found.image_height),
        _spread("image width / height", found.image_aspect),
    ]
    return table(["", "mean", "least", "5 %", "25 %", "median", "75 %", "95 %", "most"], rows)


def _spread(name: str, spread: Spread, times: float = 1.0) -> list[str]:
    return [name, number(spread.mean * times), *(number(value * times) for value in spread.quantiles)]


def _overlaps(found: Statistics) -> str:
    seen = found.overlaps
    share = f" ({100 * seen.overlapping / seen.objects:.1f} %)" if seen.objects else ""
    part = f", on {number(seen.images)} of {number(seen.of_images)} images" if seen.images < seen.of_images else ""
    return (
        f"overlaps{part}: {number(seen.overlapping)} of {number(seen.objects)} objects{share} share pixels with "
        f"another; pairs: {number(seen.pairs)}, of which one lies in the other: {number(seen.contained)}, of one class "
        f"with IoU of 0.9 or more, perhaps annotated twice: {number(seen.doubled)}"
    )


def _hints(found: Statistics) -> str:
    if not found.hints:
        return ""
    rows = [[number(h.image_size), number(h.median_px), f"{100 * h.tiny_fraction:.1f} %"] for h in found.hints]
    size = found.suggested_image_size
    advice = (
        "At none of these sizes are nine tenths of the objects 16 px or more; cut the images into tiles."
        if size is None
        else f"Train at {size} px or more: nine tenths of the objects then have boxes of 16 px or more."
    )
    return table(["image size", "median box side, px", "below 16 px"], rows) + "\n" + advice


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows of text in columns: the first one to the left, the others to the right."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    lines = []
    for row in (head, *rows):
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
