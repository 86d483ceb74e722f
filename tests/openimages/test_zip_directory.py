from __future__ import annotations

import io
import random
import struct
import tracemalloc
import zipfile

import pytest

from contorno.errors import DataError, DownloadError
from contorno.openimages.zip_directory import Directory, Member, spans, unpack


def zip_of(members: dict[str, bytes], *, method: int = zipfile.ZIP_DEFLATED, comment: bytes = b"") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as made:
        for name, content in members.items():
            made.writestr(name, content)
        made.comment = comment
    return file.getvalue()


def directory_of(data: bytes) -> Directory:
    return Directory.read(lambda start, end: data[start:end], len(data), "masks-0.zip")


def member_of(data: bytes, name: str) -> Member:
    return directory_of(data).find([name])[name]


def content_of(data: bytes, member: Member) -> bytes:
    return unpack(data[member.start : member.end], member, member.start)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED], ids=["stored", "deflated"])
@pytest.mark.parametrize("comment", [b"", b"c" * 60_000], ids=["plain", "long comment"])
def test_every_member_comes_out_as_it_went_in(method: int, comment: bytes) -> None:
    members = {f"{i}.png": bytes([i]) * (i * 100) for i in range(30)}
    data = zip_of(members, method=method, comment=comment)
    directory = directory_of(data)
    assert len(directory) == 30
    found = directory.find([*members, "nothing.png"])
    assert {name: content_of(data, member) for name, member in found.items()} == members


def test_zip64_fields_are_read() -> None:
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
    assert content_of(data, member_of(data, "a.png")) == b"abc"


def test_neighbours_share_a_request_and_far_members_do_not() -> None:
    data = zip_of({f"{i}.png": bytes([i]) * 1000 for i in range(10)}, method=zipfile.ZIP_STORED)
    found = directory_of(data).find(["5.png", "0.png", "1.png", "9.png", "6.png"])
    assert [[member.name for member in span.members] for span in spans(found.values())] == [
        ["0.png", "1.png"],
        ["5.png", "6.png"],
        ["9.png"],
    ]


def test_small_gaps_are_fetched_too_while_they_are_few() -> None:
    names = [f"{i:03}.png" for i in range(100)]
    data = zip_of({name: b"x" * (20 if name == "050.png" else 1000) for name in names}, method=zipfile.ZIP_STORED)
    directory = directory_of(data)
    without_one = directory.find(name for name in names if name != "050.png").values()
    assert len(spans(without_one)) == 1
    assert len(spans(without_one, gap_bytes=10)) == 2
    every_other = directory.find(names[::2]).values()
    wanted = sum(member.end - member.start for member in every_other)
    assert wanted <= sum(span.end - span.start for span in spans(every_other)) <= 1.1 * wanted


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
    member = member_of(bytes(data), "a.png")
    data[member.end - 1] ^= 1
    with pytest.raises(DataError, match=r"a\.png: its checksum"):
        content_of(bytes(data), member)


def test_a_member_that_unpacks_to_more_than_it_states_is_refused() -> None:
    data = zip_of({"a.png": bytes(1_000_000)})
    member = member_of(data, "a.png")
    smaller = Member(member.name, member.start, member.end, member.compressed_bytes, 10, member.crc, 8, False)
    with pytest.raises(DataError, match="checksum"):
        content_of(data, smaller)


def large_directory(count: int) -> tuple[bytes, int, list[str]]:
    """Bytes, start in the zip, and names of a directory like that of a zip of train masks."""
    rng = random.Random(0)
    names = [f"{rng.getrandbits(64):016x}_m0{rng.getrandbits(20):05x}_{i:08x}.png" for i in range(count)]
    extra = b"UT\x05\x00\x03" + b"0" * 4
    raw, offset = bytearray(), 0
    for name in names:
        fields = (b"PK\x01\x02", 20, 3, 20, 0, 0, 8, 0, 0, 0, 1700, 1800, len(name), len(extra), 0, 0, 0, 0, offset)
        raw += struct.pack("<4s4B4HL2L5H2L", *fields) + name.encode() + extra
        offset += 1800
    return bytes(raw), offset, names


def test_a_large_directory_is_held_as_little_more_than_its_bytes() -> None:
    raw, start, names = large_directory(20_000)
    tracemalloc.start()
    directory = Directory(raw, start, "masks-0.zip")
    found = directory.find(names[::500])
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [found[name].start for name in names[::500]] == [1800 * i for i in range(0, 20_000, 500)]
    assert held < 0.5 * len(raw)
    assert peak < 1.5 * len(raw)


def test_of_two_members_of_one_name_the_last_counts() -> None:
    with pytest.warns(UserWarning, match="Duplicate"):
        data = zip_of_pairs([("a.png", b"old"), ("a.png", b"new")])
    assert content_of(data, member_of(data, "a.png")) == b"new"


def zip_of_pairs(members: list[tuple[str, bytes]]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        for name, content in members:
            made.writestr(name, content)
    return file.getvalue()


def test_names_outside_of_ascii_are_found_as_they_are_written() -> None:
    data = zip_of({"söll.png": b"1", "a.png": b"2"})
    assert content_of(data, member_of(data, "söll.png")) == b"1"
    old = bytearray(zip_of({"s?ll.png": b"1"}).replace(b"s?ll", b"s\x94ll"))  # an old zip's code page, no UTF-8 flag
    assert content_of(bytes(old), member_of(bytes(old), "söll.png")) == b"1"


def test_a_hole_behind_a_member_is_not_fetched() -> None:
    data = zip_of({"a.png": b"a", "b.png": b"b"}, method=zipfile.ZIP_STORED)
    first, second = (member_of(data, name) for name in ("a.png", "b.png"))
    hole = bytes(1_000_000)
    directory = directory_of(data)
    raw = bytearray(directory.raw)
    at = raw.rfind(b"PK\x01\x02")
    raw[at + 42 : at + 46] = struct.pack("<L", second.start + len(hole))
    moved = Directory(bytes(raw), directory.start + len(hole), "masks-0.zip").find(["a.png"])["a.png"]
    assert moved.start == first.start
    assert moved.end - moved.start < 100_000
