from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from contorno import parsers
from contorno.errors import ConfigError, DataError
from contorno.images import write_image


def mask_folder(root: Path, *image_ids: str) -> None:
    for image_id in image_ids:
        write_image(root / image_id / "images" / "i.png", np.zeros((4, 4, 3), dtype=np.uint8))
        write_image(root / image_id / "masks" / "m.png", np.full((4, 4), 255, dtype=np.uint8))


def coco_file(path: Path, images: Path, count: int = 5, names: tuple[str, ...] = ("cat",)) -> Path:
    square: dict[str, Any] = {"segmentation": [[0, 0, 2, 0, 2, 2, 0, 2]], "bbox": [0, 0, 2, 2], "area": 4, "iscrowd": 0}
    for number in range(count):
        write_image(images / f"{number}.png", np.zeros((4, 4, 3), dtype=np.uint8))
    value = {
        "images": [{"id": n, "file_name": f"{n}.png", "width": 4, "height": 4} for n in range(count)],
        "annotations": [{"id": n + 1, "image_id": n, "category_id": 0, **square} for n in range(count)],
        "categories": [{"id": i, "name": name} for i, name in enumerate(names)],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))
    return path


def sizes(found: dict[str, parsers.Records]) -> dict[str, int]:
    return {split: len(records) for split, records in found.items()}


def test_coco_file_is_divided_four_to_one_by_the_seed(tmp_path: Path) -> None:
    path = coco_file(tmp_path / "labels.json", tmp_path / "photos", count=10)
    found = parsers.parse(path, tmp_path / "photos", seed=3)
    again = parsers.parse(path, tmp_path / "photos", seed=3)
    assert sizes(found) == {"train": 8, "validation": 2}
    assert [r.image_id for r in found["validation"]] == [r.image_id for r in again["validation"]]
    report = found["validation"].report
    assert report is not None
    assert report.images == 10
    assert "labels.json: COCO file" in str(parsers.recognise(path))


@pytest.mark.parametrize("images", ["images", ".", "labels"])
def test_image_folder_of_a_coco_file_is_found_beside_it(tmp_path: Path, images: str) -> None:
    path = coco_file(tmp_path / "labels.json", tmp_path / images)
    assert sizes(parsers.parse(path)) == {"train": 4, "validation": 1}


def test_coco_file_whose_images_are_nowhere_asks_for_the_folder(tmp_path: Path) -> None:
    path = coco_file(tmp_path / "here" / "labels.json", tmp_path / "far" / "away")
    with pytest.raises(DataError, match=r"its first image '0\.png' is in none of .* images="):
        parsers.parse(path)


def test_mask_folder_is_recognised(tmp_path: Path) -> None:
    mask_folder(tmp_path, *"abcde")
    found = parsers.parse(tmp_path, class_name="cell")
    assert sizes(found) == {"train": 4, "validation": 1}
    assert found["train"].class_map.names == ("cell",)
    assert "images and mask pictures" in str(parsers.recognise(tmp_path))


@pytest.mark.parametrize("name", ["val", "valid", "validation", "Val"])
def test_split_folders_are_found_by_themselves(tmp_path: Path, name: str) -> None:
    mask_folder(tmp_path / "train", "a", "b")
    mask_folder(tmp_path / name, "c")
    mask_folder(tmp_path / "test", "d")
    found = parsers.parse(tmp_path)
    assert sizes(found) == {"train": 2, "validation": 1, "test": 1}
    assert {record.split for record in found["validation"]} == {"validation"}


def test_train_is_divided_where_only_test_stands_beside_it(tmp_path: Path) -> None:
    mask_folder(tmp_path / "train", *"abcde")
    mask_folder(tmp_path / "test", "z")
    assert sizes(parsers.parse(tmp_path)) == {"train": 4, "validation": 1, "test": 1}


def test_split_folders_with_a_coco_file_in_each_share_one_class_map(tmp_path: Path) -> None:
    coco_file(tmp_path / "train" / "_annotations.coco.json", tmp_path / "train", names=("cat", "dog"))
    coco_file(tmp_path / "valid" / "_annotations.coco.json", tmp_path / "valid", count=2, names=("Dog", "bird"))
    found = parsers.parse(tmp_path)
    assert sizes(found) == {"train": 5, "validation": 2}
    assert found["train"].class_map.names == ("cat", "dog", "bird")
    assert found["validation"].class_map == found["train"].class_map
    assert found["validation"][0].instances.labels.tolist() == [2]


def test_what_is_not_recognised_is_an_error_that_says_what_was_found(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no JSON file, no train/ folder, and no <id>/images/ folders"):
        parsers.parse(tmp_path)
    for name in ("a.json", "b.json"):
        (tmp_path / name).write_text("{}")
    with pytest.raises(DataError, match=r"2 JSON files \(a\.json, b\.json\)"):
        parsers.parse(tmp_path)
    with pytest.raises(ConfigError, match="nowhere does not exist"):
        parsers.parse(tmp_path / "nowhere")


def test_two_folders_for_one_split_are_an_error(tmp_path: Path) -> None:
    mask_folder(tmp_path / "train", "a")
    mask_folder(tmp_path / "val", "b")
    mask_folder(tmp_path / "valid", "c")
    with pytest.raises(DataError, match="val and valid, which both mean the split 'validation'"):
        parsers.parse(tmp_path)
