"""What tools write into COCO files beyond the format's own documentation. Images of 6 x 8 pixels (height x width)."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from contorno import masks, parsers
from contorno.errors import DataError
from contorno.images import write_image
from contorno.parsers import COCOBBoxParser, COCOMaskParser, COCOParser, coco_ids
from contorno.parsers import coco as coco_module
from contorno.parsers.coco_categories import PROJECT_ROW
from contorno.parsers.coco_document import name_in_url
from contorno.parsers.coco_layouts import drop_supercategory, find_coco_files, image_folder
from contorno.parsers.coco_text import Refused
from contorno.parsers.json_head import read_head
from contorno.splits import SingleSplitter

SQUARE = [1, 1, 4, 1, 4, 4, 1, 4]


def document(name: str = "a.png", **image: Any) -> dict[str, Any]:
    return {
        "images": [{"id": 1, "file_name": name, "width": 8, "height": 6, **image}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "segmentation": [SQUARE], "bbox": [1, 1, 3, 3]}],
        "categories": [{"id": 1, "name": "cod"}],
    }


def put(path: Path, made: dict[str, Any], *images: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(made))
    for seed, name in enumerate(images):
        (path.parent / name).parent.mkdir(parents=True, exist_ok=True)
        write_image(path.parent / name, np.full((6, 8, 3), 40 * seed, dtype=np.uint8))
    return path


def roboflow(project: str = "fish-x1", *names: str) -> dict[str, Any]:
    """A file of Roboflow: the first row is the project."""
    rows = [{"id": key, "name": name, "supercategory": project} for key, name in enumerate(names or ("cod", "eel"), 1)]
    return {**document(), "categories": [{"id": 0, "name": project, "supercategory": "none"}, *rows]}


@pytest.mark.parametrize("kind", [COCOMaskParser, COCOBBoxParser, COCOParser])
@pytest.mark.parametrize("is_plain", [False, True])
def test_the_row_of_the_project_gets_no_label(
    tmp_path: Path, kind: type, is_plain: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(tmp_path / "labels.json", roboflow(), "a.png")
    if is_plain:

        def refuse(*_: object) -> None:
            raise Refused("the test wants the plain way")

        monkeypatch.setattr(coco_module, "quick_records", refuse)
    parser = kind(path, tmp_path)
    assert parser.class_map.names == ("cod", "eel")
    (records,) = parser.parse(SingleSplitter(), False)
    assert records[0].instances.labels.tolist() == [1]
    assert parser.report.dropped == {PROJECT_ROW: 1}


def test_the_row_of_a_project_named_like_its_class_is_no_repeat(tmp_path: Path) -> None:
    path = put(tmp_path / "labels.json", roboflow("cod", "cod"), "a.png")
    parser = COCOMaskParser(path, tmp_path)
    parser.parse(SingleSplitter())
    assert parser.class_map.names == ("cod",)
    assert not parser.report.mended
    assert coco_ids(path, parser.class_map).categories == {1: 1}


def test_a_row_that_has_objects_is_a_class(tmp_path: Path) -> None:
    made = roboflow()
    made["annotations"][0]["category_id"] = "0"
    path = put(tmp_path / "labels.json", made, "a.png")
    assert COCOMaskParser(path, tmp_path).class_map.names == ("fish-x1", "cod", "eel")


def test_odd_supercategories_are_no_fault(tmp_path: Path) -> None:
    made = document()
    made["categories"] = [{"id": 0, "name": "p", "supercategory": ["x"]}, {"id": 1, "name": "c", "supercategory": {}}]
    path = put(tmp_path / "labels.json", made, "a.png")
    assert COCOMaskParser(path, tmp_path).class_map.names == ("p", "c")


def test_a_hundred_thousand_categories_are_looked_through_once() -> None:
    rows = [{"id": n, "name": f"c{n}", "supercategory": "all"} for n in range(100_000)]
    assert drop_supercategory(rows, ()) == (rows, [])


@pytest.mark.parametrize("images", ["train2017", "."])
def test_images_of_lvis_are_named_by_their_address(tmp_path: Path, images: str) -> None:
    made = document(coco_url="http://images.cocodataset.org/train2017/a%20b.png?x=1", neg_category_ids=[2])
    del made["images"][0]["file_name"]
    path = put(tmp_path / "lvis_v1_train.json", made, f"{images}/a b.png")
    (records,) = COCOMaskParser(path, tmp_path).parse(SingleSplitter())
    assert records[0].path == tmp_path / images / "a b.png"


def test_image_folder_of_lvis_is_found(tmp_path: Path) -> None:
    made = document(coco_url="http://images.cocodataset.org/val2017/a.png")
    del made["images"][0]["file_name"]
    path = put(tmp_path / "lvis.json", made, "val2017/a.png")
    assert image_folder(path, tmp_path) == tmp_path
    other = put(tmp_path / "other" / "below" / "lvis.json", made, "images/a.png")
    assert image_folder(other, other.parent) == other.parent / "images"


@pytest.mark.parametrize(
    "url", ["", "a/b.png", None, 3, "http://", "http://host/../../x.png", "http://h/%2e%2e/x", "x://"]
)
def test_addresses_that_name_no_file(url: object) -> None:
    assert name_in_url(url) is None


def test_images_given_apart_are_found_by_the_folder_of_the_split(tmp_path: Path) -> None:
    for split in ("train", "valid"):
        put(tmp_path / "labels" / split / "_annotations.coco.json", roboflow())
        put(tmp_path / "photos" / split / "x.txt", {}, "a.png")
    parts = parsers.parse(tmp_path / "labels", tmp_path / "photos")
    assert parts["validation"][0].path == tmp_path / "photos" / "valid" / "a.png"


def test_folder_whose_names_lead_nowhere_is_coco_all_the_same(tmp_path: Path) -> None:
    put(tmp_path / "result.json", document("..\\..\\media\\upload\\1\\a.png"), "images/b.png")
    found = parsers.recognise(tmp_path)
    assert (found.splits[""].kind, found.splits[""].images) == ("COCO file", None)
    with pytest.raises(DataError, match="leads out of the image folder"):
        parsers.parse(tmp_path)


def test_files_of_other_tasks_alone_are_named(tmp_path: Path) -> None:
    put(tmp_path / "panoptic_val2017.json", document())
    with pytest.raises(DataError, match=r"other tasks alone \(panoptic_val2017.json\)"):
        find_coco_files(tmp_path)


@pytest.mark.parametrize("side", [1 << 31, 10**4000], ids=["2^31", "thousands of digits"])
def test_size_that_no_image_has_is_read_from_the_file(tmp_path: Path, side: int) -> None:
    path = put(tmp_path / "labels.json", document(width=side, height=side), "a.png")
    (records,) = COCOMaskParser(path, tmp_path).parse(SingleSplitter())
    assert records[0].size_hw == (6, 8)


def test_runs_whose_sum_goes_round_are_refused() -> None:
    with pytest.raises(DataError, match="a run has"):
        masks.from_counts([2**62, 2**62, 2**62, 2**62, 48], (6, 8))


def test_bad_names_are_cut_in_messages(tmp_path: Path) -> None:
    for name in ("a" * 100_000, "../" + "a" * 100_000, "a/" * 50_000 + "b"):
        path = put(tmp_path / "labels.json", document(name))
        with pytest.raises(DataError) as caught:
            COCOMaskParser(path, tmp_path).parse()
        assert len(str(caught.value)) < 1000


def test_bad_values_of_results_are_cut_in_messages(tmp_path: Path) -> None:
    (records,) = COCOMaskParser(put(tmp_path / "labels.json", document(), "a.png"), tmp_path).parse(SingleSplitter())
    whole = {"image_id": 1, "category_id": 1, "score": 0.5, "segmentation": {"size": [6, 8], "counts": [40, 8]}}
    for bad in ({"category_id": 10**4000}, {"segmentation": {"size": "9" * 100_000, "counts": [48]}}):
        path = tmp_path / "results.json"
        path.write_text(json.dumps([whole, whole | bad]))
        with pytest.raises(DataError) as caught:
            parsers.read_results(path, records, autofix=False)
        assert len(str(caught.value)) < 1000


def test_a_pipe_is_no_json_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.json")
    with pytest.raises(DataError, match="is no file"):
        read_head(tmp_path / "a.json")
    with pytest.raises(DataError, match="not recognised"):
        parsers.recognise(tmp_path)


def test_the_background_of_labelme_gets_no_label(tmp_path: Path) -> None:
    made = document() | {"categories": [{"id": 0, "name": "_background_"}, {"id": 1, "name": "cod"}]}
    parser = COCOMaskParser(put(tmp_path / "annotations.json", made, "a.png"), tmp_path)
    (records,) = parser.parse(SingleSplitter())
    assert parser.class_map.names == ("cod",)
    assert records[0].instances.labels.tolist() == [1]
    assert parser.report.dropped == {"category row that stands for what is no object and is no class": 1}
    made["annotations"][0]["category_id"] = 0  # it has objects: then it is a class
    assert COCOMaskParser(put(tmp_path / "annotations.json", made), tmp_path).class_map.names == ("_background_", "cod")


def test_class_that_is_called_by_a_number_is_taken(tmp_path: Path) -> None:
    made = document() | {"categories": [{"id": 1, "name": 5}]}
    parser = COCOMaskParser(put(tmp_path / "a.json", made, "a.png"), tmp_path)
    parser.parse(SingleSplitter())
    assert parser.class_map.names == ("5",)
    assert parser.report.mended == {"category name that is a number": 1}


def test_image_without_a_name_is_found_by_any_of_its_addresses(tmp_path: Path) -> None:
    made = document(flickr_url="http://farm4.staticflickr.com/37/a.png")
    del made["images"][0]["file_name"]
    parts = parsers.read(put(tmp_path / "a.json", made, "images/a.png"))
    assert [record.path for part in parts.values() for record in part] == [tmp_path / "images" / "a.png"]
