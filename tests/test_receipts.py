from __future__ import annotations

import math

import numpy as np
import pytest

from contorno import masks
from contorno.masks import Polygons
from contorno.receipts import Receipt, round_trip_receipt
from tiny import bitmap

BLOCK = masks.encode(bitmap("......", ".####.", ".####.", "......"))
EMPTY = masks.encode(bitmap("......", "......", "......", "......"))


def rectangle(left: float, top: float, right: float, bottom: float) -> Polygons:
    return Polygons((np.array([[left, top], [right, top], [right, bottom], [left, bottom]]),))


def test_receipt_has_the_iou_of_each_mask_with_what_is_drawn_from_its_polygons() -> None:
    made = [masks.to_polygons(BLOCK), rectangle(1, 1, 3, 3), Polygons(()), Polygons(()), rectangle(0, 0, 2, 2)]
    receipt = round_trip_receipt([BLOCK, BLOCK, BLOCK, EMPTY, EMPTY], made)
    assert receipt.ious.tolist() == [1.0, 0.5, 0.0, 1.0, 0.0]
    assert (receipt.lossless, receipt.minimum, receipt.median, receipt.worst) == (2, 0.0, 0.5, (2, 4, 1))
    assert str(receipt) == (
        "5 masks, 2 come back as they were; round-trip IoU min 0.000, median 0.500; "
        "worst: mask 2 (0.000), mask 4 (0.000), mask 1 (0.500)"
    )


def test_receipt_of_lossless_masks_names_none_and_never_rounds_up_to_one() -> None:
    assert str(Receipt(np.ones(2))) == "2 masks, 2 come back as they were; round-trip IoU min 1.000, median 1.000"
    assert "min 0.999, median 0.999; worst: mask 0 (0.999)" in str(Receipt(np.array([0.99999])))


def test_receipt_of_no_masks_is_not_a_number() -> None:
    receipt = round_trip_receipt([], [])
    assert math.isnan(receipt.minimum)
    assert math.isnan(receipt.median)
    assert (receipt.lossless, receipt.worst) == (0, ())


def test_a_mask_without_polygons_is_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        round_trip_receipt([BLOCK], [])
