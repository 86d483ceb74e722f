"""Label files of VIA and tables of masks that lie in a folder by split, or in its annotations/."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from contorno import parsers
from contorno.errors import DataError
from contorno.images import write_image


def picture(path: Path, value: int = 0) -> None:
    write_image(path, np.full((8, 10), value, dtype=np.uint8))


def via(path: Path, *names: str) -> None:
    shape = {"name": "polygon", "all_points_x": [1, 9, 5], "all_points_y": [1, 2, 7]}
    region = {"shape_attributes": shape, "region_attributes": {"class": "roof"}}
    entries = {name: {"filename": name, "size": 1, "regions": [region], "file_attributes": {}} for name in names}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(entries))


def sizes(path: Path) -> dict[str, int]:
    return {split: len(records) for split, records in parsers.read(path).items()}


@pytest.mark.parametrize("folder", ["train", "images/train", "train/images"])
@pytest.mark.parametrize("labels", ["", "annotations"])
def test_via_files_named_for_splits_find_the_images_of_theirs(tmp_path: Path, folder: str, labels: str) -> None:
    for split, names in (("train", ("a.png", "b.png")), ("val", ("c.png",))):
        via(tmp_path / labels / f"via_{split}.json", *names)
        for name in names:
            picture(tmp_path / folder.replace("train", split) / name)
    assert sizes(tmp_path) == {"train": 2, "validation": 1}
    assert "a label file for each split" in str(parsers.recognise(tmp_path))


def test_the_only_via_file_in_annotations_is_found(tmp_path: Path) -> None:
    via(tmp_path / "annotations" / "via.json", "a.png")
    picture(tmp_path / "images" / "a.png")
    assert sizes(tmp_path) == {"": 1}


def test_tables_of_masks_beside_the_images_divide_them(tmp_path: Path) -> None:
    for name in "abc":
        picture(tmp_path / "images" / f"{name}.png")
        picture(tmp_path / "masks" / f"{name}.png", 255)
    for split, names in (("train", "ab"), ("valid", "c")):
        lines = [f"images/{name}.png,masks/{name}.png,10,8" for name in names]
        (tmp_path / "csv_file").mkdir(exist_ok=True)
        (tmp_path / "csv_file" / f"{split}_info.csv").write_text("\n".join(["images,masks,width,height", *lines]))
    assert sizes(tmp_path) == {"train": 2, "validation": 1}


def test_two_files_for_a_split_are_refused_by_name(tmp_path: Path) -> None:
    for name in ("train_1.json", "train_2.json", "val.json"):
        via(tmp_path / name, "a.png")
    with pytest.raises(DataError, match=r"3 label files \(train_1\.json, train_2\.json, val\.json\); give the one"):
        parsers.recognise(tmp_path)
