from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path
from typing import Any

import httpx
import pytest

from contorno.errors import DataError, DownloadError
from contorno.openimages import DamagedError, HttpSource, NotFoundError, UnreachableError
from contorno.openimages.answers import Answer, PassingError, judge
from contorno.openimages.part_file import PartFile
from contorno.openimages.retries import Retries
from contorno.openimages.web import NoRangesError
from contorno.rehearsal.server import Fault, FaultKind, Server, serve

CONTENT = bytes(range(256)) * 12_000  # 3 MB


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    root = tmp_path_factory.mktemp("served")
    (root / "a.bin").write_bytes(CONTENT)
    with serve(root) as running:
        yield running


@pytest.fixture
def source() -> Iterator[HttpSource]:
    with HttpSource(pause_seconds=0.001, timeout_seconds=0.5, stall_seconds=0.3, attempts=4) as made:
        yield made


def test_a_range_is_the_bytes_from_start_up_to_end(server: Server, source: HttpSource) -> None:
    assert source.read_range(server.url + "a.bin", 10, 15) == CONTENT[10:15]
    assert source.bytes_received == 5


def test_a_server_without_ranges_is_told_apart_before_its_file_is_read(server: Server, source: HttpSource) -> None:
    server.faults.append(Fault(pattern="*", kind="no_range"))
    with pytest.raises(NoRangesError):
        source.read_range(server.url + "a.bin", 10, 15)
    assert source.bytes_received == 0


def test_a_range_that_is_cut_goes_on_where_it_stopped(server: Server, source: HttpSource) -> None:
    server.faults.append(Fault(pattern="*", kind="cut", times=2, size=100_000))
    assert source.read_range(server.url + "a.bin", 10, 1_000_010) == CONTENT[10:1_000_010]
    assert source.bytes_received == 1_000_000
    assert [request.range for request in server.log] == [
        "bytes=10-1000009", "bytes=100010-1000009", "bytes=200010-1000009"
    ]  # fmt: skip


def test_a_range_of_a_file_that_is_replaced_meanwhile_is_begun_anew(server: Server, source: HttpSource) -> None:
    server.faults.append(Fault(pattern="*", kind="cut", size=100_000))

    class Room(bytearray):
        """Notes the first bytes that come, and replaces the file on the server then."""

        def __setitem__(self, place: Any, data: Any) -> None:
            super().__setitem__(place, data)
            (server.root / "a.bin").write_bytes(CONTENT[::-1])

    room = Room(1_000_000)
    source.read_into(room, server.url + "a.bin", 10)
    assert bytes(room) == CONTENT[::-1][10:1_000_010]


def test_what_is_not_there_is_not_asked_for_twice(server: Server, source: HttpSource, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"nothing\.bin is not there"):
        source.download(server.url + "nothing.bin", tmp_path / "x")
    assert len(server.log) == 1
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    "fault",
    [
        Fault(pattern="*", kind="500", times=2),
        Fault(pattern="*", kind="503", times=2),
        Fault(pattern="*", kind="cut", times=2),
        Fault(pattern="*", kind="cut", times=2, size=0),
        Fault(pattern="*", kind="slow", seconds=0.8),
        Fault(pattern="*", kind="drip", seconds=0.05),
        Fault(pattern="*", kind="lying_length"),
        Fault(pattern="*", kind="corrupt"),
        Fault(pattern="*", kind="html"),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.size}",
)
def test_a_fault_that_passes_leaves_no_trace_in_a_download(
    server: Server, source: HttpSource, tmp_path: Path, fault: Fault
) -> None:
    def is_whole(part: Path) -> None:
        if part.read_bytes()[:1] == b"<":
            raise DataError("it is a page")

    server.faults.append(replace(fault))
    assert source.download(server.url + "a.bin", tmp_path / "a.bin", check=is_whole) == len(CONTENT)
    assert (tmp_path / "a.bin").read_bytes() == CONTENT
    assert [path.name for path in tmp_path.iterdir()] == ["a.bin"]
    assert server.faults[0].times == 0


