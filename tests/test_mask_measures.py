"""Measures of run-length code, held against whole bitmaps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from contorno import mask_measures, masks
from contorno.errors import DataError
from tiny import bitmap
from tiny_bitmaps import Bitmap, bitmaps

FULL, EMPTY = masks.encode(np.ones((5, 7))), masks.encode(np.zeros((5, 7)))


@settings(deadline=None)
@given(bitmaps())
def test_area_and_box_are_those_of_the_bitmap(drawn: Bitmap) -> None:
    code = masks.encode(drawn)
    assert mask_measures.area(code) == drawn.sum()
    y, x = np.nonzero(drawn)
    expected = [x.min(), y.min(), x.max() + 1, y.max() + 1] if len(x) else [0, 0, 0, 0]
    assert mask_measures.box(code).tolist() == expected


def test_measures_of_many_masks_have_one_row_each() -> None:
    codes = [EMPTY, FULL, EMPTY] * 200  # above pycocotools' 255
    areas, boxes = mask_measures.areas(codes), mask_measures.boxes(codes)
    assert areas.tolist() == [0, 35, 0] * 200
    assert boxes.tolist() == [[0, 0, 0, 0], [0, 0, 7, 5], [0, 0, 0, 0]] * 200
    assert (areas.dtype, boxes.dtype) == (np.int64, np.float32)


def test_measures_of_no_masks_are_empty() -> None:
    assert mask_measures.areas([]).shape == (0,)
    assert mask_measures.boxes([]).shape == (0, 4)
    assert mask_measures.iou([], [FULL]).shape == (0, 1)


def test_iou_counts_shared_pixels_and_treats_crowds_as_coco_does() -> None:
    a = [masks.encode(bitmap("##..")), masks.encode(bitmap("...."))]
    b = [masks.encode(bitmap(".###")), masks.encode(bitmap("####")), masks.encode(bitmap("...."))]
    np.testing.assert_allclose(mask_measures.iou(a, b), [[1 / 4, 2 / 4, 0], [0, 0, 0]])
    np.testing.assert_allclose(mask_measures.iou(a, b, [True, True, False]), [[1 / 2, 1, 0], [0, 0, 0]])


def test_iou_of_masks_of_different_images_is_refused() -> None:
    with pytest.raises(DataError, match="images of different sizes"):
        mask_measures.iou([masks.encode(bitmap("#."))], [masks.encode(bitmap("#", "."))])


def test_union_has_the_pixels_of_any_mask() -> None:
    codes = [masks.encode(bitmap(*rows)) for rows in (("#..", "..."), ("##.", "..."), ("...", "..#"))]
    assert mask_measures.union(codes) == masks.encode(bitmap("##.", "..#"))
    with pytest.raises(DataError, match=r"sizes \[\(1, 1\), \(2, 3\)\] .* have no union"):
        mask_measures.union([*codes, masks.encode(bitmap("#"))])
    with pytest.raises(DataError, match="no union"):
        mask_measures.union([])


def test_masks_gives_the_measures_by_the_same_names() -> None:
    for name in ("area", "areas", "box", "boxes", "iou", "union"):
        assert getattr(masks, name) is getattr(mask_measures, name)
