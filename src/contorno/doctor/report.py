"""What the doctor says: faults grouped by kind, worst first."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from contorno.errors import DataError
from contorno.records import ImageId

Severity = Literal["error", "warning", "note"]

PLACES_KEPT = 5
"""Of each kind of fault so many places are kept; the others are counted."""

_RANK = {"error": 0, "warning": 1, "note": 2}
_LONGEST = 900
"""Longer sentences (lists of hundreds of class names) are cut, so that a kind stays within a screen."""


WHOLE = "all"
"""What the one part of data that are not divided is called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a fault is; what does not apply is None.

    split:        its name; "all" for data that are not divided, or for a fault of the whole.
    file:         of the image.   label_file: the file that holds the annotation.
    object_index: in `record.instances`.   annotation_id: as the label file has it.   field: the key that is at fault.
    class_name:   for faults of a class as a whole.
    """

    split: str
    file: str | None = None
    image_id: ImageId | None = None
    object_index: int | None = None
    class_name: str | None = None
    label_file: str | None = None
    annotation_id: int | str | None = None
    field: str | None = None

    def __str__(self) -> str:
        parts = []
        if self.class_name is not None:
            parts.append(f"class {self.class_name!r}")
        elif self.file is not None:
            parts.append(self.file)
        elif self.image_id is not None:
            parts.append(f"image {self.image_id!r}")
        elif self.label_file is not None:
            parts.append(self.label_file)
        if self.annotation_id is not None:
            parts.append(f"annotation {self.annotation_id!r}")
        elif self.object_index is not None:
            parts.append(f"object {self.object_index}")
        if self.field is not None:
            parts.append(self.field)
        named = ", ".join(parts)
        if self.split == WHOLE:
            return named or "the data as a whole"
        return f"{self.split}: {named}" if named else self.split


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """All faults of one kind.

    severity: an "error" breaks training or makes its figures wrong; a "warning" may be meant; a "note" does no harm.
    count:    how often it was met.   where: the first few.   fixable: how many of them `mend_path` puts right.
    cause:    what is so in the first case.   mend: what to do.
    """

    kind: str
    severity: Severity
    count: int
    where: tuple[Place, ...]
    cause: str
    mend: str
    fixable: int = 0

    def __str__(self) -> str:
        lines = [f"{self.severity}: {self.count} × {self.kind}", f"  {_short(self.cause)}", f"  mend: {self.mend}"]
        lines += [f"  at {place}" for place in self.where]
        more = self.count - len(self.where)
        return "\n".join([*lines, f"  and {more} more"] if more > 0 and self.where else lines)

    def to_json(self) -> dict[str, Any]:
        """The fault as a value for JSON; every key is always there."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReport:
    """What a check found.

    images, objects: how many were looked at.   faults: worst first.
    how:             how the data were recognised, in a line each.
    """

    images: int
    objects: int
    faults: tuple[Fault, ...]
    how: tuple[str, ...] = ()

    @property
    def errors(self) -> tuple[Fault, ...]:
        """The faults that break training or make its figures wrong."""
        return tuple(fault for fault in self.faults if fault.severity == "error")

    @property
    def warnings(self) -> tuple[Fault, ...]:
        """The faults that may be meant."""
        return tuple(fault for fault in self.faults if fault.severity == "warning")

    @property
    def notes(self) -> tuple[Fault, ...]:
        """What does no harm and is good to know."""
        return tuple(fault for fault in self.faults if fault.severity == "note")

    @property
    def ok(self) -> bool:
        """True if there is no error."""
        return not self.errors

    @property
    def summary(self) -> str:
        """One line: how many kinds of faults, and how many of them `--fix` mends at least in part."""
        counts = [(self.errors, "error"), (self.warnings, "warning"), (self.notes, "note")]
        named = [f"{len(some)} {word}{'' if len(some) == 1 else 's'}" for some, word in counts if some]
        if not named:
            return "no faults"
        fixable = sum(fault.fixable > 0 for fault in self.faults)
        return ", ".join(named) + (f"; `--fix OUT` would mend {fixable} of them" if fixable else "")

    def require_ok(self) -> None:
        """Raise DataError if there is an error."""
        if not self.ok:
            kinds = ", ".join(fault.kind for fault in self.errors)
            raise DataError(f"the data have faults that training cannot pass: {kinds}; see the report of the check.")

    def __str__(self) -> str:
        head = f"checked {self.images} images, {self.objects} objects"
        if not self.faults:
            return "\n".join([*self.how, f"{head}: no faults"])
        return "\n".join([*self.how, head, *map(str, self.faults), self.summary])

    def to_json(self) -> dict[str, Any]:
        """The report as a value for JSON."""
        return {
            "ok": self.ok,
            "images": self.images,
            "objects": self.objects,
            "how": list(self.how),
            "summary": self.summary,
            "faults": [fault.to_json() for fault in self.faults],
        }


class Faults:
    """Faults as they are met, grouped by kind."""

    def __init__(self) -> None:
        self._first: dict[str, Fault] = {}
        self._counts: dict[str, int] = {}
        self._fixable: dict[str, int] = {}
        self._places: dict[str, list[Place]] = {}
        self._label_file: str | None = None

    @contextmanager
    def inside(self, label_file: str) -> Iterator[None]:
        """Within the block, places that name no label file get this one."""
        before, self._label_file = self._label_file, label_file
        try:
            yield
        finally:
            self._label_file = before

    def add(
        self,
        severity: Severity,
        kind: str,
        place: Place,
        cause: str,
        mend: str,
        *,
        count: int = 1,
        fixable: bool = False,
    ) -> None:
        """Count faults; the first of a kind gives cause and mend, the worst its severity.

        fixable: `mend_path` puts it right.
        """
        first = self._first.get(kind)
        if first is None:
            self._first[kind] = Fault(kind=kind, severity=severity, count=0, where=(), cause=cause, mend=mend)
            self._counts[kind], self._fixable[kind], self._places[kind] = 0, 0, []
        elif _RANK[severity] < _RANK[first.severity]:
            self._first[kind] = replace(first, severity=severity)
        self._counts[kind] += count
        self._fixable[kind] += count if fixable else 0
        places = self._places[kind]
        if len(places) < PLACES_KEPT:
            if place.label_file is None:
                place = replace(place, label_file=self._label_file)
            places.append(place)

    def has(self, severity: Severity) -> bool:
        """True if a fault of this severity was met."""
        return any(fault.severity == severity for fault in self._first.values())

    def report(self, images: int, objects: int, how: tuple[str, ...] = ()) -> CheckReport:
        """All faults: errors, warnings, notes, and of each the more frequent first."""
        faults = [
            replace(first, count=self._counts[kind], fixable=self._fixable[kind], where=tuple(self._places[kind]))
            for kind, first in self._first.items()
        ]
        faults.sort(key=lambda fault: (_RANK[fault.severity], -fault.count))
        return CheckReport(images=images, objects=objects, faults=tuple(faults), how=how)


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} …"
