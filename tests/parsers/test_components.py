from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from contorno import masks
from contorno.parsers.components import part_count, regions, value_counts

VALUES = np.array([[1, 0, 2, 2], [0, 1, 0, 0], [3, 0, 0, 2]], dtype=np.uint8)


def test_values_are_counted() -> None:
    found, counts = value_counts(VALUES)
    assert (found.tolist(), counts.tolist()) == ([0, 1, 2, 3], [6, 2, 3, 1])
    found, counts = value_counts(np.array([[-1, 2**30, -1]], dtype=np.int32))
    assert (found.tolist(), counts.tolist()) == ([-1, 2**30], [2, 1])


def test_parts_join_at_corners_only_with_8() -> None:
    assert [(r.value, r.area) for r in regions(VALUES, [1, 2], split=True)] == [(1, 2), (2, 2), (2, 1)]
    assert [r.area for r in regions(VALUES, [1], split=True, connectivity=4)] == [1, 1]
    assert [r.area for r in regions(VALUES, [2], split=False)] == [3]
    assert (part_count(VALUES, 1), part_count(VALUES, 2)) == (1, 2)


def test_small_regions_have_no_mask_but_are_there() -> None:
    found = regions(VALUES, [1, 2, 3], split=True, min_area=2, min_box_area=3)
    assert [(r.area, r.box_area, r.code is None) for r in found] == [
        (2, 4, False),
        (2, 2, True),
        (1, 1, True),
        (1, 1, True),
    ]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.int64])
def test_values_that_are_not_there_give_nothing(dtype: type) -> None:
    values = VALUES.astype(dtype)
    assert regions(values, [7, 9], split=True) == []
    assert [r.value for r in regions(values, [3, 200], split=False)] == [3]
    assert regions(values, [], split=True) == []


@given(arrays(np.uint8, (6, 7), elements=st.integers(0, 3)), st.booleans())
def test_regions_put_together_are_the_picture(values: np.ndarray, split: bool) -> None:
    put = np.zeros_like(values)
    for region in regions(values, [1, 2, 3], split=split):
        assert region.code is not None
        bitmap = masks.decode(region.code)
        assert not (put[bitmap == 1]).any()
        assert bitmap.sum() == region.area
        put[bitmap == 1] = region.value
    assert (put == values).all()
