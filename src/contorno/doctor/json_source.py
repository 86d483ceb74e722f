"""Read a JSON file of labels, or say what it is instead: broken, cut off, or another tool's file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from contorno.doctor.report import Faults, Place
from contorno.errors import DataError
from contorno.files import read_json
from contorno.parsers.broken_json import broken_json
from contorno.parsers.coco_tasks import other_task

TABLES = ("images", "annotations", "categories")

_KEYS_OF = {
    "a project of VIA 2 (VGG Image Annotator)": {"_via_img_metadata"},
    "a project of VIA 3 (VGG Image Annotator)": {"project", "config", "attribute", "file", "metadata"},
    "a label file of LabelMe": {"shapes", "imagePath"},
    "a label file of Supervisely": {"objects", "size", "tags"},
    "an export of Datumaro": {"items", "categories", "infos"},
    "a data set of FiftyOne": {"samples"},
    "GeoJSON": {"type", "features"},
    "a notebook": {"cells", "nbformat"},
}
"""What other tools write, by keys that the outermost object has."""

_KEYS_OF_ITEMS = {
    "a results file (predictions), which belongs to a COCO file": {"image_id", "category_id", "score"},
    "a results file of captions": {"image_id", "caption"},
    "an export of Label Studio": {"annotations", "data"},
    "an old export of Label Studio": {"completions", "data"},
    "an export of CreateML": {"image", "annotations"},
    "an export of Labelbox": {"data_row", "projects"},
    "an old export of Labelbox": {"Labeled Data", "Label"},
    "labels of BDD100K": {"name", "labels"},
}
"""The same, by keys that the first object of a list has."""

_MEND = "give a COCO instances file, or the folder of the data, so that its format is recognised."


def read_document(path: Path, place: Place, faults: Faults) -> dict[str, Any] | None:
    """The JSON object in `path` with COCO's three tables, or None where there is none; faults say why."""
    try:
        document = read_json(path)
    except DataError as error:
        kind, cause, mend = _broken(path, error)
        faults.add("error", kind, place, cause, mend)
        return None
    other = other_tool(document)
    if other is not None:
        faults.add("error", "JSON that is not a COCO instances file", place, f"{path.name} is {other}.", _MEND)
        return None
    if not isinstance(document, dict):
        cause = f"{path.name} holds {_type(document)}; a COCO file holds an object with {', '.join(TABLES)}."
        faults.add("error", "JSON that is not a COCO instances file", place, cause, _MEND)
        return None
    keys = ", ".join(map(repr, list(document)[:8])) or "none"
    if not any(table in document for table in TABLES):
        cause = f"{path.name} has none of the keys {', '.join(TABLES)}; its keys are {keys}."
        faults.add("error", "JSON that is not a COCO instances file", place, cause, _MEND)
        return None
    for table in TABLES:
        where = Place(split=place.split, label_file=place.label_file, field=table)
        if table not in document:
            is_test_list = table == "annotations"
            cause = f"the key {table!r} is missing; its keys are {keys}."
            mend = (
                "files of test images have none; check against the file with the annotations."
                if is_test_list
                else f"write the file again with its {table}."
            )
            faults.add("error", "table missing in the COCO file", where, cause, mend)
        elif not isinstance(document[table], list):
            cause = f"{table!r} is {_type(document[table])}; expected a list."
            faults.add("error", "table of the COCO file that is no list", where, cause, "write it as a list.")
    return {**document, **{t: document[t] if isinstance(document.get(t), list) else [] for t in TABLES}}


def other_tool(document: Any) -> str | None:
    """Which other kind of file this JSON is, named; None if none is known."""
    if isinstance(document, dict):
        for name, keys in _KEYS_OF.items():
            if keys <= document.keys():
                return name
        if document and all(isinstance(v, dict) and {"filename", "regions"} <= v.keys() for v in document.values()):
            return "an annotation export of VIA (VGG Image Annotator)"
        return other_task(document)
    if isinstance(document, list) and document and isinstance(document[0], dict):
        for name, keys in _KEYS_OF_ITEMS.items():
            if keys <= document[0].keys():
                return name
    return None


def _broken(path: Path, error: DataError) -> tuple[str, str, str]:
    """Kind, cause and mend of a file that is not JSON."""
    reason = error.__cause__
    try:
        size = path.stat().st_size
    except OSError:
        return "label file that cannot be read", str(error), "check the path and the rights of the file."
    if not size:
        return "label file of zero bytes", f"{path.name} is empty.", "fetch or write it again."
    broken = broken_json(path)
    if broken is not None:
        kind = "JSON that is not UTF-8" if "UTF-16" in broken[0] else "file that is not JSON"
        return kind, f"{path.name} is {broken[0]}.", f"{broken[1]}."
    if isinstance(reason, json.JSONDecodeError):
        text = reason.doc
        at = f"{path.name}: {reason.msg} at line {reason.lineno}, column {reason.colno}"
        if not text.strip("\0 \n\r\t"):
            return "label file without content", f"{path.name} holds blanks only.", "fetch or write it again."
        cut = reason.pos >= len(text.rstrip()) or reason.msg.startswith("Unterminated string")
        if cut and text.lstrip()[0] in "[{":
            cause = f"{at}: the file ends in the middle, after {size} bytes."
            return "JSON that is cut off", cause, "fetch or write it again; the disk may have been full."
        hint = _hint(text, reason)
        return "file that is not JSON", f"{at}{hint}.", "write it again, or correct it there."
    if isinstance(reason, UnicodeDecodeError):
        return "JSON that is not UTF-8", str(error), "save it as UTF-8."
    return "label file that cannot be read", str(error), "write it again."


def _hint(text: str, reason: json.JSONDecodeError) -> str:
    rest = text[reason.pos : reason.pos + 20]
    if text.lstrip()[0] == "<":
        return "; it looks like XML or a web page"
    if reason.msg == "Extra data":
        return "; it looks like one object a line (JSON lines), or two files in one"
    if rest.startswith("'"):
        return "; it looks like Python's own text, with single quotes"
    before = text[: reason.pos].rstrip()
    if rest[:1] in ("}", "]") and before.endswith(","):
        return "; a comma stands before the closing bracket"
    if "trailing comma" in reason.msg:
        return "; a comma stands before the closing bracket"
    return ""


def _type(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "a truth value", type(None): "null"}
    return names.get(type(value), "a number")
