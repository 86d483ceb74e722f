from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from contorno.errors import DataError, DownloadError
from contorno.openimages.zips import Directory, Member, unpack


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
    import struct

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
