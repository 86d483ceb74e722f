"""The loopback server, asked with the standard library's client, byte by byte."""

from __future__ import annotations

import hashlib
import http.client
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from contorno.errors import ConfigError
from contorno.rehearsal import Fault, OfflineBucket, Request, Server, serve
from contorno.rehearsal.server import FaultKind

BODY = bytes(range(100))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    (tmp_path / "root" / "openimages").mkdir(parents=True)
    (tmp_path / "root" / "openimages" / "hundred.bin").write_bytes(BODY)
    (tmp_path / "root" / "openimages" / "empty.csv").write_bytes(b"")
    (tmp_path / "secret.txt").write_text("outside")
    with serve(tmp_path / "root") as running:
        yield running


class _Client:
    """One kept-alive connection."""

    def __init__(self, server: Server) -> None:
        self.connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=5)

    def ask(self, path: str, method: str = "GET", **headers: str) -> tuple[http.client.HTTPResponse, bytes]:
        self.connection.request(method, path, headers={name.replace("_", "-"): text for name, text in headers.items()})
        answer = self.connection.getresponse()
        return answer, answer.read()


@pytest.fixture
def client(server: Server) -> Iterator[_Client]:
    made = _Client(server)
    yield made
    made.connection.close()


FILE = "/openimages/hundred.bin"


def test_whole_file_comes_with_its_facts(client: _Client) -> None:
    answer, body = client.ask(FILE)
    assert (answer.status, body) == (200, BODY)
    assert answer.version == 11
    assert answer.headers["Content-Length"] == "100"
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["ETag"] == f'"{hashlib.md5(BODY).hexdigest()}"'
    assert answer.headers["Last-Modified"].endswith("GMT")


def test_head_gives_the_same_facts_and_no_body(client: _Client) -> None:
    whole, _ = client.ask(FILE)
    answer, body = client.ask(FILE, "HEAD")
    assert (answer.status, body, answer.headers["Content-Length"]) == (200, b"", "100")
    assert answer.headers["ETag"] == whole.headers["ETag"]


def test_range_and_if_range_are_heard(client: _Client) -> None:
    answer, part = client.ask(FILE, Range="bytes=0-9")
    assert (answer.status, answer.headers["Content-Range"], part) == (206, "bytes 0-9/100", BODY[:10])
    assert answer.headers["Content-Length"] == "10"
    other, whole = client.ask(FILE, Range="bytes=0-9", If_Range='"other"')
    assert (other.status, whole) == (200, BODY)
    beyond, nothing = client.ask(FILE, Range="bytes=100-")
    assert (beyond.status, beyond.headers["Content-Range"], nothing) == (416, "bytes */100", b"")


def test_empty_file_is_whole_with_no_bytes(client: _Client) -> None:
    answer, body = client.ask("/openimages/empty.csv")
    assert (answer.status, answer.headers["Content-Length"], body) == (200, "0", b"")


@pytest.mark.parametrize(
    "path",
    [
        "/openimages/absent.bin",
        "/openimages",
        "/openimages/",
        "/",
        "/../secret.txt",
        "/openimages/../../secret.txt",
        "/%2e%2e/secret.txt",
        "/openimages/%2e%2e%2f%2e%2e%2fsecret.txt",
        "/..%5csecret.txt",
        "//etc/passwd",
        "/openimages/hundred.bin%00",
    ],
)
def test_only_files_inside_the_root_are_found(client: _Client, path: str) -> None:
    answer, body = client.ask(path)
    assert (answer.status, body) == (404, b"Not Found\n")


def test_link_that_leads_out_of_the_root_is_not_followed(server: Server, client: _Client) -> None:
    (server.root / "link.txt").symlink_to(server.root.parent / "secret.txt")
    answer, _ = client.ask("/link.txt")
    assert answer.status == 404


def test_one_connection_serves_many_requests_quickly(client: _Client) -> None:
    client.ask(FILE)
    socket = client.connection.sock
    began = time.monotonic()
    for _ in range(50):
        assert client.ask(FILE)[1] == BODY
    assert client.connection.sock is socket
    assert time.monotonic() - began < 1.5  # 2 s and more if each answer waited for a delayed acknowledgement


def test_log_says_what_was_asked_and_sent(server: Server, client: _Client) -> None:
    client.ask(FILE)
    client.ask(FILE, Range="bytes=0-4")
    client.ask(FILE, "HEAD")
    client.ask("/no%20such")
    assert server.log == [
        Request("GET", FILE, None, 200, 100),
        Request("GET", FILE, "bytes=0-4", 206, 5),
        Request("HEAD", FILE, None, 200, 0),
        Request("GET", "/no such", None, 404, 10),
    ]
    server.clear_log()
    assert server.log == []


def test_many_clients_at_once_get_whole_answers(server: Server) -> None:
    def fetch(_: int) -> bytes:
        one = _Client(server)
        try:
            return one.ask(FILE)[1]
        finally:
            one.connection.close()

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(fetch, range(64))) == {BODY}
    assert len(server.log) == 64


