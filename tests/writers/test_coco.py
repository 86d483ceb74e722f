from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

import tiny
from contorno import masks
from contorno.errors import ConfigError, DataError
from contorno.masks import Polygons
from contorno.parsers import COCOBBoxParser, COCOMaskParser
from contorno.records import ClassMap, ImageId, Instances, Record, Records
from contorno.splits import SingleSplitter
from contorno.writers.coco import ATTRIBUTES_LOST, NO_OUTLINE, VERTICES_LOST, write_coco

SIZE = (6, 8)
RING = tiny.bitmap("........", ".#####..", ".#...#..", ".#...#..", ".#####.#", "........")
TRIANGLE = Polygons((np.array([[0.1, 1 / 3], [6.7, 0.2], [2.5, 5.123456789012345]]),))
TWO_PARTS = Polygons((np.array([[0.0, 0], [2, 0], [2, 2]]), np.array([[4.0, 3], [8, 3], [8, 6], [4, 6]])))


def record(image_id: ImageId, folder: Path, instances: Instances | None = None, split: str | None = None) -> Record:
    path = folder / f"{image_id}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    found = instances if instances is not None else Instances.build(SIZE)
    return Record(image_id=image_id, path=path, size_hw=SIZE, instances=found, split=split)


def mixed() -> Instances:
    return Instances.build(
        SIZE,
        labels=[2, 1, 1],
        geometries=[TRIANGLE, masks.encode(RING), TWO_PARTS],
        boxes=[[0.1, 1 / 3, 6.7, 5.1234567], [1, 1, 8, 5], [0, 0, 8, 6]],
        is_crowd=[False, False, True],
        areas=[1 / 3, 15, 13.5],
        ids=[7, 5, 9],
    )


def read(path: Path, img_dir: Path) -> Records:
    (records,) = COCOMaskParser(path, img_dir).parse(SingleSplitter(), autofix=False)
    return records


def state(records: Records) -> list[Any]:
    """All that records hold, comparable with ==; floats to the bit."""
    held: list[Any] = [records.class_map.names]
    for record in records:
        i = record.instances
        arrays = [(a.dtype, a.tobytes()) for a in (i.labels, i.boxes, i.is_crowd, i.areas)]
        held.append((record.image_id, record.path, record.size_hw, record.split, i.geometries, i.ids or None, arrays))
    return held


@pytest.mark.parametrize("first_id", [0, 3, -1, "a", "1", "sub/a"])
def test_reading_gives_back_the_very_same_records(tmp_path: Path, first_id: ImageId) -> None:
    given = Records(
        [record(first_id, tmp_path, mixed(), split="train"), record(2, tmp_path)], ClassMap(["hole", "Drei Eck"])
    )
    path = write_coco(given, tmp_path / "out" / "labels.json", img_dir=tmp_path).path
    assert state(read(path, tmp_path)) == state(given)


@pytest.mark.parametrize("ids", [[0, 1, 2], ["a", "b", "c"], [1, 2, "2"]], ids=str)
def test_annotation_ids_that_coco_cannot_hold_come_back_too(tmp_path: Path, ids: list[int | str]) -> None:
    instances = Instances.build(SIZE, [1, 1, 1], mixed().geometries, areas=[1, 2, 3], ids=ids)
    given = Records([record(1, tmp_path, instances)], ClassMap(["a"]))
    path = write_coco(given, tmp_path / "labels.json", img_dir=tmp_path).path
    assert [annotation["id"] for annotation in json.loads(path.read_text())["annotations"]] == [1, 2, 3]
    assert state(read(path, tmp_path)) == state(given)


corners = st.tuples(st.floats(0, 8, width=64), st.floats(0, 6, width=64))
edges = st.floats(0, 8, width=32)


@given(points=st.lists(corners, min_size=0, max_size=5), box=st.tuples(edges, edges, edges, edges))
def test_vertices_and_boxes_are_exact_to_the_bit(
    tmp_path_factory: pytest.TempPathFactory, points: list[tuple[float, float]], box: tuple[float, ...]
) -> None:
    folder = tmp_path_factory.getbasetemp() / "exact"
    polygon = Polygons((np.array([*points, (0, 0), (8, 0), (8, 6), (0, 6)], dtype=np.float64),))
    x, y = sorted(box[:2]), sorted(value * 0.75 for value in box[2:])
    stated = np.array([[x[0], y[0], x[1], y[1]]], dtype=np.float32)
    if not (stated[:, :2] < stated[:, 2:]).all():
        stated = np.array([[0, 0, 8, 6]], dtype=np.float32)
    instances = Instances.build(SIZE, [1], [polygon], boxes=stated, areas=[48], ids=[1])
    given = Records([record(1, folder, instances)], ClassMap(["a"]))
    assert state(read(write_coco(given, folder / "labels.json", img_dir=folder).path, folder)) == state(given)


