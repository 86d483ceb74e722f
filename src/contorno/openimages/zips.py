"""Single members of a remote zip: megabytes for a class, not gigabytes.

The 16 zips of train masks hold 4.5 GB; a class needs a few thousand masks of some kilobytes each. The zip's central
directory is read by a Range request, then only the spans of the wanted members. Where the server gives no ranges, or
most of the zip is wanted, the zip is fetched whole.
Source of the format: PKWARE APPNOTE.TXT 6.3.10, sections 4.3.7 (local header), 4.3.12, 4.3.14 and 4.3.16.
"""

from __future__ import annotations

import struct
import zlib
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from contorno import files
from contorno.errors import DataError, DownloadError
from contorno.openimages.web import FileIdentity, HttpSource, NoRangesError
from contorno.progress import Progress, silent

GAP_BYTES = 64 << 10
SPAN_BYTES = 8 << 20
GAP_SHARE = 0.1
WHOLE_SHARE = 0.6

_MEMBER_LIMIT_BYTES = 64 << 20  # a mask has some kilobytes; more is a mistake or a bomb
_TAIL_BYTES = 1 << 10
_LONGEST_TAIL_BYTES = 22 + 0xFFFF
_END, _END64, _LOCATOR64 = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
_ENTRY = struct.Struct("<4s4B4HL2L5H2L")
_LOCAL = struct.Struct("<4s2B4HL2L2H")


class CorruptZipError(DownloadError):
    """The central directory of a zip is not one."""


Read = Callable[[int, int], bytes]
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


@dataclass(slots=True)
class MembersReport:
    """What came of a fetch: names that are in no directory, names that arrived damaged, and why."""

    missing: list[str] = field(default_factory=list)
    damaged: dict[str, str] = field(default_factory=dict)


class Directory:
    """The central directory of a zip.

    raw: its bytes.   start: where it begins in the zip.   where: the zip, for messages.
    Raises DownloadError that names the zip if the directory is corrupt.
    """

    def __init__(self, raw: bytes, start: int, where: str) -> None:
        self.raw, self.start, self.where = raw, start, where
        entries: list[tuple[str, int, int, int, int, int, bool]] = []
        at = 0
        while at < len(raw):
            if at + _ENTRY.size > len(raw):
                raise _corrupt(where, "an entry is cut off")
            f = _ENTRY.unpack_from(raw, at)
            signature, flags, method, crc = f[0], f[5], f[6], f[9]
            compressed, size, name_length, extra_length, comment_length, offset = (
                f[10],
                f[11],
                f[12],
                f[13],
                f[14],
                f[18],
            )
            after = at + _ENTRY.size + name_length
            if signature != b"PK\x01\x02" or after + extra_length + comment_length > len(raw):
                raise _corrupt(where, f"entry {len(entries) + 1} is not one")
            name = raw[at + _ENTRY.size : after].decode("utf-8" if flags & 0x800 else "cp437", errors="replace")
            if 0xFFFFFFFF in (size, compressed, offset):
                size, compressed, offset = _zip64(raw[after : after + extra_length], size, compressed, offset, where)
            if offset + compressed > start:
                raise _corrupt(where, f"the entry {name!r} points beyond the files")
            entries.append((name, offset, compressed, size, crc, method, bool(flags & 1)))
            at = after + extra_length + comment_length
        # A local header's own extra field may differ from the one here, so a member reaches to the next one's start.
        starts = sorted({entry[1] for entry in entries})
        self.num_entries = len(entries)
        self.members: dict[str, Member] = {}
        for name, offset, compressed, size, crc, method, encrypted in entries:
            following = bisect_right(starts, offset)
            end = starts[following] if following < len(starts) else start
            self.members[name] = Member(name, offset, end, compressed, size, crc, method, encrypted)

    @classmethod
    def read(cls, read: Read, size: int, where: str) -> Directory:
        """Find and read the directory of a zip of `size` bytes. Raises DownloadError if it is corrupt."""
        tail = b""
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
        if 0xFFFFFFFF in (length, start) or count == 0xFFFF:
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
        raw = (
            tail[start - tail_start : start - tail_start + length]
            if start >= tail_start
            else read(start, start + length)
        )
        directory = cls(raw, start, where)
        if (directory.num_entries - count) % 0x10000:  # some writers keep the lower 16 bits only
            raise _corrupt(where, f"it has {directory.num_entries} entries and states {count}")
        return directory

    def spans(self, names: Iterable[str], *, gap_bytes: int = GAP_BYTES, gap_share: float = GAP_SHARE) -> list[Span]:
        """Group wanted members into requests.

        Neighbours with at most `gap_bytes` between them share a request, smallest gaps first, as long as all the gaps
        together are at most `gap_share` of the bytes wanted; a span ends at 8 MiB.
        """
        wanted = sorted((self.members[name] for name in names), key=lambda member: member.start)
        budget = gap_share * sum(member.end - member.start for member in wanted)
        gaps = [(max(right.start - left.end, 0), i) for i, (left, right) in enumerate(pairwise(wanted))]
        joined = set()
        for gap, i in sorted(gaps):
            if gap > min(gap_bytes, budget):
                break
            budget -= gap
            joined.add(i)
        spans: list[Span] = []
        group: list[Member] = []
        for i, member in enumerate(wanted):
            group.append(member)
            if i not in joined or member.end - group[0].start >= SPAN_BYTES:
                spans.append(Span(group[0].start, max(m.end for m in group), tuple(group)))
                group = []
        if group:
            spans.append(Span(group[0].start, max(m.end for m in group), tuple(group)))
        return spans


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


