"""The central directory of a zip, read from its bytes: where wanted members lie, and which requests fetch them.

A zip of train masks has 168,000 members and a directory of 15 MB. It is held as those bytes, with one number an entry;
only the members that are asked for become objects.
Source of the format: PKWARE APPNOTE.TXT 6.3.10, sections 4.3.7 (local header), 4.3.12, 4.3.14 and 4.3.16.
"""

from __future__ import annotations

import struct
import zlib
from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from mmap import mmap

import numpy as np
from numpy.typing import NDArray

from contorno.errors import DataError, DownloadError

GAP_BYTES = 64 << 10
SPAN_BYTES = 4 << 20
GAP_SHARE = 0.1

_MEMBER_LIMIT_BYTES = 64 << 20  # a mask has some kilobytes; more is a mistake or a bomb
_TAIL_BYTES = 1 << 10
_LONGEST_TAIL_BYTES = 22 + 0xFFFF
_END, _END64, _LOCATOR64 = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
_ENTRY = struct.Struct("<4s4x2H4xL2L3H8xL")  # signature, flags, method, CRC, sizes, lengths, offset of the local header
_LENGTHS = struct.Struct("<L24x3H")
_LOCAL = struct.Struct("<4s2B4HL2L2H")
_SIGNATURE = int.from_bytes(b"PK\x01\x02", "little")
_FULL = 0xFFFFFFFF  # the true value stands in the zip64 field


class CorruptZipError(DownloadError):
    """The central directory of a zip is not one."""


Raw = bytes | mmap
Read = Callable[[int, int], Raw]
"""Bytes of a zip from a start up to, not including, an end."""


