"""What the offline store answers to a request: status, headers and bytes, and each fault that real storage shows."""

from __future__ import annotations

import base64
import mimetypes
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from pathlib import Path
from typing import Literal

FaultKind = Literal["404", "500", "503", "slow", "drip", "cut", "no_range", "lying_length", "corrupt", "html"]
_RANGE = re.compile(r"bytes=(?:(\d+)-(\d*)|-(\d+))")
_HTML = b"<!DOCTYPE html><html><body><h1>Sign in to this network</h1></body></html>\n"


@dataclass(slots=True)
class Fault:
    """One thing that goes wrong for the requests whose path fits.

    pattern: shell pattern on the path from the root, such as "*/train-masks-0.zip"; "*" also crosses slashes.
    kind: "404", "500", "503": that status and no file. "slow": waits `seconds` before the answer. "drip": waits
      `seconds` before each `size` bytes of the body. "cut": promises the whole length, sends `size` bytes and hangs up.
      "no_range": sends the whole file whatever range was asked. "lying_length": sends `size` bytes fewer than the file
      has and announces just those, so that HTTP itself shows nothing wrong. "corrupt": the right length with `size`
      bytes in the middle inverted. "html": a sign-in page with status 200, as captive networks send.
    times: how many requests it strikes; None for all. It counts down to 0 as it strikes.
    size: bytes, of the kinds above; None means half of what was asked (cut), 1 (drip, lying_length), 16 (corrupt).
    """

    pattern: str
    kind: FaultKind
    times: int | None = 1
    seconds: float = 0.2
    size: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What to send.

    headers: all but Content-Length, which is that of the whole body.
    cut:     bytes after which to hang up.   drip: the fault that says how slowly to send, if it is sent so.
    """

    status: HTTPStatus
    headers: Mapping[str, str]
    body: bytes = b""
    cut: int | None = None
    drip: Fault | None = None


def answer_to(
    path: str,
    file: Path | None,
    etag_of: Callable[[Path], str],
    fault: Fault | None,
    *,
    asked: str | None,
    if_range: str | None,
) -> Answer:
    """Answer a request as the store would, or as the fault has it.

    path:    of the address, decoded.   file: what it names; None for nothing.
    etag_of: gives the ETag of a file, its MD5 sum in quotes.
    asked, if_range: the headers Range and If-Range as they were sent, or None.
    """
    kind = None if fault is None else fault.kind
    if kind in ("404", "500", "503"):
        return _refusal(HTTPStatus(int(kind)))
    if kind == "html":
        return Answer(status=HTTPStatus.OK, headers={"Content-Type": "text/html"}, body=_HTML)
    if file is None:
        return _refusal(HTTPStatus.NOT_FOUND)

    size, etag = file.stat().st_size, etag_of(file)
    headers = {
        "Content-Type": mimetypes.guess_type(file.name)[0] or "application/octet-stream",
        "Last-Modified": formatdate(file.stat().st_mtime, usegmt=True),
        "ETag": etag,
    }
    if path.startswith("/openimages/"):  # Google's store; it states the sum of the whole file with a part, too
        headers["x-goog-hash"] = f"md5={base64.b64encode(bytes.fromhex(etag[1:-1])).decode()}"
    start, stop, status = 0, size, HTTPStatus.OK
    if kind != "no_range":
        headers["Accept-Ranges"] = "bytes"
        if if_range is None or if_range == etag:
            start, stop, status = _wanted(asked, size)
        if status is HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return Answer(status=status, headers=headers | {"Content-Range": f"bytes */{size}"})
        if status is HTTPStatus.PARTIAL_CONTENT:
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    with file.open("rb") as opened:
        opened.seek(start)
        body = opened.read(stop - start)
    cut = None
    if fault is not None and kind == "cut":
        cut = min(len(body) // 2 if fault.size is None else fault.size, len(body))
    elif fault is not None and kind == "lying_length":
        body = body[: max(len(body) - (1 if fault.size is None else fault.size), 0)]
    elif fault is not None and kind == "corrupt":
        body = _inverted(body, 16 if fault.size is None else fault.size)
    return Answer(status=status, headers=headers, body=body, cut=cut, drip=fault if kind == "drip" else None)


def _refusal(status: HTTPStatus) -> Answer:
    """An answer of the status alone, its phrase as text."""
    return Answer(status=status, headers={"Content-Type": "text/plain"}, body=f"{status.phrase}\n".encode())


def _wanted(header: str | None, size: int) -> tuple[int, int, HTTPStatus]:
    """First byte, byte after the last, and status of a Range header; several ranges are answered with the whole."""
    whole = (0, size, HTTPStatus.OK)
    if header is None or (found := _RANGE.fullmatch(header.strip())) is None:
        return whole
    first, last, suffix = found.groups()
    if suffix is not None:
        start, stop = max(size - int(suffix), 0), size
    else:
        start, stop = int(first), size if last == "" else min(int(last) + 1, size)
        if last != "" and int(last) < start:
            return whole  # RFC 9110, 14.1.1: an invalid range is ignored
    if start >= stop:
        return 0, 0, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
    return start, stop, HTTPStatus.PARTIAL_CONTENT


def _inverted(body: bytes, count: int) -> bytes:
    count = min(count, len(body))
    begin = (len(body) - count) // 2
    middle = bytes(byte ^ 0xFF for byte in body[begin : begin + count])
    return body[:begin] + middle + body[begin + count :]
