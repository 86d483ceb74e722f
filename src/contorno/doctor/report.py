"""What the doctor says: faults grouped by kind, worst first."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from contorno.errors import DataError
from contorno.records import ImageId

Severity = Literal["error", "warning"]

_PLACES_KEPT = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a fault is; what does not apply is None.

    file: of the image.   object_index: in `record.instances`.   class_name: for faults of a class as a whole.
    """

    split: str
    file: str | None = None
    image_id: ImageId | None = None
    object_index: int | None = None
    class_name: str | None = None

    def __str__(self) -> str:
        if self.class_name is not None:
            return f"{self.split}: class {self.class_name!r}"
        named = self.file if self.file is not None else ("" if self.image_id is None else f"image {self.image_id!r}")
        text = f"{self.split}: {named}" if named else self.split
        return text if self.object_index is None else f"{text}, object {self.object_index}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """All faults of one kind.

    severity: an "error" breaks training or makes its figures wrong; a "warning" may be meant.
    count:    how often it was met.   where: the first few.
    cause:    what is so in the first case.   mend: what to do.
    """

    kind: str
    severity: Severity
    count: int
    where: tuple[Place, ...]
    cause: str
    mend: str

    def __str__(self) -> str:
        lines = [f"{self.severity}: {self.count} × {self.kind}", f"  {self.cause}", f"  mend: {self.mend}"]
        lines += [f"  at {place}" for place in self.where]
        more = self.count - len(self.where)
        return "\n".join([*lines, f"  and {more} more"] if more > 0 and self.where else lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReport:
    """What a check found. images, objects: how many were looked at.   faults: worst first."""

    images: int
    objects: int
    faults: tuple[Fault, ...]

    @property
    def errors(self) -> tuple[Fault, ...]:
        """The faults that break training or make its figures wrong."""
        return tuple(fault for fault in self.faults if fault.severity == "error")

    @property
    def warnings(self) -> tuple[Fault, ...]:
        """The faults that may be meant."""
        return tuple(fault for fault in self.faults if fault.severity == "warning")

    @property
    def ok(self) -> bool:
        """True if there is no error."""
        return not self.errors

    def require_ok(self) -> None:
        """Raise DataError if there is an error."""
        if not self.ok:
            kinds = ", ".join(fault.kind for fault in self.errors)
            raise DataError(f"the data have faults that training cannot pass: {kinds}; see the report of the check.")

    def __str__(self) -> str:
        kinds = f"{len(self.errors)} kinds of errors, {len(self.warnings)} of warnings" if self.faults else "no faults"
        return "\n".join([f"checked {self.images} images, {self.objects} objects: {kinds}", *map(str, self.faults)])

    def to_json(self) -> dict[str, Any]:
        """The report as a value for JSON."""
        faults = [asdict(fault) for fault in self.faults]
        return {"ok": self.ok, "images": self.images, "objects": self.objects, "faults": faults}


class Faults:
    """Faults as they are met, grouped by kind."""

    def __init__(self) -> None:
        self._first: dict[str, Fault] = {}
        self._counts: dict[str, int] = {}
        self._places: dict[str, list[Place]] = {}

    def add(self, severity: Severity, kind: str, place: Place, cause: str, mend: str) -> None:
        """Count one fault; the first of its kind gives cause and mend."""
        if kind not in self._first:
            self._first[kind] = Fault(kind=kind, severity=severity, count=0, where=(), cause=cause, mend=mend)
            self._counts[kind], self._places[kind] = 0, []
        self._counts[kind] += 1
        if len(self._places[kind]) < _PLACES_KEPT:
            self._places[kind].append(place)

    def report(self, images: int, objects: int) -> CheckReport:
        """All faults: errors before warnings, the more frequent first."""
        faults = [
            Fault(
                kind=kind,
                severity=first.severity,
                count=self._counts[kind],
                where=tuple(self._places[kind]),
                cause=first.cause,
                mend=first.mend,
            )
            for kind, first in self._first.items()
        ]
        faults.sort(key=lambda fault: (fault.severity != "error", -fault.count))
        return CheckReport(images=images, objects=objects, faults=tuple(faults))
