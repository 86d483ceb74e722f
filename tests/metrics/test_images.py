"""One score per image, by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from contorno import masks
from contorno.errors import ConfigError, DataError
from contorno.metrics import DETECTION_THRESHOLD, ImageScore, image_scores
from contorno.records import Instances, Record
from contorno.samples import Prediction

SIZE = (10, 10)


def block(x0: int, x1: int, y0: int = 0, y1: int = 10) -> NDArray[np.uint8]:
    """Columns x0 to x1 of a 10×10 image."""
    bitmap = np.zeros(SIZE, dtype=np.uint8)
    bitmap[y0:y1, x0:x1] = 1
    return bitmap


def record(
    objects: Sequence[tuple[int, NDArray[np.uint8]]] = (),
    is_crowd: Sequence[bool] | None = None,
    *,
    image_id: int = 1,
    boxes_only: bool = False,
) -> Record:
    codes = [masks.encode(bitmap) for _, bitmap in objects]
    instances = Instances.build(
        SIZE,
        [label for label, _ in objects],
        None if boxes_only else codes,
        boxes=masks.boxes(codes),
        is_crowd=is_crowd,
    )
    return Record(image_id=image_id, size_hw=SIZE, instances=instances, image=np.zeros((*SIZE, 3), np.uint8))


def prediction(
    found: Sequence[tuple[int, float, NDArray[np.uint8]]] = (), *, image_id: int = 1, boxes_only: bool = False
) -> Prediction:
    codes = [masks.encode(bitmap) for _, _, bitmap in found]
    return Prediction(
        image_id=image_id,
        size_hw=SIZE,
        labels=np.array([label for label, _, _ in found], dtype=np.int64),
        scores=np.array([score for _, score, _ in found], dtype=np.float32),
        boxes=masks.boxes(codes),
        masks=None if boxes_only else tuple(codes),
    )


def score(a: Record, b: Prediction, **thresholds: Any) -> tuple[float, int, int, int]:
    (found,) = image_scores([a], [b], **thresholds)
    return found.quality, found.matched, found.missed, found.false


def test_image_with_nothing_in_it_and_nothing_found_is_perfect() -> None:
    assert image_scores([record()], [prediction()]) == [
        ImageScore(image_id=1, quality=1.0, matched=0, missed=0, false=0)
    ]


def test_quality_is_iou_sum_over_matches_and_half_the_mistakes() -> None:
    # One object found at IoU 4/5, one missed, one false detection: 0.8 / (1 + 1/2 + 1/2).
    objects = record([(1, block(0, 5)), (1, block(8, 10))])
    found = prediction([(1, 0.9, block(0, 4)), (1, 0.8, block(5, 7))])
    assert score(objects, found) == (pytest.approx(0.4), 1, 1, 1)


def test_nothing_found_and_only_false_are_zero() -> None:
    assert score(record([(1, block(0, 5))]), prediction()) == (0.0, 0, 1, 0)
    assert score(record(), prediction([(1, 0.9, block(0, 5))])) == (0.0, 0, 0, 1)


def test_detection_of_another_class_matches_nothing() -> None:
    assert score(record([(1, block(0, 5))]), prediction([(2, 0.9, block(0, 5))])) == (0.0, 0, 1, 1)


def test_second_detection_of_one_object_is_false_and_the_best_scored_wins() -> None:
    found = prediction([(1, 0.6, block(0, 10)), (1, 0.9, block(0, 8))])
    assert score(record([(1, block(0, 10))]), found) == (pytest.approx(0.8 / 1.5), 1, 0, 1)


def test_of_two_objects_a_detection_takes_the_one_it_overlaps_most() -> None:
    objects = record([(1, block(0, 6)), (1, block(0, 8))])
    found = prediction([(1, 0.9, block(0, 7))])  # IoU 6/7 and 7/8
    assert score(objects, found)[0] == pytest.approx(7 / 8 / 1.5)


def test_detections_below_the_threshold_are_left_out() -> None:
    objects, found = record([(1, block(0, 5))]), prediction([(1, 0.5, block(0, 5)), (1, 0.49, block(6, 9))])
    assert DETECTION_THRESHOLD == 0.5
    assert score(objects, found) == (1.0, 1, 0, 0)
    assert score(objects, found, detection_threshold=0.4) == (pytest.approx(1 / 1.5), 1, 0, 1)


def test_iou_threshold_decides_what_matches() -> None:
    objects, found = record([(1, block(0, 10))]), prediction([(1, 0.9, block(0, 5))])
    assert score(objects, found) == (0.5, 1, 0, 0)
    assert score(objects, found, iou_threshold=0.6) == (0.0, 0, 1, 1)


@pytest.mark.parametrize("boxes_only", [False, True], ids=["masks", "boxes"])
def test_crowd_region_and_what_lies_in_it_are_ignored(boxes_only: bool) -> None:
    objects = record([(1, block(0, 2)), (1, block(4, 10))], [False, True], boxes_only=boxes_only)
    in_crowd = [(1, 0.9, block(4, 6)), (1, 0.9, block(7, 9))]
    found = prediction([*in_crowd, (1, 0.7, block(0, 2))], boxes_only=boxes_only)
    assert score(objects, found) == (1.0, 1, 0, 0)
    assert score(objects, prediction(in_crowd, boxes_only=boxes_only)) == (0.0, 0, 1, 0)
    outside = prediction([(1, 0.9, block(2, 5))], boxes_only=boxes_only)  # a third of it lies in the region
    assert score(objects, outside) == (0.0, 0, 1, 1)


def test_boxes_are_compared_where_a_side_has_no_masks() -> None:
    # The upper and lower L of one square: disjoint masks, the same box.
    lower = np.tril(np.ones(SIZE, dtype=np.uint8), -1)
    lower[0, 0] = lower[9, 9] = 1
    upper = 1 - lower
    upper[0, 0] = upper[9, 9] = 1
    assert score(record([(1, lower)]), prediction([(1, 0.9, upper)]))[0] == 0.0
    assert score(record([(1, lower)], boxes_only=True), prediction([(1, 0.9, upper)]))[0] == 1.0
    assert score(record([(1, lower)]), prediction([(1, 0.9, upper)], boxes_only=True))[0] == 1.0


def test_scores_come_in_the_order_of_the_records() -> None:
    records = [record([(1, block(0, 5))], image_id=i) for i in (3, 1, 2)]
    predictions = [prediction(image_id=1), prediction(image_id=2), prediction([(1, 0.9, block(0, 5))], image_id=3)]
    found = image_scores(records, predictions)
    assert [(one.image_id, one.quality) for one in found] == [(3, 1.0), (1, 0.0), (2, 0.0)]


def test_missing_prediction_and_odd_threshold_are_refused() -> None:
    with pytest.raises(DataError, match="image 1 has no prediction"):
        image_scores([record()], [])
    with pytest.raises(ConfigError, match=r"iou_threshold is 1\.5"):
        image_scores([record()], [prediction()], iou_threshold=1.5)
