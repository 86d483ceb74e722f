"""Rows found in a CSV text that arrives in pieces."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

import pytest

from contorno.errors import DataError, DownloadError
from contorno.openimages import FileIdentity
from contorno.openimages.table_scan import scan_table, whole

HEADER = "Path,LabelName,Box,Clicks\n"
DOG, DOGS, CAT = "a.png,/m/0k4,01,x 1;y 2\n", "b.png,/m/0k4j,02,\n", "c.png,/m/0yrx,03,z\n"


def scan(
    text: str, *mids: str, columns: tuple[str, ...] = ("Path", "Box"), size: int = 1 << 16
) -> dict[str, list[str]]:
    """The first column of the rows of each class, the text cut in pieces of `size` bytes."""
    data = text.encode()
    found: dict[str, list[str]] = {mid: [] for mid in mids}
    for mid, fields in scan_table([data[i : i + size] for i in range(0, len(data), size)], "t.csv", columns, mids):
        found[mid].append(fields[0])
    return found


@pytest.mark.parametrize("size", [1, 7, 33, 10_000])
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize("last", [True, False], ids=["ended", "last line without an end"])
def test_pieces_of_any_size_give_the_same_rows(size: int, end: str, last: bool) -> None:
    text = (HEADER + CAT + DOG * 3 + DOGS + CAT + DOG).replace("\n", end)
    text = text if last else text.removesuffix(end)
    assert scan(text, "/m/0k4", "/m/0k4j", size=size) == {"/m/0k4": ["a.png"] * 4, "/m/0k4j": ["b.png"]}


@pytest.mark.parametrize("end", ["\n", "\r\n", ""], ids=["LF", "CRLF", "none"])
def test_last_column_comes_without_its_line_end(end: str) -> None:
    rows = scan_table([f"{HEADER}{CAT}{DOG.strip()}{end}".encode()], "t.csv", ("Clicks",), ["/m/0k4"])
    assert list(rows) == [("/m/0k4", ["x 1;y 2"])]


def test_class_whose_id_begins_like_another_is_not_taken_for_it() -> None:
    text = HEADER + DOGS + DOG + DOGS
    assert scan(text, "/m/0k4") == {"/m/0k4": ["a.png"]}
    assert scan(text, "/m/0k4j") == {"/m/0k4j": ["b.png", "b.png"]}


@pytest.mark.parametrize("header", ["LabelName,A,B", "A,B,LabelName"], ids=["first", "last"])
def test_class_column_may_stand_at_an_end_of_the_line(header: str) -> None:
    labels = ["/m/0k4", "/m/0k4j", "/m/0k4"]
    lines = [
        ",".join({"LabelName": mid, "A": str(i), "B": ""}[c] for c in header.split(",")) for i, mid in enumerate(labels)
    ]
    assert scan("\n".join([header, *lines]), "/m/0k4", columns=("A",)) == {"/m/0k4": ["0", "2"]}


def test_id_in_another_column_is_no_row_of_the_class() -> None:
    assert scan(HEADER + "d.png,/m/0yrx,/m/0k4,\n/m/0k4,/m/0k4,/m/0k4,\n", "/m/0k4") == {"/m/0k4": ["/m/0k4"]}


def test_columns_are_found_by_name_among_others_and_in_any_order() -> None:
    text = b"Box,Extra,LabelName,Clicks,Path\n01,,/m/0k4,more,a.png\n"
    assert list(scan_table([text], "t.csv", ("Path", "Box"), ["/m/0k4"])) == [("/m/0k4", ["a.png", "01"])]


def test_quoted_fields_may_hold_commas_and_quotes() -> None:
    plain_header = HEADER + '"a,1",/m/0k4,01,"say ""x"""\n'
    rows = scan_table([plain_header.encode()], "t.csv", ("Path", "Clicks"), ["/m/0k4"])
    assert list(rows) == [("/m/0k4", ["a,1", 'say "x"'])]
    all_quoted = '"Path","LabelName","Box"\n"a.png","/m/0k4","01"\n"b.png","/m/0k4j","01"\n'
    assert scan(all_quoted, "/m/0k4") == {"/m/0k4": ["a.png"]}


def test_byte_order_mark_and_empty_fields_are_no_harm() -> None:
    assert scan("\ufeff" + HEADER + ",/m/0k4,,\n", "/m/0k4") == {"/m/0k4": [""]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("version https://git-lfs.github.com/spec/v1\noid sha256:0\n", r"t\.csv is a Git LFS pointer"),
        ("Path,Box,Clicks\na,b,c\n", "header lacks LabelName: found 'Path,Box,Clicks', expected 'Path,Box,LabelName'"),
        ("path;LabelName;Box\n", "header lacks Path, Box, LabelName"),
        ("<!DOCTYPE html>", "header lacks"),
        ("", "header lacks"),
        (HEADER + DOG[:12] + "\n" + CAT, r"the line at byte 26 has 2 fields; its header has 4"),
        (HEADER + CAT + CAT[:9], r"the line at byte 45 has 2 fields; its header has 4\. The file is damaged or cut"),
        (HEADER + '"a,/m/0k4,1,\n' + CAT, r"the line at byte 26 cannot be read \(unexpected end of data\)"),
    ],
    ids=["git lfs", "no class column", "other separator", "html", "empty", "short row", "cut off", "open quote"],
)
def test_text_that_is_not_the_table_is_refused(text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        scan(text, "/m/0k4")


def test_bytes_that_are_no_text_and_a_line_without_end_are_refused() -> None:
    blocks = [HEADER.encode(), b"\xff,/m/0k4,1,\n"]
    with pytest.raises(DataError, match="the line at byte 26 cannot be read"):
        list(scan_table(blocks, "t.csv", ("Path",), ["/m/0k4"]))
    with pytest.raises(DataError, match=r"t\.csv has a line of over 4 MiB"):
        list(scan_table([HEADER.encode(), *[bytes(1 << 20)] * 5], "t.csv", ("Path",), ["/m/0k4"]))


def test_progress_counts_bytes() -> None:
    calls: list[tuple[str, int, int | None]] = []
    blocks = [HEADER.encode(), DOG.encode()]
    list(scan_table(blocks, "t.csv", ("Path",), ["/m/0k4"], total=50, progress=lambda *call: calls.append(call)))
    assert calls == [("bytes of t.csv", 26, 50), ("bytes of t.csv", 26 + len(DOG), 50)]


def test_blocks_that_end_too_soon_are_not_taken_for_the_file() -> None:
    identity = FileIdentity("http://x/t.csv", 8, None)
    assert list(whole([b"1234", b"5678"], identity)) == [b"1234", b"5678"]
    with pytest.raises(DownloadError, match=r"http://x/t\.csv: 4 of 8 bytes came; run it again"):
        list(whole([b"1234"], identity))


def test_memory_does_not_grow_with_the_table() -> None:
    block = (CAT * 3_000).encode()  # 54 KB

    def blocks() -> Iterator[bytes]:
        yield HEADER.encode()
        for _ in range(200):
            yield block
        yield DOG.encode()

    tracemalloc.start()
    count = sum(1 for _ in scan_table(blocks(), "t.csv", ("Path",), ["/m/0k4"]))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 1
    assert peak < 4 * len(block)
