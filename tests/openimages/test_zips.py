from __future__ import annotations

import io
import random
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from contorno.errors import DataError, DownloadError
from contorno.openimages import HttpSource
from contorno.openimages.zips import Directory, Member, MembersReport, fetch_members, unpack
from contorno.rehearsal import Fault, Server, serve


def zip_of(members: dict[str, bytes], *, method: int = zipfile.ZIP_DEFLATED, comment: bytes = b"") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as made:
        for name, content in members.items():
            made.writestr(name, content)
        made.comment = comment
    return file.getvalue()


def directory_of(data: bytes) -> Directory:
    return Directory.read(lambda start, end: data[start:end], len(data), "masks-0.zip")


def content_of(data: bytes, member: Member) -> bytes:
    return unpack(data[member.start : member.end], member, member.start)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED], ids=["stored", "deflated"])
@pytest.mark.parametrize("comment", [b"", b"c" * 60_000], ids=["plain", "long comment"])
def test_every_member_comes_out_as_it_went_in(method: int, comment: bytes) -> None:
    members = {f"{i}.png": bytes([i]) * (i * 100) for i in range(30)}
    data = zip_of(members, method=method, comment=comment)
    directory = directory_of(data)
    assert {name: content_of(data, member) for name, member in directory.members.items()} == members


def test_zip64_fields_are_read(tmp_path: Path) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made, made.open("a.png", "w", force_zip64=True) as member:
        member.write(b"abc")
    # Rewrite the directory the way a writer of large files does: offset and sizes in the zip64 field, end record 64.
    data = file.getvalue()
    plain = directory_of(data)
    extra = struct.pack("<HHQQQ", 1, 24, 3, 3, 0)
    entry = bytearray(plain.raw)
    entry[20:28] = b"\xff" * 8
    entry[42:46] = b"\xff" * 4
    entry[30:32] = struct.pack("<H", len(extra))
    raw = bytes(entry[: 46 + 5]) + extra
    body = data[: plain.start]
    end64 = struct.pack("<4sQHHLLQQQQ", b"PK\x06\x06", 44, 45, 45, 0, 0, 1, 1, len(raw), len(body))
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, len(body) + len(raw), 1)
    end = struct.pack("<4sHHHHLLH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    data = body + raw + end64 + locator + end
    with zipfile.ZipFile(io.BytesIO(data)) as check:
        assert check.read("a.png") == b"abc"
    assert content_of(data, directory_of(data).members["a.png"]) == b"abc"


def test_neighbours_share_a_request_and_far_members_do_not() -> None:
    data = zip_of({f"{i}.png": bytes([i]) * 1000 for i in range(10)}, method=zipfile.ZIP_STORED)
    spans = directory_of(data).spans(["5.png", "0.png", "1.png", "9.png", "6.png"])
    assert [[member.name for member in span.members] for span in spans] == [
        ["0.png", "1.png"],
        ["5.png", "6.png"],
        ["9.png"],
    ]


def test_small_gaps_are_fetched_too_while_they_are_few() -> None:
    names = [f"{i:03}.png" for i in range(100)]
    data = zip_of({name: b"x" * (20 if name == "050.png" else 1000) for name in names}, method=zipfile.ZIP_STORED)
    directory = directory_of(data)
    without_one = [name for name in names if name != "050.png"]
    assert len(directory.spans(without_one)) == 1
    assert len(directory.spans(without_one, gap_bytes=10)) == 2
    every_other = names[::2]
    spans = directory.spans(every_other)
    wanted = sum(directory.members[name].end - directory.members[name].start for name in every_other)
    assert wanted <= sum(span.end - span.start for span in spans) <= 1.1 * wanted


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: b"<html>" * 200,
        lambda data: data[:-30],
        lambda data: data.replace(b"PK\x01\x02", b"PK\x01\x03"),
        lambda data: (
            data[: data.rfind(b"PK\x05\x06") + 8] + b"\x09\x00\x09\x00" + data[data.rfind(b"PK\x05\x06") + 12 :]
        ),
        lambda data: b"",
    ],
    ids=["html", "cut off", "signature", "count", "empty"],
)
def test_a_corrupt_directory_is_an_error_that_names_the_zip(spoil: object) -> None:
    data = zip_of({"a.png": b"a" * 99, "b.png": b"b" * 99})
    with pytest.raises(DownloadError, match=r"masks-0\.zip: the zip's directory is corrupt"):
        directory_of(spoil(data))  # type: ignore[operator]


def test_a_wrong_checksum_is_found() -> None:
    data = bytearray(zip_of({"a.png": b"a" * 99}, method=zipfile.ZIP_STORED))
    member = directory_of(bytes(data)).members["a.png"]
    data[member.end - 1] ^= 1
    with pytest.raises(DataError, match=r"a\.png: its checksum"):
        content_of(bytes(data), member)


