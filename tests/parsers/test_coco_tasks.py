"""COCO files of other tasks are refused by name, however they are read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from contorno.errors import DataError
from contorno.parsers.coco_document import read_document

SEGMENTS = {"image_id": 1, "file_name": "1.png", "segments_info": [{"id": 1, "category_id": 1}]}


@pytest.mark.parametrize(
    ("entry", "what"),
    [
        (SEGMENTS, "a COCO panoptic file"),
        ({"id": 1, "image_id": 1, "caption": "a"}, "a COCO captions file"),
        ({"id": 1, "image_id": 1, "category_id": 1, "keypoints": [1, 1, 2]}, "keypoints alone"),
    ],
)
@pytest.mark.parametrize("slow", [False, True], ids=["columns", "objects"])
def test_files_of_other_tasks_are_named(tmp_path: Path, entry: dict[str, Any], what: str, slow: bool) -> None:
    table = [entry | ({"area": float("nan")} if slow else {})]
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"images": [], "annotations": table, "categories": []}))
    with pytest.raises(DataError, match=rf"a\.json is .*{what}.*give the COCO file of instances"):
        read_document(path)


def test_keypoints_with_boxes_are_instances(tmp_path: Path) -> None:
    entry = {"id": 1, "image_id": 1, "category_id": 1, "keypoints": [1, 1, 2], "bbox": [1, 1, 2, 2]}
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"images": [], "annotations": [entry], "categories": []}, indent=1))
    assert read_document(path)["annotations"] == [entry]
