"""LabelMe files, written and read back."""

from __future__ import annotations

import base64
import json
import tempfile
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contorno import masks
from contorno.errors import ConfigError
from contorno.geometry import Polygons, RunLength
from contorno.images import write_image
from contorno.parsers.labelme import LabelMeParser
from contorno.records import ClassMap, Instances, Record, Records
from contorno.splits import SingleSplitter
from contorno.writers.labelme import write_labelme
from outlined import some_records
from tiny import bitmap, disc

RING = np.pad(bitmap("###", "#.#", "###"), ((2, 11), (3, 14)))


def read(path: Path, img_dir: Path | None = None) -> Records:
    (records,) = LabelMeParser(path, img_dir).parse(SingleSplitter(), autofix=False)
    return records


def one(folder: Path, *geometries: Any, name: str = "a.png", **more: Any) -> Records:
    """One image with objects of one class."""
    write_image(folder / name, np.zeros((16, 20, 3), dtype=np.uint8))
    instances = Instances.build((16, 20), [1] * len(geometries), geometries, **more)
    record = Record(image_id=name, size_hw=(16, 20), instances=instances, path=folder / name)
    return Records([record], ClassMap(["cat", "dog"]))


def triangle(left: float = 1) -> Polygons:
    return Polygons((np.array([[left, 1], [left + 8.125, 2], [left + 4, 8]]),))


