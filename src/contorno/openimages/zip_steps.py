"""What is done with one zip: its directory, then spans of members; or the whole zip; or the user's own copy."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from mmap import mmap
from pathlib import Path

from contorno import files
from contorno.errors import ConfigError, DataError
from contorno.openimages.answers import FileIdentity, NoRangesError
from contorno.openimages.published import Published
from contorno.openimages.web import HttpSource
from contorno.openimages.zip_directory import CorruptZipError, Directory, Member, Raw, Span, spans, unpack

_SMALL_BYTES = 1 << 20


@dataclass(slots=True)
class MembersReport:
    """What came of a fetch.

    missing:     names that are in no directory.   damaged: names that arrived damaged, each with the reason.
    whole:       addresses of the zips that were fetched whole.
    local:       the user's own zips that were used.
    passed_over: the user's own zips that could not be used, each with the reason; the server was asked instead.
    """

    missing: list[str] = field(default_factory=list)
    damaged: dict[str, str] = field(default_factory=dict)
    whole: list[str] = field(default_factory=list)
    local: list[Path] = field(default_factory=list)
    passed_over: dict[Path, str] = field(default_factory=dict)


Step = tuple[int, list[Callable[[], "Step"]]]  # members dealt with, and what is to be done next


@dataclass(slots=True)
class ZipSteps:
    """The arguments of one call of `fetch_members`, and its report; lists and dicts are added to by several threads.

    refused: names by the address of their zip, of which the server would give no part.
    """

    source: HttpSource
    save: Callable[[str, bytes], None]
    folder: Path
    cache_path: Callable[..., Path | None]
    local: Callable[[str], Path | None] | None
    expected: Callable[[str], Published | None]
    whole_share: float
    report: MembersReport = field(default_factory=MembersReport)
    refused: dict[str, list[str]] = field(default_factory=dict)

    def open(self, url: str, names: list[str]) -> Step:
        """Take what a local copy has; of the rest read the directory and plan its spans, or take the zip whole."""
        wanted = len(names)
        own = self.local(url) if self.local is not None else None
        if own is not None:
            names = self._take_local(own, names)
            if not names:
                return wanted, []
        identity = self.source.identify(url)
        whole = self._whole_path(identity)
        found = None if whole.is_file() else self._find(url, identity, names)
        if found is None or identity.size is None:
            self._take_whole(url, whole, names)
            return wanted, []
        if sum(member.end - member.start for member in found.values()) > self.whole_share * identity.size:
            self._take_whole(url, whole, names)
            return wanted, []
        self.report.missing.extend(name for name in names if name not in found)
        return wanted - len(found), [partial(self._take_span, url, span) for span in spans(found.values())]

    def take_refused(self, url: str, names: list[str]) -> Step:
        """Take a zip whole of which the server gave no parts."""
        self._take_whole(url, self._whole_path(self.source.identify(url)), names)
        return len(names), []

    def _take_span(self, url: str, span: Span) -> Step:
        try:
            data = self.source.read_range(url, span.start, span.end)
            contents = [(member, self._content(url, member, data, span.start)) for member in span.members]
        except NoRangesError:
            # The directory came earlier, of this server in a better mood or without the proxy that is there now.
            self.refused.setdefault(url, []).extend(member.name for member in span.members)
            return 0, []
        for member, content in contents:
            if content is not None:
                self.save(member.name, content)
        return len(span.members), []

    def _content(self, url: str, member: Member, data: bytes, start: int) -> bytes | None:
        """Content of a member of a span, asked for once more if it is damaged; None if it stays so."""
        try:
            return unpack(data, member, start)
        except DataError:
            try:
                return unpack(self.source.read_range(url, member.start, member.end), member, member.start)
            except DataError as error:
                self.report.damaged[member.name] = str(error)
                return None

    def _find(self, url: str, identity: FileIdentity, names: list[str]) -> dict[str, Member] | None:
        """Look names up in the directory of a remote zip; None if the server gives no ranges."""
        size = identity.size
        if size is None:
            return None
        kept = None  # 15 MB for a zip of train, so it is kept for the next class
        if identity.version is not None:
            kept = self.cache_path(f"{url.rpartition('/')[2]}.directory", identity.as_json())
        if kept is not None and kept.is_file():
            with kept.open("rb") as cached:
                start = int.from_bytes(cached.read(8), "little")
                raw = _room(kept.stat().st_size - 8)
                cached.readinto(raw)
            try:
                return Directory(raw, start, url).find(names)
            except CorruptZipError:
                kept.unlink(missing_ok=True)  # the disk lost some of it

        def read(start: int, end: int) -> Raw:
            if end - start <= _SMALL_BYTES:
                return self.source.read_range(url, start, end)
            room = _room(end - start)
            self.source.read_into(room, url, start)
            return room

        try:
            try:
                directory = Directory.read(read, size, url)
            except CorruptZipError:
                directory = Directory.read(read, size, url)  # the fault may have been on the way
        except NoRangesError:
            return None
        if kept is not None:
            # In a folder that is only for reading nothing is kept; a full disk is an error.
            with suppress(ConfigError, OSError), files.atomic_file(kept) as file:
                file.write(directory.start.to_bytes(8, "little"))
                file.write(directory.raw)
        return directory.find(names)

    def _take_whole(self, url: str, path: Path, names: list[str]) -> None:
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            stated = self.expected(url)
            md5 = None if stated is None else stated.md5
            self.source.download(url, path, check=partial(_check_directory, url), md5=md5)
        self.report.whole.append(url)
        missing, damaged = self._take(path, url, names)
        self.report.missing.extend(missing)
        self.report.damaged.update(damaged)
        path.unlink()

    def _take_local(self, path: Path, names: list[str]) -> list[str]:
        """Take what the user's own zip has; returns what the server must be asked for."""
        try:
            missing, damaged = self._take(path, str(path), names)
        except CorruptZipError as error:  # a copy that an interrupted tool left half fetched
            self.report.passed_over[path] = str(error)
            return names
        self.report.local.append(path)
        self.report.missing.extend(missing)
        return list(damaged)

    def _take(self, path: Path, where: str, names: list[str]) -> tuple[list[str], dict[str, str]]:
        """Save members of a zip on disk; returns the names that are not in it, and those damaged with the reason."""
        # Only names asked for are ever saved, so a member whose name climbs out of the folder goes nowhere.
        found = _open_directory(path, where).find(names)
        damaged: dict[str, str] = {}
        with path.open("rb") as file:
            for name, member in sorted(found.items(), key=lambda item: item[1].start):
                file.seek(member.start)
                try:
                    content = unpack(file.read(member.end - member.start), member, member.start)
                except DataError as error:
                    damaged[name] = str(error)
                    continue
                self.save(name, content)
        return [name for name in names if name not in found], damaged

    def _whole_path(self, identity: FileIdentity) -> Path:
        mark = zlib.crc32(repr(identity.as_json()).encode())
        return self.folder / f"{mark:08x}-{identity.where.rpartition('/')[2]}"


def _room(size: int) -> mmap:
    # A map goes back to the system when it is done with. Freed by 16 threads in turn, buffers of 15 MB stay with the
    # allocator, one or two for each: 0.4 GiB was measured.
    return mmap(-1, max(size, 1))


def _open_directory(path: Path, where: str) -> Directory:
    try:
        with path.open("rb") as file:

            def read(start: int, end: int) -> Raw:
                file.seek(start)
                if end - start <= _SMALL_BYTES:
                    return file.read(end - start)
                room = _room(end - start)
                file.readinto(room)
                return room

            return Directory.read(read, path.stat().st_size, where)
    except OSError as error:
        raise CorruptZipError(f"{path} cannot be read: {error.strerror or error}.") from error


def _check_directory(url: str, part: Path) -> None:
    try:
        _open_directory(part, url)
    except CorruptZipError as error:
        raise DataError(str(error)) from error