def test_a_cut_download_goes_on_where_it_stopped(server: Server, source: HttpSource, tmp_path: Path) -> None:
    server.faults.append(Fault(pattern="*", kind="cut", times=3))
    source.download(server.url + "a.bin", tmp_path / "a.bin")
    assert (tmp_path / "a.bin").read_bytes() == CONTENT
    assert source.bytes_received < 1.3 * len(CONTENT)
    assert [request.status for request in server.log] == [200, 206, 206, 206]


def test_a_stream_that_is_cut_goes_on_even_without_ranges(server: Server, source: HttpSource) -> None:
    server.faults += [Fault(pattern="*", kind="cut"), Fault(pattern="*", kind="no_range")]
    assert b"".join(source.stream(server.url + "a.bin", block_bytes=10_000)) == CONTENT


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("500", "the server answered 500"),
        ("cut", "peer closed connection"),
        ("slow", "timed out"),
        ("drip", r"only \d+ bytes came in 0\.3 s"),
    ],
)
def test_a_fault_that_stays_ends_in_an_error_that_names_the_address(
    server: Server, source: HttpSource, tmp_path: Path, kind: FaultKind, reason: str
) -> None:
    server.faults.append(Fault(pattern="*", kind=kind, times=None, size=0, seconds=0.1 if kind == "drip" else 0.7))
    with pytest.raises(DownloadError, match=rf"a\.bin could not be fetched in 4 attempts: .*{reason}"):
        source.download(server.url + "a.bin", tmp_path / "a.bin")
    assert server.connections == (1 if kind == "500" else 4)
    assert not (tmp_path / "a.bin").exists()


def test_another_process_goes_on_with_a_part_of_the_same_version(
    server: Server, source: HttpSource, tmp_path: Path
) -> None:
    server.faults.append(Fault(pattern="*", kind="cut", times=None, size=1 << 20))
    with pytest.raises(DownloadError), HttpSource(attempts=1) as first:
        first.download(server.url + "a.bin", tmp_path / "a.bin")
    held = (tmp_path / "a.bin.part").stat().st_size
    assert held > 500_000
    server.faults.clear()
    source.download(server.url + "a.bin", tmp_path / "a.bin")
    assert source.bytes_received == len(CONTENT) - held
    assert (tmp_path / "a.bin").read_bytes() == CONTENT
    assert [path.name for path in tmp_path.iterdir()] == ["a.bin"]


@pytest.mark.parametrize("tag", ['"0123"', None], ids=["other version", "no version known"])
def test_a_part_of_another_version_is_thrown_away(
    server: Server, source: HttpSource, tmp_path: Path, tag: str | None
) -> None:
    (tmp_path / "a.bin.part").write_bytes(b"old" * 1000)
    if tag is not None:
        (tmp_path / "a.bin.part.etag").write_text(tag)
    source.download(server.url + "a.bin", tmp_path / "a.bin")
    assert (tmp_path / "a.bin").read_bytes() == CONTENT
    assert len(server.log) == 1


def test_a_part_that_was_whole_is_only_renamed(server: Server, source: HttpSource, tmp_path: Path) -> None:
    (tmp_path / "a.bin.part").write_bytes(CONTENT)
    (tmp_path / "a.bin.part.etag").write_text(server.etag(server.root / "a.bin"))
    source.download(server.url + "a.bin", tmp_path / "a.bin")
    assert source.bytes_received == 0
    assert (tmp_path / "a.bin").read_bytes() == CONTENT


def test_content_that_stays_damaged_is_an_error_and_no_file(server: Server, source: HttpSource, tmp_path: Path) -> None:
    def is_never_right(part: Path) -> None:
        raise DataError("it is no picture")

    with pytest.raises(DamagedError, match="arrived damaged twice: it is no picture"):
        source.download(server.url + "a.bin", tmp_path / "a.bin", check=is_never_right)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("header", [True, False], ids=["x-goog-hash", "given"])