@pytest.mark.parametrize("form", ["rle", "pixel-edges"])
def test_other_forms_of_mask_decode_to_the_same_pixels_in_pycocotools(tmp_path: Path, form: Any) -> None:
    given = Records([record(1, tmp_path, mixed())], ClassMap(["a", "b"]))
    value = json.loads(write_coco(given, tmp_path / "labels.json", img_dir=tmp_path, masks=form).path.read_text())
    for annotation, code in zip(value["annotations"], given[0].instances.run_lengths(), strict=True):
        segmentation = annotation["segmentation"]
        assert isinstance(segmentation, dict if form == "rle" else list)
        codes = coco_mask.frPyObjects(segmentation, *SIZE) if isinstance(segmentation, list) else [segmentation]
        assert coco_mask.merge(codes)["counts"] == code.counts


def test_file_is_plain_coco(tmp_path: Path) -> None:
    given = Records([record(1, tmp_path / "deep", mixed())], ClassMap(["a", "b"]))
    value = json.loads(write_coco(given, tmp_path / "labels.json", img_dir=tmp_path).path.read_text())
    assert value["images"] == [{"id": 1, "file_name": "deep/1.png", "width": 8, "height": 6}]
    assert value["categories"] == [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]
    ring = value["annotations"][1]
    assert (ring["id"], ring["image_id"], ring["category_id"], ring["iscrowd"]) == (5, 1, 1, 0)
    assert (ring["bbox"], ring["area"]) == ([1, 1, 7, 4], 15)
    assert ring["segmentation"]["size"] == [6, 8]
    assert value["annotations"][2]["iscrowd"] == 1


def test_area_that_nobody_stated_is_that_of_the_mask_or_of_the_box(tmp_path: Path) -> None:
    instances = Instances.build(SIZE, [1, 1], [masks.encode(RING), None], boxes=[[1, 1, 8, 5], [0, 0, 2, 3]])
    given = Records([record(1, tmp_path, instances)], ClassMap(["a"]))
    path = write_coco(given, tmp_path / "labels.json", img_dir=tmp_path).path
    annotations = json.loads(path.read_text())["annotations"]
    assert [annotation["area"] for annotation in annotations] == [RING.sum(), 6]
    (boxes,) = COCOBBoxParser(path, tmp_path).parse(SingleSplitter(), autofix=False)
    assert boxes[0].instances.boxes.tolist() == instances.boxes.tolist()


def test_simplified_masks_keep_the_bound_and_the_receipt_says_so(tmp_path: Path) -> None:
    size = (90, 120)
    ring = tiny.disc(size, (60, 45), 40) & (1 - tiny.disc(size, (60, 45), 20))
    square = Polygons((np.array([[3.5, 3], [20, 3], [20, 17], [3.5, 17]]),))
    dense = masks.to_polygons(masks.encode(tiny.disc(size, (30, 60), 25)))
    instances = Instances.build(size, [1, 1, 1], [masks.encode(ring), square, dense])
    (tmp_path / "1.png").touch()
    given = Records(
        [Record(image_id=1, path=tmp_path / "1.png", size_hw=size, instances=instances)], ClassMap(["ring"])
    )
    written = write_coco(given, tmp_path / "labels.json", img_dir=tmp_path, masks="simplified", min_iou=0.95)
    value = json.loads(written.path.read_text())
    simple, kept, fewer = (annotation["segmentation"] for annotation in value["annotations"])
    assert kept == square.to_coco()  # has no more vertices than a simplified one would
    for segmentation, code in zip(
        (simple, fewer), np.array(instances.run_lengths(), dtype=object)[[0, 2]], strict=True
    ):
        drawn = masks.to_run_length(masks.from_coco(segmentation, size), size)
        assert 0.95 <= masks.iou([drawn], [code])[0, 0] < 1
        assert len(segmentation[0]) / 2 < 25
    assert written.receipt is not None
    assert (len(written.receipt.ious), written.receipt.minimum >= 0.95) == (2, True)
    assert (written.lossless, written.lost) == (False, {VERTICES_LOST: 1})
    with pytest.raises(ConfigError, match="no bound for an IoU"):
        write_coco(given, tmp_path / "labels.json", img_dir=tmp_path, masks="simplified", min_iou=98)


