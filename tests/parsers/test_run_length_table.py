"""Codes and columns of tables of masks as run-length code."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from contorno import masks
from contorno.errors import DataError
from contorno.parsers.coco_geometry import BadGeometry
from contorno.parsers.run_length_table import (
    Order,
    are_offsets,
    draw_runs,
    find_columns,
    find_order,
    from_offsets,
    read_lines,
    read_runs,
)


def code_of(bitmap: np.ndarray, order: Order, first: int = 1) -> str:
    """The code of a bitmap, by counting."""
    flat = bitmap.flatten(order="F" if order == "columns" else "C")
    runs: list[list[int]] = []
    for at in np.flatnonzero(flat).tolist():
        if runs and runs[-1][0] + runs[-1][1] == at + first:
            runs[-1][1] += 1
        else:
            runs.append([at + first, 1])
    return " ".join(f"{start} {count}" for start, count in runs)


@given(arrays.arrays(np.bool_, st.tuples(st.integers(1, 7), st.integers(1, 7))), st.sampled_from(["columns", "rows"]))
def test_any_mask_comes_back_from_its_code(bitmap: np.ndarray, order: Order) -> None:
    for first in (0, 1):
        runs = read_runs(code_of(bitmap, order, first))
        mask, mixed = draw_runs(runs, (bitmap.shape[0], bitmap.shape[1]), order, first)
        assert np.array_equal(masks.decode(mask), bitmap)
        assert not mixed


def test_runs_that_overlap_or_stand_out_of_order_are_put_together() -> None:
    mask, mixed = draw_runs(read_runs("9 2 1 3 2 1 3 2"), (3, 4), "rows", 1)
    assert mixed
    assert masks.decode(mask).tolist() == [[1, 1, 1, 1], [0, 0, 0, 0], [1, 1, 0, 0]]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("1 2 3", "odd number of numbers"),
        ("1 x", "not a whole number"),
        ("1 0", "no pixels"),
        ("-3 2", "no pixels"),
        ("1 " + "9" * 30, "not a whole number"),
    ],
)
def test_code_that_is_none_is_named(code: str, reason: str) -> None:
    with pytest.raises(BadGeometry, match=reason):
        read_runs(code)


def test_code_that_leaves_the_image_is_named_with_its_size() -> None:
    with pytest.raises(BadGeometry, match="leaves the image") as caught:
        draw_runs(read_runs("11 3"), (3, 4), "columns", 1)
    assert "12 (3 x 4" in caught.value.detail
    with pytest.raises(BadGeometry, match="leaves the image"):
        draw_runs(read_runs("0 3"), (3, 4), "columns", 1)


@pytest.mark.parametrize("order", ["columns", "rows"])
def test_order_is_that_in_which_masks_lie_beside_themselves(order: Order) -> None:
    bitmap = np.zeros((20, 31), dtype=bool)
    bitmap[4:15, 6:20] = True
    assert find_order([(read_runs(code_of(bitmap, order)), (20, 31))]) == order
    assert find_order([(read_runs(code_of(bitmap[:, :20], order)), (20, 20))]) is None, "square images say nothing"


@given(arrays.arrays(np.bool_, st.tuples(st.integers(1, 7), st.integers(1, 7))))
def test_any_mask_comes_back_from_runs_that_count_from_the_end_of_the_one_before(bitmap: np.ndarray) -> None:
    runs = read_runs(code_of(bitmap, "columns", 0))
    ends = np.concatenate([[0], runs.sum(axis=1)])[: len(runs)]
    offsets = np.column_stack([runs[:, 0] - ends, runs[:, 1]])
    assert from_offsets(offsets).tolist() == runs.tolist()


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        (["100 5 35 6 34 7"], True),
        (["100 5 35 6 34 7", "7 3", "20 4 60 5"], True),
        (["1 3 11 3 21 3"], False),
        (["10 5 12 5 40 5"], False),
        (["100 5 98 7"] * 9, False),
        (["60 5 40 5 20 5"], False),
        (["390 5 350 6 345 7"], False),
        (["100 5 35 6 34 7", "1 2 4 2 7 2 10 2"], False),
        (["", "5 2"], False),
    ],
    ids=["siim", "siim among others", "in order", "one slip", "slips", "backwards", "too long", "minority", "nothing"],
)
def test_runs_are_offsets_where_most_would_overlap_and_they_fit(codes: list[str], expected: bool) -> None:
    assert are_offsets((read_runs(code), (20, 20)) for code in codes) == expected


@pytest.mark.parametrize(
    ("head", "known"),
    [
        ("ImageId,EncodedPixels\na,1 2\n", True),
        ("ImageId_ClassId,EncodedPixels\na.jpg_1,\n", True),
        ("img,rle_mask\na.jpg,1 2\n", True),
        ("id,annotation,width,height,cell_type\na,118145 6 118849 7\n", True),
        ("id,annotation\na,a fine picture\n", False),
        ("images,masks,width,height\na.png,b.png,4,3\n", False),
        ("filename,region_shape_attributes\n", False),
        ("ImageId;EncodedPixels\na;1 2\n", True),
        ('"ImageId"\t"EncodedPixels"\na\t1 2\n', True),
        ("ImageId|EncodedPixels\na|1 2\n", False),
        ("", False),
        ('"', False),
    ],
)
def test_tables_are_told_by_their_columns(head: str, known: bool) -> None:
    assert (find_columns(head) is not None) == known


def test_a_column_of_file_names_says_the_image_where_id_numbers_the_lines() -> None:
    numbered, alone = find_columns("id,file_name,rle\n1,a.png,1 2\n"), find_columns("id,rle\na,1 2\n")
    assert numbered is not None
    assert alone is not None
    assert (numbered.image, alone.image) == (1, 0)


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match=r"no table of run-length codes; expected columns as in ImageId,EncodedPixels"):
        list(read_lines(path))
    path.write_bytes(b"ImageId,EncodedPixels\n\xff\xfe\n")
    with pytest.raises(DataError, match="cannot be read as a table"):
        list(read_lines(path))
