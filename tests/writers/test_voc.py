from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

import tiny
from contorno import masks
from contorno.errors import ConfigError
from contorno.images import write_image
from contorno.masks import Polygons
from contorno.parsers.voc import VOCBBoxParser, VOCMaskParser
from contorno.records import ClassMap, Instances, Record, Records
from contorno.splits import BySplitFolder, SingleSplitter
from contorno.writers.voc import write_voc

LEFT = tiny.bitmap("##......", "##......", "##......")
RIGHT = tiny.bitmap(".....###", ".....#.#", ".....###")
CLASSES = ClassMap(["zebra", "ant"])


def records_of(*objects: list[tuple[int, NDArray[np.uint8]]]) -> Records:
    return Records([tiny.record(f"im{n}", (3, 8), pairs) for n, pairs in enumerate(objects)], CLASSES)


def read(folder: Path) -> Records:
    (records,) = VOCMaskParser(folder).parse(SingleSplitter(), autofix=False)
    return records


def test_written_masks_read_back_to_the_same_records(tmp_path: Path) -> None:
    records = records_of([(1, LEFT), (2, RIGHT)], [], [(2, LEFT)])
    written = write_voc(records, tmp_path)
    assert written.lossless
    assert (written.images, written.objects, written.lost) == (3, 3, {})
    back = read(tmp_path)
    assert back.class_map == CLASSES
    for one, other in zip(records, back, strict=True):
        assert (one.image_id, one.size_hw) == (other.image_id, other.size_hw)
        assert one.instances.labels.tolist() == other.instances.labels.tolist()
        assert one.instances.run_lengths() == other.instances.run_lengths()
        assert one.instances.boxes.tolist() == other.instances.boxes.tolist()
    (boxes,) = VOCBBoxParser(tmp_path).parse(SingleSplitter())
    assert boxes.class_map == CLASSES
    assert [r.instances.boxes.tolist() for r in boxes] == [r.instances.boxes.tolist() for r in records]


def test_pictures_are_in_vocs_palette_with_numbers_of_objects_and_of_classes(tmp_path: Path) -> None:
    write_voc(records_of([(2, LEFT), (1, RIGHT)]), tmp_path)
    for folder, numbers in (("SegmentationObject", [0, 1, 2]), ("SegmentationClass", [0, 2, 1])):
        with Image.open(tmp_path / folder / "im0.png") as image:
            assert image.mode == "P"
            assert image.getpalette()[:9] == [0, 0, 0, 128, 0, 0, 0, 128, 0]  # type: ignore[index]
            pixels = np.array(image)
        assert [pixels[0, 3], pixels[0, 0], pixels[0, 7]] == numbers
    text = (tmp_path / "Annotations" / "im0.xml").read_text()
    assert "<xmin>6</xmin>" in text
    assert "<xmax>8</xmax>" in text
    assert (tmp_path / "labels.txt").read_text() == "zebra\nant\n"


def test_later_objects_hide_earlier_ones_and_what_is_lost_is_counted(tmp_path: Path) -> None:
    full = np.ones((3, 8), dtype=np.uint8)
    inner = tiny.bitmap("........", ".##.....", "........")
    written = write_voc(records_of([(1, inner), (1, full), (2, LEFT)]), tmp_path)
    assert written.lost == {
        "pixel of an object below a later one": 8,
        "object hidden by later ones": 1,
        "object in part below a later one": 1,
    }
    assert written.receipt is not None
    assert written.receipt.ious.tolist() == [0, 18 / 24, 1]
    (back,) = VOCMaskParser(tmp_path).parse(SingleSplitter())
    assert masks.areas(back[0].instances.run_lengths()).tolist() == [18, 6]