def test_what_a_form_costs_is_counted(tmp_path: Path) -> None:
    empty = masks.encode(np.zeros(SIZE, dtype=np.uint8))
    instances = Instances.build(SIZE, [1] * 3, [TRIANGLE, masks.encode(RING), empty], boxes=[[0, 0, 1, 1]] * 3)
    given = Records([record(1, tmp_path, instances)], ClassMap(["a"]))
    as_given, rle, edges = (
        write_coco(given, tmp_path / "labels.json", masks=form) for form in ("as-given", "rle", "pixel-edges")
    )
    assert (as_given.lossless, as_given.receipt, as_given.images, as_given.objects) == (True, None, 1, 3)
    assert (rle.lost, rle.receipt) == ({VERTICES_LOST: 1}, None)
    assert edges.lost == {VERTICES_LOST: 1, NO_OUTLINE: 1}
    assert edges.receipt is not None
    assert edges.receipt.ious.tolist() == [1, 1, 1]


def test_attributes_are_written_as_cvat_does_with_the_score_beside_them(tmp_path: Path) -> None:
    told = [{"occluded": True, "colour": "red", "score": 0.25}, {}, {"score": "high"}, {"score": 1}]
    instances = Instances.build(SIZE, [1] * 4, [TRIANGLE] * 4, attributes=told)
    given = Records([record(1, tmp_path, instances)], ClassMap(["a"]))
    written = write_coco(given, tmp_path / "labels.json")
    members = [
        {key: annotation[key] for key in ("attributes", "score") if key in annotation}
        for annotation in json.loads(written.path.read_text())["annotations"]
    ]
    assert members == [
        {"attributes": {"occluded": True, "colour": "red"}, "score": 0.25},
        {},
        {"attributes": {"score": "high"}},
        {"score": 1},
    ]
    assert written.lossless
    without = write_coco(given, tmp_path / "labels.json", attributes=False)
    assert without.lost == {ATTRIBUTES_LOST: 3}
    assert "red" not in without.path.read_text()


def test_attribute_that_is_no_json_is_named(tmp_path: Path) -> None:
    instances = Instances.build(SIZE, [1], [TRIANGLE], attributes=[{"depth": float("nan")}])
    given = Records([record("photo", tmp_path, instances)], ClassMap(["a"]))
    with pytest.raises(DataError, match="image 'photo', annotation 1: the attribute 'depth' cannot be written as JSON"):
        write_coco(given, tmp_path / "labels.json")
    assert not (tmp_path / "labels.json").exists()


def test_progress_is_told_to_the_last_image(tmp_path: Path) -> None:
    told: list[tuple[str, int, int | None]] = []
    given = Records([record(i, tmp_path) for i in range(1, 4)], ClassMap(["a"]))
    write_coco(given, tmp_path / "labels.json", progress=lambda *step: told.append(step))
    assert told == [("writing annotations", 3, 3)]


def test_extras_stand_beside_the_tables_and_cannot_replace_them(tmp_path: Path) -> None:
    given = Records([record(1, tmp_path)], ClassMap(["a"]))
    path = write_coco(given, tmp_path / "labels.json", img_dir=tmp_path, extras={"info": {"year": 2024}}).path
    assert json.loads(path.read_text())["info"] == {"year": 2024}
    with pytest.raises(ConfigError, match="'images', which the records fill"):
        write_coco(given, path, img_dir=tmp_path, extras={"images": []})
    with pytest.raises(ConfigError, match=r"extras\['info'\] cannot be written as JSON"):
        write_coco(given, path, img_dir=tmp_path, extras={"info": float("nan")})


def test_image_outside_the_folder_or_in_memory_is_refused_and_the_old_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "labels.json"
    path.write_text("old")
    outside = Records([record(1, tmp_path / "a")], ClassMap(["x"]))
    with pytest.raises(ConfigError, match=r"image 1: its file .* is not in img_dir"):
        write_coco(outside, path, img_dir=tmp_path / "b")
    with pytest.raises(ConfigError, match="image 1: it has pixels and no file"):
        write_coco(tiny.disc_records(1), path, img_dir=tmp_path)
    with pytest.raises(ConfigError, match="choose one of as-given, rle, pixel-edges, simplified"):
        write_coco(outside, path, img_dir=tmp_path, masks="bitmap")  # type: ignore[arg-type]
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == ["labels.json"]


def test_images_behind_a_link_are_found(tmp_path: Path) -> None:
    given = Records([record(1, tmp_path / "real")], ClassMap(["x"]))
    (tmp_path / "link").symlink_to(tmp_path / "real", target_is_directory=True)
    path = write_coco(given, tmp_path / "labels.json", img_dir=tmp_path / "link").path
    assert json.loads(path.read_text())["images"][0]["file_name"] == "1.png"
