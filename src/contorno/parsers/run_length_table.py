"""Tables of masks as run-length code, one a line, as Kaggle's competitions give them: `ImageId,EncodedPixels`.

A code is pairs of numbers: the first pixel of a run, counted from 1, and how many pixels it has. Most tables count down
the columns (nuclei of 2018, Airbus' ships, Severstal's steel, TGS' salt, iMaterialist), some along the rows (Carvana,
Sartorius' cells, UW-Madison's organs), and none of them says which. In SIIM's (pneumothorax, down the columns) a first
number says how many pixels lie between the end of the run before, or the beginning of the image, and the run.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from contorno import masks
from contorno.errors import DataError
from contorno.masks import RunLength, Size
from contorno.parsers.coco_geometry import BadGeometry

Order = Literal["columns", "rows"]
"""How pixels are counted: down the columns, from the left one on, or along the rows, from the upper one on."""

_IMAGES = ("imageid", "image_id", "image", "img", "filename", "file_name", "image_name", "id")
"""The likeliest first: beside a column of file names, `id` numbers the lines."""
_TOGETHER = ("imageid_classid", "image_label", "image_class", "imageid_label")
_CODES = ("encodedpixels", "encoded_pixels", "rle", "rle_mask", "mask_rle", "encoding", "rle_encoded")
_CODES_TOO = ("annotation", "segmentation")
"""Columns that hold code in some tables and other things in more."""
_CLASSES = ("classid", "class_id", "categoryid", "category_id", "class", "category", "cell_type", "label", "class_name")
_SEPARATORS = ",;\t"
_NOTHING = frozenset({"", "-1", "nan", "none", "null"})
_LOOKS_LIKE_CODE = re.compile(r"\s*\d+ \d+( |\s*$)")
_MOST_BYTES = 1 << 31
_LONGEST_CELL = 1 << 26
_CLEARLY = 1.05
"""So much more of a mask lies on itself one line on where the order is the right one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Positions of the columns. together: the image column names the class too, as in `a.jpg_2`.
    separator: what stands between them, a comma, a semicolon or a tab."""

    image: int
    code: int
    separator: str = ","
    together: bool = False
    category: int | None = None
    height: int | None = None
    width: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeLine:
    """A line. category: "" where the table has none.   code: "" where the line says that there is no object.
    size: (height, width) as stated, or None.   number: of the line, from 1."""

    image: str
    category: str
    code: str
    number: int
    size: Size | None = None


def find_columns(head: str) -> Columns | None:
    """The columns of a table by the beginning of its text; None if it is none of run-length code."""
    lines = [line for line in head.splitlines() if line.strip()]
    if not lines:
        return None
    separator = max(_SEPARATORS, key=lines[0].count)
    try:
        names = [name.strip().casefold() for name in next(csv.reader(lines[:1], delimiter=separator))]
        first = next(csv.reader(lines[1:2], delimiter=separator), [])
    except csv.Error:
        return None
    places = {name: number for number, name in reversed(list(enumerate(names)))}
    together = next((places[name] for name in _TOGETHER if name in places), None)
    image = together if together is not None else next((places[name] for name in _IMAGES if name in places), None)
    code = next((places[name] for name in _CODES if name in places), None)
    if code is None:
        code = next((places[name] for name in _CODES_TOO if name in places), None)
        if code is not None and (len(first) <= code or not _LOOKS_LIKE_CODE.match(first[code])):
            code = None
    if image is None or code is None:
        return None
    return Columns(
        image=image,
        code=code,
        separator=separator,
        together=together is not None,
        category=None if together is not None else next((places[name] for name in _CLASSES if name in places), None),
        height=places.get("height"),
        width=places.get("width"),
    )


def read_lines(path: Path) -> Iterator[CodeLine]:
    """The lines of a table, in order. Raises DataError if the file is no such table or cannot be read."""
    limit = csv.field_size_limit(_LONGEST_CELL)
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise DataError(f"{path} has more than {_MOST_BYTES:,} bytes; divide it.")
        text = path.read_text(encoding="utf-8-sig")
        columns = find_columns(text[:4096])
        if columns is None:
            raise DataError(f"{path} is no table of run-length codes; expected columns as in ImageId,EncodedPixels.")
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=columns.separator)
        next(reader)
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield _line(cells, columns, reader.line_num)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read as a table of run-length codes: {error}.") from error
    finally:
        csv.field_size_limit(limit)


def _line(cells: Sequence[str], columns: Columns, number: int) -> CodeLine:
    def cell(place: int | None) -> str:
        return cells[place].strip() if place is not None and place < len(cells) else ""

    image, category = cell(columns.image), cell(columns.category)
    if columns.together:
        image, _, category = image.rpartition("_")
    code, height, width = cell(columns.code), cell(columns.height), cell(columns.width)
    stated = height.isdecimal() and width.isdecimal() and max(len(height), len(width)) < 7
    return CodeLine(
        image=image,
        category=category,
        code="" if code.casefold() in _NOTHING else code,
        number=number,
        size=(int(height), int(width)) if stated else None,
    )


def read_runs(code: str) -> NDArray[np.int64]:
    """The runs of a code (n, 2): first pixel as written, and number of pixels. Raises BadGeometry for what is none."""
    try:
        numbers = np.array(code.split(), dtype=np.int64)
    except (ValueError, OverflowError) as error:
        raise BadGeometry("run-length code with something that is not a whole number", str(error)[:80]) from error
    if len(numbers) % 2:
        raise BadGeometry("run-length code with an odd number of numbers", f"{len(numbers)} numbers; expected pairs")
    runs = numbers.reshape(-1, 2)
    if len(runs) and (runs.min() < 0 or runs.max() >= 1 << 40 or runs[:, 1].min() < 1):
        raise BadGeometry("run-length code with a run of no pixels", f"numbers from {runs.min()} to {runs.max()}")
    return runs


def are_offsets(samples: Iterable[tuple[NDArray[np.int64], Size]]) -> bool:
    """Whether most runs of some codes start before the end of the run before, so that they are told from that end.

    samples: runs, and the (height, width) of their image. A code speaks for it if two of its runs or more do, if some
    overlap, and if it fits its image when read so: one overlap is a slip, and runs out of order alone say nothing.
    """
    back = others = 0
    for runs, size in samples:
        if len(runs) < 2:
            continue
        goes_back = int(np.count_nonzero(runs[1:, 0] < runs[:-1].sum(axis=1)))
        by_start = runs[np.argsort(runs[:, 0], kind="stable")]
        if goes_back and not (by_start[1:, 0] < by_start[:-1].sum(axis=1)).any():
            continue
        speaks = goes_back > 1 and int(runs.sum()) <= size[0] * size[1]
        back += goes_back if speaks else 0
        others += len(runs) - 1 - (goes_back if speaks else 0)
    return back > others


def from_offsets(runs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Runs that are told each from the end of the one before, as runs whose pixels count from 0."""
    return np.column_stack([runs.ravel().cumsum()[::2], runs[:, 1]])


