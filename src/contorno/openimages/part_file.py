"""A download on its way: nothing bears its final name before it is whole."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

from contorno.errors import DataError, DownloadError, WriteError
from contorno.files import checksum
from contorno.openimages.answers import Answer, md5_of_etag


class PartFile:
    """The bytes of a download so far, in `<path>.part`.

    A large one has its version beside it in `<path>.part.etag`, so that another process can go on with it; a `.part`
    without one belongs to nobody and is begun anew.

    keep_from: least size in bytes of a file whose version is kept.
    Attributes: size, the bytes that are there; validator, the version they are of; stated_md5, what the server says.
    """

    def __init__(self, path: Path, *, keep_from: int) -> None:
        self.path = path
        self.part = path.with_name(path.name + ".part")
        self._tag_file = path.with_name(path.name + ".part.etag")
        self._keep_from = keep_from
        self.size = 0
        self.validator: str | None = None
        self.stated_md5: str | None = None
        self._total: int | None = None
        self._sum = hashlib.md5(usedforsecurity=False)
        self._sum_covers = 0
        self._has_tag = self._tag_file.is_file()
        if self._has_tag and self.part.is_file():
            self.size, self.validator = self.part.stat().st_size, self._tag_file.read_text(encoding="utf-8")

    def remember(self, answer: Answer) -> None:
        """Note which version the bytes from now on are of."""
        if answer.validator != self.validator:
            # Gone before the first byte of another version stands in the file: a process killed in between must not
            # leave the bytes of one version with the name of the other.
            self._drop_tag()
        self.validator, self.stated_md5, self._total = answer.validator, answer.md5, answer.total

    def write(self, blocks: Iterable[tuple[int, bytes]]) -> None:
        """Write (position, block) pairs; a position that falls back means that the file begins anew from there.

        Raises WriteError if the disk is full or the folder cannot be written to, and what the blocks raise.
        """
        try:
            with self.part.open("r+b" if self.size else "wb") as file:
                file.seek(self.size)
                for position, block in blocks:
                    if position != self.size:
                        file.seek(position)
                        file.truncate()
                    file.write(block)
                    self._add(position, block)
                    self.size = position + len(block)
                    self._keep_version()
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            self.leave()
            raise self._cannot(error) from error
        except DownloadError:
            self.leave()
            raise

    def _add(self, position: int, block: bytes) -> None:
        if position == 0:
            self._sum, self._sum_covers = hashlib.md5(usedforsecurity=False), 0
        if position == self._sum_covers:
            self._sum.update(block)
            self._sum_covers += len(block)

    def md5(self) -> str:
        """Of what was written, hexadecimal; the file is read again only where it was not written in one go."""
        return self._sum.hexdigest() if self._sum_covers == self.size else checksum(self.part, "md5")

    def finish(self) -> int:
        """Give the file its name; returns its size in bytes. Raises WriteError if that cannot be done."""
        try:
            self.part.replace(self.path)
        except OSError as error:
            raise self._cannot(error) from error
        self._drop_tag()
        return self.size

    def leave(self) -> None:
        """Keep what is there if another process can go on with it, remove it if not."""
        if not self._has_tag:
            self.part.unlink(missing_ok=True)

    def discard(self) -> None:
        """Remove what is there."""
        self.part.unlink(missing_ok=True)
        self._drop_tag()
        self.size, self.validator, self.stated_md5 = 0, None, None

    def _keep_version(self) -> None:
        is_large = self._total is not None and self._total >= self._keep_from
        if is_large and self.validator is not None and not self._has_tag:
            self._has_tag = True
            self._tag_file.write_text(self.validator, encoding="utf-8")

    def _drop_tag(self) -> None:
        if self._has_tag:
            self._tag_file.unlink(missing_ok=True)
            self._has_tag = False

    def _cannot(self, error: OSError) -> WriteError:
        # Not a DownloadError: nothing else can be written either, so it must not pass for one file that failed.
        return WriteError(f"cannot write {self.path}: {error.strerror or error}; make room, or choose another folder.")


class Sums:
    """Comparison of MD5 sums, with what was learnt of each host's ETags; safe to share between threads."""

    def __init__(self) -> None:
        self._other_etags: set[str] = set()

    def compare(self, url: str, part: PartFile, md5: str | None, seen: list[str]) -> None:
        """Raise DataError if the content of `part` does not have the MD5 that it should.

        md5:  what it must be, hexadecimal; None: what the server states, or what its ETag looks like, if anything.
        seen: sums of earlier attempts; the one found now is added. An ETag that looks like an MD5 and is none shows
              when the same content comes twice; that host's ETags are then not compared again.
        """
        host, said, is_guess = urlsplit(url).netloc, "the published one is", False
        if md5 is None:
            md5, said = part.stated_md5, "the server states"
        if md5 is None and host not in self._other_etags:
            md5, said, is_guess = md5_of_etag(part.validator), "the server's ETag says", True
        if md5 is None:
            return
        digest = part.md5()
        if digest == md5:
            return
        if is_guess and digest in seen:
            self._other_etags.add(host)
            return
        seen.append(digest)
        raise DataError(f"its MD5 is {digest}, {said} {md5}")
