"""What a parser meets on its way: counted where it may mend, raised where it may not."""

from __future__ import annotations

import gc
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from contorno.errors import DataError
from contorno.records import ParseReport, Records
from contorno.splits import BySplitFolder, RandomSplitter, Splitter

PLACES_KEPT = 5
"""Of each kind of fault so many places are kept; the others are counted."""


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
        self._places: dict[str, list[str]] = {}
        self._details: dict[str, str] = {}

    def mend(self, reason: str, where: str, detail: str = "") -> None:
        """Count what was put right. detail: what is so in this one case, for the message."""
        self._meet(self._mended, reason, where, "put it right", detail)

    def drop(self, reason: str, where: str, detail: str = "") -> None:
        """Count what was left out. detail: what is so in this one case, for the message."""
        self._meet(self._dropped, reason, where, "leave it out", detail)

    def leave_out(self, reason: str, count: int, where: str = "") -> None:
        """Count what the caller asked to leave out; never raises."""
        if count:
            self._dropped[reason] += count
            self._keep(reason, where, "")

    @property
    def most_dropped(self) -> str:
        """What was left out most often, for the message that nothing is left; "" if nothing was."""
        if not self._dropped:
            return ""
        reason, count = self._dropped.most_common(1)[0]
        where, detail = self._places.get(reason, []), self._details.get(reason, "")
        told = ": ".join(text for text in (where[0] if where else "", detail) if text)
        return f" (left out: {count} × {reason}" + (f", first {told})" if told else ")")

    def _meet(self, counter: Counter[str], reason: str, where: str, remedy: str, detail: str) -> None:
        if not self.autofix:
            reason += f" ({detail})" if detail else ""
            raise DataError(f"{self.source}: {where}: {reason}; correct it, or parse with autofix=True to {remedy}.")
        counter[reason] += 1
        self._keep(reason, where, detail)

    def _keep(self, reason: str, where: str, detail: str) -> None:
        places = self._places.setdefault(reason, [])
        if where and len(places) < PLACES_KEPT:
            places.append(where)
        if detail:
            self._details.setdefault(reason, detail)

    def report(self, records: Records) -> ParseReport:
        """The counts, with those of the records that were made."""
        return ParseReport(
            images=len(records),
            objects=records.num_objects,
            negatives=sum(len(record.instances) == 0 for record in records),
            mended=dict(self._mended.most_common()),
            dropped=dict(self._dropped.most_common()),
            places={reason: tuple(places) for reason, places in self._places.items() if places},
            details=dict(self._details),
        )


def no_cache(cache_filepath: Path | str | None) -> None:
    """Warn that parsers keep no cache, if one is asked for.

    IceVision's is a pickle that is taken whenever its file is there, whatever has become of the labels since.
    """
    if cache_filepath is not None:
        warnings.warn(
            f"cache_filepath={str(cache_filepath)!r} is without effect: the labels are read anew, so that what changed "
            "in them is seen; leave it out.",
            stacklevel=3,
        )


def divide(records: Records, splitter: Splitter | None, report: ParseReport) -> list[Records]:
    """The parts that `splitter` makes, each with the report of the whole.

    Without a splitter: the splits of the source where it has put every image in one of two or more, else
    RandomSplitter().
    """
    if splitter is None:
        named = {record.split for record in records}
        splitter = BySplitFolder() if len(named) > 1 and None not in named else RandomSplitter()
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