def document(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


@settings(max_examples=40, deadline=None)
@given(records=some_records(), holes=st.sampled_from(["mask", "joined"]))
def test_records_come_back_as_they_were(records: Records, holes: Literal["mask", "joined"]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        written = write_labelme(records, Path(folder), holes=holes)
        unsorted = read(Path(folder))
    # Files are read in the order of their names.
    back = {record.image_id: record for record in unsorted}
    assert (written.images, written.objects, written.lossless) == (len(records), records.num_objects, True)
    assert unsorted.class_map == records.class_map
    for old in records:
        new = back[old.image_id]
        assert (new.size_hw, new.split) == (old.size_hw, old.split)
        before, after = old.instances, new.instances
        assert after.labels.tolist() == before.labels.tolist()
        assert after.is_crowd.tolist() == before.is_crowd.tolist()
        assert after.boxes.tolist() == before.boxes.tolist()
        assert (after.ids or ()) == (before.ids or ())
        for index, geometry in enumerate(before.geometries):
            found = after.geometries[index]
            if geometry is None or isinstance(geometry, Polygons):
                assert found == geometry
            else:
                assert found is not None
                assert masks.to_run_length(found, old.size_hw) == geometry
        assert list(after.attributes or [{}] * len(after)) == list(before.attributes or [{}] * len(before))


def test_file_has_what_the_tool_opens(tmp_path: Path) -> None:
    records = one(tmp_path / "in", triangle(), None, boxes=[[1, 1, 9, 8], [2, 3, 8, 7.5]])
    written = write_labelme(records, tmp_path / "out")
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["a.json", "a.png", "labels.txt"]
    assert (tmp_path / "out/labels.txt").read_text() == "__ignore__\n_background_\ncat\ndog\n"
    found = document(tmp_path / "out/a.json")
    first, second = found.pop("shapes")
    assert found == {
        "version": "5.5.0",
        "flags": {},
        "imagePath": "a.png",
        "imageData": None,
        "imageHeight": 16,
        "imageWidth": 20,
    }
    assert first == {
        "label": "cat",
        "points": [[1, 1], [9.125, 2], [5, 8]],
        "group_id": None,
        "description": "",
        "shape_type": "polygon",
        "flags": {},
        "mask": None,
    }
    assert (second["shape_type"], second["points"]) == ("rectangle", [[2, 3], [8, 7.5]])
    assert (written.path, written.images, written.objects) == (tmp_path / "out", 1, 2)


def test_parts_share_a_group(tmp_path: Path) -> None:
    two = Polygons((*triangle(1).parts, *triangle(11).parts))
    write_labelme(one(tmp_path / "in", two, triangle(5)), tmp_path / "out")
    assert [shape["group_id"] for shape in document(tmp_path / "out/a.json")["shapes"]] == [1, 1, None]
    assert read(tmp_path / "out")[0].instances.geometries == (two, triangle(5))


def test_mask_with_a_hole_is_a_picture_or_a_joined_polygon(tmp_path: Path) -> None:
    records = one(tmp_path / "in", masks.encode(RING))
    written = write_labelme(records, tmp_path / "pictures")
    (shape,) = document(tmp_path / "pictures/a.json")["shapes"]
    assert (shape["shape_type"], shape["points"]) == ("mask", [[3, 2], [5, 4]])
    assert written.receipt is None
    (geometry,) = read(tmp_path / "pictures")[0].instances.geometries
    assert geometry == masks.encode(RING)
    written = write_labelme(records, tmp_path / "joined", holes="joined")
    (shape,) = document(tmp_path / "joined/a.json")["shapes"]
    assert shape["shape_type"] == "polygon"
    assert written.lossless
    assert written.receipt is not None
    assert read(tmp_path / "joined")[0].instances.run_lengths() == (masks.encode(RING),)


def test_simplified_masks_show_their_score(tmp_path: Path) -> None:
    code = masks.encode(disc((16, 20), (10, 8), 6.5))
    records = one(tmp_path / "in", code, triangle(), attributes=[{"score": 0.875}, {"score": 0.5, "description": "x"}])
    written = write_labelme(records, tmp_path / "out", form="simplified", min_iou=0.9)
    shapes = document(tmp_path / "out/a.json")["shapes"]
    assert [shape["description"] for shape in shapes] == ["score 0.875", "x"]
    assert len(shapes[0]["points"]) < len(masks.to_polygons(code).parts[0]) / 2
    assert written.receipt is not None
    assert 0.9 <= written.receipt.minimum < 1
    (record,) = read(tmp_path / "out")
    assert record.instances.attributes == ({"score": 0.875}, {"score": 0.5, "description": "x"})


def test_splits_become_sub_folders(tmp_path: Path) -> None:
    parts = {"train": one(tmp_path / "in", triangle()), "validation": one(tmp_path / "in", triangle(), name="b.png")}
    written = write_labelme(parts, tmp_path / "out")
    assert (written.images, written.objects) == (2, 2)
    assert (tmp_path / "out/train/a.json").is_file()
    train, validation = LabelMeParser(tmp_path / "out").parse()
    assert [(train[0].image_id, train[0].split), (validation[0].image_id, validation[0].split)] == [
        ("a.png", "train"),
        ("b.png", "validation"),
    ]


def test_images_may_stay_where_they_are_or_go_into_the_file(tmp_path: Path) -> None:
    records = one(tmp_path / "images", triangle())
    write_labelme(records, tmp_path / "labels", images="leave", image_data="embedded")
    found = document(tmp_path / "labels/a.json")
    assert found["imagePath"] == "../images/a.png"
    assert base64.b64decode(found["imageData"]) == (tmp_path / "images/a.png").read_bytes()
    assert read(tmp_path / "labels", tmp_path / "images")[0].path == tmp_path / "images/a.png"
    assert read(tmp_path / "labels")[0].path == tmp_path / "images/a.png", "found beside the folder of labels"
    (tmp_path / "images").rename(tmp_path / "gone")
    (record,) = read(tmp_path / "labels")
    assert record.path is None
    assert record.image is not None


def test_images_of_one_name_get_label_files_of_their_own(tmp_path: Path) -> None:
    first, second = (one(tmp_path / "in", triangle(), name=name) for name in ("a.png", "a.jpg"))
    records = Records([*first, *second], first.class_map)
    write_labelme(records, tmp_path / "out")
    assert sorted(file.name for file in (tmp_path / "out").glob("*.json")) == ["a.jpg.json", "a.json"]
    assert sorted(record.image_id for record in read(tmp_path / "out")) == ["a.jpg", "a.png"]


def test_what_the_format_cannot_hold_is_counted(tmp_path: Path) -> None:
    empty = masks.encode(np.zeros((16, 20), dtype=np.uint8))
    records = one(
        tmp_path / "in",
        triangle(),
        empty,
        boxes=[[1, 1, 9.5, 8], [0, 0, 1, 1]],
        areas=[20.0, float("nan")],
        attributes=[{"label": "x", "note": "", "flags": {"a": 1}, "description": 3}, {}],
    )
    written = write_labelme(records, tmp_path / "out")
    assert written.lost == {
        "attribute 'label', which means something else in this format": 1,
        "attribute without a value": 1,
        "attribute 'flags' that is not yes or no by name": 1,
        "attribute 'description' that is not a text": 1,
        "box that is not the tight box of its mask": 1,
        "stated area": 1,
        "mask without pixels": 1,
    }
    (shape,) = document(tmp_path / "out/a.json")["shapes"]
    assert (shape["flags"], shape["description"]) == ({}, "")


def test_bad_options_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    records = one(tmp_path / "in", triangle())
    memory = Record(
        image_id=1, size_hw=(4, 4), instances=Instances.build((4, 4)), image=np.zeros((4, 4, 3), dtype=np.uint8)
    )
    with pytest.raises(ConfigError, match="form='round'"):
        write_labelme(records, tmp_path / "out", form="round")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="holes='cut'"):
        write_labelme(records, tmp_path / "out", holes="cut")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="pixels and no file to name"):
        write_labelme(Records([memory], ClassMap(["cat"])), tmp_path / "out", images="leave")
    assert not (tmp_path / "out").exists()


def test_image_in_memory_may_be_in_the_file_only(tmp_path: Path) -> None:
    pixels = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    code = masks.encode(bitmap("##..", "##..", "....", "...."))
    record = Record(image_id="x", size_hw=(4, 4), instances=Instances.build((4, 4), [1], [code]), image=pixels)
    write_labelme(Records([record], ClassMap(["cat"])), tmp_path, images="leave", image_data="embedded")
    (back,) = read(tmp_path)
    assert back.image is not None
    assert np.array_equal(back.image, pixels)
    (geometry,) = back.instances.geometries
    assert not isinstance(geometry, RunLength)


@pytest.mark.parametrize("split", ["..", "../out", "a\\b"])
def test_split_that_is_no_name_of_a_folder_is_refused(tmp_path: Path, split: str) -> None:
    with pytest.raises(ConfigError, match="cannot be the name of a folder"):
        write_labelme({split: one(tmp_path, triangle())}, tmp_path / "out")
