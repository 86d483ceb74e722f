"""Tables of the report, and how its numbers and names are written."""

from __future__ import annotations

import math
from collections.abc import Mapping
from html import escape
from typing import Any

import numpy as np

from contorno.report.plots import number

NAMES = {
    "mask_ap": "mask AP",
    "mask_ap50": "mask AP50",
    "mask_ap75": "mask AP75",
    "box_ap": "box AP",
    "box_ap50": "box AP50",
    "box_ap75": "box AP75",
    "boxes_px": "box difference, px",
    "scores": "score difference",
    "mask_iou": "least mask IoU",
}


def flatten(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings as one level, keys joined by dots."""
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping) and value:
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def rows_table(rows: Mapping[str, Mapping[str, Any]], first: str) -> str:
    """A table with a row for each key and a column for each field that any row has."""
    if not rows:
        return ""
    columns = list(dict.fromkeys(key for row in rows.values() for key in row))
    numeric = {c: all(_is_number(row.get(c)) for row in rows.values()) or c == "size" for c in columns}
    cls = {column: ' class="num"' if numeric[column] else "" for column in columns}
    head = "".join(f'<th scope="col"{cls[column]}>{escape(plain_name(column))}</th>' for column in columns)
    body = "".join(
        f'<tr><th scope="row">{escape(name)}</th>'
        + "".join(f"<td{cls[column]}>{_cell(column, row.get(column))}</td>" for column in columns)
        + "</tr>"
        for name, row in rows.items()
    )
    head = f'<thead><tr><th scope="col">{escape(first)}</th>{head}</tr></thead>'
    return f'<div class="scroll"><table>{head}<tbody>{body}</tbody></table></div>'


def facts_table(facts: Mapping[str, Any]) -> str:
    if not facts:
        return ""
    rows = "".join(f'<tr><th scope="row">{escape(str(k))}</th><td>{_cell("", v)}</td></tr>' for k, v in facts.items())
    return f'<div class="scroll"><table class="facts"><tbody>{rows}</tbody></table></div>'


def _cell(column: str, value: Any) -> str:
    if isinstance(value, bool | np.bool_):
        return (
            f'<span class="{"yes" if value else "no"}">{"yes" if value else "no"}</span>'
            if column
            else str(value).lower()
        )
    if value is None or value == "":
        return "—"
    if _is_number(value):
        return score(float(value)) if _is_score(column) else number(float(value))
    if isinstance(value, list | tuple):
        return escape(", ".join(number(float(v)) if _is_number(v) else str(v) for v in value)) or "—"
    return escape(str(value))


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float | np.number) and not isinstance(value, bool))


def _is_score(column: str) -> bool:
    return column.startswith(("mask_a", "box_a"))


def to_float(value: Any) -> float:
    """A number, NaN for what JSON or CSV leave of one."""
    return float("nan") if value is None or value == "" else float(value)


def score(value: float) -> str:
    return f"{value:.3f}" if math.isfinite(value) else "—"


def plain_name(key: str) -> str:
    if key in NAMES:
        return NAMES[key]
    words = key.replace("_", " ").strip()
    for old, new in (("ap small", "AP small"), ("ap medium", "AP medium"), ("ap large", "AP large")):
        words = words.replace(old, new)
    return words.replace(" ar", " AR") if key.startswith(("mask_ar", "box_ar")) else words


def file_size(size: int) -> str:
    for unit, step in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= step:
            return f"{size / step:.3g} {unit}"
    return f"{size} B"


def duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{number(round(seconds, 1))} s"
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"
