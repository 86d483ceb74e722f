"""Label files of the VGG Image Annotator, of every version and form, as one kind of list.

version 1      a dict of images by file name + size; the regions of each are a dict "0", "1", ...
version 2      the same with a list of regions; a project has it under "_via_img_metadata", with settings beside it
CSV            of both: filename, file_size, file_attributes, region_count, region_id, region_shape_attributes,
               region_attributes, one region a row, the last two and the attributes as JSON
version 3      see `via_three`
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from contorno.errors import DataError
from contorno.files import read_json
from contorno.parsers.findings import Findings

_CSV_COLUMNS = ("filename", "region_shape_attributes", "region_attributes")
_LONGEST_CELL = 1 << 28
_UNDEFINED = re.compile(r":\s*undefined\b")


@dataclass(slots=True, kw_only=True)
class ViaRegion:
    """One region: its shape in the words of VIA 2, and its attributes by name."""

    where: str
    shape: Mapping[str, Any]
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class ViaImage:
    """One image: the names that it may have, the likeliest first, its regions and the attributes of the file."""

    names: tuple[str, ...]
    where: str
    regions: list[ViaRegion] = field(default_factory=list)
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class ViaDocument:
    """A label file.

    options: for region attributes that are chosen from a list, {option id: description} by name.
    shown:   the region attribute that the project shows as the label of a region, "" if none.
    """

    form: str
    images: list[ViaImage]
    options: dict[str, dict[str, str]] = field(default_factory=dict)
    shown: str = ""


def via_form(document: Any) -> str | None:
    """Which form of VIA a JSON value has, "VIA 2 project" for one; None if it is not of VIA."""
    if isinstance(document, dict) and isinstance(document.get("_via_img_metadata"), dict):
        return "VIA 2 project"
    if isinstance(document, dict) and all(isinstance(document.get(key), dict) for key in ("file", "view", "metadata")):
        return "VIA 3 project"
    entries = list(document.values()) if isinstance(document, dict) else document
    if not isinstance(entries, list) or not any(_is_entry(entry) for entry in entries):
        return None
    old = any(_is_entry(entry) and isinstance(entry["regions"], dict) for entry in entries)
    return "VIA 1 annotations" if old else "VIA 2 annotations"


def read_entries(document: Any, form: str, findings: Findings) -> ViaDocument:
    """Take the JSON value of versions 1 and 2. Entries and regions that are none go to `findings`."""
    project = form == "VIA 2 project"
    entries = document["_via_img_metadata"] if project else document
    settings = _dict(document.get("_via_settings")) if project else {}
    folder = _dict(settings.get("core")).get("default_filepath")
    pairs = entries.items() if isinstance(entries, dict) else enumerate(entries)
    images = []
    for key, entry in pairs:
        if not _is_entry(entry):
            findings.drop("entry that is not an image with its regions", str(key))
            continue
        name = entry["filename"]
        where = str(name) if isinstance(name, str) and name.strip() else f"entry {str(key)!r}"
        images.append(
            ViaImage(
                names=_names(name, folder),
                where=where,
                regions=_regions(entry["regions"], where, findings),
                attributes=_dict(entry.get("file_attributes")),
            )
        )
    declared = _dict(_dict(document.get("_via_attributes") if project else None).get("region"))
    options = {
        name: {str(option): str(text or "") for option, text in _dict(attribute.get("options")).items()}
        for name, attribute in declared.items()
        if isinstance(attribute, dict) and attribute.get("type") in ("radio", "dropdown", "checkbox")
    }
    of_image = _dict(_dict(settings.get("ui")).get("image"))
    return ViaDocument(form=form, images=images, options=options, shown=str(of_image.get("region_label") or ""))


def read_json_document(path: Path) -> tuple[Any, str]:
    """The JSON value of a label file and its form. Raises DataError if it is not of VIA."""
    document = read_json(path)
    form = via_form(document)
    if form is None:
        raise DataError(
            f"{path} is not of the VGG Image Annotator: expected images with 'filename' and 'regions', a project with "
            "'_via_img_metadata', or one with 'file', 'view' and 'metadata'."
        )
    return document, form


def read_text(path: Path) -> str:
    """The text of a CSV in UTF-8, or in the UTF-16 that spreadsheets call Unicode. Raises DataError for others."""
    try:
        data = path.read_bytes()
        is_wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        return data.decode("utf-16" if is_wide else "utf-8-sig")
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: byte {error.start} is not UTF-8; save it as CSV UTF-8.") from error


def read_csv(path: Path, text: str, findings: Findings) -> ViaDocument:
    """Take the CSV of versions 1 and 2. Raises DataError if the columns are others, or no row can be read."""
    head = text.partition("\n")[0].lstrip("#")
    delimiter = max(",;\t", key=head.count)
    images: dict[str, ViaImage] = {}
    bad: list[str] = []
    for line, row in csv_rows(path, text, delimiter):
        if line == 1:
            columns = {name.strip().lstrip("#").strip(): place for place, name in enumerate(row)}
            absent = [name for name in _CSV_COLUMNS if name not in columns]
            if absent:
                raise DataError(
                    f"{path} is not a CSV of the VGG Image Annotator: it has no column {', '.join(absent)}."
                )
            continue
        if len(row) != len(columns):
            bad.append(f"line {line}: {len(row)} cells for {len(columns)} columns")
            findings.drop("row that cannot be read", f"line {line}", bad[-1].partition(": ")[2])
            continue
        cells = {name: row[place] for name, place in columns.items()}
        name = cells["filename"].strip()
        try:
            shape, attributes = (read_cell(cells[column]) for column in _CSV_COLUMNS[1:])
            of_file = read_cell(cells.get("file_attributes", ""))
        except ValueError as error:
            bad.append(f"line {line}: {error}")
            findings.drop("row that cannot be read", f"line {line}", str(error))
            continue
        image = images.setdefault(name, ViaImage(names=(name,), where=name, attributes=_dict(of_file)))
        if shape:
            region = cells.get("region_id", "") or str(len(image.regions))
            image.regions.append(ViaRegion(where=f"region {region}", shape=_dict(shape), attributes=_dict(attributes)))
    if bad and not images:
        raise DataError(f"{path}: none of its {len(bad)} rows can be read; the first is {bad[0].rstrip('.')}.")
    return ViaDocument(form="VIA CSV", images=list(images.values()))


def csv_rows(path: Path, text: str, delimiter: str = ",") -> Iterator[tuple[int, list[str]]]:
    """The rows of a CSV that are not empty, with the number of the line that each ends on; 1 for the first row."""
    with _long_cells():
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        try:
            for number, row in enumerate(rows):
                if row and any(cell.strip() for cell in row):
                    yield (rows.line_num if number else 1), row
        except csv.Error as error:
            raise DataError(f"{path} cannot be read as CSV: {error} at line {rows.line_num}.") from error


def read_cell(text: str) -> Any:
    """The JSON value in a cell; an empty cell is an empty dict. Raises ValueError if it is no JSON."""
    text = text.strip()
    if not text:
        return {}
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("JSON that is nested too deep") from error
    except json.JSONDecodeError:
        # Old versions write the word undefined where an attribute was never set.
        return json.loads(_UNDEFINED.sub(":null", text))
    except ValueError as error:
        raise ValueError("a number of too many digits") from error


def _is_entry(entry: Any) -> bool:
    return isinstance(entry, dict) and "filename" in entry and isinstance(entry.get("regions"), list | dict)


def _regions(regions: Any, where: str, findings: Findings) -> list[ViaRegion]:
    pairs = regions.items() if isinstance(regions, dict) else enumerate(regions)
    found = []
    for key, region in pairs:
        if not isinstance(region, dict) or not isinstance(region.get("shape_attributes"), dict):
            findings.drop("region without a shape", f"{where}, region {key}")
            continue
        attributes = _dict(region.get("region_attributes"))
        found.append(ViaRegion(where=f"region {key}", shape=region["shape_attributes"], attributes=attributes))
    return found


def _names(name: Any, folder: Any) -> tuple[str, ...]:
    """A file name as it is, and below the folder that the project looks for images in."""
    if not isinstance(name, str) or not name.strip():
        return ("",)
    joined = f"{folder.rstrip('/' + chr(92))}/{name}" if isinstance(folder, str) and folder.strip() else name
    return tuple(dict.fromkeys((name, joined)))


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


@contextmanager
def _long_cells() -> Iterator[None]:
    """Let cells of a CSV be as long as large polygons need; the limit belongs to the whole process."""
    before = csv.field_size_limit(_LONGEST_CELL)
    try:
        yield
    finally:
        csv.field_size_limit(before)
