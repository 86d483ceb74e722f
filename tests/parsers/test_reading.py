"""Reading a data set of any format: which objects count, and parts that fit each other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from contorno import masks, parsers, writers
from contorno.errors import ConfigError, DataError
from contorno.images import write_image
from contorno.parsers import ReadOptions
from contorno.parsers.sources import UNFINISHED
from contorno.records import ClassMap, Instances, Record, Records
from tiny import bitmap

SIZE = (4, 6)
MASK = masks.encode(bitmap("##....", "##....", "......", "......"))
BOX = [3.0, 1.0, 5.5, 3.0]


def mixed(folder: Path, *kinds: str, classes: tuple[str, ...] = ("cat",)) -> Records:
    """An image for each kind: objects with a "mask", a "box" alone, "both", or "none"."""
    shapes: dict[str, list[Any]] = {"mask": [MASK], "box": [None], "both": [MASK, None], "none": []}
    records = []
    for number, kind in enumerate(kinds):
        path = folder / f"{number}.png"
        write_image(path, np.full((*SIZE, 3), 9 * number, dtype=np.uint8))
        boxes = [BOX if shape is None else [0, 0, 2, 2] for shape in shapes[kind]]
        instances = Instances.build(SIZE, [1] * len(boxes), shapes[kind], np.reshape(boxes, (-1, 4)))
        records.append(Record(image_id=number, size_hw=SIZE, instances=instances, path=path))
    return Records(records, ClassMap(classes))


def kinds(records: Records) -> list[list[str]]:
    return [["box" if shape is None else "mask" for shape in record.instances.geometries] for record in records]


@pytest.mark.parametrize("to", ["coco", "via", "labelme", "voc"])
@pytest.mark.parametrize(
    ("objects", "found"),
    [
        ("any", [["mask"], ["box"], ["mask", "box"], []]),
        ("boxes", [["box"], ["box"], ["box", "box"], []]),
    ],
)
def test_objects_are_read_as_they_are_or_as_boxes(
    tmp_path: Path, to: Any, objects: Any, found: list[list[str]]
) -> None:
    writers.write_as(to, mixed(tmp_path / "photos", "mask", "box", "both", "none"), tmp_path / to)
    (records,) = parsers.read(tmp_path / to, options=ReadOptions(objects=objects)).values()
    assert kinds(records) == found
    assert records[1].instances.boxes.tolist() == [BOX]


@pytest.mark.parametrize("to", ["coco", "via", "labelme"])
def test_masks_alone_count_the_others(tmp_path: Path, to: Any) -> None:
    writers.write_as(to, mixed(tmp_path / "photos", "mask", "both", "none"), tmp_path / to)
    (records,) = parsers.read(tmp_path / to, options=ReadOptions(objects="masks")).values()
    assert kinds(records) == [["mask"], ["mask"], []]
    assert records.report is not None
    assert records.report.dropped == {"object without a mask": 1}


def test_for_training_boxes_beside_masks_are_regions_to_be_ignored_and_not_background(tmp_path: Path) -> None:
    writers.write_as("coco", mixed(tmp_path / "photos", "mask", "both", "none"), tmp_path / "coco")
    (records,) = parsers.read(tmp_path / "coco").values()
    assert kinds(records) == [["mask"], ["mask", "mask"], []]
    assert sorted(records[1].instances.is_crowd.tolist()) == [False, True]
    region = records[1].instances.select(records[1].instances.is_crowd)
    assert region.boxes.tolist() == [BOX]
    assert masks.boxes(region.run_lengths()).tolist() == [[3, 1, 6, 3]]  # whole pixels
    assert records.report is not None
    assert records.report.mended == {"object without a mask, its box is a region to be ignored": 1}
    assert not records.report.dropped


@pytest.mark.parametrize("to", ["coco", "via", "labelme", "yolo", "voc"])
def test_boxes_are_taken_where_no_object_has_a_mask(tmp_path: Path, to: Any) -> None:
    writers.write_as(to, mixed(tmp_path / "photos", "box", "none", "box"), tmp_path / to)
    (records,) = parsers.read(tmp_path / to).values()
    assert kinds(records) == [["box"], [], ["box"]]
    assert records.report is not None
    assert not any("object" in reason for reason in records.report.dropped)


@pytest.mark.parametrize("nothing", [[], None, {}, [[]]], ids=json.dumps)
def test_an_empty_segmentation_is_no_mask_however_it_is_written(tmp_path: Path, nothing: Any) -> None:
    writers.write_as("coco", mixed(tmp_path / "photos", "box"), tmp_path / "set")
    (path,) = (tmp_path / "set").rglob("*.json")
    path.write_text(path.read_text().replace('"segmentation": []', f'"segmentation": {json.dumps(nothing)}'))
    (records,) = parsers.read(tmp_path / "set", options=ReadOptions(objects="any")).values()
    assert kinds(records) == [["box"]]


def test_a_bad_mask_is_dropped_and_not_taken_for_a_box(tmp_path: Path) -> None:
    writers.write_as("coco", mixed(tmp_path / "photos", "box", "mask"), tmp_path / "set")
    (path,) = (tmp_path / "set").rglob("*.json")
    path.write_text(path.read_text().replace('"segmentation": []', '"segmentation": [[1, 1, 2, 2]]'))
    (records,) = parsers.read(tmp_path / "set", options=ReadOptions(objects="any")).values()
    assert kinds(records) == [[], ["mask"]]
    assert records.report is not None
    assert records.report.dropped == {"polygon with fewer than 3 points": 1}


def test_parts_share_the_classes_of_all(tmp_path: Path) -> None:
    train = mixed(tmp_path / "a", "mask", classes=("cat", "dog"))
    test = mixed(tmp_path / "b", "mask", classes=("bird", "Cat"))
    for split, part in {"train": train, "test": test}.items():
        writers.write_as("labelme", part, tmp_path / "set" / split)
    found = parsers.read(tmp_path / "set")
    assert list(found) == ["train", "test"]
    assert found["train"].class_map == found["test"].class_map
    assert found["test"].class_map.names == ("cat", "dog", "bird")
    assert found["test"][0].instances.labels.tolist() == [3]
    given = ClassMap(["bird", "dog", "cat"])
    found = parsers.read(tmp_path / "set", options=ReadOptions(class_map=given))
    assert found["train"][0].instances.labels.tolist() == [3]


def test_options_that_a_format_cannot_follow_are_named(tmp_path: Path) -> None:
    writers.write_as("masks", mixed(tmp_path / "photos", "mask"), tmp_path / "set")
    with pytest.raises(ConfigError, match="vertex_offset is for polygons"):
        parsers.read(tmp_path / "set", options=ReadOptions(vertex_offset=0.5))


def test_a_folder_that_was_not_written_to_its_end_is_not_read(tmp_path: Path) -> None:
    writers.write_as("coco", mixed(tmp_path / "photos", "mask"), tmp_path / "set")
    (tmp_path / "set" / UNFINISHED).touch()
    with pytest.raises(DataError, match="was not written to its end"):
        parsers.read(tmp_path / "set")


@pytest.mark.parametrize("split", ["../up", "/abs", "a/b", "..", ".hidden", "a\\b", "nul\0", "new\nline"])
@pytest.mark.parametrize("to", ["coco", "via", "labelme", "yolo", "voc", "masks"])
def test_splits_from_data_do_not_lead_out_of_the_folder(tmp_path: Path, to: Any, split: str) -> None:
    parts = {"train": mixed(tmp_path / "a", "mask"), split: mixed(tmp_path / "b", "mask")}
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ConfigError, match="cannot be the name of a folder"):
        writers.write_as(to, parts, tmp_path / "deep" / "set")
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("to", ["coco", "via", "labelme", "yolo", "voc", "masks"])
@pytest.mark.parametrize("splits", [("validation",), ("test",), ("train", "test"), ("valid", "train")], ids="+".join)
def test_splits_come_back_by_their_usual_names(tmp_path: Path, to: Any, splits: tuple[str, ...]) -> None:
    parts = {split: mixed(tmp_path / split, "mask", "none") for split in splits}  # the same ids in each
    writers.write_as(to, parts, tmp_path / "set")
    found = parsers.read(tmp_path / "set")
    usual = {"valid": "validation"}
    assert {split: len(part) for split, part in found.items()} == {usual.get(split, split): 2 for split in splits}
    assert {record.split for part in found.values() for record in part} == set(found)


@pytest.mark.parametrize("to", ["coco", "via", "labelme", "yolo", "voc", "masks"])
def test_parts_of_other_names_are_data_sets_of_their_own(tmp_path: Path, to: Any) -> None:
    parts = {name: mixed(tmp_path / name, "mask", "none") for name in ("site a", "site b")}
    written = writers.write_as(to, parts, tmp_path / "set")
    assert sum(each.images for each in written) == 4
    for name in parts:
        (part,) = parsers.read(tmp_path / "set" / name).values()
        assert len(part) == 2


def test_coco_files_of_several_splits_share_no_id(tmp_path: Path) -> None:
    parts = {split: mixed(tmp_path / split, "mask", "both") for split in ("train", "validation")}
    writers.write_as("coco", parts, tmp_path / "set")
    documents = [json.loads(path.read_text()) for path in sorted((tmp_path / "set").rglob("*.json"))]
    assert [entry["id"] for made in documents for entry in made["images"]] == [1, 2, 3, 4]
    assert [entry["id"] for made in documents for entry in made["annotations"]] == [1, 2, 3, 4, 5, 6]
    found = parsers.read(tmp_path / "set")
    assert [[record.image_id for record in part] for part in found.values()] == [[0, 1], [0, 1]]
