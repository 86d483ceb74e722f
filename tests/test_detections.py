"""IceVision's words on records and predictions."""

from __future__ import annotations

import numpy as np
import pytest

import tiny
from contorno import masks
from contorno.detections import BBox
from contorno.errors import DataError
from contorno.records import ClassMap, Instances, Record, Records
from contorno.samples import Prediction


def test_a_box_has_its_corners_by_name_and_its_forms() -> None:
    box = BBox.from_xywh(1, 2, 4, 6)
    assert (box.xmin, box.ymin, box.xmax, box.ymax) == box.xyxy == (1, 2, 5, 8)
    assert box.xywh == (1, 2, 4, 6)
    assert (box.width, box.height, box.area) == (4, 6, 24)
    assert box == BBox.from_xyxy(1, 2, 5, 8)
    assert BBox.from_relative_xcycwh(0.375, 0.5, 0.5, 0.75, 8, 8) == BBox(1, 1, 5, 7)


def test_a_box_with_a_corner_that_is_no_number_is_refused() -> None:
    with pytest.raises(DataError, match="no finite number"):
        BBox.from_xyxy(0, 0, float("nan"), 1)


def test_a_record_has_its_objects_in_icevisions_words() -> None:
    record = tiny.record(image_id=7, size_hw=(20, 30), objects=[(2, tiny.disc((20, 30), (10, 10), 5))])
    assert (record.record_id, record.height, record.width, record.filepath) == (7, 20, 30, None)
    found = record.detection
    assert found.bboxes == [BBox(5, 5, 15, 15)]
    assert (found.label_ids, found.iscrowds, found.scores) == ([2], [False], None)
    assert found.masks == record.instances.run_lengths()
    with pytest.raises(DataError, match=r"class_map.get_by_id\(label\)"):
        found.labels  # noqa: B018


def test_masks_of_boxes_alone_are_none() -> None:
    size = (20, 30)
    both = Instances.build(
        size, [1, 1], [masks.encode(tiny.disc(size, (10, 10), 5)), None], [[5, 5, 15, 15], [0, 0, 2, 2]]
    )
    record = Record(image_id=1, size_hw=size, instances=both, image=np.zeros((*size, 3), np.uint8))
    assert record.detection.masks is not None
    assert record.detection.masks[1] is None
    boxes = Instances.build(size, [1], [None], [[0, 0, 2, 2]])
    assert Record(image_id=1, size_hw=size, instances=boxes, image=record.image).detection.masks is None


def test_a_prediction_reads_as_icevisions() -> None:
    record = tiny.record(image_id=3)
    pred = Prediction(
        image_id=3,
        size_hw=record.size_hw,
        labels=np.array([1]),
        scores=np.array([0.75], np.float32),
        boxes=record.instances.boxes,
        masks=record.instances.run_lengths(),
        record=record,
        class_map=ClassMap(["disc"]),
    )
    assert pred.pred.detection.labels == pred.detection.labels == ["disc"]
    assert pred.pred.detection.scores.tolist() == [0.75]
    assert pred.ground_truth.detection.bboxes == pred.detection.bboxes
    assert (pred.height, pred.width, pred.record_id, pred.img) == (32, 40, 3, None)
    found = pred.as_dict()
    assert found["common"]["height"] == 32
    assert set(found["detection"]) == {"labels", "label_ids", "bboxes", "scores", "masks", "iscrowds"}


def test_records_of_one_class_map_add_up() -> None:
    records = tiny.disc_records(4)
    both = records[:1] + records[2:]
    assert [record.image_id for record in both] == [1, 3, 4]
    with pytest.raises(DataError, match="stands twice"):
        records + records[:1]
    with pytest.raises(DataError, match="give both the same class map"):
        records[:1] + Records(records[1:], ClassMap(["disc", "tube"]))


def test_an_unlocked_class_map_takes_names_in() -> None:
    class_map = ClassMap(["cat"]).unlock()
    assert class_map.get_by_name("dog") == 2
    assert class_map.get_classes() == ["background", "cat", "dog"]
    assert class_map.num_classes == len(class_map) == 3
    with pytest.raises(DataError, match="not in the class map"):
        class_map.lock().get_by_name("cow")
