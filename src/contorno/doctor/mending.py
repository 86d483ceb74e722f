"""Write a mended copy of a data set, and the list of what it has otherwise."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from contorno.doctor.changes import Change, Mended, write_changes
from contorno.doctor.coco_names import doubtful_names, find_images, names_to_find
from contorno.doctor.coco_tables import read_tables
from contorno.doctor.json_source import TABLES, other_tool
from contorno.doctor.mend_names import mend_names
from contorno.doctor.mend_objects import mend_objects
from contorno.doctor.mend_tables import TableMender
from contorno.doctor.report import Faults, Place
from contorno.errors import ConfigError, DataError
from contorno.files import new_folder, read_json, write_json
from contorno.parsers import ReadOptions, Recognised, Source, read, recognise
from contorno.parsers.findings import collector_paused
from contorno.parsers.sources import Kind
from contorno.progress import Progress, silent
from contorno.records import Records
from contorno.writers import Format, write_as

CHANGES = "changes.csv"

_DEEPEST = 100

FORMATS: Mapping[Kind, Format] = {
    "VIA file": "via",
    "LabelMe folder": "labelme",
    "YOLO folder": "yolo",
    "VOC folder": "voc",
    "mask folder": "masks",
}
"""What data other than COCO are written as; kinds that are not here become COCO files."""


def mend_path(
    path: Path | str,
    out: Path | str,
    images: Path | str | None = None,
    *,
    options: ReadOptions | None = None,
    progress: Progress = silent,
) -> Mended:
    """Write a mended copy of the data at `path` into the new folder `out`; the source is never touched.

    path, images:  as in `check_path`.
    options:       how data other than COCO are read.

    A COCO file is mended as the document that it is, so that members and keys which nobody knows stay. Done are: ids
    and references, names and repeats of categories, repeats of images and annotations, masks not in COCO's form,
    polygons that reach over the image, boxes and areas that are not those of the mask, objects that cover nothing,
    and sizes that the annotations prove wrong. `changes.csv` names each change. Other faults stay, and `check_path`
    names them. The images of a COCO file are left where they are.

    Data of other formats are read with their parser, which mends, and written again in the same format, or as COCO
    where that cannot be written; their images are put beside them as hard links, or copied where that cannot be.
    Raises ConfigError if `out` is or lies in the source, or has something in it; DataError if there is nothing that
    can be read.
    """
    path, out = Path(path), Path(out)
    recognised = recognise(path, images)
    home = path if path.is_dir() else path.parent
    inside = out.absolute().resolve()
    if inside == path.resolve() or (path.is_dir() and inside.is_relative_to(path.resolve())):
        raise ConfigError(f"{out} is in the source {path}, which is never changed; choose a folder outside of it.")
    documents = {
        name: (source, *_read(source)) for name, source in recognised.splits.items() if source.kind == "COCO file"
    }
    others = {name: source for name, source in recognised.splits.items() if source.kind != "COCO file"}
    parts, told = _parse(replace(recognised, splits=others), options) if others else ({}, [])
    new_folder(out)
    changes: list[Change] = []
    written: list[Path] = []
    folders: set[Path] = set()
    placed = 0
    for source, document, mender in documents.values():
        folder = _mend_coco(source, document, mender, progress)
        folders |= set() if folder is None else {folder.absolute()}
        changes += mender.changes
        inner = source.path.relative_to(home) if source.path.is_relative_to(home) else Path(source.path.name)
        with collector_paused():
            changes += _without_infinity(document, source)
            write_json(out / inner, document)
        written.append(out / inner)
    if parts:
        made = write_as(
            FORMATS.get(next(iter(others.values())).kind, "coco"), parts, out, images="link", progress=progress
        )
        written += [one.path for one in made]
        placed = sum(one.images for one in made)
        changes += told
        for one in made:
            changes += [
                Change(label_file=str(path), why=f"not held by the format: {w}", count=n) for w, n in one.lost.items()
            ]
    write_changes(out / CHANGES, changes)
    images_in = Path(os.path.commonpath(folders)) if folders else None
    return Mended(path=out, label_files=tuple(written), changes=tuple(changes), images=placed, images_in=images_in)


def _read(source: Source) -> tuple[dict[str, Any], TableMender]:
    with collector_paused():
        document = read_json(source.path)
    what = other_tool(document)
    if what is not None or not isinstance(document, dict) or not any(table in document for table in TABLES):
        raise DataError(f"{source.path} is {what or 'not a COCO instances file'}; there is nothing to mend.")
    for table in TABLES:
        if not isinstance(document.get(table, []), list):
            raise DataError(f"{source.path}: {table!r} is no list; there is nothing to mend.")
        document.setdefault(table, [])
    if _is_deeper(document, _DEEPEST):
        raise DataError(f"{source.path} has lists in lists over {_DEEPEST} deep; there is nothing to mend.")
    return document, TableMender(
        document, str(source.path), doubtful_names(document["images"], source.path, source.images)
    )


def _is_deeper(value: Any, most: int) -> bool:
    """Whether a JSON value has more than `most` lists and objects in each other."""
    level = [value]
    for _ in range(most):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list) and inner
        ]
        if not level:
            return False
    return True


def _mend_coco(source: Source, document: dict[str, Any], mender: TableMender, progress: Progress) -> Path | None:
    """Mend one document in place; its image folder, if that is found."""
    with collector_paused():
        mender.mend()
        tables = read_tables(document, Place(split=""), Faults())
        folder = find_images(source.path, names_to_find(tables.images), source.images)
        mend_names(mender, tables, folder)
        mend_objects(mender, folder, progress)
    return folder


def _without_infinity(document: dict[str, Any], source: Source) -> list[Change]:
    """Make numbers that JSON does not have null."""
    count = 0
    waiting: list[Any] = [document]
    while waiting:
        value = waiting.pop()
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            if isinstance(item, float):
                if not math.isfinite(item):
                    value[key] = None
                    count += 1
            elif isinstance(item, dict | list):
                waiting.append(item)
    why = "number that JSON does not have (NaN, infinity), now null"
    return [Change(label_file=str(source.path), why=why, count=count)] if count else []


def _parse(recognised: Recognised, options: ReadOptions | None) -> tuple[dict[str, Records], list[Change]]:
    """The records of data other than COCO, and what their parser mended or left out."""
    first = next(iter(recognised.splits.values()))
    options = ReadOptions() if options is None else options
    lenient = replace(options, autofix=True, missing_images="drop")
    parts = read(first.path, None, lenient, recognised=recognised)
    changes: list[Change] = []
    seen: set[int] = set()
    for name, records in parts.items():
        if records.report is None or id(records.report) in seen:
            continue
        seen.add(id(records.report))
        source = recognised.splits.get(name, first)
        for why, count in [*records.report.mended.items(), *records.report.dropped.items()]:
            places = "; ".join(records.report.places.get(why, ()))
            changes.append(Change(label_file=str(source.path), field=places, why=why, count=count))
    return parts, changes
