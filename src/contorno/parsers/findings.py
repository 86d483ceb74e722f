"""What a parser meets on its way: counted where it may mend, raised where it may not."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from contorno.errors import DataError
from contorno.records import ParseReport, Records
from contorno.splits import Splitter


class Findings:
    """Faults of one source, grouped by reason.

    source:   the file or folder read, for messages.
    autofix:  count each fault and go on; if False the first one is raised as a DataError.
    """

    def __init__(self, source: str, autofix: bool) -> None:
        self.source = source
        self.autofix = autofix
        self._mended: Counter[str] = Counter()
        self._dropped: Counter[str] = Counter()

    def mend(self, reason: str, where: str) -> None:
        """Count what was put right."""
        self._meet(self._mended, reason, where, "put it right")

    def drop(self, reason: str, where: str, detail: str = "") -> None:
        """Count what was left out. detail: what is so in this one case, for the message."""
        self._meet(self._dropped, reason, where, "leave it out", detail)

    def leave_out(self, reason: str, count: int) -> None:
        """Count what the caller asked to leave out; never raises."""
        if count:
            self._dropped[reason] += count

    def _meet(self, counter: Counter[str], reason: str, where: str, remedy: str, detail: str = "") -> None:
        if not self.autofix:
            reason += f" ({detail})" if detail else ""
            raise DataError(f"{self.source}: {where}: {reason}; correct it, or parse with autofix=True to {remedy}.")
        counter[reason] += 1

    def report(self, records: Records) -> ParseReport:
        """The counts, with those of the records that were made."""
        return ParseReport(
            images=len(records),
            objects=records.num_objects,
            negatives=sum(len(record.instances) == 0 for record in records),
            mended=dict(self._mended.most_common()),
            dropped=dict(self._dropped.most_common()),
        )


def divide(records: Records, splitter: Splitter, report: ParseReport) -> list[Records]:
    """The parts that `splitter` makes, each with the report of the whole."""
    parts = splitter(records)
    for part in parts:
        part.report = report
    return parts


@contextmanager
def collector_paused() -> Iterator[None]:
    """Keep Python's cyclic garbage collector off while many small objects are made.

    Reading a COCO file of 446 MB spends over half of its time in passes of the collector over the growing lists.
    Off afterwards only if it was off before.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
