from __future__ import annotations

import json
from pathlib import Path

import pytest

from contorno.errors import DataError
from contorno.parsers.coco_layouts import (
    drop_supercategory,
    find_coco_files,
    find_coco_parts,
    first_file_names,
    is_coco_file,
    split_named,
)


def add(root: Path, name: str, *images: str, at: str | None = None, **more: object) -> None:
    """A COCO file of `images`, which are put below the folder `at`."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    table = [{"id": index, "file_name": image} for index, image in enumerate(images)]
    document = {"images": table, "annotations": [], "categories": [{"id": 1, "name": "cat"}]} | more
    path.write_text(json.dumps(document))
    for image in images if at is not None else ():
        file = root / str(at) / image
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"")


def parts(root: Path, images: Path | None = None) -> dict[str, tuple[str, str]]:
    home = root if images is None else root.parent
    return {
        split: (path.relative_to(home).as_posix(), folder.relative_to(home).as_posix())
        for split, (path, folder) in find_coco_parts(root, images).items()
    }


LAYOUTS: dict[str, dict[str, tuple[str, str]]] = {
    "Roboflow": {
        "train": ("train/_annotations.coco.json", "train"),
        "validation": ("valid/_annotations.coco.json", "valid"),
        "test": ("test/_annotations.coco.json", "test"),
    },
    "COCO": {
        "train": ("annotations/instances_train2017.json", "train2017"),
        "validation": ("annotations/instances_val2017.json", "val2017"),
    },
    "COCO, images below": {
        "train": ("annotations/instances_train2017.json", "images/train2017"),
        "validation": ("annotations/instances_val2017.json", "images/val2017"),
    },
    "CVAT": {"": ("annotations/instances_default.json", "images")},
    "CVAT, folders": {"": ("annotations/instances_default.json", "images/default")},
    "CVAT, subsets": {
        "train": ("annotations/instances_Train.json", "images/Train"),
        "validation": ("annotations/instances_Validation.json", "images/Validation"),
    },
    "MMDetection": {"train": ("annotations/train.json", "train"), "validation": ("annotations/val.json", "val")},
    "MMDetection, one folder": {
        "train": ("annotations/train.json", "images"),
        "validation": ("annotations/val.json", "images"),
    },
    "contorno": {
        "train": ("annotations/train.json", "images/train"),
        "validation": ("annotations/validation.json", "images/validation"),
    },
    "Label Studio": {"": ("result.json", "images")},
    "FiftyOne": {"": ("labels.json", "data")},
    "FiftyOne, splits": {"train": ("train/labels.json", "train/data"), "validation": ("val/labels.json", "val/data")},
    "labelme2coco": {"": ("annotations.json", "JPEGImages")},
    "beside": {"": ("coco.json", ".")},
    "split files beside": {"train": ("train_coco.json", "train"), "test": ("test_coco.json", "test")},
    "detectron2 balloon": {"train": ("train/coco.json", "train"), "validation": ("val/coco.json", "val")},
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_layouts_of_tools_are_found(tmp_path: Path, layout: dict[str, tuple[str, str]]) -> None:
    for split, (path, folder) in layout.items():
        add(tmp_path, path, f"{split}1.jpg", f"{split}2.jpg", at=folder)
    assert parts(tmp_path) == layout


def test_file_names_with_folders_start_in_the_right_one(tmp_path: Path) -> None:
    add(tmp_path, "result.json", "images/a b.jpg", "images\\ü.jpg")
    for name in ("a b.jpg", "ü.jpg"):
        (tmp_path / "images").mkdir(exist_ok=True)
        (tmp_path / "images" / name).write_bytes(b"")
    assert first_file_names(tmp_path / "result.json") == ["images/a b.jpg", "images\\ü.jpg"]
    assert parts(tmp_path) == {"": ("result.json", ".")}


def test_images_elsewhere_are_found_below_the_folder_given(tmp_path: Path) -> None:
    add(tmp_path / "labels", "instances_train2017.json", "a.jpg")
    add(tmp_path / "labels", "instances_val2017.json", "b.jpg")
    for name in ("pictures/train2017/a.jpg", "pictures/val2017/b.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    assert parts(tmp_path / "labels", tmp_path / "pictures") == {
        "train": ("labels/instances_train2017.json", "pictures/train2017"),
        "validation": ("labels/instances_val2017.json", "pictures/val2017"),
    }
    # A folder of labels lies beside the images; in any other, neighbours are other data sets.
    assert find_coco_parts(tmp_path / "labels") == find_coco_parts(tmp_path / "labels", tmp_path / "pictures")
    (tmp_path / "labels").rename(tmp_path / "mine")
    with pytest.raises(DataError, match=r"its first image 'a\.jpg' is in none of .*; give the image folder"):
        find_coco_parts(tmp_path / "mine")


def test_files_of_other_tasks_are_passed_over(tmp_path: Path) -> None:
    for task in ("instances", "captions", "person_keypoints", "stuff", "panoptic"):
        add(tmp_path, f"annotations/{task}_val2017.json", "a.jpg", at="val2017")
    add(tmp_path, "annotations/image_info_test2017.json", "t.jpg", at="test2017")
    (tmp_path / "results.json").write_text('[{"image_id": 1, "category_id": 1, "score": 0.5}]')
    (tmp_path / "via.json").write_text('{"_via_settings": {}, "images": [], "annotations": []}')
    (tmp_path / "labelme.json").write_text('{"version": "5", "shapes": [], "imagePath": "a.jpg"}')
    (tmp_path / ".hidden.json").write_text('{"images": [], "annotations": []}')
    (tmp_path / "broken.json").write_text("no JSON")
    assert parts(tmp_path) == {"validation": ("annotations/instances_val2017.json", "val2017")}
    (tmp_path / "annotations" / "instances_val2017.json").unlink()
    assert parts(tmp_path) == {"validation": ("annotations/person_keypoints_val2017.json", "val2017")}


def test_two_files_for_one_split_and_files_for_none_are_listed(tmp_path: Path) -> None:
    add(tmp_path, "annotations/instances_train2014.json", "a.jpg", at="train2014")
    add(tmp_path, "annotations/instances_train2017.json", "a.jpg", at="train2017")
    with pytest.raises(
        DataError, match=r"the same split: annotations/instances_train2014\.json, annotations/instances_train2017\.json"
    ):
        find_coco_parts(tmp_path)
    (tmp_path / "annotations" / "instances_train2014.json").rename(tmp_path / "all.json")
    with pytest.raises(DataError, match=r"a split, and others for none: all\.json, annotations/instances_train2017"):
        find_coco_parts(tmp_path)


def test_a_folder_without_coco_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "notes.json").write_text("{}")
    with pytest.raises(DataError, match="has no COCO file with 'images', 'annotations' and 'categories'"):
        find_coco_parts(tmp_path)


def test_names_that_climb_out_are_refused(tmp_path: Path) -> None:
    add(tmp_path, "annotations.json", "../../etc/passwd")
    with pytest.raises(DataError, match="leads out of the image folder"):
        find_coco_parts(tmp_path)


def test_a_long_file_is_told_and_paired_by_its_beginning_and_its_first_names(tmp_path: Path) -> None:
    add(tmp_path, "data/a.json", "x.jpg", at="images", annotations=[{"id": 1}] * 20_000)
    text = (tmp_path / "data" / "a.json").read_text()
    document = json.loads(text)
    last = {key: document[key] for key in ("annotations", "categories", "images")}
    (tmp_path / "data" / "a.json").write_text(json.dumps(last))
    assert is_coco_file(tmp_path / "data" / "a.json")
    assert parts(tmp_path) == {"": ("data/a.json", "images")}


def test_an_image_that_is_gone_does_not_hide_the_folder(tmp_path: Path) -> None:
    add(tmp_path, "train.json", "a.jpg", "b.jpg", at="train")
    (tmp_path / "train" / "a.jpg").unlink()
    assert parts(tmp_path) == {"train": ("train.json", "train")}


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("instances_train2017.json", "train"),
        ("valid/_annotations.coco.json", "validation"),
        ("VAL.json", "validation"),
        ("instances_default.json", ""),
        ("trainval.json", ""),
        ("train_val.json", ""),
        ("test/train_val.json", "test"),
        ("contest.json", ""),
        ("my-test-set.json", "test"),
    ],
)
def test_splits_are_whole_words_of_names(tmp_path: Path, name: str, split: str) -> None:
    assert split_named(tmp_path / name, tmp_path) == split


def category(key: int, name: str, above: str | None) -> dict[str, object]:
    return {"id": key, "name": name, "supercategory": above}


@pytest.mark.parametrize(
    ("rows", "used", "kept"),
    [
        ([(0, "fish-x1", "none"), (1, "cod", "fish-x1"), (2, "eel", "fish-x1")], {1, 2}, [1, 2]),
        ([(0, "cat", "none"), (1, "cat", "cat")], {1}, [1]),
        ([(0, "fish", "none"), (1, "cod", "fish")], {0, 1}, [0, 1]),
        ([(1, "person", "person"), (2, "car", "vehicle")], set(), [1, 2]),
        ([(1, "cat", "cat"), (2, "dog", "cat")], set(), [1, 2]),
        ([(1, "cat", None)], set(), [1]),
        ([], set(), []),
    ],
    ids=["Roboflow", "class of the project's name", "used", "COCO", "own supercategory", "one", "none"],
)
def test_the_row_of_the_project_is_no_class(rows: list[tuple[int, str, str]], used: set[int], kept: list[int]) -> None:
    good, gone = drop_supercategory([category(*row) for row in rows], used)
    assert [row["id"] for row in good] == kept
    assert len(good) + len(gone) == len(rows)


def test_what_fiftyone_fetched_is_passed_over_for_what_it_wrote(tmp_path: Path) -> None:
    for split, raw in (("train", "train"), ("validation", "val")):
        add(tmp_path, f"{split}/labels.json", "a.jpg")
        add(tmp_path, f"raw/instances_{raw}2017.json", "a.jpg")
    files = find_coco_files(tmp_path)
    assert [path.relative_to(tmp_path).as_posix() for path in files.values()] == [
        "train/labels.json",
        "validation/labels.json",
    ]


@pytest.mark.parametrize("text", ["", "[1]", '{"images": [], "categories": []}'], ids=["empty", "list", "no table"])
def test_a_part_that_cannot_be_read_is_no_missing_part(tmp_path: Path, text: str) -> None:
    add(tmp_path, "train/_annotations.coco.json", "a.jpg")
    broken = tmp_path / "valid" / "_annotations.coco.json"
    broken.parent.mkdir()
    broken.write_text(text)
    with pytest.raises(DataError, match=r"cannot be read beside others that can: valid/_annotations\.coco\.json is"):
        find_coco_files(tmp_path)


def test_a_list_of_test_images_and_files_of_other_names_are_no_parts(tmp_path: Path) -> None:
    add(tmp_path, "pascal_train.json", "a.jpg")
    (tmp_path / "pascal_test.json").write_text('{"images": [{"id": 1, "file_name": "b.jpg"}], "categories": []}')
    (tmp_path / "val_results.json").write_text("[]")
    (tmp_path / "pascal_val_001.json").write_text('{"shapes": [], "imagePath": "001.jpg"}')
    assert list(find_coco_files(tmp_path)) == ["train"]
