"""Lines of a listing, found while it streams."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

import pytest

from contorno.openimages.listing_search import find_lines
from tiny_listing import BROKEN_TITLE, FOREIGN, HEADER, OTHER, PLAIN, QUOTED, line


@pytest.mark.parametrize("size", [1, 7, 64, 100_000])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("closed", [True, False], ids=["line end at the end", "none"])
def test_blocks_of_any_size_give_the_same_lines(size: int, end: str, closed: bool) -> None:
    text = (HEADER + PLAIN + OTHER + QUOTED + FOREIGN).replace("\n", end) + BROKEN_TITLE
    data = ("\ufeff" + text).encode() if closed else text.encode().rstrip()
    found = find_lines(
        [data[i : i + size] for i in range(0, len(data), size)], "t.csv", ["0d", "0c", "0b", "0a", "none"]
    )
    assert {i: row[3] for i, row in found.items()} == {
        "0a": "IMG_1", "0b": 'The "good", yellow mustard', "0c": "午後のおやつ", "0d": "one\n0a, two,\r\nthree"
    }  # fmt: skip
    assert found["0b"][0] == "Okafor, J."


def test_columns_are_found_by_name_in_any_order_after_the_id() -> None:
    text = "ImageID,Title,Extra,License,Author,OriginalURL,AuthorProfileURL,OriginalLandingURL\n0a,T,x,L,A,O,P,W\n"
    assert find_lines([text.encode()], "t.csv", ["0a"]) == {"0a": ["A", "P", "L", "T", "W", "O"]}


def test_quoted_ids_and_stray_quotes_are_read() -> None:
    text = HEADER + PLAIN.replace("0a,train", '"0a","train"') + line("0b", 'a 5" pipe') + line("0c", "next")
    found = find_lines([text.encode()], "t.csv", ["0a", "0b", "0c"])
    assert [row[3] for row in found.values()] == ["IMG_1", 'a 5" pipe', "next"]


def test_nothing_is_read_beyond_the_last_wanted_line() -> None:
    def blocks() -> Iterator[bytes]:
        yield (HEADER + OTHER + PLAIN).encode()
        raise AssertionError("read on")

    assert list(find_lines(blocks(), "t.csv", ["0a"])) == ["0a"]


def test_memory_does_not_grow_with_the_listing() -> None:
    block = (OTHER * 6_000).encode()  # about 0.6 MB

    def blocks() -> Iterator[bytes]:
        yield HEADER.encode()
        for _ in range(40):
            yield block
        yield PLAIN.encode()

    tracemalloc.start()
    found = find_lines(blocks(), "t.csv", ["0a"])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert list(found) == ["0a"]
    assert peak < 8 * len(block)
