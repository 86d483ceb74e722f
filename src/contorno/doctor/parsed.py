"""Faults that a parser met on its way: what it mended or left out, and what stopped it."""

from __future__ import annotations

from dataclasses import replace

from contorno.doctor.report import Faults, Place
from contorno.errors import ConfigError, DataError
from contorno.parsers import ReadOptions, Recognised, read
from contorno.records import ParseReport, Records

_GRAVE = (
    "cannot be read",
    "missing",
    "not in the class map",
    "unknown",
    "without area",
    "empty mask",
    "fewer than 3",
    "another size",
    "without a class",
)
"""Words in the reasons of what is lost to training against the will of whoever annotated it."""
_MENDS = {
    "file that cannot be read": "put a sound one there, or take it out of the data",
    "image that cannot be read": "put a sound file there, or take it out of the data",
    "picture that cannot be read": "put a sound one there, or take it out of the data",
    "fewer than 3": "draw its outline again, or delete it",
    "encloses nothing": "draw its outline, or delete it",
    "empty mask": "draw its mask again, or delete it",
    "repeats another": "delete the repeat",
    "stands twice": "delete the repeat",
    "without a class": "give it a class",
    "two classes": "leave one class ticked",
    "not in the class map": "add the class to the class map, or correct its name",
    "another size": "put the image there that the mask was drawn on, or draw it anew",
    "leaves the image": "put the image there that the mask was drawn on, or draw it anew",
    "not a number": "write the number that is meant",
    "not numbers": "write the numbers that are meant",
    "leads out of the image folder": "name the file relative to the image folder",
}
"""What to do by words in the reason of what was left out; the first that fit."""


def check_parsed(recognised: Recognised, faults: Faults, options: ReadOptions, whole: str) -> dict[str, Records]:
    """Read the data with their parser, turn its report into faults, and return the records by split.

    whole: the name of a part that is not divided.
    """
    first = next(iter(recognised.splits.values()))
    lenient = replace(options, autofix=True, missing_images="drop", ignore_unknown=True)
    asked = ("not in the class map",) if options.ignore_unknown else ()
    place = Place(split=whole, label_file=str(first.path))
    try:
        parts = read(first.path, None, lenient, recognised=recognised)
    except (DataError, ConfigError) as error:
        mend = "correct it, or leave it out."
        faults.add("error", f"{first.kind} that cannot be read", place, str(error), mend)
        return {}
    told: list[ParseReport] = []
    for name, records in parts.items():
        # Parts of one source share its report.
        if records.report is not None and not any(records.report is report for report in told):
            told.append(records.report)
            one = recognised.splits.get(name)
            label_file = str(first.path if one is None else one.path)
            tell_report(records.report, Place(split=name or whole, label_file=label_file), faults, asked)
    return {name or whole: records for name, records in parts.items()}


def tell_report(report: ParseReport, place: Place, faults: Faults, asked: tuple[str, ...] = ()) -> None:
    """Make each line of a parser's report a fault. asked: words in the reasons of what was left out as asked."""
    for reason, count in report.mended.items():
        _tell(report, reason, count, place, faults, is_lost=False)
    for reason, count in report.dropped.items():
        if not any(word in reason for word in asked):
            _tell(report, reason, count, place, faults, is_lost=True)


def _tell(report: ParseReport, reason: str, count: int, place: Place, faults: Faults, *, is_lost: bool) -> None:
    is_grave = is_lost and any(word in reason for word in _GRAVE)
    is_gone = "missing" in reason
    cause = report.details.get(reason) or ("the parser left it out." if is_lost else "the parser put it right.")
    if is_gone:
        mend = "put the file there, or leave the image out."
    else:
        todo = next((mend for words, mend in _MENDS.items() if words in reason), "correct it")
        mend = f"{todo}; until then it is left out." if is_lost else "write the data again as they were read."
    where = report.places.get(reason, ())
    for index, text in enumerate(where[:count] or ("",)):
        # The first place stands for those that the parser has only counted.
        times = count - max(0, min(len(where), count) - 1) if index == 0 else 1
        faults.add(
            "error" if is_grave else "warning",
            reason,
            replace(place, field=text or None),
            cause,
            mend,
            count=times,
            fixable=not is_gone,
        )
