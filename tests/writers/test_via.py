"""Projects of the VGG Image Annotator, written and read back."""

from __future__ import annotations

import dataclasses
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from PIL import Image

from contorno import masks
from contorno.errors import ConfigError
from contorno.geometry import Polygons
from contorno.images import write_image
from contorno.parsers.via import VIAParser
from contorno.records import ClassMap, Instances, Record, Records
from contorno.splits import SingleSplitter
from contorno.writers.via import write_via
from outlined import some_records
from tiny import bitmap, disc


def read(path: Path, img_dir: Path | None = None, **options: Any) -> Records:
    (records,) = VIAParser(path, img_dir, **options).parse(SingleSplitter(), autofix=False)
    return records


def one(folder: Path, *geometries: Any, **more: Any) -> Records:
    """One image with objects of one class."""
    file = folder / "a.png"
    Image.fromarray(np.zeros((16, 20, 3), dtype=np.uint8)).save(file)
    instances = Instances.build((16, 20), [1] * len(geometries), geometries, **more)
    return Records(
        [Record(image_id="a.png", size_hw=(16, 20), instances=instances, path=file)], ClassMap(["cat", "dog"])
    )


def triangle(left: float = 1) -> Polygons:
    return Polygons((np.array([[left, 1], [left + 8.125, 2], [left + 4, 8]]),))


@settings(max_examples=40, deadline=None)
@given(records=some_records())
def test_records_come_back_as_they_were(records: Records) -> None:
    with tempfile.TemporaryDirectory() as folder:
        written = write_via(records, Path(folder) / "via.json", images="copy")
        back = read(Path(folder) / "via.json")
    assert (written.images, written.objects, written.lossless) == (len(records), records.num_objects, True)
    assert back.class_map == records.class_map
    for old, new in zip(records, back, strict=True):
        assert (new.image_id, new.size_hw, new.split) == (old.image_id, old.size_hw, old.split)
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


def test_project_has_what_the_tool_opens(tmp_path: Path) -> None:
    path = tmp_path / "out" / "via.json"
    records = one(tmp_path, triangle(), None, boxes=[[1, 1, 9, 8], [2, 3, 8, 7.5]])
    written = write_via(records, path, img_dir=tmp_path)
    document = json.loads(path.read_text())
    size = (tmp_path / "a.png").stat().st_size
    assert list(document) == [
        "_via_settings",
        "_via_img_metadata",
        "_via_attributes",
        "_via_data_format_version",
        "_via_image_id_list",
    ]
    assert document["_via_image_id_list"] == [f"a.png{size}"]
    assert document["_via_data_format_version"] == "2.0.10"
    assert document["_via_settings"]["core"]["default_filepath"] == "../"
    assert document["_via_attributes"]["region"]["class"]["options"] == {"cat": "", "dog": ""}
    entry = document["_via_img_metadata"][f"a.png{size}"]
    assert (entry["filename"], entry["size"], entry["file_attributes"]) == ("a.png", size, {})
    assert entry["regions"] == [
        {
            "shape_attributes": {"name": "polygon", "all_points_x": [1, 9.125, 5], "all_points_y": [1, 2, 8]},
            "region_attributes": {"class": "cat"},
        },
        {
            "shape_attributes": {"name": "rect", "x": 2, "y": 3, "width": 6, "height": 4.5},
            "region_attributes": {"class": "cat"},
        },
    ]
    assert (written.path, written.images, written.objects) == (path, 1, 2)


def test_same_records_give_the_same_bytes(tmp_path: Path) -> None:
    records = one(tmp_path, triangle())
    for name in ("x.json", "y.json"):
        write_via(records, tmp_path / name)
    first, second = ((tmp_path / name).read_text() for name in ("x.json", "y.json"))
    assert first == second.replace('"name": "y"', '"name": "x"')


def test_parts_share_a_group_and_become_one_object_again(tmp_path: Path) -> None:
    two = Polygons((*triangle(1).parts, *triangle(11).parts))
    records = one(tmp_path, two, triangle(5), masks.encode(np.pad(bitmap("#..#", "#..#"), ((0, 14), (0, 16)))))
    write_via(records, tmp_path / "via.json")
    (entry,) = json.loads((tmp_path / "via.json").read_text())["_via_img_metadata"].values()
    assert [region["region_attributes"].get("group_id") for region in entry["regions"]] == [1, 1, None, 2, 2]
    (record,) = read(tmp_path / "via.json")
    assert record.instances.geometries[:2] == (two, triangle(5))
    assert record.instances.run_lengths() == records[0].instances.run_lengths()