def draw_runs(runs: NDArray[np.int64], size: Size, order: Order, first: int) -> tuple[RunLength, bool]:
    """The mask of some runs, and whether any of them overlap or stand out of order; these are put together.

    first: number of the first pixel, 1 or 0.   Raises BadGeometry for runs that leave the image.
    """
    pixels = size[0] * size[1]
    starts, ends = runs[:, 0] - first, runs[:, 0] - first + runs[:, 1]
    if len(runs) and (starts.min() < 0 or ends.max() > pixels):
        raise BadGeometry(
            "run-length code that leaves the image",
            f"pixels {int(runs[:, 0].min())} to {int(ends.max()) - 1 + first}; "
            f"the image has {pixels} ({size[0]} x {size[1]}, height x width)",
        )
    mixed = bool((starts[1:] < ends[:-1]).any())
    if mixed:
        by_start = np.argsort(starts, kind="stable")
        starts, ends = starts[by_start], np.maximum.accumulate(ends[by_start])
        fresh = np.concatenate([[True], starts[1:] > ends[:-1]])
        starts, ends = starts[fresh], ends[np.concatenate([np.flatnonzero(fresh)[1:] - 1, [len(ends) - 1]])]
    edges = np.column_stack([starts, ends]).ravel()
    counts = np.diff(edges, prepend=0, append=pixels)
    if order == "columns":
        return masks.from_counts(counts, size), mixed
    flat = np.repeat((np.arange(len(counts)) % 2).astype(np.uint8), counts)
    return masks.encode(flat.reshape(size)), mixed


def find_order(samples: Sequence[tuple[NDArray[np.int64], Size]]) -> Order | None:
    """The order in which some codes count: that in which more of each mask lies beside itself one line on.

    samples: runs, and the (height, width) of their image. None where the images are square or it is not clear.
    """
    beside = np.zeros(2)
    for runs, size in samples:
        height, width = size
        if height == width or not len(runs) or (runs[:, 0] + runs[:, 1]).max() > height * width + 1:
            continue
        flat = np.zeros(height * width + 2, dtype=bool)
        for start, count in runs.tolist():
            flat[start : start + count] = True
        beside += [np.count_nonzero(flat[line:] & flat[:-line]) for line in (height, width)]
    down, along = beside.tolist()
    if down > _CLEARLY * along:
        return "columns"
    return "rows" if along > _CLEARLY * down else None