def test_a_member_that_unpacks_to_more_than_it_states_is_refused() -> None:
    data = zip_of({"a.png": bytes(1_000_000)})
    member = directory_of(data).members["a.png"]
    smaller = Member(member.name, member.start, member.end, member.compressed_bytes, 10, member.crc, 8, False)
    with pytest.raises(DataError, match="checksum"):
        content_of(data, smaller)


NAMES = [f"{i:04}.png" for i in range(2000)]
CONTENTS = {name: random.Random(name).randbytes(1500) for name in NAMES}


class Store:
    """A server with one zip of 2,000 members of 1.5 kB, and what was fetched from it."""

    def __init__(self, server: Server, folder: Path, source: HttpSource) -> None:
        self.server, self.folder, self.source = server, folder, source
        self.got: dict[str, bytes] = {}

    def fetch(self, names: list[str]) -> MembersReport:
        return fetch_members(
            self.source,
            {self.server.url + "masks-0.zip": names},
            self.got.__setitem__,
            folder=self.folder / "whole",
            cache_path=lambda name, *origin: self.folder / f"{name}.{hash(str(origin))}",
        )

    @property
    def bytes_sent(self) -> int:
        return sum(request.bytes_sent for request in self.server.log)


@pytest.fixture
def store(tmp_path: Path, source: HttpSource) -> Iterator[Store]:
    root = tmp_path / "served"
    root.mkdir()
    (root / "masks-0.zip").write_bytes(zip_of(CONTENTS))
    with serve(root) as server:
        yield Store(server, tmp_path, source)


@pytest.mark.parametrize("step", [3, 20, 400])
def test_little_more_is_fetched_than_is_wanted(store: Store, step: int) -> None:
    wanted = NAMES[::step]
    assert store.fetch(wanted) == MembersReport()
    assert store.got == {name: CONTENTS[name] for name in wanted}
    directory = directory_of((store.server.root / "masks-0.zip").read_bytes())
    compressed = sum(directory.members[name].compressed_bytes for name in wanted)
    assert store.bytes_sent <= 1.2 * compressed + len(directory.raw) + 1024


def test_the_directory_is_fetched_once_for_all_classes(store: Store) -> None:
    store.fetch(NAMES[:1])
    store.server.clear_log()
    store.fetch(NAMES[7:8])
    assert store.bytes_sent < 1.2 * 1500


def test_a_zip_of_which_most_is_wanted_comes_whole_in_one_request(store: Store) -> None:
    store.fetch(NAMES[:1500])
    assert len(store.got) == 1500
    assert [request.range for request in store.server.log if request.bytes_sent > 1_000_000] == [None]
    assert list((store.folder / "whole").iterdir()) == []


def test_without_ranges_the_zip_comes_whole_once(store: Store) -> None:
    store.server.faults.append(Fault(pattern="*", kind="no_range", times=None))
    store.fetch(NAMES[:3] + NAMES[900:902])
    assert store.got == {name: CONTENTS[name] for name in NAMES[:3] + NAMES[900:902]}
    size = (store.server.root / "masks-0.zip").stat().st_size
    assert sum(request.bytes_sent == size for request in store.server.log) <= 2


def test_a_zip_left_whole_by_a_killed_run_is_not_fetched_again(store: Store) -> None:
    store.server.faults.append(Fault(pattern="*", kind="no_range", times=None))

    def fail(name: str, content: bytes) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch_members(
            store.source,
            {store.server.url + "masks-0.zip": NAMES[:2]},
            fail,
            folder=store.folder / "whole",
            cache_path=lambda *_: None,
        )
    store.server.clear_log()
    store.fetch(NAMES[:2])
    assert len(store.got) == 2
    assert store.bytes_sent == 0


def test_members_missing_or_damaged_are_reported_and_the_others_come(store: Store) -> None:
    path = store.server.root / "masks-0.zip"
    data = bytearray(path.read_bytes())
    data[directory_of(bytes(data)).members[NAMES[5]].end - 9] ^= 1
    path.write_bytes(bytes(data))
    report = store.fetch([*NAMES[4:7], "nothing.png"])
    assert report.missing == ["nothing.png"]
    assert list(report.damaged) == [NAMES[5]]
    assert set(store.got) == {NAMES[4], NAMES[6]}


def test_a_member_whose_name_climbs_goes_nowhere(store: Store) -> None:
    (store.server.root / "masks-0.zip").write_bytes(zip_of({"../../evil.png": b"x", "a.png": b"a"}))
    assert store.fetch(["a.png"]) == MembersReport()
    assert set(store.got) == {"a.png"}
    assert not list(store.folder.rglob("evil.png"))
