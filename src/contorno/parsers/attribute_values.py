"""Attributes of objects as records keep them: values that every JSON writer can write again."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from contorno.parsers.findings import Findings

DEEPEST = 32
"""Lists and dicts may lie so deep in each other; what tools write needs two or three."""


def writable(attributes: Mapping[str, Any], findings: Findings, where: str) -> dict[str, Any]:
    """`attributes` without those that are nested deeper than DEEPEST or hold infinite numbers; these are counted."""
    kept = {}
    for name, value in attributes.items():
        fault = _fault(value, DEEPEST)
        if fault:
            findings.drop(f"attribute {fault}", where, repr(name[:80]))
        else:
            kept[name] = value
    return kept


def _fault(value: Any, depth: int) -> str:
    if isinstance(value, float):
        return "with an infinite number" if math.isinf(value) else ""
    if not isinstance(value, list | dict):
        return ""
    if not depth:
        return "with lists nested too deep"
    inner = value.values() if isinstance(value, dict) else value
    return next((fault for fault in (_fault(item, depth - 1) for item in inner) if fault), "")