def test_crowd_regions_lie_below_and_come_back_as_crowd(tmp_path: Path) -> None:
    full = np.ones((3, 8), dtype=np.uint8)
    instances = Instances.build((3, 8), [1, 2], [masks.encode(LEFT), masks.encode(full)], is_crowd=[False, True])
    image = np.zeros((3, 8, 3), dtype=np.uint8)
    records = Records([Record(image_id="a", size_hw=(3, 8), instances=instances, image=image)], CLASSES)
    write_voc(records, tmp_path)
    (back,) = read(tmp_path)
    assert back.instances.is_crowd.tolist() == [False, True]
    assert masks.areas(back.instances.run_lengths()).tolist() == [6, 18]
    assert [found["difficult"] for found in back.instances.attributes or ()] == [0, 1]


def test_objects_beyond_254_have_a_box_alone_and_void_is_no_object(tmp_path: Path) -> None:
    size = (1, 300)
    codes = [masks.encode_crop(np.ones((1, 1)), x, 0, size) for x in range(256)]
    instances = Instances.build(size, [1] * 256, codes)
    image = np.zeros((*size, 3), dtype=np.uint8)
    records = Records([Record(image_id="a", size_hw=size, instances=instances, image=image)], CLASSES)
    written = write_voc(records, tmp_path)
    assert written.lost == {"mask beyond the 254 objects that a picture holds": 2}
    assert not written.lossless
    with Image.open(tmp_path / "SegmentationObject" / "a.png") as picture:
        assert np.array(picture).max() == 254
    parser = VOCMaskParser(tmp_path)
    (back,) = parser.parse(SingleSplitter())
    assert (back.num_objects, parser.report.dropped) == (254, {"object in the XML without a mask": 2})


def test_splits_are_lists_of_images(tmp_path: Path) -> None:
    parts = {
        "train": Records([tiny.record("a", (3, 8), [(1, LEFT)])], CLASSES),
        "validation": Records([tiny.record("b", (3, 8), [(2, RIGHT)])], CLASSES),
        "test": Records([tiny.record("c", (3, 8), [])], CLASSES),
        "extra": Records([tiny.record("d", (3, 8), [(1, LEFT)])], CLASSES),
    }
    write_voc(parts, tmp_path)
    for kind in ("Main", "Segmentation"):
        lists = {path.stem: path.read_text().split() for path in (tmp_path / "ImageSets" / kind).iterdir()}
        assert lists == {"train": ["a"], "val": ["b"], "trainval": ["a", "b"], "test": ["c"], "extra": ["d"]}
    back = VOCMaskParser(tmp_path).parse(BySplitFolder())
    assert [[(r.image_id, r.split) for r in part] for part in back] == [
        [("a", "train")],
        [("b", "validation")],
        [("c", "test")],
        [("d", "extra")],
    ]
    other = Records([tiny.record("e", (3, 8), [(1, LEFT)])], ClassMap(["fly"]))
    with pytest.raises(ConfigError, match="have different class maps"):
        write_voc({**parts, "fly": other}, tmp_path)


def test_attributes_come_back_and_those_that_cannot_are_counted(tmp_path: Path) -> None:
    kept: dict[str, Any] = {
        "pose": "Left",
        "truncated": 1,
        "difficult": 0,
        "note": "R&D <b>",
        "part": [{"name": "head"}, {"name": "foot"}],
    }
    bad = {"two words": 1, "name": "x", "score": 0.5, "digits": "7"}
    instances = Instances.build((3, 8), [1], [masks.encode(LEFT)], attributes=[{**kept, **bad}])
    image = np.zeros((3, 8, 3), dtype=np.uint8)
    records = Records([Record(image_id="a", size_hw=(3, 8), instances=instances, image=image)], CLASSES)
    written = write_voc(records, tmp_path)
    assert written.lost == {"attribute whose name no element can have": 2, "attribute kept as a text": 2}
    (back,) = read(tmp_path)
    assert back.instances.attributes == ({**kept, "score": "0.5", "digits": 7},)


