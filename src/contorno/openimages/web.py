"""How bytes come from a server: the one door to httpx.

Everything that can fail on the way is met here: time-outs, refusals, cut connections and short bodies are tried again
with growing pauses; a download goes on where it stopped; what still fails ends in a DownloadError that names the host.
"""

from __future__ import annotations

import os
import random
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TypeVar
from urllib.parse import urlsplit

import httpx

from contorno import __version__
from contorno.errors import DataError, DownloadError
from contorno.files import checksum

_PAUSE_LIMIT_SECONDS = 30.0
_UNREACHABLE = (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError, httpx.UnsupportedProtocol)
_T = TypeVar("_T")


class NotFoundError(DownloadError):
    """The server has no such file (404, 410)."""


class UnreachableError(DownloadError):
    """No connection to the host could be made; asking for another file is of no use."""


class DamagedError(DownloadError):
    """What arrived is whole by its length and still not what it must be."""


class NoRangesError(DownloadError):
    """The server answered a Range request with the whole file."""


@dataclass(frozen=True, slots=True)
class FileIdentity:
    """What tells one version of a file from the next: address, size in bytes, and ETag or time of change."""

    where: str
    size: int | None
    version: str | None

    def as_json(self) -> list[str | int | None]:
        """The three, for a JSON file."""
        return [self.where, self.size, self.version]


