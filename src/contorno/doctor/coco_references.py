"""References of COCO annotations to images and categories: which lead nowhere, and whether all are off by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from contorno.doctor.report import Faults, Place
from contorno.parsers.coco_document import clean_id
from contorno.records import ImageId


class Known:
    """Finds the image or category that annotations name, and counts those that name none."""

    def __init__(self, known: dict[ImageId, Any], what: str) -> None:
        self._known = known
        self._by_text = {str(key): key for key in known}
        self._what = what
        self._unknown: Counter[ImageId] = Counter()
        self._first: dict[ImageId, Place] = {}
        self._used: set[ImageId] = set()

    def known(self, value: object) -> ImageId | None:
        """The id that a value is, if it is known as it stands."""
        key = clean_id(value)
        if key is None or key not in self._known:
            return None
        self._used.add(key)
        return key

    def meant(self, value: object) -> ImageId | None:
        """The id that a value is or seems to be; nothing is counted."""
        key = clean_id(value)
        return key if key is None or key in self._known else self._by_text.get(str(key).strip())

    def find(self, value: object, place: Place, faults: Faults, is_there: bool) -> ImageId | None:
        key = clean_id(value)
        name = f"{self._what}_id"
        if key is None:
            cause = f"{name} is {value!r}." if is_there else f"the key {name!r} is missing."
            mend = f"name the {self._what} that it belongs to."
            faults.add("error", f"annotation without {name}", replace(place, field=name), cause, mend)
            return None
        if key in self._known:
            self._used.add(key)
            return key
        other = self._by_text.get(str(key).strip())
        if other is not None:
            cause = f"{name} is {value!r}, the id of the {self._what} is {other!r}."
            mend = "write both as the same type."
            faults.add(
                "error", f"{name} of another type than the id", replace(place, field=name), cause, mend, fixable=True
            )
            return other
        self._unknown[key] += 1
        self._first.setdefault(key, replace(place, field=name))
        return None

    def tell(self, place: Place, faults: Faults, total: int) -> None:
        """Report the ids that are unknown, each with its count. total: of the annotations."""
        if not self._unknown:
            return
        shift = self.shift()
        listed = ", ".join(f"{key!r} ({count} ×)" for key, count in self._unknown.most_common(20))
        more = f" and {len(self._unknown) - 20} more ids" if len(self._unknown) > 20 else ""
        known = list(self._known)
        has = ", ".join(map(repr, known[:20])) + (f" and {len(known) - 20} more" if len(known) > 20 else "")
        plural = "categories" if self._what == "category" else "images"
        cause = f"no {self._what} has the ids {listed}{more}; the {plural} have {has or 'none'}."
        mend = f"remove them, or add the {plural}."
        if shift:
            cause += f" With {shift:+d} on every {self._what}_id all of them would fit: they seem off by one."
            mend = f"correct the ids: {shift:+d} on every {self._what}_id of the annotations."
        is_most = are_most(sum(self._unknown.values()), total)
        if is_most and not shift:
            mend = f"correct the ids or add the {plural}; without these annotations hardly any would be left."
        for key, count in self._unknown.items():
            faults.add(
                "error",
                f"annotation of an unknown {self._what}",
                self._first[key],
                cause,
                mend,
                count=count,
                fixable=not (shift or is_most),
            )

    def count(self, key: ImageId) -> bool:
        """Count one id that is used; whether it is known."""
        if key in self._known:
            self._used.add(key)
            return True
        self._unknown[key] += 1
        return False

    def shift(self) -> int:
        """+1 or -1 if adding it to all ids would make every one of them known; 0 if neither does, or all are known."""
        if not self._unknown:
            return 0
        used = [*self._used, *self._unknown]
        if not all(isinstance(key, int) for key in used):
            return 0
        for step in (1, -1):
            if all(isinstance(key, int) and key + step in self._known for key in used):
                return step
        return 0


def are_most(count: int, total: int) -> bool:
    """Whether so many of all annotations are at fault that the reference is wrong, and not the annotations."""
    return 2 * count > total


def category_shift(tables_known: Iterable[ImageId], used: Iterable[ImageId]) -> int:
    """The step that makes all `used` ids known, or 0; see `Known.shift`."""
    known = Known(dict.fromkeys(tables_known), "category")
    for key in used:
        known.count(key)
    return known.shift()