@pytest.mark.parametrize("kind", ["404", "500", "503"])
def test_status_fault_strikes_as_often_as_told(server: Server, client: _Client, kind: FaultKind) -> None:
    server.faults.append(Fault("openimages/*.bin", kind, times=2))
    assert [client.ask(FILE)[0].status for _ in range(3)] == [int(kind), int(kind), 200]
    assert server.faults[0].times == 0


def test_fault_without_end_strikes_only_the_paths_that_fit(server: Server, client: _Client) -> None:
    server.faults.append(Fault("*/hundred.bin", "503", times=None))
    assert [client.ask(FILE)[0].status for _ in range(3)] == [503, 503, 503]
    assert client.ask("/openimages/empty.csv")[0].status == 200
    server.faults.clear()
    assert client.ask(FILE)[0].status == 200


def test_cut_promises_all_and_hangs_up(server: Server, client: _Client) -> None:
    server.faults.append(Fault("*.bin", "cut", size=30))
    with pytest.raises(http.client.IncompleteRead) as caught:
        client.ask(FILE)
    assert caught.value.partial == BODY[:30]
    assert server.log[-1].bytes_sent == 30


def test_cut_is_half_by_default_and_holds_for_ranges(server: Server, client: _Client) -> None:
    server.faults.append(Fault("*.bin", "cut"))
    with pytest.raises(http.client.IncompleteRead) as caught:
        client.ask(FILE, Range="bytes=40-59")
    assert caught.value.partial == BODY[40:50]


def test_fault_in_the_bytes_is_announced_as_their_whole(server: Server, client: _Client) -> None:
    server.faults.append(Fault("*.bin", "lying_length", size=7))
    answer, body = client.ask(FILE)
    assert (answer.status, answer.headers["Content-Length"], body) == (200, "93", BODY[:93])


def test_html_is_a_page_with_status_200_even_for_absent_files(server: Server, client: _Client) -> None:
    server.faults.append(Fault("*", "html", times=None))
    for path in (FILE, "/absent.jpg"):
        answer, body = client.ask(path)
        assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html")
        assert body.startswith(b"<!DOCTYPE html>")


def test_slow_waits_and_then_answers(server: Server, client: _Client) -> None:
    server.faults.append(Fault("*.bin", "slow", seconds=0.2))
    began = time.monotonic()
    assert client.ask(FILE)[1] == BODY
    assert time.monotonic() - began >= 0.19


def test_latency_stands_before_every_answer(server: Server, client: _Client) -> None:
    server.latency_seconds = 0.1
    began = time.monotonic()
    client.ask(FILE, "HEAD")
    client.ask("/absent")
    assert time.monotonic() - began >= 0.19


def test_drip_sends_a_little_at_a_time(server: Server, client: _Client) -> None:
    server.faults.append(Fault("*.bin", "drip", seconds=0.05, size=25))
    client.connection.request("GET", FILE)
    answer = client.connection.getresponse()
    began = time.monotonic()
    assert answer.read(25) == BODY[:25]
    assert time.monotonic() - began < 0.14, "the first piece did not come before the others"
    assert answer.read() == BODY[25:]
    assert time.monotonic() - began >= 0.14


def test_connections_are_counted_and_requests_on_them_are_not(server: Server, client: _Client) -> None:
    for _ in range(3):
        client.ask(FILE)
    assert server.connections == 1
    other = _Client(server)
    other.ask(FILE)
    other.connection.close()
    assert server.connections == 2


def test_server_ends_at_once_under_kept_connections_and_slow_answers(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(BODY)
    with serve(tmp_path) as server:
        idle, waiting = _Client(server), _Client(server)
        idle.ask("/a.bin")
        server.faults.append(Fault("a.bin", "slow", seconds=30))
        waiting.connection.request("GET", "/a.bin")
        while server.faults[0].times:
            time.sleep(0.005)
        began = time.monotonic()
    assert time.monotonic() - began < 2
    with pytest.raises(OSError):  # noqa: PT011 - refused, reset or cut, as the system likes
        idle.ask("/a.bin")
    idle.connection.close()
    waiting.connection.close()


def test_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not a folder"), serve(tmp_path / "absent"):
        pass


def test_bucket_is_served_under_both_of_its_bases(bucket: OfflineBucket) -> None:
    image = next(bucket.images_dir.glob("train/*.jpg"))
    with serve(bucket.root) as server:
        client = _Client(server)
        meta, text = client.ask(urlsplit(server.meta_url).path + "v5/class-descriptions-boxable.csv")
        picture, data = client.ask(urlsplit(server.images_url).path + f"train/{image.name}")
        gone, _ = client.ask(urlsplit(server.images_url).path + f"train/{bucket.missing_images[0]}.jpg")
        client.connection.close()
    assert (meta.status, text[:19]) == (200, b"/m/011k07,Tortoise\n")
    assert (picture.status, picture.headers["Content-Type"], data) == (200, "image/jpeg", image.read_bytes())
    assert gone.status == 404
