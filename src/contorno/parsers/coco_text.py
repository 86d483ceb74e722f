"""Typed decoding of large COCO files: the text is split into its tables, and annotations are decoded some at a time.

The standard library's parser makes dicts of everything, which for a file of 446 MB takes 2.6 GiB and most of the time.
This is the one module that uses msgspec. What msgspec refuses and the standard library takes (NaN, lone surrogates) is
left to the plain path, and so are most messages.
"""

from __future__ import annotations

import codecs
import itertools
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from contorno.errors import DataError

_BATCH_BYTES = 1 << 19  # small enough for a batch's numbers to stay in the processor's cache: twice as fast as 1 << 22
_CHECK_BYTES = 1 << 24
_CUTS_SEEN = 4096
_CUTS_TRIED = 8
_BETWEEN = re.compile(rb"}[ \t\r\n]*,[ \t\r\n]*{")
_ERRORS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Refused(Exception):  # noqa: N818
    """The fast path does not take this file; the plain path does, or says what is wrong."""


class SplitDocument(Mapping[str, Any]):
    """A COCO file whose tables are decoded when they are asked for.

    The file is known to be JSON in UTF-8 with an object at the top. Raises DataError for a member with a number of
    thousands of digits, which is met on decoding only.
    """

    def __init__(self, path: Path, members: dict[str, msgspec.Raw]) -> None:
        self._path = path
        self._members = members
        self._decoded: dict[str, Any] = {}

    def __getitem__(self, key: str) -> Any:
        if key not in self._decoded:
            try:
                self._decoded[key] = json.loads(bytes(self._members[key]))
            except (ValueError, RecursionError) as error:
                raise DataError(f"{self._path} cannot be read as JSON: {error}.") from error
        return self._decoded[key]

    def __contains__(self, key: object) -> bool:
        return key in self._members

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def is_list(self, key: str) -> bool:
        """Whether a member is a list; it is not decoded for that."""
        return bytes(memoryview(self._members[key])[:1]) == b"["

    def text(self, key: str) -> memoryview:
        """The JSON text of a member, undecoded."""
        return memoryview(self._members[key])

    def clear(self) -> None:
        """Let go of the text and of all that was decoded; the document is empty afterwards."""
        self._members.clear()
        self._decoded.clear()


class Entry(msgspec.Struct, gc=False):
    """An entry of `annotations`: the members that records have a place for, as JSON has them.

    They are None if they are not there; bbox is UNSET.   segmentation: undecoded, empty if it is not there.
    """

    id: Any = None
    image_id: Any = None
    category_id: Any = None
    bbox: Any = msgspec.UNSET
    area: Any = None
    iscrowd: Any = None
    score: Any = None
    attributes: Any = None
    contorno_id: Any = None
    segmentation: msgspec.Raw = msgspec.Raw(b"")

    @property
    def has_box(self) -> bool:
        """Whether `bbox` is there, of whatever kind."""
        return self.bbox is not msgspec.UNSET


_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ENTRIES = msgspec.json.Decoder(list[Entry])
_POLYGONS = msgspec.json.Decoder(list[list[float]])


def split_document(path: Path) -> SplitDocument | None:
    """Split the file at `path`, or None if it is not for the fast path (not there, no JSON object, not UTF-8, ...)."""
    try:
        text = Path(path).read_bytes()
        _check_utf8(text)
        mark = len(codecs.BOM_UTF8) if text.startswith(codecs.BOM_UTF8) else 0
        return SplitDocument(path, _MEMBERS.decode(memoryview(text)[mark:]))
    except (OSError, *_ERRORS):
        return None


def batches(table: memoryview) -> Iterator[list[Entry]]:
    """The entries of an array in order, some hundreds at a time.

    table: the JSON of an array, known to be well formed.
    Raises Refused if an entry is no object, or has a number that no float can hold.
    """
    start = 1  # after the bracket
    while start < len(table):
        entries, start = _batch(table, start)
        yield entries


def polygons(entry: Entry) -> list[list[float]] | None:
    """The polygons of an entry, or None if its segmentation is something else."""
    try:
        return _POLYGONS.decode(entry.segmentation)
    except _ERRORS:
        return None


def segmentation(entry: Entry) -> Any:
    """The segmentation of an entry as the standard library reads it; None if it is not there. Raises Refused."""
    text = bytes(entry.segmentation)
    try:
        return json.loads(text) if text else None
    except ValueError as error:
        raise Refused(str(error)) from error


def _batch(table: memoryview, start: int) -> tuple[list[Entry], int]:
    """The entries from `start` on, and where the next batch starts."""
    for end, following in _cuts(table, start):
        text = b"".join((b"[", table[start:end], b"]"))
        try:
            return _ENTRIES.decode(text), following
        except msgspec.ValidationError as error:
            raise Refused(str(error)) from error
        except _ERRORS:
            # The array is well formed, so the cut lay inside an entry or a text: what is cut there never is.
            continue
    raise Refused("the annotations cannot be divided")


def _cuts(table: memoryview, start: int) -> Iterator[tuple[int, int]]:
    """Places to try for the end of a batch, each with the start of the next; the last is the end of the array."""
    first = _BETWEEN.search(table, start + _BATCH_BYTES)
    if first is not None:
        yield first.start() + 1, first.end() - 1
        # It lay in a list of objects inside an entry: the text may be divided only where all brackets are closed.
        tried, counted, depth = 0, start, 0
        for match in itertools.islice(_BETWEEN.finditer(table, first.start()), _CUTS_SEEN):
            end = match.start() + 1
            piece = bytes(table[counted:end])
            depth += piece.count(b"{") + piece.count(b"[") - piece.count(b"}") - piece.count(b"]")
            counted = end
            if depth == 0:
                yield end, match.end() - 1
                tried += 1
                if tried == _CUTS_TRIED:
                    break
    yield len(table) - 1, len(table)


def _check_utf8(text: bytes) -> None:
    """Raises UnicodeDecodeError. Members that are passed over are not looked at by msgspec."""
    if text.isascii():
        return
    check = codecs.getincrementaldecoder("utf-8")().decode
    view = memoryview(text)
    for start in range(0, len(text), _CHECK_BYTES):
        check(view[start : start + _CHECK_BYTES], start + _CHECK_BYTES >= len(text))
