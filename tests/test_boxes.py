"""Boxes: conversions both ways, clipping, area, overlap and what counts as a box."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from contorno import boxes
from contorno.errors import DataError


def test_width_and_height_become_ends_and_back() -> None:
    xywh = np.array([[1, 2, 3, 4.5], [0, 0, 10, 5]], dtype=np.float32)
    xyxy = boxes.xywh_to_xyxy(xywh)
    assert xyxy.tolist() == [[1, 2, 4, 6.5], [0, 0, 10, 5]]
    assert boxes.xyxy_to_xywh(xyxy).tolist() == xywh.tolist()


def test_box_over_the_last_column_ends_at_the_width() -> None:
    assert boxes.clip([[8, 3, 10, 6]], (6, 10)).tolist() == [[8, 3, 10, 6]]


def test_clip_cuts_at_all_four_edges_and_leaves_no_area_outside() -> None:
    clipped = boxes.clip([[-3, -1, 12, 9], [20, 1, 30, 2]], (6, 10))
    assert clipped.tolist() == [[0, 0, 10, 6], [10, 1, 10, 2]]
    assert boxes.area(clipped).tolist() == [60, 0]


def test_box_turned_inside_out_has_no_area() -> None:
    assert boxes.area([[5, 5, 2, 9], [5, 5, 2, 2], [0, 0, 2, 3]]).tolist() == [0, 0, 6]


def test_iou_is_one_for_equal_boxes_and_zero_for_those_that_touch() -> None:
    a = [[0, 0, 2, 2], [4, 4, 4, 4]]
    b = [[0, 0, 2, 2], [1, 0, 3, 2], [2, 0, 4, 2], [4, 4, 4, 4]]
    np.testing.assert_allclose(boxes.iou(a, b), [[1, 1 / 3, 0, 0], [0, 0, 0, 0]], rtol=1e-6)


def test_valid_wants_finite_ends_that_lie_apart() -> None:
    nan, inf = np.nan, np.inf
    given = [[0, 0, 1, 1], [0, 0, 0, 1], [0, 0, 1, 0], [2, 0, 1, 1], [0, nan, 1, 1], [0, 0, inf, 1], [-inf, 0, inf, 1]]
    assert boxes.valid(given).tolist() == [True, False, False, False, False, False, False]


@pytest.mark.parametrize(
    "work",
    [boxes.xywh_to_xyxy, boxes.xyxy_to_xywh, lambda given: boxes.clip(given, (3, 4))],
    ids=["to xyxy", "to xywh", "clip"],
)
def test_results_are_new_arrays_of_the_same_float_type(work: Callable[[np.ndarray], np.ndarray]) -> None:
    given = np.array([[1, 1, 2, 3]], dtype=np.float64)
    found = work(given)
    assert found.dtype == np.float64
    assert not np.shares_memory(found, given)
    assert work(given.astype(np.float32)).dtype == np.float32
    assert work(given.astype(np.uint8)).dtype == np.float32
    assert given.tolist() == [[1, 1, 2, 3]]


def test_whole_numbers_do_not_wrap_around() -> None:
    assert boxes.area(np.array([[0, 0, 250, 250]], dtype=np.uint8)).tolist() == [62_500]
    assert boxes.xyxy_to_xywh(np.array([[9, 9, 5, 5]], dtype=np.uint8)).tolist() == [[9, 9, -4, -4]]


def test_no_boxes_are_no_boxes() -> None:
    assert boxes.xywh_to_xyxy([]).shape == (0, 4)
    assert boxes.clip(np.zeros((0, 4)), (3, 4)).shape == (0, 4)
    assert boxes.area([]).shape == (0,)
    assert boxes.iou([], [[0, 0, 1, 1]]).shape == (0, 1)
    assert boxes.valid([]).shape == (0,)


@pytest.mark.parametrize("given", [[1, 2, 3, 4], [[1, 2, 3]], [[[1, 2, 3, 4]]], [[1, 2, 3, 4], [1]]])
def test_other_shapes_are_refused(given: list) -> None:
    with pytest.raises(DataError, match=r"expected \(N, 4\)"):
        boxes.area(given)


@pytest.mark.parametrize(
    "given", [[["a", 1, 2, 3]], [["1", "1", "2", "3"]], [[None, 1, 2, 3]]], ids=["a", "text", "None"]
)
def test_what_is_not_a_number_is_refused(given: list) -> None:
    with pytest.raises(DataError, match="not a number"):
        boxes.area(given)