def fetch_members(
    source: HttpSource,
    wanted: Mapping[str, Sequence[str]],
    save: Callable[[str, bytes], None],
    *,
    folder: Path,
    cache_path: Callable[..., Path | None],
    workers: int = 16,
    progress: Progress = silent,
) -> MembersReport:
    """Fetch members of several zips, in parallel, and hand each to `save(name, content)` as soon as it is there.

    wanted: names by the address of their zip.   save: called from several threads.   folder: where a zip that is
    fetched whole lies meanwhile.   cache_path: gives the path where a directory is kept, as `MetaFiles.cache_path`.
    Raises DownloadError that names the zip if it cannot be had or its directory is corrupt.
    """
    report = MembersReport()
    total = sum(len(names) for names in wanted.values())
    done = 0
    with ThreadPoolExecutor(workers, thread_name_prefix="zip") as pool:
        try:
            steps: set[Future[tuple[int, list[Callable[[], _Step]]]]] = set()
            for url, names in wanted.items():
                steps.add(pool.submit(_open, source, url, list(names), save, folder, cache_path, report))
            while steps:
                following: set[Future[tuple[int, list[Callable[[], _Step]]]]] = set()
                for future in as_completed(steps):
                    count, more = future.result()
                    done += count
                    following |= {pool.submit(step) for step in more}
                    progress("masks", done, total)
                steps = following
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    return report


_Step = tuple[int, list[Callable[[], "_Step"]]]  # members dealt with, and what is to be done next


def _open(
    source: HttpSource,
    url: str,
    names: list[str],
    save: Callable[[str, bytes], None],
    folder: Path,
    cache_path: Callable[..., Path | None],
    report: MembersReport,
) -> _Step:
    """Read the directory of one zip and plan its spans, or take it whole."""
    identity = source.identify(url)
    whole = _whole_path(folder, identity)
    if identity.size is None or whole.is_file():
        return _take_whole(source, url, names, save, whole, report)
    try:
        directory = _directory(source, url, identity, identity.size, cache_path)
    except NoRangesError:
        return _take_whole(source, url, names, save, whole, report)
    present = _present(directory, names, report)
    if (
        sum(directory.members[name].end - directory.members[name].start for name in present)
        > WHOLE_SHARE * identity.size
    ):
        return _take_whole(source, url, names, save, whole, report)
    steps = [_span_step(source, url, span, save, report) for span in directory.spans(present)]
    return len(names) - len(present), steps


