"""The big tables of Open Images: masks, boxes and image labels of some classes, typed and checked.

A table is never loaded: it is searched while it streams (`table_scan`). The rows of a class are kept (`table_rows`),
keyed by the identity of the file, so that the next class costs one pass, and the same class none.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TypeVar

from contorno.errors import DataError
from contorno.openimages.bucket import MetaFiles, Split
from contorno.openimages.table_rows import Rows, RowText, read_rows, write_rows
from contorno.openimages.table_scan import scan_table, whole
from contorno.progress import Progress, silent

MASK_COLUMNS = (
    "MaskPath", "ImageID", "LabelName", "BoxID",
    "BoxXMin", "BoxXMax", "BoxYMin", "BoxYMax", "PredictedIoU",
)  # fmt: skip
BOX_COLUMNS = (
    "ImageID", "Source", "LabelName", "XMin", "XMax", "YMin", "YMax",
    "IsOccluded", "IsTruncated", "IsGroupOf", "IsDepiction", "IsInside",
)  # fmt: skip
LABEL_COLUMNS = ("ImageID", "Confidence")

_PLAIN_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")
_PLAIN_PNG = re.compile(r"[0-9A-Za-z_-][0-9A-Za-z_.-]{0,120}\.png")
_FLAGS = {"1": True, "0": False, "-1": None, "": None}
_Row = TypeVar("_Row")


@dataclass(frozen=True, slots=True)
class MaskRow:
    """One row of the table of masks.

    mask_path:     name of the mask in its zip, a plain file name ending in `.png`.
    image_id:      a plain name.      mid: the class.      box_id: a plain name, or empty.
    box:           (x_min, y_min, x_max, y_max), 0..1 of the image's width and height, or None where a field is empty.
    predicted_iou: the annotators' model's guess of its quality, 0..1, or None.
    The annotators' clicks, most of the file's bytes, are not kept.
    """

    mask_path: str
    image_id: str
    mid: str
    box_id: str
    box: tuple[float, float, float, float] | None
    predicted_iou: float | None


@dataclass(frozen=True, slots=True)
class BoxFlags:
    """What people noted of a box; None where they did not look (-1 in the file, as for boxes found by a detector)."""

    is_occluded: bool | None
    is_truncated: bool | None
    is_group_of: bool | None
    is_depiction: bool | None
    is_inside: bool | None


@dataclass(frozen=True, slots=True)
class BoxRow:
    """One row of the table of boxes.

    image_id: a plain name.   source: who drew it ("xclick", "activemil", ...).   mid: the class.
    box:      (x_min, y_min, x_max, y_max), 0..1 of the image's width and height.
    """

    image_id: str
    source: str
    mid: str
    box: tuple[float, float, float, float]
    flags: BoxFlags


def mask_rows(
    meta: MetaFiles, split: Split, mids: Sequence[str], *, progress: Progress = silent
) -> dict[str, Collection[MaskRow]]:
    """Rows of the table of masks for each class, in the order of the file. They are held as text: see `Rows`.

    Raises DataError for a changed header or a broken row, DownloadError.
    """
    return _select(meta, meta.bucket.masks_table_key(split), MASK_COLUMNS, mids, _mask_row, progress)


def box_rows(
    meta: MetaFiles, split: Split, mids: Sequence[str], *, progress: Progress = silent
) -> dict[str, Collection[BoxRow]]:
    """Rows of the table of boxes for each class, in the order of the file. The table of train has 2.3 GB.

    Raises DataError for a changed header or a broken row, DownloadError.
    """
    return _select(meta, meta.bucket.boxes_table_key(split), BOX_COLUMNS, mids, _box_row, progress)


def image_labels(
    meta: MetaFiles, split: Split, mids: Sequence[str], *, progress: Progress = silent
) -> dict[str, dict[str, bool]]:
    """For each class the images in which people verified it: {mid: {image id: present?}}.

    Raises DataError for a changed header or a broken row, DownloadError.
    """
    labels: dict[str, dict[str, bool]] = {}
    key = meta.bucket.labels_table_key(split)
    for mid, rows in _select(meta, key, LABEL_COLUMNS, mids, _label, progress).items():
        seen = labels.setdefault(mid, {})
        for image_id, present in rows:
            # An image may be verified by several sources; one that saw the thing outweighs all that did not.
            seen[image_id] = present or seen.get(image_id, False)
    return labels


def _select(
    meta: MetaFiles,
    key: str,
    columns: Sequence[str],
    mids: Sequence[str],
    read: Callable[[Sequence[str], str], _Row],
    progress: Progress,
) -> dict[str, Collection[_Row]]:
    """Rows of each class, from the files that keep them or by one pass for all that are not kept.

    read: makes a row of the fields in `columns`, and raises DataError, which names the table, if they are not right.
    """
    identity = meta.identify(key)
    table = key.rpartition("/")[2]
    origin = [identity.as_json(), list(columns)]
    kept = {}
    for mid in mids:
        path = meta.cache_path(f"{table}.{mid.replace('/', '')}.rows", identity.as_json(), columns, mid)
        # Of a file without a version it cannot be said whether it is still the same.
        if path is not None and identity.version is not None:
            kept[mid] = path
    found: dict[str, RowText] = {}
    for mid, path in kept.items():
        if (rows := read_rows(path, [*origin, mid])) is not None:
            found[mid] = rows
    missing = {mid: RowText() for mid in mids if mid not in found}
    if missing:
        blocks = whole(meta.blocks(key), identity)
        for mid, fields in scan_table(blocks, table, columns, missing, total=identity.size, progress=progress):
            read(fields, key)  # all rows are right before the first is given out
            missing[mid].add(fields)
        for mid in missing.keys() & kept.keys():
            write_rows(kept[mid], [*origin, mid], missing[mid])
    found |= missing
    return {mid: Rows(found[mid], lambda fields: read(fields, key)) for mid in mids}


def _mask_row(row: Sequence[str], key: str) -> MaskRow:
    mask_path, image_id, mid, box_id, *box, predicted_iou = row
    _plain(mask_path, _PLAIN_PNG, key, "MaskPath")
    _plain(image_id, _PLAIN_ID, key, "ImageID")
    if box_id:
        _plain(box_id, _PLAIN_ID, key, "BoxID")
    corners: tuple[float, float, float, float] | None = None
    if all(box):
        x_min, x_max, y_min, y_max = (_number(text, key, mask_path, "Box") for text in box)
        corners = (x_min, y_min, x_max, y_max)
    guess = _number(predicted_iou, key, mask_path, "PredictedIoU") if predicted_iou else None
    return MaskRow(mask_path, image_id, mid, box_id, corners, guess)


def _box_row(row: Sequence[str], key: str) -> BoxRow:
    image_id, source, mid, *box, occluded, truncated, group_of, depiction, inside = row
    _plain(image_id, _PLAIN_ID, key, "ImageID")
    x_min, x_max, y_min, y_max = (_number(text, key, image_id, "a corner of a box") for text in box)
    flags = BoxFlags(*(_flag(text, key, image_id) for text in (occluded, truncated, group_of, depiction, inside)))
    return BoxRow(image_id, source, mid, (x_min, y_min, x_max, y_max), flags)


def _label(row: Sequence[str], key: str) -> tuple[str, bool]:
    image_id, confidence = row
    _plain(image_id, _PLAIN_ID, key, "ImageID")
    return image_id, _number(confidence, key, image_id, "Confidence") != 0


def _flag(text: str, key: str, image_id: str) -> bool | None:
    if text not in _FLAGS:
        raise DataError(f"{key}: row of {image_id}: a flag is {text[:40]!r}; expected 1, 0 or -1.")
    return _FLAGS[text]


def _plain(text: str, pattern: re.Pattern[str], key: str, field: str) -> str:
    # These names are joined to folders: no separator, no "..", nothing hidden.
    if not pattern.fullmatch(text):
        raise DataError(f"{key}: {field} {text[:80]!r} is not a plain file name; the table is damaged or forged.")
    return text


def _number(text: str, key: str, where: str, field: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DataError(f"{key}: row of {where}: {field} is {text[:40]!r}; expected a number.")
    return value
