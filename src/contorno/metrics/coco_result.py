"""What an evaluation found, as figures, as text and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class COCOResult:
    """What an evaluation found. Figures are 0..1, and NaN where nothing defines them (no such object).

    figures:    `mask_ap` (mean over IoU thresholds and classes), `mask_ap50`, `mask_ap75`, `mask_ap_small`,
                `mask_ap_medium`, `mask_ap_large`, `mask_ar1`, `mask_ar10`, `mask_ar100` (named after `max_dets`),
                `mask_ar_small` and so on; `box_…` likewise. All but `ar<n>` take the largest of `max_dets`.
    per_class:  by class name: `mask_ap`, `mask_ap50`, `mask_ar` (`box_…`), `objects` (without crowd regions) and
                `images` (those that show such an object).
    counts:     `images`, `negatives` (images without any annotation), `objects`, `crowd_regions`, `detections`.
    seconds:    time spent in the metric.
    """

    figures: dict[str, float]
    per_class: dict[str, dict[str, float]]
    counts: dict[str, int]
    seconds: float

    def table(self) -> str:
        """The figures and the classes as text for a terminal; an undefined figure is a dash."""
        prefixes = [kind for kind in ("mask", "box") if f"{kind}_ap" in self.figures]
        keys = list(dict.fromkeys(key.split("_", 1)[1] for key in self.figures))
        rows = [[_title(key), *(_cell(self.figures.get(f"{kind}_{key}")) for kind in prefixes)] for key in keys]
        counts = ", ".join(f"{count} {what.replace('_', ' ')}" for what, count in self.counts.items())
        parts = [counts + f", {self.seconds:.1f} s", _table(["", *prefixes], rows)]
        if self.per_class:
            columns = list(next(iter(self.per_class.values())))
            header = ["class", *(_title(column.replace("_", " ")) for column in columns)]
            parts.append(_table(header, [[name, *map(_cell, row.values())] for name, row in self.per_class.items()]))
        return "\n\n".join(parts)

    def to_json(self) -> dict[str, Any]:
        """Plain dicts and numbers for a JSON file, every undefined figure None, since JSON has no NaN."""
        return {
            "figures": {key: _or_none(value) for key, value in self.figures.items()},
            "per_class": {
                name: {key: _or_none(value) for key, value in row.items()} for name, row in self.per_class.items()
            },
            "counts": dict(self.counts),
            "seconds": self.seconds,
        }


def _or_none(value: float) -> float | None:
    return None if value != value else value


def _title(key: str) -> str:
    """ "ap50" as "AP50", "mask ap" as "mask AP"."""
    words = key.replace("_", " ").split()
    return " ".join(word.upper() if word.rstrip("0123456789") in ("ap", "ar") else word for word in words)


def _cell(value: float | None) -> str:
    if value is None or value != value:
        return "–"
    return str(value) if isinstance(value, int) else f"{value:.3f}"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = [header, ["─" * width for width in widths], *rows]
    return "\n".join(
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in lines
    )
