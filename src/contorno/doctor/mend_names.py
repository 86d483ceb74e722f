"""Mend the file names of a COCO document in place."""

from __future__ import annotations

from pathlib import Path

from contorno.doctor.coco_fields import named_by_address
from contorno.doctor.coco_names import found_names
from contorno.doctor.coco_tables import Tables
from contorno.doctor.mend_tables import TableMender


def mend_names(mender: TableMender, tables: Tables, folder: Path | None) -> None:
    """Name the files that are meant, where that is sure. folder: of the images, if it is known."""
    for found in found_names(tables.images, folder):
        why = found.why if "file_name" in found.row.entry else named_by_address(found.row.entry)
        _set(mender, found.row.entry, found.name, why)
    for row in tables.images.values():
        if "file_name" not in row.entry and row.file_name is not None:
            _set(mender, row.entry, row.file_name, named_by_address(row.entry))


def _set(mender: TableMender, entry: dict[str, object], name: str, why: str) -> None:
    mender.note(why, "file_name", entry.get("file_name"), name, entry)
    entry["file_name"] = name
