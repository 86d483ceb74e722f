"""A loopback HTTP server for the offline bucket: ranges, keep-alive, and the faults that real storage shows.

It answers only on 127.0.0.1, from one folder, and keeps a log of what was asked, so that a test can say "the zip was
never fetched whole" or "the second run asked for nothing".
"""

from __future__ import annotations

import base64
import fnmatch
import hashlib
import mimetypes
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal, NamedTuple
from urllib.parse import unquote, urlsplit

from contorno.errors import ConfigError

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


class Request(NamedTuple):
    """One line of the log. path is decoded and starts with "/"; range is the header as sent, or None."""

    method: str
    path: str
    range: str | None
    status: int
    bytes_sent: int


class Server:
    """A running server.

    `faults` may be changed at any time; `log` is a copy of what was asked so far; `connections` counts those made.
    """

    def __init__(self, root: Path, *, latency_seconds: float = 0.0) -> None:
        self.root = Path(root).resolve()
        if not self.root.is_dir():
            raise ConfigError(f"{root} is not a folder; make it with `make_bucket` before serving it.")
        self.latency_seconds = latency_seconds
        self.faults: list[Fault] = []
        self.closing = threading.Event()
        self._lock = threading.Lock()
        self._log: list[Request] = []
        self._etags: dict[tuple[Path, int, int], str] = {}
        self.connections = 0
        self._http = _HTTPServer(self)
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, name="offline bucket", daemon=True
        )
        self._thread.start()

    @property
    def url(self) -> str:
        """Address of the root, with a slash at its end."""
        return f"http://127.0.0.1:{self._http.server_address[1]}/"

    @property
    def meta_url(self) -> str:
        """Stands for https://storage.googleapis.com/openimages/."""
        return f"{self.url}openimages/"

    @property
    def images_url(self) -> str:
        """Stands for https://open-images-dataset.s3.amazonaws.com/."""
        return f"{self.url}open-images-dataset/"

    @property
    def log(self) -> list[Request]:
        """What was asked, oldest first. A line stands here before the client has the last byte of its answer."""
        with self._lock:
            return list(self._log)

    def clear_log(self) -> None:
        """Forget what was asked."""
        with self._lock:
            self._log.clear()

    def close(self) -> None:
        """Stop at once: answers under way are cut, all threads end, all sockets close."""
        self.closing.set()
        self._http.shutdown()
        self._http.hang_up()
        self._http.server_close()
        self._thread.join()

    def note(self, request: Request) -> None:
        """Add a line to the log."""
        with self._lock:
            self._log.append(request)

    def strike(self, path: str) -> Fault | None:
        """Take the first fault that fits `path`, counting it down."""
        with self._lock:
            for fault in self.faults:
                if fault.times != 0 and fnmatch.fnmatchcase(path.lstrip("/"), fault.pattern.lstrip("/")):
                    if fault.times is not None:
                        fault.times -= 1
                    return fault
        return None

    def find(self, path: str) -> Path | None:
        """The file that a decoded URL path names, or None if there is none inside the root."""
        parts = path.lstrip("/").split("/")
        if any(part in ("", ".", "..") or re.search(r"[\\:\0]", part) for part in parts):
            return None
        file = self.root.joinpath(*parts).resolve()
        return file if file.is_relative_to(self.root) and file.is_file() else None

    def etag(self, file: Path) -> str:
        """MD5 of the content in quotes, as both stores give it for small objects."""
        facts = file.stat()
        key = (file, facts.st_mtime_ns, facts.st_size)
        with self._lock:
            known = self._etags.get(key)
        if known is None:
            with file.open("rb") as opened:
                known = f'"{hashlib.file_digest(opened, "md5").hexdigest()}"'
            with self._lock:
                self._etags[key] = known
        return known


@contextmanager
def serve(root: Path, *, latency_seconds: float = 0.0) -> Iterator[Server]:
    """Serve `root` on a free loopback port for the length of a `with` block.

    latency_seconds: from the arrival of a request to its answer, to stand for a far-off store.
    Raises ConfigError if `root` is no folder.
    """
    server = Server(root, latency_seconds=latency_seconds)
    try:
        yield server
    finally:
        server.close()


class _HTTPServer(ThreadingHTTPServer):
    daemon_threads = False  # so that server_close() waits for them
    block_on_close = True
    request_queue_size = 64

    def __init__(self, owner: Server) -> None:
        self.owner = owner
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), _Handler)

    def server_bind(self) -> None:
        # HTTPServer looks up the host's full name here, which can wait on a name server.
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._open_lock:
            self._open.add(request)
            self.owner.connections += 1
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._open_lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """End the connections that clients keep alive; their threads wait for a next request otherwise."""
        with self._open_lock:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "contorno-rehearsal"
    sys_version = ""
    disable_nagle_algorithm = True  # headers and body go in two writes; without this each answer waits 40 ms
    server: _HTTPServer
    _not_before = 0.0

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def log_message(self, format: str, *args: Any) -> None:
        """Stay quiet; the log is on the server object."""

    def handle(self) -> None:
        # A client may hang up at any time, and so may close(); neither is worth a trace on stderr.
        with suppress(ConnectionError):
            super().handle()

    def _answer(self, *, with_body: bool) -> None:
        owner = self.server.owner
        path = unquote(urlsplit(self.path).path)
        fault = owner.strike(path)
        kind = None if fault is None else fault.kind
        wait = owner.latency_seconds + (fault.seconds if fault is not None and kind == "slow" else 0.0)
        self._not_before = time.perf_counter() + wait if wait > 0 else 0.0
        file = owner.find(path)
        if kind in ("404", "500", "503") or (file is None and kind != "html"):
            status = HTTPStatus(int(kind)) if kind in ("404", "500", "503") else HTTPStatus.NOT_FOUND
            self._send(path, status, {"Content-Type": "text/plain"}, f"{status.phrase}\n".encode(), with_body=with_body)
            return
        if kind == "html" or file is None:
            self._send(path, HTTPStatus.OK, {"Content-Type": "text/html"}, _HTML, with_body=with_body)
            return

        size, etag = file.stat().st_size, owner.etag(file)
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
            if self.headers.get("If-Range", etag) == etag:
                start, stop, status = _wanted(self.headers.get("Range"), size)
            if status is HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                self._send(path, status, headers | {"Content-Range": f"bytes */{size}"}, b"", with_body=with_body)
                return
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
        drip = fault if kind == "drip" else None
        self._send(path, status, headers, body, with_body=with_body, cut=cut, drip=drip)

    def _send(
        self,
        path: str,
        status: HTTPStatus,
        headers: dict[str, str],
        body: bytes,
        *,
        with_body: bool,
        cut: int | None = None,
        drip: Fault | None = None,
    ) -> None:
        # Waited for here, so that the time that this machine takes to find the file counts as part of the latency.
        if self._not_before and (left := self._not_before - time.perf_counter()) > 0:
            self.server.owner.closing.wait(left)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        sent = body[:cut] if with_body else b""
        # Noted before it is sent: a client that has its answer finds the request in the log.
        self.server.owner.note(Request(self.command, path, self.headers.get("Range"), int(status), len(sent)))
        self.end_headers()
        step = len(sent) if drip is None else drip.size or 1
        for at in range(0, len(sent), max(step, 1)):
            if drip is not None and self.server.owner.closing.wait(drip.seconds):
                break
            self.wfile.write(sent[at : at + step])
        if cut is not None:
            self.close_connection = True


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
