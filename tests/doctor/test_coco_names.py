"""File names that lead nowhere are told with the file that they mean, and mended where that is sure."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from contorno.doctor import check_path, mend_path
from contorno.doctor.coco_names import last_part
from contorno.doctor.report import Fault
from contorno.parsers import parse
from contorno.parsers.coco_categories import PROJECT_ROW
from tiny_coco import annotation, document, kinds, picture, write

OUT, WEB, ASTRAY = "leads out of the image folder", "is a web address", "folders that are not there"


def spoilt(folder: Path, *names: str) -> Path:
    """A file whose first images are named so; the pictures are images/1.jpg to images/3.jpg."""
    path = write(folder, document())
    made = json.loads(path.read_text())
    for image, name in zip(made["images"], names, strict=False):
        image["file_name"] = name
    path.write_text(json.dumps(made))
    return path


def first(path: Path, kind: str, images: Path | None = None) -> Fault:
    return next(fault for fault in check_path(path, images).faults if kind in fault.kind)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("..\\..\\label-studio\\media\\upload\\4\\1.jpg", OUT),
        ("/data/upload/1/1.jpg", OUT),
        ("C:\\Users\\me\\1.jpg", OUT),
        ("http://localhost:8080/data/upload/1/1.jpg?d=2", WEB),
        ("images\\1/1.jpg", ASTRAY),
        ("photos/old/1.jpg", ASTRAY),
    ],
    ids=["Label Studio", "absolute", "Windows", "address", "project number", "folders"],
)
def test_file_that_is_meant_is_found_and_named(tmp_path: Path, name: str, kind: str) -> None:
    path = spoilt(tmp_path / "source", name)
    fault = first(path, kind)
    assert (fault.severity, fault.count, fault.fixable, fault.mend) == ("error", 1, 1, "write '1.jpg'.")
    assert (fault.where[0].file, fault.where[0].field) == (name, "file_name")
    mended = mend_path(path, tmp_path / "out")
    after = json.loads(mended.label_files[0].read_text())
    assert after["images"][0]["file_name"] == "1.jpg"
    images = tmp_path / "source" / "images"
    assert check_path(mended.label_files[0], images).faults == ()
    assert sum(len(part) for part in parse(mended.label_files[0], images).values()) == 3


def test_two_names_for_one_file_and_a_name_that_is_taken_are_left(tmp_path: Path) -> None:
    path = spoilt(tmp_path, "/a/1.jpg", "/b/1.jpg")
    assert first(path, OUT).fixable == 0
    assert first(spoilt(tmp_path, "1.jpg", "/b/1.jpg"), OUT).fixable == 0


def test_files_outside_of_the_image_folder_are_not_looked_at(tmp_path: Path) -> None:
    picture(tmp_path / "secret.jpg")
    fault = first(spoilt(tmp_path / "data", "../secret.jpg", "images/../../secret.jpg"), OUT)
    assert (fault.count, fault.fixable) == (2, 0)


@pytest.mark.parametrize("name", ["", "/", "..", "a/..", "x" * 300, "a\0b", None, 3, "c:"])
def test_names_without_a_last_part(name: Any) -> None:
    assert last_part(name) is None


def test_images_of_lvis_get_their_names(tmp_path: Path) -> None:
    path = spoilt(tmp_path / "source")
    made = json.loads(path.read_text())
    for image in made["images"]:
        image["coco_url"] = f"http://images.cocodataset.org/images/{image.pop('file_name')}"
    path.write_text(json.dumps(made))
    report = check_path(path)
    assert kinds(report) == {"image named by its coco_url": 3}
    assert report.ok
    mended = mend_path(path, tmp_path / "out")
    assert mended.counts == kinds(report)
    assert check_path(mended.label_files[0], tmp_path / "source").faults == ()


def test_the_row_of_the_project_is_a_note_and_stays_as_it_is(tmp_path: Path) -> None:
    made = document()
    made["categories"] = [
        {"id": 0, "name": "cat", "supercategory": "none"},
        {"id": 1, "name": "cat", "supercategory": "cat"},
    ]
    path = write(tmp_path / "source", made)
    report = check_path(path)
    assert kinds(report) == {PROJECT_ROW: 1}
    assert (report.faults[0].severity, report.faults[0].where[0].class_name) == ("note", "cat")
    mended = mend_path(path, tmp_path / "out")
    assert json.loads(mended.label_files[0].read_text()) == made


def test_class_of_crowd_regions_alone_is_told(tmp_path: Path) -> None:
    made = document()
    made["categories"].append({"id": 2, "name": "dog"})
    made["annotations"][0] |= {"category_id": 2, "iscrowd": 1}
    assert first(write(tmp_path, made), "crowd regions alone").severity == "warning"
    for entry in made["annotations"]:
        entry["iscrowd"] = 1
    assert first(write(tmp_path, made), "crowd regions alone").severity == "error"


def test_objects_of_an_id_for_two_files_are_left_as_they_are(tmp_path: Path) -> None:
    made = document(annotation(1, bbox=[1, 1, 2, 2], area=3), annotation(31, image_id=2), annotation(32, image_id=2))
    made["annotations"][31] |= {key: made["annotations"][30][key] for key in ("segmentation", "bbox", "area")}
    made["images"][0]["id"] = 2
    for entry in made["annotations"]:
        entry["image_id"] = 2
    path = write(tmp_path / "source", made)
    mended = mend_path(path, tmp_path / "out")
    assert json.loads(mended.label_files[0].read_text()) == made


def test_lists_in_lists_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    path = write(tmp_path, document())
    path.write_text(path.read_text().replace('"made": "by hand"', '"made": ' + "[" * 600 + "]" * 600))
    with pytest.raises(Exception, match="over 100 deep"):
        mend_path(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_as_many_objects_as_can_be_are_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("contorno.doctor.object_pairs.MOST_OBJECTS", 5)
    monkeypatch.setattr("contorno.doctor.object_pairs._COMPARED_AT_ONCE", 10)
    made = document()
    made["annotations"].append(annotation(2, id=99, category_id=1))
    report = check_path(write(tmp_path, made))
    assert kinds(report)["objects too many to be compared with each other"] == 3
    assert report.ok


@pytest.mark.parametrize(
    ("name", "file", "kind"),
    [
        ("A.JPG", "a.jpg", "image file named in another case"),
        ("a%20b.jpg", "a b.jpg", "file name with signs written as %20 and the like"),
        ("ñ.jpg", unicodedata.normalize("NFD", "ñ.jpg"), "file name whose accents are written in another way"),
        ("a.jpg", "deep/a.jpg", "file name without the folder that the file lies in"),
    ],
)
def test_names_written_otherwise_are_told_and_mended(tmp_path: Path, name: str, file: str, kind: str) -> None:
    path = spoilt(tmp_path / "source", name)
    picture(tmp_path / "source" / "images" / file, seed=9)
    assert first(path, kind).fixable == 1
    mended = mend_path(path, tmp_path / "out").label_files[0]
    assert json.loads(mended.read_text())["images"][0]["file_name"] == file
    assert check_path(mended, tmp_path / "source" / "images").faults == ()


def test_entries_whose_name_several_files_have_are_not_joined(tmp_path: Path) -> None:
    path = spoilt(tmp_path / "source", "x.jpg", "x.jpg")
    for number, place in enumerate(("a", "b")):
        picture(tmp_path / "source" / "images" / place / "x.jpg", seed=7 + number)
    fault = first(path, "file name that several images have")
    assert (fault.severity, fault.count, fault.fixable) == ("error", 1, 0)
    assert len(json.loads(mend_path(path, tmp_path / "out").label_files[0].read_text())["images"]) == 3


def test_a_picture_of_another_suffix_is_hinted_at(tmp_path: Path) -> None:
    path = spoilt(tmp_path, "1.tif", "2.tif", "3.tif")
    assert "images/1.jpg is there: look whether it is meant." in first(path, "image folder not found").cause


def test_image_folder_of_a_neighbour_is_not_taken(tmp_path: Path) -> None:
    spoilt(tmp_path / "other")
    path = tmp_path / "mine" / "labels.json"
    path.parent.mkdir()
    path.write_text(json.dumps(document()))
    assert kinds(check_path(path)) == {"image folder not found": 1}


def test_place_of_a_fault_in_the_image_of_id_0_is_named(tmp_path: Path) -> None:
    made = document()
    made["images"][0]["id"] = 0
    for entry in made["annotations"][:10]:
        entry["image_id"] = 0
    made["annotations"][0] |= {"id": 0}
    fault = first(write(tmp_path, made), "annotation with the id 0")
    assert (fault.where[0].file, fault.where[0].annotation_id) == ("1.jpg", 0)


def test_image_folder_given_that_has_none_of_the_images_is_named(tmp_path: Path) -> None:
    path, other = spoilt(tmp_path / "mine"), tmp_path / "photos"
    other.mkdir()
    cause = first(path, "image folder not found", other).cause
    assert cause.startswith(f"none of its 3 images is in {other} or below it; the first is '1.jpg'.")
