"""What a server's answer says: which version of a file it is of, what is wrong with it, and whether that may pass."""

from __future__ import annotations

import base64
import binascii
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

import httpx

from contorno.errors import DownloadError

_SMALL_BODY_BYTES = 1 << 16
_STALL_BYTES = 1 << 14


class NotFoundError(DownloadError):
    """The server has no such file (404, 410)."""


class UnreachableError(DownloadError):
    """No connection to the host could be made; asking for another file is of no use."""


class DamagedError(DownloadError):
    """What arrived is whole by its length and still not what it must be."""


class NoRangesError(DownloadError):
    """The server answered a Range request with the whole file."""


class PassingError(Exception):
    """A fault that may be gone at the next attempt; never leaves the client.

    after_seconds: the least pause that the server asks for.
    """

    def __init__(self, message: str, after_seconds: float = 0.0) -> None:
        super().__init__(message)
        self.after_seconds = after_seconds


@dataclass(frozen=True, slots=True)
class FileIdentity:
    """What tells one version of a file from the next: address, size in bytes, and ETag or time of change."""

    where: str
    size: int | None
    version: str | None

    def as_json(self) -> list[str | int | None]:
        """The three, for a JSON file."""
        return [self.where, self.size, self.version]


@dataclass(frozen=True, slots=True)
class Answer:
    """The headers of an answer with content.

    validator: strong ETag or time of change, as `If-Range` takes it; None if the server gives neither.
    start:     where in the file the body begins; 0 but for status 206.
    is_part:   the status is 206.
    length:    bytes of the body, None if not announced.
    total:     bytes of the file, None if not announced.
    md5:       of the file, as the server states it (`x-goog-hash`, by Google's store); hexadecimal.
    """

    validator: str | None
    start: int
    is_part: bool
    length: int | None
    total: int | None
    md5: str | None

    @classmethod
    def read(cls, response: httpx.Response) -> Answer:
        """Read the headers; what makes no sense in them counts as not given."""
        headers = response.headers
        tag: str = headers.get("ETag", "")
        # A weak ETag may not stand in If-Range (RFC 9110, 13.1.5).
        validator = tag if tag and not tag.startswith("W/") else headers.get("Last-Modified") or None
        is_part = response.status_code == 206
        length = int(text) if (text := headers.get("Content-Length", "")).isdigit() else None
        part = re.fullmatch(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)", headers.get("Content-Range", "").strip())
        start = int(part[1] or 0) if part and is_part else 0
        total = length if not is_part and response.status_code < 300 else None
        if part and part[2] != "*":
            total = int(part[2])
        return cls(validator, start, is_part, length, total, _stated_md5(response))


def md5_of_etag(validator: str | None) -> str | None:
    """The MD5 that an ETag looks like, or None.

    Both stores give it for what was uploaded in one piece, but nothing promises it.
    """
    match = re.fullmatch(r'"([0-9a-f]{32})"', validator or "")
    return match[1] if match else None


def _stated_md5(response: httpx.Response) -> str | None:
    for item in response.headers.get_list("x-goog-hash", split_commas=True):
        name, _, value = item.strip().partition("=")
        if name == "md5":
            try:
                digest = base64.b64decode(value, validate=True)
            except binascii.Error:
                return None
            return digest.hex() if len(digest) == 16 else None
    return None


def judge(response: httpx.Response, url: str) -> None:
    """Return if the answer has the content that was asked for.

    Raises NotFoundError, PassingError for what another attempt may mend, DownloadError for what it cannot.
    """
    status = response.status_code
    length = response.headers.get("Content-Length", "")
    if status >= 400 and length.isdigit() and int(length) <= _SMALL_BODY_BYTES:
        response.read()  # a connection with an unread answer on it cannot be used again
    if status in (404, 410):
        raise NotFoundError(f"{url} is not there (the server answered {status}).")
    if status in (408, 429) or status >= 500:
        raise PassingError(f"the server answered {status}", _retry_after(response.headers.get("Retry-After", "")))
    if status not in (200, 206):
        raise DownloadError(f"{url} was refused: the server answered {status} {response.reason_phrase}.")
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise DownloadError(f"{url} was sent compressed although it was asked for as it is; a proxy may be in the way.")


def read_body(
    response: httpx.Response, block_bytes: int, *, stall_seconds: float, count: Callable[[int], None]
) -> Iterator[bytes]:
    """Yield the body in blocks of at least `block_bytes`, but for the last.

    stall_seconds: in which at least 16 KiB must come; the time that the taker of the blocks needs does not count.
    count:         told the size of each piece that comes.
    Raises PassingError if the body all but stops, and what httpx raises; what came until then is yielded before.
    """
    held: list[bytes] = []
    size = came = 0
    since = time.monotonic()
    try:
        for piece in response.iter_raw():
            count(len(piece))
            held.append(piece)
            size += len(piece)
            came += len(piece)
            if came >= _STALL_BYTES:
                came, since = 0, time.monotonic()
            elif time.monotonic() - since > stall_seconds:
                raise PassingError(f"only {came} bytes came in {stall_seconds:g} s")
            if size >= block_bytes:
                yield b"".join(held)
                held, size, came, since = [], 0, 0, time.monotonic()
    except (PassingError, httpx.TransportError):
        if held:
            yield b"".join(held)
        raise
    if held:
        yield b"".join(held)


def _retry_after(text: str) -> float:
    """Seconds of a Retry-After header, which gives them or a date (RFC 9110, 10.2.3); 0 if it gives neither."""
    if text.isdigit():
        return float(text)
    try:
        return max(parsedate_to_datetime(text).timestamp() - time.time(), 0.0)
    except ValueError:
        return 0.0
