"""Single values of COCO files as the parsers take them: ids, numbers, and the ids that others name."""

from __future__ import annotations

import math
from collections.abc import Iterable

from contorno.parsers.findings import Findings
from contorno.records import ImageId

_SHOWN = 60  # characters of a bad value


def clean_id(value: object) -> ImageId | None:
    """An id as a whole number or a text that is not empty; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    return value if isinstance(value, str) and value else None


def number(value: object, otherwise: float) -> float:
    """A finite number, or `otherwise`."""
    if isinstance(value, bool | int | float):
        try:
            return float(value) if math.isfinite(value) else otherwise
        except OverflowError:
            return otherwise
    return otherwise


class Lookup:
    """Find ids among the known ones, where `"7"` and 7 count as one if only one of them is there."""

    def __init__(self, keys: Iterable[ImageId], what: str) -> None:
        self._what = what
        self._known = set(keys)
        self._by_text = {str(key): key for key in self._known}

    def find(self, value: object, findings: Findings, where: str) -> ImageId | None:
        key = clean_id(value)
        if key in self._known:
            return key
        other = None if key is None else self._by_text.get(str(key).strip())
        if other is None:
            findings.drop(f"annotation of an unknown {self._what}", f"{where}, {self._what}_id {repr(value)[:_SHOWN]}")
        else:
            findings.mend(f"{self._what}_id that is a text for a number or the reverse", where)
        return other