def test_content_without_the_stated_sum_is_damaged_however_often_it_comes_the_same(
    server: Server, source: HttpSource, tmp_path: Path, header: bool
) -> None:
    (server.root / "openimages").mkdir()
    (server.root / "openimages" / "b.bin").write_bytes(CONTENT)
    server.faults.append(Fault(pattern="*", kind="corrupt", times=None if header else 0))
    with pytest.raises(DamagedError, match=r"damaged twice: its MD5 is [0-9a-f]{32}, the (server|published)"):
        source.download(server.meta_url + "b.bin", tmp_path / "b.bin", md5=None if header else "0" * 32)
    assert len(server.log) == 2
    assert list(tmp_path.glob("b.bin*")) == []


def test_an_etag_that_is_no_checksum_costs_one_repetition_only(
    server: Server, source: HttpSource, tmp_path: Path
) -> None:
    server.faults.append(
        Fault(pattern="*", kind="corrupt", times=None)
    )  # the same bytes each time, never the MD5 of the ETag
    for name in ("a.bin", "b.bin", "c.bin"):
        source.download(server.url + "a.bin", tmp_path / name)
    assert len(server.log) == 4


def test_connections_are_kept_and_used_again_after_answers_of_any_kind(
    server: Server, source: HttpSource, tmp_path: Path
) -> None:
    for _ in range(5):
        source.identify(server.url + "a.bin")
        source.read_range(server.url + "a.bin", 0, 100)
        source.download(server.url + "a.bin", tmp_path / "a.bin")
        with pytest.raises(NotFoundError):
            source.read(server.url + "nothing.bin")
    server.faults.append(Fault(pattern="*", kind="503", times=3))
    source.read(server.url + "a.bin")
    assert len(server.log) == 24
    assert server.connections == 1


def test_no_more_connections_are_made_than_allowed(server: Server) -> None:
    server.latency_seconds = 0.01
    with HttpSource(connections=3) as source, ThreadPoolExecutor(12) as pool:
        list(pool.map(lambda i: source.read_range(server.url + "a.bin", i, i + 9), range(60)))
    assert server.connections == 3


@pytest.mark.parametrize("date", [False, True], ids=["seconds", "date"])
def test_the_pause_that_the_server_asks_for_is_kept(date: bool) -> None:
    text = formatdate(time.time() + 9, usegmt=True) if date else "8"
    with pytest.raises(PassingError) as caught:
        judge(httpx.Response(429, headers={"Retry-After": text}), "http://x/")
    assert caught.value.after_seconds == pytest.approx(8.0, abs=1.1)
    with pytest.raises(PassingError) as caught:
        judge(httpx.Response(503, headers={"Retry-After": "soon"}), "http://x/")
    assert caught.value.after_seconds == 0.0


def test_pauses_grow_and_vary_and_keep_to_the_one_asked_for() -> None:
    retries = Retries(attempts=20, pause_seconds=1.0)
    for failures, least in ((1, 0.5), (2, 1.0), (3, 2.0)):
        found = [retries.seconds(PassingError("no"), failures) for _ in range(50)]
        assert least <= min(found) < max(found) <= 3 * least
    assert retries.seconds(PassingError("no"), 10) == 30.0
    assert retries.seconds(PassingError("later", after_seconds=12.0), 1) == 12.0
    assert retries.seconds(PassingError("later", after_seconds=3600.0), 1) == 30.0


def test_a_part_is_not_taken_for_another_version_by_a_killed_process(tmp_path: Path) -> None:
    (tmp_path / "a.bin.part").write_bytes(b"old" * 10)
    (tmp_path / "a.bin.part.etag").write_text('"old"')
    part = PartFile(tmp_path / "a.bin", keep_from=1)
    answer = Answer(validator='"new"', start=0, is_part=False, length=99, total=99, md5=None)
    part.remember(answer)
    assert PartFile(tmp_path / "a.bin", keep_from=1).size == 0, "killed here, old bytes would pass for new ones"
    part.write([(0, b"new")])
    again = PartFile(tmp_path / "a.bin", keep_from=1)
    assert (again.size, again.validator) == (3, '"new"')


def test_a_host_out_of_reach_is_told_soon_and_with_a_way_out(source: HttpSource) -> None:
    with pytest.raises(
        UnreachableError, match=r"cannot reach 127\.0\.0\.1:9 .*contorno openimages offline DIR.*bucket="
    ):
        source.read("http://127.0.0.1:9/x")
