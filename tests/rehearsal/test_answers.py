"""Answers of the offline store, byte by byte, without a server."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest

from contorno.rehearsal.answers import Answer, Fault, FaultKind, answer_to

BODY = bytes(range(100))
MD5 = hashlib.md5(BODY)
ETAG = f'"{MD5.hexdigest()}"'


@pytest.fixture
def hundred(tmp_path: Path) -> Path:
    (tmp_path / "hundred.bin").write_bytes(BODY)
    return tmp_path / "hundred.bin"


def ask(
    file: Path | None,
    *,
    fault: Fault | None = None,
    asked: str | None = None,
    if_range: str | None = None,
    path: str = "/openimages/hundred.bin",
) -> Answer:
    return answer_to(path, file, lambda _: ETAG, fault, asked=asked, if_range=if_range)


@pytest.mark.parametrize(
    ("asked", "span", "expected"),
    [
        ("bytes=0-9", "bytes 0-9/100", BODY[:10]),
        ("bytes=90-", "bytes 90-99/100", BODY[90:]),
        ("bytes=-3", "bytes 97-99/100", BODY[-3:]),
        ("bytes=-500", "bytes 0-99/100", BODY),
        ("bytes=95-500", "bytes 95-99/100", BODY[95:]),
        ("bytes=99-99", "bytes 99-99/100", BODY[99:]),
    ],
)
def test_range_gives_just_those_bytes(hundred: Path, asked: str, span: str, expected: bytes) -> None:
    answer = ask(hundred, asked=asked)
    assert (answer.status, answer.headers["Content-Range"], answer.body) == (206, span, expected)


@pytest.mark.parametrize("asked", ["bytes=100-", "bytes=100-200", "bytes=-0"])
def test_range_beyond_the_file_is_refused_with_its_size(hundred: Path, asked: str) -> None:
    answer = ask(hundred, asked=asked)
    assert (answer.status, answer.headers["Content-Range"], answer.body) == (416, "bytes */100", b"")


@pytest.mark.parametrize("asked", ["bytes=5-2", "bytes=a-b", "items=0-3", "bytes=0-1,4-5", "bytes=-"])
def test_range_that_is_none_is_answered_with_the_whole(hundred: Path, asked: str) -> None:
    answer = ask(hundred, asked=asked)
    assert (answer.status, answer.body) == (200, BODY)
    assert "Content-Range" not in answer.headers


def test_if_range_with_another_etag_gives_the_whole(hundred: Path) -> None:
    same = ask(hundred, asked="bytes=0-1", if_range=ETAG)
    other = ask(hundred, asked="bytes=0-1", if_range='"other"')
    assert (same.status, same.body) == (206, BODY[:2])
    assert (other.status, other.body) == (200, BODY)


def test_googles_base_states_the_md5_of_the_whole_file_even_with_a_part(hundred: Path) -> None:
    expected = "md5=" + base64.b64encode(MD5.digest()).decode()
    for asked in (None, "bytes=0-4"):
        assert ask(hundred, asked=asked).headers["x-goog-hash"] == expected
    assert "x-goog-hash" not in ask(hundred, path="/open-images-dataset/hundred.bin").headers


def test_path_that_names_nothing_is_not_found() -> None:
    answer = ask(None)
    assert (answer.status, answer.body, answer.headers) == (404, b"Not Found\n", {"Content-Type": "text/plain"})


@pytest.mark.parametrize("kind", ["404", "500", "503"])
def test_status_fault_sends_no_file(hundred: Path, kind: FaultKind) -> None:
    answer = ask(hundred, fault=Fault("*", kind))
    assert answer.status == int(kind)
    assert BODY not in answer.body


def test_no_range_sends_the_whole_whatever_is_asked(hundred: Path) -> None:
    answer = ask(hundred, fault=Fault("*", "no_range"), asked="bytes=0-9")
    assert (answer.status, answer.body) == (200, BODY)
    assert "Accept-Ranges" not in answer.headers


@pytest.mark.parametrize(("size", "kept"), [(7, 93), (None, 99), (500, 0)])
def test_lying_length_is_short_without_a_sign(hundred: Path, size: int | None, kept: int) -> None:
    answer = ask(hundred, fault=Fault("*", "lying_length", size=size))
    assert (answer.status, answer.body, answer.cut) == (200, BODY[:kept], None)


def test_corrupt_has_the_right_length_and_other_bytes(hundred: Path) -> None:
    body = ask(hundred, fault=Fault("*", "corrupt", size=4)).body
    assert len(body) == 100
    assert [i for i in range(100) if body[i] != BODY[i]] == [48, 49, 50, 51]


def test_cut_keeps_the_whole_body_and_says_where_to_hang_up(hundred: Path) -> None:
    answer = ask(hundred, fault=Fault("*", "cut"), asked="bytes=40-59")
    assert (answer.body, answer.cut) == (BODY[40:60], 10)
    assert ask(hundred, fault=Fault("*", "cut", size=500)).cut == 100


def test_drip_is_handed_on_with_the_whole_body(hundred: Path) -> None:
    fault = Fault("*", "drip", size=25)
    answer = ask(hundred, fault=fault)
    assert (answer.body, answer.drip) == (BODY, fault)


def test_html_is_a_page_with_status_200_even_for_no_file() -> None:
    answer = ask(None, fault=Fault("*", "html"))
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html")
    assert answer.body.startswith(b"<!DOCTYPE html>")