def _span_step(
    source: HttpSource, url: str, span: Span, save: Callable[[str, bytes], None], report: MembersReport
) -> Callable[[], _Step]:
    def step() -> _Step:
        data = source.read_range(url, span.start, span.end)
        for member in span.members:
            try:
                content = unpack(data, member, span.start)
            except DataError:
                try:
                    content = unpack(source.read_range(url, member.start, member.end), member, member.start)
                except DataError as error:
                    report.damaged[member.name] = str(error)
                    continue
            save(member.name, content)
        return len(span.members), []

    return step


def _take_whole(
    source: HttpSource,
    url: str,
    names: list[str],
    save: Callable[[str, bytes], None],
    path: Path,
    report: MembersReport,
) -> _Step:
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        source.download(url, path)
    with path.open("rb") as file:

        def read(start: int, end: int) -> bytes:
            file.seek(start)
            return file.read(end - start)

        try:
            directory = Directory.read(read, path.stat().st_size, url)
        except CorruptZipError:
            path.unlink()
            raise
        for name in _present(directory, names, report):
            member = directory.members[name]
            try:
                save(name, unpack(read(member.start, member.end), member, member.start))
            except DataError as error:
                report.damaged[name] = str(error)
    path.unlink()
    return len(names), []


def _directory(
    source: HttpSource, url: str, identity: FileIdentity, size: int, cache_path: Callable[..., Path | None]
) -> Directory:
    """The directory of a remote zip: 15 MB for one of train, so it is kept for the next class."""
    kept = (
        cache_path(f"{url.rpartition('/')[2]}.directory", identity.as_json()) if identity.version is not None else None
    )
    if kept is not None and kept.is_file():
        data = kept.read_bytes()
        return Directory(data[8:], int.from_bytes(data[:8], "little"), url)

    def read(start: int, end: int) -> bytes:
        return source.read_range(url, start, end)

    try:
        directory = Directory.read(read, size, url)
    except CorruptZipError:
        directory = Directory.read(read, size, url)  # the fault may have been on the way
    if kept is not None:
        files.write_bytes(kept, directory.start.to_bytes(8, "little") + directory.raw)
    return directory


def _present(directory: Directory, names: Sequence[str], report: MembersReport) -> list[str]:
    # Only names asked for are ever written, so a member whose name climbs out of the folder goes nowhere.
    report.missing.extend(name for name in names if name not in directory.members)
    return [name for name in names if name in directory.members]


def _whole_path(folder: Path, identity: FileIdentity) -> Path:
    mark = zlib.crc32(repr(identity.as_json()).encode())
    return folder / f"{mark:08x}-{identity.where.rpartition('/')[2]}"


def _zip64(extra: bytes, size: int, compressed: int, offset: int, where: str) -> tuple[int, int, int]:
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        if kind == 1:
            values = extra[at + 4 : at + 4 + length]
            numbers = list(struct.unpack(f"<{len(values) // 8}Q", values[: len(values) // 8 * 8]))
            try:
                # Only the fields that did not fit are there, in this order.
                size = numbers.pop(0) if size == 0xFFFFFFFF else size
                compressed = numbers.pop(0) if compressed == 0xFFFFFFFF else compressed
                offset = numbers.pop(0) if offset == 0xFFFFFFFF else offset
            except IndexError as error:
                raise _corrupt(where, "a zip64 field is cut off") from error
            return size, compressed, offset
        at += 4 + length
    return size, compressed, offset


def _corrupt(where: str, what: str) -> CorruptZipError:
    return CorruptZipError(
        f"{where}: the zip's directory is corrupt: {what}; the file on the server is damaged, or no zip."
    )
