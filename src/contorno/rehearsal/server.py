"""A loopback HTTP server for the offline bucket: ranges, keep-alive, and the faults that real storage shows.

It answers only on 127.0.0.1, from one folder, and keeps a log of what was asked, so that a test can say "the zip was
never fetched whole" or "the second run asked for nothing".
"""

from __future__ import annotations

import fnmatch
import hashlib
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from contorno.errors import ConfigError
from contorno.rehearsal.answers import Answer, Fault, FaultKind, answer_to

__all__ = ["Fault", "FaultKind", "Request", "Server", "serve"]


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
        wait = owner.latency_seconds + (fault.seconds if fault is not None and fault.kind == "slow" else 0.0)
        self._not_before = time.perf_counter() + wait if wait > 0 else 0.0
        asked, if_range = self.headers.get("Range"), self.headers.get("If-Range")
        found = answer_to(path, owner.find(path), owner.etag, fault, asked=asked, if_range=if_range)
        self._send(path, found, with_body=with_body)

    def _send(self, path: str, answer: Answer, *, with_body: bool) -> None:
        # Waited for here, so that the time that this machine takes to find the file counts as part of the latency.
        if self._not_before and (left := self._not_before - time.perf_counter()) > 0:
            self.server.owner.closing.wait(left)
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        sent = answer.body[: answer.cut] if with_body else b""
        # Noted before it is sent: a client that has its answer finds the request in the log.
        self.server.owner.note(Request(self.command, path, self.headers.get("Range"), int(answer.status), len(sent)))
        self.end_headers()
        step = len(sent) if answer.drip is None else answer.drip.size or 1
        for at in range(0, len(sent), max(step, 1)):
            if answer.drip is not None and self.server.owner.closing.wait(answer.drip.seconds):
                break
            self.wfile.write(sent[at : at + step])
        if answer.cut is not None:
            self.close_connection = True
