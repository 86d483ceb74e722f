"""Rows selected from a table: held as text, read one by one, and kept in a file for the next time.

As text a row takes some hundred bytes, as an object with its names and numbers five times as many; a class may have
300,000 rows, and a request with a limit wants a few of them.
"""

from __future__ import annotations

import csv
import io
import json
import zlib
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Generic, TypeVar

from contorno import files
from contorno.errors import ConfigError
from contorno.openimages.table_scan import split_line

T = TypeVar("T")


class RowText:
    """CSV lines without a header. `text` is UTF-8, a line ends with a line feed; `count` is the number of lines."""

    __slots__ = ("count", "text")

    def __init__(self, text: bytes = b"", count: int = 0) -> None:
        self.text = bytearray(text)
        self.count = count

    def add(self, fields: Sequence[str]) -> None:
        """Add a row. No field may hold a line end."""
        line = ",".join(fields)
        if '"' in line or line.count(",") != len(fields) - 1:
            quoted = io.StringIO()
            csv.writer(quoted, lineterminator="").writerow(fields)
            line = quoted.getvalue()
        self.text += line.encode()
        self.text += b"\n"
        self.count += 1

    def __iter__(self) -> Iterator[list[str]]:
        begin = 0
        while (end := self.text.find(b"\n", begin)) != -1:
            yield split_line(self.text[begin:end].decode())
            begin = end + 1


class Rows(Collection[T], Generic[T]):
    """Rows of one class, in the order of the table. Each pass over them reads the text anew; `list(rows)` holds them.

    text: the rows.   read: makes a row of its fields.
    """

    __slots__ = ("_read", "_text")

    def __init__(self, text: RowText, read: Callable[[Sequence[str]], T]) -> None:
        self._text = text
        self._read = read

    def __len__(self) -> int:
        return self._text.count

    def __iter__(self) -> Iterator[T]:
        return map(self._read, self._text)

    def __contains__(self, row: object) -> bool:
        return any(row == known for known in self)

    def __repr__(self) -> str:
        return f"<{len(self)} rows>"


def write_rows(path: Path, origin: Sequence[object], rows: RowText) -> None:
    """Keep rows in a file. origin: what they were selected from, JSON values.

    In a folder that cannot be written to nothing is kept: a folder of tables that is only for reading still serves.
    """
    head = {"from": origin, "rows": rows.count, "bytes": len(rows.text), "crc32": zlib.crc32(rows.text)}
    with suppress(ConfigError, OSError), files.atomic_file(path) as file:
        file.write(json.dumps(head).encode() + b"\n")
        file.write(rows.text)


def read_rows(path: Path, origin: Sequence[object]) -> RowText | None:
    """Rows kept in a file; None if there is none, it is of another origin, or it was cut off or changed."""
    try:
        with path.open("rb") as file:
            head: Any = json.loads(file.readline())
            text = file.read()
    except (OSError, ValueError):
        return None
    if not isinstance(head, dict) or head.get("from") != origin or head.get("crc32") != zlib.crc32(text):
        return None
    if head.get("bytes") != len(text) or head.get("rows") != text.count(b"\n"):
        return None
    return RowText(text, head["rows"])
