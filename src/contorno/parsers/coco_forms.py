"""Masks and boxes in forms that are not COCO's, and that leave no doubt of what is meant: put into COCO's form.

Python's text of bytes for run lengths (`str` of what pycocotools gives), points as pairs, and texts for numbers.
"""

from __future__ import annotations

import math
from typing import Any

BYTES_AS_TEXT = "run lengths written as Python's bytes"
POINTS = "polygon as a list of points"
TEXTS = "polygon with texts for numbers"
BOX_TEXTS = "box with texts for numbers"

_FEW_POINTS = 3


def usual_segmentation(segmentation: Any) -> tuple[Any, str]:
    """A segmentation in COCO's form, and what it was before: "" if it is left as it is."""
    if isinstance(segmentation, dict):
        counts = counts_of_bytes(segmentation)
        return (segmentation, "") if counts is None else ({**segmentation, "counts": counts}, BYTES_AS_TEXT)
    if not isinstance(segmentation, list) or not segmentation:
        return segmentation, ""
    if _is_points(segmentation):
        return [_flat(segmentation)], POINTS
    if all(_is_points(part) for part in segmentation):
        return [_flat(part) for part in segmentation], POINTS
    if isinstance(segmentation[0], str):
        numbers = numbers_in_texts(segmentation)
        return (segmentation, "") if numbers is None else ([numbers], TEXTS)
    if any(isinstance(part, list) and any(isinstance(value, str) for value in part) for part in segmentation):
        parts = [part if _is_flat(part) else numbers_in_texts(part) for part in segmentation]
        return (segmentation, "") if None in parts else (parts, TEXTS)
    return segmentation, ""


def counts_of_bytes(segmentation: dict[str, Any]) -> str | None:
    """The counts that stand in Python's text of bytes, b'...'; COCO's own never have a quote. None for others."""
    counts = segmentation.get("counts")
    if not isinstance(counts, str) or len(counts) < 3 or counts[:2] not in ("b'", 'b"') or counts[-1] != counts[1]:
        return None
    return counts[2:-1].replace("\\\\", "\\")


def numbers_in_texts(values: Any) -> list[float] | None:
    """A list of numbers of which some are texts, as numbers; None if it is none, or all are numbers already."""
    if not isinstance(values, list) or not any(isinstance(value, str) for value in values):
        return None
    try:
        numbers = [value if type(value) in (int, float) else float(value) for value in values]
        return numbers if all(map(math.isfinite, numbers)) else None
    except (TypeError, ValueError, OverflowError):
        return None


def _is_points(part: Any) -> bool:
    return (
        isinstance(part, list)
        and len(part) >= _FEW_POINTS
        and all(isinstance(point, list) and len(point) == 2 and _is_numbers(point) for point in part)
    )


def _is_flat(part: Any) -> bool:
    return isinstance(part, list) and _is_numbers(part)


def _is_numbers(values: list[Any]) -> bool:
    return all(type(value) in (int, float) for value in values)


def _flat(points: list[list[float]]) -> list[float]:
    return [value for point in points for value in point]
