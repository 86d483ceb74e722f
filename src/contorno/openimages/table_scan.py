"""Search of a big CSV text while it streams: lines are only looked at where the id of a wanted class stands.

The table of train masks has 2.7 million rows in 0.8 GB. Of each block all class ids are searched at once, by one
regular expression; only the lines around a hit are split. So the time hardly depends on the number of classes, and the
memory not at all on the size of the table.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from contorno.errors import DataError, DownloadError
from contorno.openimages.web import FileIdentity
from contorno.progress import Progress, silent

KEY_COLUMN = "LabelName"
_LONGEST_LINE = 1 << 22


def scan_table(
    blocks: Iterable[bytes],
    name: str,
    columns: Sequence[str],
    mids: Iterable[str],
    *,
    total: int | None = None,
    progress: Progress = silent,
) -> Iterator[tuple[str, list[str]]]:
    """Yield the class and the fields of each row of a CSV text whose LabelName is one of `mids`, in its order.

    blocks:   the text in pieces of any length, of which two at a time are held.
    name:     for messages.   columns: the fields wanted, in the order they are given back; they are found by the names
              in the header, among others and in any order.
    A line is a row: line ends within quotes, which the tables searched here do not have, are not understood.
    Raises DataError for a header that lacks a column, and for a row of a wanted class, or a last row, with another
    number of fields than the header.
    """
    table: _Table | None = None
    carry = b""
    done = 0
    what = f"bytes of {name}"
    for block in blocks:
        data = carry + block if carry else block
        base = done - len(carry)
        done += len(block)
        end = data.rfind(b"\n") + 1
        if end:
            if table is None:
                table = _read_header(data[: data.find(b"\n") + 1], name, columns, mids)
            # The header, which holds no class id, need not be left out.
            yield from table.rows(data, end, base)
        carry = not_too_long(data[end:], name)
        progress(what, done, total)
    if table is None:
        _read_header(carry, name, columns, mids)
    elif carry.strip():
        # A copy that broke off mostly ends within a line, and the class would mostly not be in that line.
        table.split(carry, done - len(carry))
        yield from table.rows(carry, len(carry), done - len(carry))


def whole(blocks: Iterable[bytes], identity: FileIdentity) -> Iterator[bytes]:
    """The blocks, and a DownloadError at their end if they are not the whole file: missing rows would show nowhere."""
    size = 0
    for block in blocks:
        size += len(block)
        yield block
    if identity.size is not None and size != identity.size:
        raise DownloadError(f"{identity.where}: {size} of {identity.size} bytes came; run it again.")


def not_too_long(rest: bytes, name: str) -> bytes:
    """The begin of a line, if it may still become one. Raises DataError for what has no line ends."""
    if len(rest) > _LONGEST_LINE:
        raise DataError(f"{name} has a line of over {_LONGEST_LINE >> 20} MiB; it is not the table it should be.")
    return rest


@dataclass(frozen=True, slots=True)
class _Table:
    """What the header and the classes wanted come to.

    width:  number of fields.   key_at: place of LabelName.   picks: places of the columns wanted.
    ids:    finds every wanted row, and may find others.
    """

    name: str
    width: int
    key_at: int
    picks: tuple[int, ...]
    mids: frozenset[str]
    ids: re.Pattern[bytes]

    def rows(self, data: bytes, end: int, base: int) -> Iterator[tuple[str, list[str]]]:
        """Rows of the wanted classes in `data[:end]`, whole lines. base: where `data` begins in the file."""
        stop = 0
        for hit in self.ids.finditer(data, 0, end):
            at = hit.start()
            if at < stop:
                continue  # another hit in the same line
            begin = data.rfind(b"\n", 0, at) + 1
            stop = data.find(b"\n", at, end)
            if stop == -1:
                stop = end
            fields = self.split(data[begin:stop], base + begin)
            mid = fields[self.key_at]
            if mid in self.mids:
                yield mid, [fields[i] for i in self.picks]

    def split(self, line: bytes, at: int) -> list[str]:
        """Fields of a line. at: its first byte in the file."""
        try:
            fields = split_line(line.decode("utf-8").rstrip("\r\n"))
        except (UnicodeDecodeError, csv.Error) as error:
            raise DataError(
                f"{self.name}: the line at byte {at} cannot be read ({error}); fetch the table anew."
            ) from error
        if len(fields) != self.width:
            raise DataError(
                f"{self.name}: the line at byte {at} has {len(fields)} fields; its header has {self.width}. "
                "The file is damaged or cut off; fetch it anew."
            )
        return fields


def split_line(line: str) -> list[str]:
    """Fields of a line of a CSV text. Raises csv.Error for quotes that do not fit."""
    return next(csv.reader([line], strict=True)) if '"' in line else line.split(",")


def _read_header(line: bytes, name: str, columns: Sequence[str], mids: Iterable[str]) -> _Table:
    if line.startswith(b"version https://git-lfs"):
        raise DataError(f"{name} is a Git LFS pointer, not the table itself; fetch the table (`git lfs pull`).")
    text = line.decode("utf-8-sig", errors="replace").strip("\r\n")
    header = [field.strip() for field in next(csv.reader([text]), [])]
    needed = list(dict.fromkeys([*columns, KEY_COLUMN]))
    lacking = [column for column in needed if column not in header]
    if lacking:
        raise DataError(
            f"{name}: its header lacks {', '.join(lacking)}: found {text[:200]!r}, expected {','.join(needed)!r}. "
            "The file is another one, or its layout has changed."
        )
    key_at = header.index(KEY_COLUMN)
    ids = b"|".join(sorted(re.escape(mid.encode()) for mid in mids))
    # A whole field, so the id of one class is not found within the id of another (/m/0k4 in /m/0k4j).
    inner = 0 < key_at < len(header) - 1 and '"' not in text
    pattern = re.compile(b",(?:" + ids + b")(?![^,\r\n])" if inner else b"(?:" + ids + b")")
    return _Table(
        name, len(header), key_at, tuple(header.index(column) for column in columns), frozenset(mids), pattern
    )
