"""Run-length code in numpy: COCO's text read as it was written, damage named."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from contorno import run_length
from contorno.errors import DataError


@settings(deadline=None)
@given(st.lists(st.integers(0, 3_000_000), min_size=1, max_size=30))
def test_text_is_read_as_pycocotools_writes_it(counts: list[int]) -> None:
    text = coco_mask.frPyObjects({"size": [1, sum(counts)], "counts": counts}, 1, sum(counts))["counts"]
    assert run_length.parse_counts(text).tolist() == counts
    assert run_length.format_counts(np.array(counts, dtype=np.int64)) == text


def test_empty_text_has_no_runs() -> None:
    assert run_length.parse_counts(b"").tolist() == []
    assert run_length.format_counts(np.array([], dtype=np.int64)) == b""


@pytest.mark.parametrize(
    ("text", "message"),
    [(b"1P", "may be cut off"), (b"1 ", "not COCO's"), (b"1\xff", "not COCO's"), (b"P" * 9 + b"1", "beyond any image")],
    ids=["cut off", "below the digits", "above the digits", "endless number"],
)
def test_damaged_text_is_refused(text: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        run_length.parse_counts(text)


def test_edges_start_and_end_runs_down_the_columns() -> None:
    crop = np.array([[0, 1, 1], [1, 1, 0]])
    assert run_length.edges_of_crop(crop, 0, 0, 2).tolist() == [1, 5]  # one run through three columns
    assert run_length.edges_of_crop(crop, 2, 1, 4).tolist() == [10, 11, 13, 15, 17, 18]


def test_edges_of_packed_bits_are_those_of_the_places_taken() -> None:
    bits = np.packbits([[0] * 9, [0] * 7 + [1, 1], [0] * 8 + [1]], axis=1)  # 3 x 9, with pixels in both bytes
    assert run_length.edges_of_bits(bits, None, None).tolist() == [22, 23, 25, 27]
    rows, columns = np.array([1, 2]), np.array([7, 8, 8])
    assert run_length.edges_of_bits(bits, rows, columns).tolist() == [0, 1, 2, 6]  # the last two columns are one run
    assert run_length.edges_of_bits(bits, None, np.array([0, 1])).tolist() == []
    assert run_length.edges_of_bits(bits[:1], None, None).tolist() == []


def test_edges_that_meet_cancel_each_other() -> None:
    assert run_length.edges_of_counts(np.array([2, 3, 0, 4, 1])).tolist() == [2, 9]
    assert run_length.edges_of_counts(np.array([2, 3, 4])).tolist() == [2, 5]


def test_last_run_stands_only_if_it_has_pixels() -> None:
    assert run_length.counts_of_edges(np.array([2, 5]), 6).tolist() == [2, 3, 1]
    assert run_length.counts_of_edges(np.array([2, 6]), 6).tolist() == [2, 4]
    assert run_length.counts_of_edges(np.array([], dtype=np.int64), 6).tolist() == [6]


def test_crop_is_the_tight_box_of_the_mask() -> None:
    crop, x0, y0 = run_length.crop_of_edges(np.array([10, 11, 13, 15, 17, 18]), 4)
    assert (crop.tolist(), x0, y0) == ([[0, 1, 1], [1, 1, 0]], 2, 1)


def test_crop_of_a_run_that_goes_on_in_the_next_column_has_all_rows() -> None:
    crop, x0, y0 = run_length.crop_of_edges(np.array([7, 10]), 4)
    assert (crop.tolist(), x0, y0) == ([[0, 1], [0, 1], [0, 0], [1, 0]], 1, 0)


def test_crop_of_an_empty_mask_is_empty() -> None:
    crop, x0, y0 = run_length.crop_of_edges(np.array([], dtype=np.int64), 4)
    assert (crop.shape, x0, y0) == ((0, 0), 0, 0)
