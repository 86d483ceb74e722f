from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from contorno.errors import DataError, DownloadError
from contorno.openimages import DamagedError, HttpSource, NotFoundError, UnreachableError
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
    with HttpSource(pause_seconds=0.001, timeout_seconds=0.5, attempts=4) as made:
        yield made


def test_a_range_is_the_bytes_from_start_up_to_end(server: Server, source: HttpSource) -> None:
    assert source.read_range(server.url + "a.bin", 10, 15) == CONTENT[10:15]
    assert source.bytes_received == 5


def test_a_server_without_ranges_is_told_apart_before_its_file_is_read(server: Server, source: HttpSource) -> None:
    server.faults.append(Fault(pattern="*", kind="no_range"))
    with pytest.raises(NoRangesError):
        source.read_range(server.url + "a.bin", 10, 15)
    assert source.bytes_received == 0


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


@pytest.mark.parametrize("kind", ["500", "cut"])
def test_a_fault_that_stays_ends_in_an_error_that_names_the_address(
    server: Server, source: HttpSource, tmp_path: Path, kind: FaultKind
) -> None:
    server.faults.append(Fault(pattern="*", kind=kind, times=None, size=0))
    with pytest.raises(DownloadError, match=r"a\.bin could not be fetched in 4 attempts"):
        source.download(server.url + "a.bin", tmp_path / "a.bin")
    assert len(server.log) == 4
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


def test_an_etag_that_is_no_checksum_costs_one_repetition_only(
    server: Server, source: HttpSource, tmp_path: Path
) -> None:
    server.faults.append(
        Fault(pattern="*", kind="corrupt", times=None)
    )  # the same bytes each time, never the MD5 of the ETag
    for name in ("a.bin", "b.bin", "c.bin"):
        source.download(server.url + "a.bin", tmp_path / name)
    assert len(server.log) == 4


def test_a_host_out_of_reach_is_told_soon_and_with_a_way_out(source: HttpSource) -> None:
    with pytest.raises(UnreachableError, match=r"cannot reach 127\.0\.0\.1:9 .*bucket= .*meta_dir="):
        source.read("http://127.0.0.1:9/x")
