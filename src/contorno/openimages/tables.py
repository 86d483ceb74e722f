"""The big tables of Open Images, filtered while they stream.

The table of train masks has 2.7 million rows in 0.8 GB. It is never loaded: blocks of bytes are searched for the class
id and only the lines that hold it are parsed. The rows of a class are kept, keyed by the identity of the file, so that
the same class costs no second pass.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from contorno import files
from contorno.errors import DataError, DownloadError
from contorno.openimages.bucket import MetaFiles, Split
from contorno.openimages.web import FileIdentity
from contorno.progress import Progress, silent

MASK_COLUMNS = (
    "MaskPath", "ImageID", "LabelName", "BoxID",
    "BoxXMin", "BoxXMax", "BoxYMin", "BoxYMax", "PredictedIoU",
)  # fmt: skip
BOX_COLUMNS = (
    "ImageID", "Source", "LabelName", "XMin", "XMax", "YMin", "YMax",
    "IsOccluded", "IsTruncated", "IsGroupOf", "IsDepiction", "IsInside",
)  # fmt: skip
LABEL_COLUMNS = ("ImageID", "Source", "LabelName", "Confidence")

_PLAIN_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")
_PLAIN_PNG = re.compile(r"[0-9A-Za-z_-][0-9A-Za-z_.-]{0,120}\.png")
_LONGEST_LINE = 1 << 22
_FLAGS = {"1": True, "0": False, "-1": None, "": None}


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
) -> dict[str, list[MaskRow]]:
    """Rows of the table of masks for each class, in the order of the file.

    Raises DataError for a changed header or a broken row, DownloadError.
    """
    key = meta.bucket.masks_table_key(split)
    selected = _select(meta, key, MASK_COLUMNS, mids, progress)
    return {mid: [_mask_row(row, key) for row in rows] for mid, rows in selected.items()}


def box_rows(
    meta: MetaFiles, split: Split, mids: Sequence[str], *, progress: Progress = silent
) -> dict[str, list[BoxRow]]:
    """Rows of the table of boxes for each class, in the order of the file. The table of train has 2.3 GB.

    Raises DataError for a changed header or a broken row, DownloadError.
    """
    key = meta.bucket.boxes_table_key(split)
    selected = _select(meta, key, BOX_COLUMNS, mids, progress)
    return {mid: [_box_row(row, key) for row in rows] for mid, rows in selected.items()}


def image_labels(
    meta: MetaFiles, split: Split, mids: Sequence[str], *, progress: Progress = silent
) -> dict[str, dict[str, bool]]:
    """For each class the images in which people verified it: {mid: {image id: present?}}.

    Raises DataError for a changed header or a broken row, DownloadError.
    """
    key = meta.bucket.labels_table_key(split)
    labels: dict[str, dict[str, bool]] = {}
    for mid, rows in _select(meta, key, LABEL_COLUMNS, mids, progress).items():
        seen = labels.setdefault(mid, {})
        for image_id, _, _, confidence in rows:
            # An image may be verified by several sources; one that saw the thing outweighs all that did not.
            present = _number(confidence, key, image_id, "Confidence") != 0
            seen[_plain(image_id, _PLAIN_ID, key, "ImageID")] = present or seen.get(image_id, False)
    return labels


def _select(
    meta: MetaFiles, key: str, columns: Sequence[str], mids: Sequence[str], progress: Progress
) -> dict[str, list[list[str]]]:
    """Rows of each class with `columns` in that order, from the cache or by one pass for all that are not there."""
    identity = meta.identify(key)
    table = key.rpartition("/")[2]
    kept = {mid: meta.cache_path(f"{table}.{mid.replace('/', '')}.json", identity.as_json(), columns) for mid in mids}
    found: dict[str, list[list[str]]] = {}
    for mid, path in kept.items():
        if path is not None and path.is_file():
            found[mid] = files.read_json(path)["rows"]
    missing = [mid for mid in mids if mid not in found]
    if missing:
        blocks = _whole(meta.blocks(key), identity)
        found |= filter_table(blocks, table, columns, missing, total=identity.size, progress=progress)
        for mid in missing:
            if (path := kept[mid]) is not None:
                files.write_json(path, {"from": identity.as_json(), "columns": list(columns), "rows": found[mid]})
    return {mid: found[mid] for mid in mids}


def _whole(blocks: Iterable[bytes], identity: FileIdentity) -> Iterator[bytes]:
    """The blocks, and an error at their end if they are not the whole file: a few rows less would show nowhere."""
    size = 0
    for block in blocks:
        size += len(block)
        yield block
    if identity.size is not None and size != identity.size:
        raise DownloadError(f"{identity.where}: {size} of {identity.size} bytes came; run it again.")


def filter_table(
    blocks: Iterable[bytes],
    name: str,
    columns: Sequence[str],
    mids: Sequence[str],
    *,
    total: int | None = None,
    progress: Progress = silent,
) -> dict[str, list[list[str]]]:
    """Rows of a CSV text whose LabelName is one of `mids`: {mid: rows with `columns` in that order}.

    blocks: the text in pieces of any length, of which two at a time are held.   name: for messages.
    Columns are found by the names in the header; others may stand among them, in any order.
    Raises DataError for a header that lacks one of them, or a row with another number of fields.
    """
    selected: dict[str, list[list[str]]] = {mid: [] for mid in mids}
    header: list[str] = []
    needles: list[bytes] = []
    picks: list[int] = []
    label_at = done = 0
    carry = b""
    what = f"bytes of {name}"

    def scan(data: bytes, end: int, base: int) -> None:
        hits: dict[int, int] = {}  # begin -> end of the lines that hold a class id
        for needle in needles:
            at = data.find(needle, 0, end)
            while at != -1:
                begin = data.rfind(b"\n", 0, at) + 1
                stop = data.find(b"\n", at, end)
                stop = end if stop == -1 else stop
                hits[begin] = stop
                at = data.find(needle, stop, end)
        for begin in sorted(hits):
            try:
                row = next(csv.reader([data[begin : hits[begin]].decode("utf-8").rstrip("\r")]))
            except (UnicodeDecodeError, csv.Error) as error:
                raise DataError(
                    f"{name}: the line at byte {base + begin} cannot be read ({error}); fetch the table anew."
                ) from error
            if len(row) != len(header):
                raise DataError(
                    f"{name}: the line at byte {base + begin} has {len(row)} fields; its header has {len(header)}. "
                    "The file is damaged or cut off; fetch it anew."
                )
            if row[label_at] in selected:
                selected[row[label_at]].append([row[i] for i in picks])

    for block in blocks:
        data = carry + block if carry else block
        base = done - len(carry)
        done += len(block)
        first = 0
        if not header:
            first = data.find(b"\n") + 1
            if first == 0:
                carry = _not_too_long(data, name)
                continue
            header, label_at, picks, needles = _read_header(data[:first], name, columns, mids)
        end = data.rfind(b"\n") + 1
        if end > first:
            # The header cannot hold a class id, so the search may begin at 0.
            scan(data, end, base)
        carry = _not_too_long(data[end:], name)
        progress(what, done, total)
    if not header:
        header, label_at, picks, needles = _read_header(carry, name, columns, mids)
        carry = b""
    if carry:
        scan(carry, len(carry), done - len(carry))
    return selected


def _read_header(
    line: bytes, name: str, columns: Sequence[str], mids: Sequence[str]
) -> tuple[list[str], int, list[int], list[bytes]]:
    if line.startswith(b"version https://git-lfs"):
        raise DataError(f"{name} is a Git LFS pointer, not the table itself; fetch the table (`git lfs pull`).")
    text = line.decode("utf-8-sig", errors="replace").strip("\r\n")
    header = [field.strip() for field in next(csv.reader([text]), [])]
    lacking = [column for column in columns if column not in header]
    if lacking:
        raise DataError(
            f"{name}: its header lacks {', '.join(lacking)}: found {text[:200]!r}, expected {','.join(columns)!r}. "
            "The file is another one, or its layout has changed."
        )
    label_at = header.index("LabelName")
    # With commas around it the id of one class is not found within the id of another (/m/0k4 in /m/0k4j).
    inner = 0 < label_at < len(header) - 1 and '"' not in text
    needles = [b"," + mid.encode() + b"," if inner else mid.encode() for mid in mids]
    return header, label_at, [header.index(column) for column in columns], needles


def _not_too_long(rest: bytes, name: str) -> bytes:
    if len(rest) > _LONGEST_LINE:
        raise DataError(f"{name} has a line of over {_LONGEST_LINE >> 20} MiB; it is not the table it should be.")
    return rest


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