def test_simplified_masks_have_few_vertices_a_score_and_a_receipt(tmp_path: Path) -> None:
    code = masks.encode(disc((16, 20), (10, 8), 6.5))
    records = one(tmp_path, code, attributes=[{"score": 0.875}])
    written = write_via(records, tmp_path / "via.json", form="simplified", min_iou=0.9)
    (record,) = read(tmp_path / "via.json")
    (geometry,) = record.instances.geometries
    assert isinstance(geometry, Polygons)
    assert len(geometry.parts[0]) < len(masks.to_polygons(code).parts[0]) / 2
    assert written.receipt is not None
    assert written.receipt.minimum == masks.iou([masks.to_run_length(geometry, (16, 20))], [code])[0, 0]
    assert 0.9 <= written.receipt.minimum < 1
    assert record.instances.attributes == ({"score": 0.875},)
    assert not written.lossless


def test_what_the_format_cannot_hold_is_counted(tmp_path: Path) -> None:
    empty = masks.encode(np.zeros((16, 20), dtype=np.uint8))
    records = one(
        tmp_path,
        triangle(),
        empty,
        boxes=[[1, 1, 9.5, 8], [0, 0, 1, 1]],
        areas=[20.0, float("nan")],
        attributes=[{"class": "x", "note": "", "colour": "red"}, {}],
    )
    written = write_via(records, tmp_path / "via.json")
    assert written.lost == {
        "attribute 'class', which means something else in this format": 1,
        "attribute without a value": 1,
        "box that is not the tight box of its mask": 1,
        "stated area": 1,
        "mask without pixels": 1,
    }
    assert (written.objects, len(read(tmp_path / "via.json")[0].instances)) == (1, 1)


def test_images_without_objects_and_ids_and_splits_stay(tmp_path: Path) -> None:
    file = tmp_path / "sub" / "a.png"
    write_image(file, np.zeros((4, 4, 3), dtype=np.uint8))
    record = Record(image_id=7, size_hw=(4, 4), instances=Instances.build((4, 4)), path=file, split="test")
    write_via(Records([record], ClassMap(["cat"])), tmp_path / "via.json", img_dir=tmp_path)
    (back,) = read(tmp_path / "via.json", tmp_path)
    assert (back.image_id, back.split, back.path, len(back.instances)) == (7, "test", file, 0)


def test_image_that_is_not_there_has_the_size_minus_one(tmp_path: Path) -> None:
    records = one(tmp_path, triangle())
    (tmp_path / "a.png").unlink()
    write_via(records, tmp_path / "via.json")
    assert list(json.loads((tmp_path / "via.json").read_text())["_via_img_metadata"]) == ["a.png-1"]


def test_bad_options_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    records = one(tmp_path, triangle())
    pixels = np.zeros((4, 4, 3), dtype=np.uint8)
    memory = Record(image_id=1, size_hw=(4, 4), instances=Instances.build((4, 4)), image=pixels)
    with pytest.raises(ConfigError, match="form='round'"):
        write_via(records, tmp_path / "via.json", form="round")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="label_field='score'"):
        write_via(records, tmp_path / "via.json", label_field="score")
    with pytest.raises(ConfigError, match="pixels and no file to name"):
        write_via(Records([memory], ClassMap(["cat"])), tmp_path / "via.json")
    assert not (tmp_path / "via.json").exists()


def test_two_records_of_one_image_file_keep_the_objects_of_both(tmp_path: Path) -> None:
    parted = Polygons((*triangle().parts, *triangle(10).parts))
    (record,) = one(tmp_path, parted)
    twice = Records([record, dataclasses.replace(record, image_id="again")], ClassMap(["cat", "dog"]))
    written = write_via(twice, tmp_path / "via.json")
    assert written.lost == {"second record of one image file, its objects put to those of the first": 1}
    (back,) = read(tmp_path / "via.json")
    assert back.instances.geometries == (parted, parted)