def test_boxes_without_masks_are_in_the_xml_alone(tmp_path: Path) -> None:
    instances = Instances.build((3, 8), [1], boxes=[[0.25, 0, 4, 2.5]])
    image = np.zeros((3, 8, 3), dtype=np.uint8)
    records = Records([Record(image_id="a", size_hw=(3, 8), instances=instances, image=image)], CLASSES)
    assert write_voc(records, tmp_path).lossless
    assert not (tmp_path / "SegmentationObject").exists()
    (back,) = VOCBBoxParser(tmp_path).parse(SingleSplitter())
    assert back[0].instances.boxes.tolist() == [[0.25, 0, 4, 2.5]]


def test_what_is_nowhere_in_the_files_is_counted(tmp_path: Path) -> None:
    shape = Polygons((np.array([[0, 0], [2, 0], [2, 3], [0, 3]]),))
    instances = Instances.build((3, 8), [1], [shape], areas=[6.0], ids=[17])
    image = np.zeros((3, 8, 3), dtype=np.uint8)
    record = Record(image_id=4, size_hw=(3, 8), instances=instances, image=image)
    written = write_voc(Records([record], CLASSES), tmp_path)
    assert written.lost == {
        "image id (images are known by their file names)": 1,
        "object id": 1,
        "stated area": 1,
        "polygon, which becomes pixels": 1,
    }


def test_images_are_copied_under_names_without_folders_each_once(tmp_path: Path) -> None:
    made = []
    for number, name in enumerate(["x/a.png", "x_a.png", "x_a.jpg"]):
        path = tmp_path / "in" / name
        write_image(path, np.full((3, 8, 3), number, dtype=np.uint8))
        made.append(tiny.record(name, (3, 8), [(1, LEFT)], path))
    write_voc(Records(made, CLASSES), tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out" / "JPEGImages").iterdir()) == [
        "x_a.png",
        "x_a_2.png",
        "x_a_3.jpg",
    ]
    assert [r.image_id for r in read(tmp_path / "out")] == ["x_a", "x_a_2", "x_a_3"]
    write_voc(Records(made, CLASSES), tmp_path / "bare", images="leave")
    assert not (tmp_path / "bare" / "JPEGImages").exists()
    root = tmp_path / "bare"
    parser = VOCMaskParser(root / "Annotations", tmp_path / "in", root / "SegmentationObject")
    (back,) = parser.parse(SingleSplitter())
    assert {r.path for r in back} == {tmp_path / "in" / name for name in ("x/a.png", "x_a.png", "x_a.jpg")}


def test_the_same_records_give_the_same_bytes(tmp_path: Path) -> None:
    records = records_of([(1, LEFT), (2, RIGHT)], [])
    for name in ("one", "two"):
        write_voc(records, tmp_path / name)
    one, two = (
        {
            path.relative_to(tmp_path / name): path.read_bytes()
            for path in (tmp_path / name).rglob("*")
            if path.is_file()
        }
        for name in ("one", "two")
    )
    assert one == two
    assert len(one) == 11


def test_more_classes_than_a_picture_holds_are_an_error(tmp_path: Path) -> None:
    records = Records([tiny.record("a")], ClassMap([f"c{n}" for n in range(255)]))
    with pytest.raises(ConfigError, match="hold 254 classes and these records have 255"):
        write_voc(records, tmp_path)


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_any_partition_of_an_image_reads_back(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    height, width = data.draw(st.integers(1, 9)), data.draw(st.integers(1, 9))
    cells = data.draw(st.lists(st.integers(0, 4), min_size=height * width, max_size=height * width))
    numbers = np.array(cells).reshape(height, width)
    found = [(data.draw(st.integers(1, 2)), (numbers == n).astype(np.uint8)) for n in np.unique(numbers) if n]
    records = Records([tiny.record("a", (height, width), found)], CLASSES)
    folder = tmp_path_factory.mktemp("voc")
    assert write_voc(records, folder).lossless
    (back,) = read(folder)
    assert back.instances.run_lengths() == records[0].instances.run_lengths()
    assert back.instances.labels.tolist() == records[0].instances.labels.tolist()
    assert back.instances.boxes.tolist() == records[0].instances.boxes.tolist()
