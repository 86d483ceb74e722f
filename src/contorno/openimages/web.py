"""How bytes come from a server: a client that tries again what may pass.

Everything that can fail on the way is met here: time-outs, refusals, cut connections and short bodies are tried again
with growing pauses; a download goes on where it stopped; what still fails ends in a DownloadError that names the host.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from mmap import mmap
from pathlib import Path
from types import TracebackType

import httpx

from contorno import __version__
from contorno.errors import DataError, DownloadError
from contorno.openimages.answers import (
    Answer,
    DamagedError,
    FileIdentity,
    NoRangesError,
    NotFoundError,
    PassingError,
    UnreachableError,
    judge,
    read_body,
)
from contorno.openimages.part_file import PartFile, Sums
from contorno.openimages.retries import PASSING, Retries

__all__ = ["DamagedError", "FileIdentity", "HttpSource", "NoRangesError", "NotFoundError", "UnreachableError"]

Check = Callable[[Path], None]
"""Called with a file that came whole; its DataError means that the content is damaged."""


class HttpSource:
    """A pooled HTTP client, safe to share between threads, that tries again what may pass.

    connections:      kept open and used again; more requests than that at one time wait for one.
    connect_seconds:  for a connection to be made.
    timeout_seconds:  for an answer to begin, and between two pieces of it.
    stall_seconds:    in which at least 16 KiB of a body must come: a server that sends a byte now and then never runs
                      into the time-out between two pieces.
    attempts, pause_seconds: as in `Retries`; progress of a mebibyte starts the count of attempts anew.
    keep_parts_from:  downloads of at least so many bytes remember their ETag beside the `.part` file, so that another
                      process can go on with them; smaller ones begin again.
    """

    def __init__(
        self,
        *,
        connections: int = 32,
        connect_seconds: float = 10.0,
        timeout_seconds: float = 30.0,
        stall_seconds: float = 60.0,
        attempts: int = 6,
        pause_seconds: float = 0.5,
        keep_parts_from: int = 1 << 20,
    ) -> None:
        # httpx asks for gzip by default; then Content-Length and ranges would count other bytes than those we keep.
        self._client = httpx.Client(
            follow_redirects=True,
            timeout=httpx.Timeout(timeout_seconds, connect=min(connect_seconds, timeout_seconds), pool=None),
            limits=httpx.Limits(
                max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=30.0
            ),
            headers={"Accept-Encoding": "identity", "User-Agent": f"contorno/{__version__}"},
        )
        self._stall_seconds = stall_seconds
        self._retries = Retries(attempts, pause_seconds)
        self._keep_parts_from = keep_parts_from
        self._sums = Sums()
        self._slots = threading.BoundedSemaphore(connections)  # a fair share costs less than httpx's own queue
        self._lock = threading.Lock()
        self.bytes_received = 0

    def __enter__(self) -> HttpSource:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def identify(self, url: str) -> FileIdentity:
        """Ask for size and version of a file without its content. Raises NotFoundError, DownloadError."""

        def ask() -> FileIdentity:
            with self._slots:
                response = self._client.head(url)
            self._judge(response, url)
            answer = Answer.read(response)
            return FileIdentity(url, answer.length, answer.validator)

        return self._retries.call(url, ask)

    def read(self, url: str) -> bytes:
        """Fetch a small file whole. Raises NotFoundError, DownloadError."""
        return b"".join(self.stream(url))

    def read_range(self, url: str, start: int, end: int) -> bytes:
        """Fetch the bytes `start` up to, not including, `end`.

        Raises NoRangesError if the server sends the whole file instead, NotFoundError, DownloadError.
        """
        room = bytearray(end - start)
        self.read_into(room, url, start)
        return bytes(room)

    def read_into(self, room: bytearray | mmap, url: str, start: int) -> None:
        """Fill `room` with the bytes from `start` on, as `read_range`; goes on after a cut where it stopped."""
        at, end, validator = start, start + len(room), None

        def ask() -> None:
            nonlocal at, validator
            headers = {"Range": f"bytes={at}-{end - 1}"}
            with self._slots, self._client.stream("GET", url, headers=headers) as response:
                self._judge(response, url)
                answer = Answer.read(response)
                if not answer.is_part:
                    raise NoRangesError(f"{url}: the server answered a request for a part with the whole file.")
                if answer.start != at or (at > start and answer.validator != validator):
                    at = start
                    raise PassingError(f"bytes from {answer.start} on, or of another version, came")
                validator = answer.validator
                for block in self._body(response, 1 << 16):
                    if at + len(block) > end:
                        raise PassingError(f"more than the {end - start} bytes that were asked for came")
                    room[at - start : at - start + len(block)] = block
                    at += len(block)
            if at < end:
                raise PassingError(f"{at - start} bytes came instead of {end - start}")

        self._retries.call(url, ask)

    def stream(self, url: str, *, block_bytes: int = 1 << 20) -> Iterator[bytes]:
        """Yield a file in order, in blocks; goes on after a cut where it stopped.

        Raises NotFoundError, DownloadError, also if the file is replaced by another version meanwhile.
        """
        expected = 0
        for position, block in self._blocks(url, 0, None, block_bytes, lambda _: None):
            if position != expected:
                raise DownloadError(f"{url} was replaced on the server while it was read; start again.")
            expected += len(block)
            yield block

    def download(self, url: str, path: Path, *, check: Check | None = None, md5: str | None = None) -> int:
        """Fetch a file to `<path>.part` and rename it to `path` when it is whole; returns its size in bytes.

        check: called with the `.part` file before it is renamed.
        md5:   what the content must have, hexadecimal; None: what the server states, if it does.
        A damaged file is fetched once more before DamagedError is raised, and then removed.
        Raises NotFoundError, DamagedError, DownloadError; WriteError if the disk is full.
        """
        digests: list[str] = []
        try:
            return self._download(url, path, check, md5, digests)
        except DataError:
            try:
                return self._download(url, path, check, md5, digests)
            except DataError as error:
                raise DamagedError(f"{url} arrived damaged twice: {error}") from error

    def _download(self, url: str, path: Path, check: Check | None, md5: str | None, digests: list[str]) -> int:
        part = PartFile(path, keep_from=self._keep_parts_from)
        part.write(self._blocks(url, part.size, part.validator, 1 << 18, part.remember))
        try:
            self._sums.compare(url, part, md5, digests)
            if check is not None:
                check(part.part)
        except DataError:
            part.discard()
            raise
        return part.finish()

    def _blocks(
        self,
        url: str,
        start: int,
        validator: str | None,
        block_bytes: int,
        on_open: Callable[[Answer], None],
    ) -> Iterator[tuple[int, bytes]]:
        """Yield (position, block); the position falls back to 0 if the server has another version than `validator`."""
        position, failures, failed_at = start, 0, start
        last = b""  # given out after its connection is given back: what becomes of it does not keep others waiting
        while True:
            headers = {"Range": f"bytes={position}-"} if position else {}
            if position and validator is not None:
                headers["If-Range"] = validator
            fault: Exception | None = None
            try:
                with self._slots, self._client.stream("GET", url, headers=headers) as response:
                    if response.status_code == 416 and position:
                        answer = Answer.read(response)
                        if answer.total == position and answer.validator in (None, validator):
                            return
                        position = 0
                        continue
                    self._judge(response, url)
                    answer = Answer.read(response)
                    offset = answer.start
                    if offset > position:
                        raise PassingError(f"the server sent bytes from {offset} on instead of {position}")
                    if position and not answer.is_part and (answer.validator is None or answer.validator != validator):
                        position = 0
                    validator = answer.validator
                    on_open(answer)
                    for block in self._body(response, block_bytes):
                        if last:
                            yield position, last
                            position += len(last)
                        last = block[max(position - offset, 0) :]
                        offset += len(block)
            except PASSING as error:
                fault = error
            if last:
                yield position, last
                position += len(last)
                last = b""
            if fault is None:
                return  # httpx itself raises for a body shorter than its Content-Length
            failures = 1 if position - failed_at > 1 << 20 else failures + 1
            failed_at = position
            self._retries.pause(url, fault, failures)

    def _body(self, response: httpx.Response, block_bytes: int) -> Iterator[bytes]:
        return read_body(response, block_bytes, stall_seconds=self._stall_seconds, count=self._count)

    def _count(self, size: int) -> None:
        with self._lock:
            self.bytes_received += size

    def _judge(self, response: httpx.Response, url: str) -> None:
        self._retries.reached(url)
        judge(response, url)
