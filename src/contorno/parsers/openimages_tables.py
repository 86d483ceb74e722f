"""The published tables of Open Images as they lie in a folder: boxes, masks and names of classes, as CSV.

A table may have millions of rows of images that nobody has fetched, so rows are filtered while they are read.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from contorno.errors import DataError
from contorno.parsers.coco_geometry import Box
from contorno.parsers.findings import Findings
from contorno.progress import Progress

TableKind = Literal["masks", "boxes", "classes"]

FLAGS = ("IsOccluded", "IsTruncated", "IsGroupOf", "IsDepiction", "IsInside")
_BOX = ("XMin", "YMin", "XMax", "YMax")
_MASK_BOX = ("BoxXMin", "BoxYMin", "BoxXMax", "BoxYMax")
_PROGRESS_ROWS = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRow:
    """One row of the table of boxes or of masks.

    box:   x_min, y_min, x_max, y_max, fractions of the image; None if the row states none.
    mid:   the class, as in /m/01b9xk.   mask: file name of the mask, "" in the table of boxes.
    flags: those that are stated: {"IsGroupOf": True}.   where: file and line.   bad_box: it states one that is none.
    """

    image_id: str
    mid: str
    box: Box | None
    where: str
    mask: str = ""
    box_id: str = ""
    predicted_iou: float | None = None
    flags: Mapping[str, bool] = field(default_factory=dict)
    bad_box: bool = False


def table_kind(path: Path) -> TableKind | None:
    """What a CSV file is, by its first lines; None for one that is something else or cannot be read."""
    try:
        with path.open("rb") as file:  # what stands farther down may be damaged, and is told of when it is read
            lines = [file.readline(65536).decode("utf-8-sig").rstrip("\r\n") for _ in range(2)]
        rows = [next(csv.reader([line]), []) for line in lines]
    except (OSError, UnicodeDecodeError, csv.Error):
        return None
    columns = {column.strip() for column in rows[0]}
    if {"MaskPath", "ImageID", "LabelName"} <= columns:
        return "masks"
    if {"ImageID", "LabelName", *_BOX} <= columns:
        return "boxes"
    pairs = [row for row in rows if row]
    return "classes" if pairs and len(pairs[-1]) == 2 and pairs[-1][0].startswith(("/m/", "/g/", "/t/")) else None


def read_class_names(path: Path) -> dict[str, str]:
    """Display names by MID. Raises DataError if the file cannot be read."""
    with _opened(path) as rows:
        return {row[0].strip(): row[1].strip() for _, row in rows if len(row) == 2 and row[0].startswith("/")}


def read_rows(
    path: Path, wanted: Container[str], mids: Container[str] | None, findings: Findings, progress: Progress
) -> Iterator[TableRow]:
    """The rows of the images `wanted` and the classes `mids` (all if None); rows of other images are counted.

    Raises DataError if the file cannot be read.
    """
    others = 0
    with _opened(path) as rows:
        _, header = next(rows, (0, []))
        place = {name.strip(): index for index, name in enumerate(header)}
        image, label = place["ImageID"], place["LabelName"]
        for number, row in rows:
            if number % _PROGRESS_ROWS == 0:
                progress(f"reading {path.name}, rows", number, 0)
            if not row:
                continue
            if len(row) < len(header):
                findings.drop("row of a table that is cut off", f"{path.name} line {number}")
            elif row[image].strip() not in wanted:
                others += 1
            elif mids is None or row[label].strip() in mids:
                yield _row(row, place, f"{path.name} line {number}")
    findings.leave_out("row of an image that is not in the folder", others, path.name)


@contextmanager
def _opened(path: Path) -> Iterator[Iterator[tuple[int, list[str]]]]:
    """The rows of a CSV file with their line numbers; what goes wrong becomes DataError."""
    line = 0
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            yield ((line := reader.line_num, row) for row in reader)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read as a table, after line {line}: {error}.") from error


def _row(row: list[str], place: Mapping[str, int], where: str) -> TableRow:
    def text(column: str) -> str:
        index = place.get(column)
        return "" if index is None else row[index].strip()

    columns = _MASK_BOX if "MaskPath" in place else _BOX
    edges = [_number(text(column)) for column in columns]
    fits = all(map(math.isfinite, edges)) and 0 <= edges[0] < edges[2] and 0 <= edges[1] < edges[3]
    guess = _number(text("PredictedIoU"))
    return TableRow(
        image_id=text("ImageID"),
        mid=text("LabelName"),
        box=(edges[0], edges[1], edges[2], edges[3]) if fits else None,
        where=where,
        mask=text("MaskPath"),
        box_id=text("BoxID"),
        predicted_iou=guess if math.isfinite(guess) else None,
        # -1 stands for unknown.
        bad_box=not fits and any(text(column) for column in columns),
        flags={flag: text(flag) == "1" for flag in FLAGS if text(flag) in ("0", "1")},
    )


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
