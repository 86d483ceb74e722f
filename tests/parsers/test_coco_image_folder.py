"""The image folder of a COCO file is looked for near it, and never in a neighbour of the data set."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from contorno.errors import DataError
from contorno.parsers.coco_image_folder import find_image_folder, image_folder


def put(root: Path, label_file: str, names: list[str], *files: str) -> Path:
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).touch()
    path = root / label_file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"images": [{"id": i, "file_name": name} for i, name in enumerate(names)]}))
    return path


@pytest.mark.parametrize(
    ("label_file", "names", "files", "folder"),
    [
        ("pascal_train.json", ["a.jpg"], ["train_images/a.jpg", "test_images/b.jpg"], "train_images"),
        ("train.json", ["a.jpg"], ["photos/a.jpg"], "photos"),
        ("result.json", ["/data/upload/1/a.jpg"], ["images/a.jpg"], "images"),
        ("result.json", ["images\\1/a.jpg"], ["images/a.jpg"], "images"),
        ("annotations/train.json", ["../images/a.jpg"], ["images/a.jpg"], "images"),
        ("labels.json", ["n/a.jpg"], ["deep/er/n/a.jpg"], "deep/er"),
        ("labels.json", ["a.jpg", "b.jpg"], ["images/x/a.jpg", "images/y/b.jpg"], "images"),
        ("labels.json", ["a.jpg", "b.jpg"], ["images/a.jpg"], "images"),
        ("labels.json", ["a.jpg"], ["images/A.JPG"], "images"),
    ],
    ids=["Tiny PASCAL", "photos", "upload", "project", "climbing", "deep", "two folders", "gone", "case"],
)
def test_image_folder_is_found(
    tmp_path: Path, label_file: str, names: list[str], files: list[str], folder: str
) -> None:
    path = put(tmp_path / "set", label_file, names, *files)
    assert image_folder(path, path.parent) == tmp_path / "set" / folder


def test_folders_below_the_one_given_are_looked_through(tmp_path: Path) -> None:
    path = put(tmp_path / "set", "labels.json", ["a.jpg"], "export/a.jpg")
    moved = path.rename(tmp_path / "labels.json")
    assert image_folder(moved, tmp_path / "x", tmp_path / "set") == tmp_path / "set" / "export"


def test_the_images_of_a_neighbour_are_not_taken(tmp_path: Path) -> None:
    put(tmp_path / "other", "labels.json", ["a.jpg"], "a.jpg")
    path = put(tmp_path / "set", "labels.json", ["a.jpg"])
    assert find_image_folder(path, path.parent, ["a.jpg"]) is None
    with pytest.raises(DataError, match=r"its first image 'a\.jpg' is in none of"):
        image_folder(path, path.parent)


def test_a_name_that_leads_out_to_nothing_is_an_error(tmp_path: Path) -> None:
    # The last images are looked at too, whose places in the file are not known.
    names = [*(f"{number}.jpg" for number in range(9)), "../../secret.jpg"]
    path = put(tmp_path / "set", "labels.json", names)
    (tmp_path / "secret.jpg").touch()
    with pytest.raises(DataError, match=r"labels\.json: the file name '\.\./\.\./secret\.jpg' leads out"):
        image_folder(path, path.parent)