@dataclass(frozen=True, slots=True)
class Member:
    """One file in a zip; its local header and data lie in the bytes `start` to `end`."""

    name: str
    start: int
    end: int
    compressed_bytes: int
    size_bytes: int
    crc: int
    method: int
    is_encrypted: bool


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes of a zip to be fetched in one request, with the wanted members in them."""

    start: int
    end: int
    members: tuple[Member, ...]


class Directory:
    """The central directory of a zip.

    raw: its bytes.   start: where it begins in the zip.   where: the zip, for messages.
    Raises CorruptZipError that names the zip.
    """

    def __init__(self, raw: Raw, start: int, where: str) -> None:
        self.raw, self.start, self.where = raw, start, where
        entries = array("q")
        at = 0
        while at < len(raw):
            if at + 46 > len(raw):
                raise _corrupt(where, "an entry is cut off")
            signature, name, extra, comment = _LENGTHS.unpack_from(raw, at)
            if signature != _SIGNATURE:
                raise _corrupt(where, f"entry {len(entries) + 1} is not one")
            entries.append(at)
            at += 46 + name + extra + comment
        if at != len(raw):
            raise _corrupt(where, "an entry is cut off")
        self._positions = entries
        self._entries: NDArray[np.int64] = np.frombuffer(entries, dtype=np.int64)
        offsets = self._field(42)
        compressed = self._field(20)
        for i in np.flatnonzero((offsets == _FULL) | (compressed == _FULL) | (self._field(24) == _FULL)):
            compressed[i], _, offsets[i] = self._sizes(int(self._entries[i]))
        if (offsets + compressed > start).any():
            raise _corrupt(where, "an entry points beyond the files")
        # A local header's own extra field may differ from the one here, so a member reaches to the next one's start.
        self._starts = np.unique(offsets)

    @classmethod
    def read(cls, read: Read, size: int, where: str) -> Directory:
        """Find and read the directory of a zip of `size` bytes. Raises CorruptZipError."""
        tail: Raw = b""
        found = -1
        for length in (_TAIL_BYTES, _LONGEST_TAIL_BYTES):  # the longer one only for zips that end in a comment
            tail = read(max(size - length, 0), size)
            found = tail.rfind(_END)
            if found != -1 or len(tail) == size:
                break
        if found == -1 or found + 22 > len(tail):
            raise _corrupt(where, "it has no end record")
        end_at = size - len(tail) + found
        count, length, start = struct.unpack_from("<HLL", tail, found + 10)
        if _FULL in (length, start) or count == 0xFFFF:
            locator = read(max(end_at - 20, 0), end_at)
            if locator[:4] == _LOCATOR64:
                end_at = struct.unpack_from("<Q", locator, 8)[0]
                record = read(end_at, end_at + 56) if end_at + 56 <= size else b""
                if record[:4] != _END64:
                    raise _corrupt(where, "its zip64 end record is not where it should be")
                count, length, start = struct.unpack_from("<QQQ", record, 32)
        if start + length != end_at:
            raise _corrupt(where, "its directory does not end at its end record")
        tail_start = size - len(tail)
        is_read = start >= tail_start
        raw = tail[start - tail_start : end_at - tail_start] if is_read else read(start, start + length)
        directory = cls(raw, start, where)
        if (len(directory) - count) % 0x10000:  # some writers keep the lower 16 bits only
            raise _corrupt(where, f"it has {len(directory)} entries and states {count}")
        return directory

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, names: Iterable[str]) -> dict[str, Member]:
        """The members of these names, as far as they are there; of two of one name the last."""
        # Names are compared as they stand in the file, so that those not wanted never become text.
        keys: dict[bytes, str] = {}
        for name in names:
            keys[name.encode("utf-8")] = name
            keys.setdefault(name.encode("cp437", errors="replace"), name)
        raw = self.raw
        found: dict[str, Member] = {}
        # Arrays give plain numbers, one at a time.
        for at, length in zip(self._positions, array("q", self._field(28, np.uint16).tobytes()), strict=True):
            key = raw[at + 46 : at + 46 + length]
            if key in keys and (member := self._member(at)).name == keys[key]:
                found[member.name] = member
        return found

    def _member(self, at: int) -> Member:
        _, flags, method, crc, _, _, name_length, _, _, _ = _ENTRY.unpack_from(self.raw, at)
        name = self.raw[at + 46 : at + 46 + name_length].decode("utf-8" if flags & 0x800 else "cp437", errors="replace")
        compressed, size, start = self._sizes(at)
        following = int(np.searchsorted(self._starts, start, side="right"))
        end = int(self._starts[following]) if following < len(self._starts) else self.start
        end = min(end, start + _LOCAL.size + name_length + 0xFFFF + compressed)  # no hole in the zip is fetched
        return Member(name, start, end, compressed, size, crc, method, bool(flags & 1))

    def _sizes(self, at: int) -> tuple[int, int, int]:
        """Compressed size, size, and offset of the local header, in bytes, of the entry at `at`."""
        _, _, _, _, compressed, size, name_length, extra_length, _, offset = _ENTRY.unpack_from(self.raw, at)
        if _FULL not in (compressed, size, offset):
            return compressed, size, offset
        at += 46 + name_length
        end = at + extra_length
        while at + 4 <= end:
            kind, length = struct.unpack_from("<HH", self.raw, at)
            if kind == 1:
                values = self.raw[at + 4 : min(at + 4 + length, end)]
                numbers = [number for (number,) in struct.iter_unpack("<Q", values[: len(values) // 8 * 8])]
                try:
                    # Only the fields that did not fit are there, in this order.
                    size = numbers.pop(0) if size == _FULL else size
                    compressed = numbers.pop(0) if compressed == _FULL else compressed
                    offset = numbers.pop(0) if offset == _FULL else offset
                except IndexError as error:
                    raise _corrupt(self.where, "a zip64 field is cut off") from error
                if max(size, compressed, offset) >= 1 << 61:
                    raise _corrupt(self.where, "an entry points beyond the files")
                break
            at += 4 + length
        return compressed, size, offset

    def _field(self, at: int, kind: type[np.unsignedinteger] = np.uint32) -> NDArray[np.int64]:
        """A number of every entry, that stands `at` bytes behind its begin."""
        width = np.dtype(kind).itemsize
        data = np.frombuffer(self.raw, dtype=np.uint8)
        found = np.zeros(len(self._entries), dtype=np.int64)
        for i in range(width):
            found |= data[self._entries + (at + i)].astype(np.int64) << (8 * i)
        return found


def spans(members: Iterable[Member], *, gap_bytes: int = GAP_BYTES, gap_share: float = GAP_SHARE) -> list[Span]:
    """Group members of one zip into requests.

    Neighbours with at most `gap_bytes` between them share a request, smallest gaps first, as long as all the gaps
    together are at most `gap_share` of the bytes wanted; a span ends at 4 MiB.
    """
    wanted = sorted(members, key=lambda member: member.start)
    budget = gap_share * sum(member.end - member.start for member in wanted)
    gaps = [(max(right.start - left.end, 0), i) for i, (left, right) in enumerate(pairwise(wanted))]
    joined = set()
    for gap, i in sorted(gaps):
        if gap > min(gap_bytes, budget):
            break
        budget -= gap
        joined.add(i)
    found: list[Span] = []
    group: list[Member] = []
    for i, member in enumerate(wanted):
        group.append(member)
        if i not in joined or member.end - group[0].start >= SPAN_BYTES:
            found.append(Span(group[0].start, max(m.end for m in group), tuple(group)))
            group = []
    return found


def unpack(data: bytes, member: Member, start: int) -> bytes:
    """Content of a member out of a piece of its zip that begins at `start`. Raises DataError if it is damaged."""
    at = member.start - start
    if len(data) < at + _LOCAL.size:
        raise DataError(f"{member.name}: its header is cut off.")
    fields = _LOCAL.unpack_from(data, at)
    name_length, extra_length = fields[10], fields[11]
    begin = at + _LOCAL.size + name_length + extra_length
    packed = data[begin : begin + member.compressed_bytes]
    if fields[0] != b"PK\x03\x04" or len(packed) != member.compressed_bytes:
        raise DataError(f"{member.name}: the zip's directory points to something else.")
    if member.is_encrypted or member.method not in (0, 8) or member.size_bytes > _MEMBER_LIMIT_BYTES:
        raise DataError(f"{member.name}: is encrypted, packed by an unknown method, or far too large.")
    content = packed
    if member.method == 8:
        try:
            content = zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, member.size_bytes + 1)
        except zlib.error as error:
            raise DataError(f"{member.name}: cannot be unpacked ({error}).") from error
    if len(content) != member.size_bytes or zlib.crc32(content) != member.crc:
        raise DataError(f"{member.name}: its checksum (CRC-32) is wrong.")
    return content


def _corrupt(where: str, what: str) -> CorruptZipError:
    return CorruptZipError(
        f"{where}: the zip's directory is corrupt: {what}; the file on the server is damaged, or no zip."
    )
