"""Single values of a COCO file as the doctor reads them: numbers, names and sizes of images, each fault told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PureWindowsPath
from typing import Any

from contorno.doctor.report import Faults, Place
from contorno.errors import DataError
from contorno.masks import Size
from contorno.parsers.coco_document import MOST_PIXELS
from contorno.parsers.coco_names import (
    ADDRESSES,
    LEADS_OUT,
    WEB_ADDRESS,
    is_web_address,
    name_in_url,
    name_of_address,
)
from contorno.parsers.image_files import relative_name

_LONGEST = 200  # characters of a bad name that are shown


def number(value: object) -> float | None:
    """A finite number as it is meant to be; None for texts, truth values and anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if found - found == 0 else None


def number_in_text(value: object) -> float | None:
    """The number that a text holds, or None."""
    if not isinstance(value, str):
        return None
    try:
        return number(float(value))
    except ValueError:
        return None


def read_file_name(
    entry: dict[str, Any], place: Place, faults: Faults
) -> tuple[str | None, tuple[str, str, str] | None]:
    """The name as a relative path, None if it is none; and kind, cause and mend if it leads out of the image folder."""
    name = entry.get("file_name")
    here = replace(place, field="file_name")
    if "file_name" not in entry:
        url = name_of_address(entry)
        if url is not None:
            key = _address_key(entry)
            cause = f"the key 'file_name' is missing; {key} is {str(entry[key])[:_LONGEST]!r}."
            faults.add("note", named_by_address(entry), here, cause, "none needed.", fixable=True)
            return url, None
        cause = f"the key 'file_name' is missing; its keys are {', '.join(map(repr, list(entry)[:8]))}."
        faults.add("error", "image without a file name", here, cause, "name the image file.")
        return None, None
    if isinstance(name, str) and is_web_address(name):
        mend = "fetch the images, and name the files."
        return None, (WEB_ADDRESS, f"its file name is {name[:_LONGEST]!r}.", mend)
    try:
        relative = relative_name(name, "")
    except DataError:
        if isinstance(name, str) and name.strip():
            cause, mend = f"its file name is {name[:_LONGEST]!r}.", "name it relative to the image folder."
            return None, (LEADS_OUT, cause, mend)
        faults.add("error", "image without a file name", here, f"its file name is {name!r}.", "name the image file.")
        return None, None
    assert isinstance(name, str)
    if "\\" in name and str(PureWindowsPath(name)) == name:
        cause = f"{name!r}: only Windows takes this for a folder and a file."
        faults.add("warning", "file name with backslashes", here, cause, "write forward slashes.", fixable=True)
    elif name != name.strip():
        faults.add("warning", "file name with outer blanks", here, f"{name!r}.", "take the blanks away.")
    return relative, None


def named_by_address(entry: dict[str, Any]) -> str:
    """The kind of fault that an entry of `images` is which has no file name and is called by its web address."""
    return f"image named by its {_address_key(entry)}"


def _address_key(entry: dict[str, Any]) -> str:
    return next(key for key in ADDRESSES if name_in_url(entry.get(key)) is not None)


def read_size(entry: dict[str, Any], place: Place, faults: Faults) -> Size | None:
    """(height, width) as stated, or None if these are none that can be."""
    sides: list[int] = []
    for key in ("height", "width"):
        value = entry.get(key)
        here = replace(place, field=key)
        found = number(value)
        if found is not None and found >= 1 and found == int(found):
            sides.append(int(found))
            continue
        if value is None:
            kind, cause = "image without width or height", f"{key} is missing."
        elif number_in_text(value) is not None:
            kind, cause = "width or height that is a text", f"{key} is {value!r}."
            taken = number_in_text(value) or 0.0
            if taken >= 1 and taken == int(taken):
                sides.append(int(taken))
        else:
            kind, cause = "width or height that cannot be", f"{key} is {value!r}; expected whole pixels from 1 on."
        severity: Any = "error"
        faults.add(severity, kind, here, cause, "state the size of the image file.", fixable=True)
    if len(sides) == 2 and sides[0] * sides[1] > MOST_PIXELS:
        cause = f"{sides[1]} x {sides[0]} pixels (width x height) are more than any image has."
        mend = "state the size of the image file."
        faults.add("error", "width or height that cannot be", replace(place, field="width"), cause, mend, fixable=True)
        return None
    return (sides[0], sides[1]) if len(sides) == 2 else None