class HttpSource:
    """A pooled HTTP client, safe to share between threads, that tries again what may pass.

    attempts:         requests made for one thing before giving up; progress of a mebibyte starts the count anew.
    pause_seconds:    before the second attempt; doubles with each more, with jitter, up to half a minute.
    keep_parts_from:  downloads of at least so many bytes remember their ETag beside the `.part` file, so that another
                      process can go on with them; smaller ones begin again.
    """

    def __init__(
        self,
        *,
        connections: int = 32,
        timeout_seconds: float = 30.0,
        attempts: int = 6,
        pause_seconds: float = 0.5,
        keep_parts_from: int = 1 << 20,
    ) -> None:
        # httpx asks for gzip by default; then Content-Length and ranges would count other bytes than those we keep.
        self._client = httpx.Client(
            follow_redirects=True,
            timeout=httpx.Timeout(timeout_seconds, connect=min(10.0, timeout_seconds), pool=None),
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
            headers={"Accept-Encoding": "identity", "User-Agent": f"contorno/{__version__}"},
        )
        self._attempts = attempts
        self._pause_seconds = pause_seconds
        self._keep_parts_from = keep_parts_from
        self._jitter = random.Random()
        self._lock = threading.Lock()
        self._reached: set[str] = set()
        self._other_etags: set[str] = set()
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
            response = self._client.head(url)
            self._judge(response, url)
            return FileIdentity(url, _length(response), _validator(response))

        return self._retry(url, ask)

    def read(self, url: str) -> bytes:
        """Fetch a small file whole. Raises NotFoundError, DownloadError."""
        return b"".join(self.stream(url))

    def read_range(self, url: str, start: int, end: int) -> bytes:
        """Fetch the bytes `start` up to, not including, `end`.

        Raises NoRangesError if the server sends the whole file instead, NotFoundError, DownloadError.
        """

        def ask() -> bytes:
            with self._client.stream("GET", url, headers={"Range": f"bytes={start}-{end - 1}"}) as response:
                self._judge(response, url)
                if response.status_code != 206:
                    raise NoRangesError(f"{url}: the server answered a request for a part with the whole file.")
                data = b"".join(response.iter_raw())
            self._count(data)
            if len(data) != end - start or _range_start(response) != start:
                raise _PassingError(f"{len(data)} bytes came instead of {end - start}")
            return data

        return self._retry(url, ask)

    def stream(self, url: str, *, block_bytes: int = 1 << 20) -> Iterator[bytes]:
        """Yield a file in order, in blocks; goes on after a cut where it stopped.

        Raises NotFoundError, DownloadError, also if the file is replaced by another version meanwhile.
        """
        expected = 0
        for position, block in self._blocks(url, 0, None, block_bytes, None):
            if position != expected:
                raise DownloadError(f"{url} was replaced on the server while it was read; start again.")
            expected += len(block)
            yield block

    def download(self, url: str, path: Path, *, check: Callable[[Path], None] | None = None) -> int:
        """Fetch a file to `<path>.part` and rename it to `path` when it is whole; returns its size in bytes.

        check: called with the `.part` file before it is renamed; its DataError means that the content is damaged, and
        the file is fetched once more before DamagedError is raised.
        Raises NotFoundError, DamagedError, DownloadError.
        """

        digests: list[str] = []
        try:
            return self._download(url, path, check, digests)
        except DataError:
            try:
                return self._download(url, path, check, digests)
            except DataError as error:
                raise DamagedError(f"{url} arrived damaged twice: {error}") from error

    def _download(self, url: str, path: Path, check: Callable[[Path], None] | None, digests: list[str]) -> int:
        part, tag_file = path.with_name(path.name + ".part"), path.with_name(path.name + ".part.etag")
        start, validator = 0, None
        if tag_file.is_file() and part.is_file():
            start, validator = part.stat().st_size, tag_file.read_text(encoding="utf-8")

        def remember(tag: str | None, total: int | None) -> None:
            nonlocal validator
            validator = tag
            if tag is not None and total is not None and total >= self._keep_parts_from:
                tag_file.write_text(tag, encoding="utf-8")
            else:
                tag_file.unlink(missing_ok=True)

        try:
            with part.open("r+b" if start else "wb") as file:
                size = start
                file.seek(start)
                for position, block in self._blocks(url, start, validator, 1 << 18, remember):
                    if position != size:
                        file.seek(position)
                        file.truncate()
                    file.write(block)
                    size = position + len(block)
                file.flush()
                os.fsync(file.fileno())
        except DownloadError:
            if not tag_file.is_file():  # nobody could go on with it
                part.unlink(missing_ok=True)
            raise
        except OSError as error:
            raise DownloadError(
                f"cannot write {part}: {error.strerror or error}; make room, or choose another folder."
            ) from error
        try:
            self._compare_digest(url, part, validator, digests)
            if check is not None:
                check(part)
        except DataError:
            part.unlink(missing_ok=True)
            tag_file.unlink(missing_ok=True)
            raise
        part.replace(path)
        tag_file.unlink(missing_ok=True)
        return size

    def _compare_digest(self, url: str, part: Path, tag: str | None, digests: list[str]) -> None:
        """Raise DataError if the content does not have the MD5 that the server gives as its ETag.

        Both stores do so for what was uploaded in one piece. An ETag that looks like an MD5 and is none shows when the
        same content comes twice; that host's ETags are then not compared again.
        """
        host = urlsplit(url).netloc
        match = re.fullmatch(r'"([0-9a-f]{32})"', tag or "")
        if match is None or host in self._other_etags:
            return
        digest = checksum(part, "md5")
        if digest == match[1]:
            return
        if digest in digests:
            with self._lock:
                self._other_etags.add(host)
            return
        digests.append(digest)
        raise DataError(f"its MD5 is {digest}, the server's ETag says {match[1]}")

    def _blocks(
        self,
        url: str,
        start: int,
        validator: str | None,
        block_bytes: int,
        on_open: Callable[[str | None, int | None], None] | None,
    ) -> Iterator[tuple[int, bytes]]:
        """Yield (position, block); the position falls back to 0 if the server has another version than `validator`."""
        position, failures, failed_at = start, 0, start
        while True:
            headers = {}
            if position:
                headers["Range"] = f"bytes={position}-"
                if validator is not None:
                    headers["If-Range"] = validator
            try:
                with self._client.stream("GET", url, headers=headers) as response:
                    if response.status_code == 416 and position:
                        if _total(response) == position and _validator(response) in (None, validator):
                            return
                        position = 0
                        continue
                    self._judge(response, url)
                    tag, length = _validator(response), _length(response)
                    offset = _range_start(response) if response.status_code == 206 else 0
                    if offset > position:
                        raise _PassingError(f"the server sent bytes from {offset} on instead of {position}")
                    if position and response.status_code != 206 and (tag is None or tag != validator):
                        position = 0
                    validator, total = tag, None if length is None else offset + length
                    if on_open is not None:
                        on_open(tag, total)
                    for block in response.iter_raw(block_bytes):
                        self._count(block)
                        skip = min(position - offset, len(block))
                        offset += len(block)
                        if skip < len(block):
                            yield position, block[skip:]
                            position = offset
                    return  # httpx itself raises for a body shorter than its Content-Length
            except (_PassingError, httpx.TransportError) as error:
                failures = 1 if position - failed_at > 1 << 20 else failures + 1
                failed_at = position
                self._wait(url, error, failures)

    def _retry(self, url: str, ask: Callable[[], _T]) -> _T:
        failures = 0
        while True:
            try:
                return ask()
            except (_PassingError, httpx.TransportError) as error:
                failures += 1
                self._wait(url, error, failures)

    def _judge(self, response: httpx.Response, url: str) -> None:
        self._reached.add(urlsplit(url).netloc)
        status = response.status_code
        if status in (404, 410):
            raise NotFoundError(f"{url} is not there (the server answered {status}).")
        if status == 429 or status >= 500:
            after = response.headers.get("Retry-After", "")
            raise _PassingError(f"the server answered {status}", float(after) if after.isdigit() else 0.0)
        if status not in (200, 206):
            raise DownloadError(f"{url} was refused: the server answered {status} {response.reason_phrase}.")
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise DownloadError(
                f"{url} was sent compressed although it was asked for as it is; a proxy may be in the way."
            )

    def _wait(self, url: str, error: Exception, failures: int) -> None:
        """Pause before the next attempt, or raise if there is none left."""
        host = urlsplit(url).netloc
        reason = str(error) or type(error).__name__
        # A host that never answered is most likely out of reach for good: say so soon.
        if isinstance(error, _UNREACHABLE) and (
            failures >= self._attempts or (failures > 1 and host not in self._reached)
        ):
            raise UnreachableError(
                f"cannot reach {host} ({reason}); check the network and the proxy, or work offline: "
                "bucket= with the addresses of a local rehearsal, or meta_dir= with the files fetched before."
            ) from error
        if failures >= self._attempts:
            raise DownloadError(
                f"{url} could not be fetched in {failures} attempts: {reason}; run it again to go on where it stopped."
            ) from error
        pause = self._pause_seconds * 2.0 ** (failures - 1) * self._jitter.uniform(0.5, 1.5)
        after = error.after_seconds if isinstance(error, _PassingError) else 0.0
        time.sleep(min(max(pause, after), _PAUSE_LIMIT_SECONDS))

    def _count(self, data: bytes) -> None:
        with self._lock:
            self.bytes_received += len(data)


class _PassingError(Exception):
    """A fault that may be gone at the next attempt."""

    def __init__(self, message: str, after_seconds: float = 0.0) -> None:
        super().__init__(message)
        self.after_seconds = after_seconds


def _length(response: httpx.Response) -> int | None:
    value = response.headers.get("Content-Length", "")
    return int(value) if value.isdigit() else None


def _validator(response: httpx.Response) -> str | None:
    tag: str = response.headers.get("ETag", "")
    if tag and not tag.startswith("W/"):  # a weak ETag may not stand in If-Range (RFC 9110, 13.1.5)
        return tag
    return response.headers.get("Last-Modified") or None


def _range_start(response: httpx.Response) -> int:
    match = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    return int(match[1]) if match else 0


def _total(response: httpx.Response) -> int | None:
    match = re.match(r"bytes .*/(\d+)$", response.headers.get("Content-Range", ""))
    return int(match[1]) if match else None
