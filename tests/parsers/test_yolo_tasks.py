"""YOLO's poses and oriented boxes, which look like polygons."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from contorno.images import write_image
from contorno.parsers.yolo import YOLOBBoxParser, YOLOSegParser
from contorno.parsers.yolo_tasks import KEYPOINTS, ORIENTED
from contorno.records import Records
from contorno.splits import SingleSplitter

POSE = "0 0.5 0.5 0.5 0.5 0.4 0.4 2 0.6 0.6 1 0 0 0"
TURNED = "0 0.5 0.25 0.75 0.5 0.5 0.75 0.25 0.5"
UPRIGHT = "0 0.25 0.25 0.75 0.25 0.75 0.75 0.25 0.75"


def data(root: Path, *lines: str, yaml: str = "names: [cat]\ntrain: images\n") -> Path:
    write_image(root / "images" / "a.png", np.zeros((40, 40, 3), dtype=np.uint8))
    (root / "labels").mkdir(exist_ok=True)
    (root / "labels" / "a.txt").write_text("\n".join(lines))
    (root / "data.yaml").write_text(yaml)
    return root


def read(root: Path, parser_type: type[YOLOSegParser] | type[YOLOBBoxParser]) -> tuple[Records, dict[str, int]]:
    parser = parser_type(root)
    (records,) = parser.parse(SingleSplitter())
    return records, {**parser.report.mended, **parser.report.dropped}


@pytest.mark.parametrize("yaml", ["kpt_shape: [3, 3]\n", ""], ids=["stated", "told from the lines"])
def test_poses_are_boxes_and_their_keypoints_are_counted(tmp_path: Path, yaml: str) -> None:
    data(tmp_path, POSE, POSE.replace("0.6", "0.7"), yaml=f"names: [cat]\ntrain: images\n{yaml}")
    records, counted = read(tmp_path, YOLOBBoxParser)
    assert records[0].instances.boxes.tolist() == [[10, 10, 30, 30]] * 2
    assert counted == {KEYPOINTS: 2}
    assert read(tmp_path, YOLOSegParser)[1] == {KEYPOINTS: 2, "object without a mask": 2}


def test_polygons_are_no_poses(tmp_path: Path) -> None:
    data(tmp_path, "0 0.1 0.1 0.9 0.1 0.9 0.9 0.5 0.9 0 0.5", "0 0.1 0.1 0.9 0.1 0.9 0.9 0.5 0.9 0 0.6")
    records, counted = read(tmp_path, YOLOSegParser)
    assert (records.num_objects, counted) == (2, {})


def test_data_of_turned_rectangles_alone_are_told(tmp_path: Path) -> None:
    records, counted = read(data(tmp_path, TURNED, UPRIGHT), YOLOSegParser)
    assert (records.num_objects, counted) == (2, {ORIENTED: 1})
    assert read(data(tmp_path, UPRIGHT, UPRIGHT.replace("75", "7")), YOLOSegParser)[1] == {}, "boxes as polygons"
    assert read(data(tmp_path, TURNED, UPRIGHT, "0 0.1 0.1 0.3 0.1 0.2 0.3"), YOLOSegParser)[1] == {}
