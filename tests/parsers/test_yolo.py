from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from contorno.errors import DataError
from contorno.images import write_image
from contorno.masks import Polygons
from contorno.parsers.yolo import UNLABELLED, YOLOBBoxParser, YOLOSegParser, has_polygons, is_yolo
from contorno.records import ClassMap, Records
from contorno.splits import SingleSplitter

SQUARE = "0 0.25 0.5 0.75 0.5 0.75 1 0.25 1"
"""In an image of 8 x 4 pixels (width x height): (2, 2) to (6, 4)."""
BOX = "1 0.5 0.5 0.5 1"


def add(root: Path, image: str, label: str | bytes | None, labels: str | None = None) -> None:
    """An image of 8 x 4 pixels and its label file; images/x.png has labels/x.txt unless told otherwise."""
    write_image(root / image, np.zeros((4, 8, 3), dtype=np.uint8))
    if label is not None:
        path = (root / (labels or image.replace("images/", "labels/"))).with_suffix(".txt")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(label if isinstance(label, bytes) else label.encode())


def read(parser: YOLOSegParser | YOLOBBoxParser) -> Records:
    (records,) = parser.parse(SingleSplitter())
    return records


def names(records: Records) -> list[str | int]:
    return [record.image_id for record in records]


def dropped(parser: YOLOSegParser | YOLOBBoxParser) -> dict[str, int]:
    assert parser.report is not None
    return parser.report.dropped


def one_line(root: Path, *lines: str, bbox: bool = False) -> tuple[Records, Mapping[str, int], Mapping[str, int]]:
    """Read one image with these lines and a second one that is in order; records, dropped, mended."""
    add(root, "images/a.png", "\n".join(lines))
    add(root, "images/b.png", SQUARE)
    (root / "classes.txt").write_text("cat\ndog\n")
    parser = (YOLOBBoxParser if bbox else YOLOSegParser)(root)
    return read(parser), parser.report.dropped, parser.report.mended


def test_polygon_vertices_are_fractions_of_width_and_height(tmp_path: Path) -> None:
    records, dropped, mended = one_line(tmp_path, SQUARE)
    assert records.class_map == ClassMap(["cat", "dog"])
    assert records[0].instances.geometries == (Polygons((np.array([[2, 2], [6, 2], [6, 4], [2, 4]]),)),)
    assert (names(records)[0], records[0].size_hw, records[0].path) == (
        "images/a.png",
        (4, 8),
        tmp_path / "images" / "a.png",
    )
    assert not dropped
    assert not mended


def test_boxes_are_centre_and_size_and_are_no_masks(tmp_path: Path) -> None:
    records, dropped, _ = one_line(tmp_path, BOX, SQUARE)
    assert records[0].instances.labels.tolist() == [1]
    assert dropped == {"object without a mask": 1}
    records, dropped, _ = one_line(tmp_path, BOX, SQUARE, bbox=True)
    assert records[0].instances.boxes.tolist() == [[2, 0, 6, 4], [2, 2, 6, 4]]
    assert records[0].instances.geometries == (None, None)
    assert not dropped


def test_a_fifth_number_of_a_box_is_its_score(tmp_path: Path) -> None:
    records, _, _ = one_line(tmp_path, f"{BOX} 0.75", bbox=True)
    assert records[0].instances.attributes == ({"score": 0.75},)


def test_a_number_after_all_polygons_of_the_set_is_their_score(tmp_path: Path) -> None:
    add(tmp_path, "images/a.png", f"{SQUARE} 0.5")
    add(tmp_path, "images/b.png", f"{SQUARE} 0.25")
    records = read(YOLOSegParser(tmp_path, class_names=["cat"]))
    assert [record.instances.attributes for record in records] == [({"score": 0.5},), ({"score": 0.25},)]
    geometry = records[0].instances.geometries[0]
    assert isinstance(geometry, Polygons)
    assert len(geometry.parts[0]) == 4


def test_odd_numbers_beside_even_ones_are_faults(tmp_path: Path) -> None:
    odd = f"{SQUARE} 0.5\n{SQUARE} 0.25"
    records, dropped, _ = one_line(tmp_path, odd)
    assert [len(record.instances) for record in records] == [0, 1]
    assert dropped == {"polygon with an odd number of coordinates": 2}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (f"{SQUARE} 0.5", "polygon with an odd number of coordinates"),
        ("0 0.1 0.1 0.2", "polygon with fewer than 3 points"),
        ("0", "polygon with fewer than 3 points"),
        ("0 2 2 6 2 6 4 2 4", "coordinates look like pixels, not fractions of the image"),
        ("0 4 3 4 2", "coordinates look like pixels, not fractions of the image"),
        ("0 0.1 x 0.2 0.2 0.3 0.3", "line with something that is not a number"),
        ("0 0.1 nan 0.2 0.2 0.3 0.3", "coordinate that is not a finite number"),
        ("0 0.1 1e999 0.2 0.2 0.3 0.3", "coordinate that is not a finite number"),
        ("-1 0.1 0.1 0.2 0.2 0.3 0.1", "negative class index"),
        ("0.5 0.1 0.1 0.2 0.2 0.3 0.1", "class index that is not a whole number"),
        ("nan 0.1 0.1 0.2 0.2 0.3 0.1", "class index that is not a number"),
        ("bird 0.1 0.1 0.2 0.2 0.3 0.1", "class index that is not a number"),
        ("2 0.1 0.1 0.2 0.2 0.3 0.1", "class index that has no name"),
        ("0 0.5 0.5 0 0.5", "box without area inside the image"),
        ("0 0.01 0.01 0.01 0.01 0.01 0.01", "empty mask"),
        (f"{SQUARE}\n{SQUARE}", "line that repeats another"),
    ],
)
def test_a_bad_line_is_left_out_counted_and_named(tmp_path: Path, line: str, reason: str) -> None:
    records, dropped, _ = one_line(tmp_path, *line.split("\n"))
    assert dropped == {reason: 1}
    assert len(records[1].instances) == 1
    with pytest.raises(DataError, match=rf"a\.png, a\.txt line {len(line.splitlines())}.*: {reason}"):
        YOLOSegParser(tmp_path).parse(autofix=False)


def test_a_polygon_a_little_beyond_the_image_is_kept_and_more_than_rounding_is_told(tmp_path: Path) -> None:
    records, dropped, mended = one_line(tmp_path, "0 -0.005 0 1.005 0 1 1", "0 -0.5 0 1.25 0 1 1")
    assert len(records[0].instances) == 2
    assert not dropped
    assert mended == {"polygon beyond 0..1, cut off at the image's edge where it is drawn": 1}
    assert records[0].instances.geometries[1] == Polygons((np.array([[-4, 0], [10, 0], [8, 4]]),))


def test_blanks_tabs_line_ends_marks_commas_and_names_make_no_difference(tmp_path: Path) -> None:
    odd = "\ufeff0.0\t0.25 0.5  0.75 0.5 0.75 1 0.25 1 \r\n\r\ndog,0.25,0.5,0.75,0.5,0.75,1\r\n"
    records, dropped, mended = one_line(tmp_path, odd)
    assert records[0].instances.labels.tolist() == [1, 2]
    assert not dropped
    assert not mended


def test_a_class_called_by_a_number_does_not_take_the_place_of_an_index(tmp_path: Path) -> None:
    add(tmp_path, "images/a.png", SQUARE)
    (tmp_path / "classes.txt").write_text("1\n0\n")
    assert read(YOLOSegParser(tmp_path))[0].instances.labels.tolist() == [1]


def test_rounded_boxes_that_touch_the_edge_are_not_beyond_it(tmp_path: Path) -> None:
    records, dropped, mended = one_line(tmp_path, "0 0.166667 0.5 0.333335 1", bbox=True)
    assert records[0].instances.boxes[0, 0] == 0
    assert not dropped
    assert not mended


def test_images_without_label_files_are_negatives_and_counted(tmp_path: Path) -> None:
    add(tmp_path, "images/a.png", SQUARE)
    add(tmp_path, "images/empty.png", "")
    add(tmp_path, "images/none.png", None)
    parser = YOLOSegParser(tmp_path, class_names=["cat"])
    assert [len(record.instances) for record in read(parser)] == [1, 0, 0]
    assert (parser.report.negatives, parser.report.mended) == (2, {UNLABELLED: 1})
    # Lawful, so no fault while it is the exception ...
    parser.parse(SingleSplitter(), autofix=False)
    add(tmp_path, "images/none2.png", None)
    add(tmp_path, "images/none3.png", None)
    # ... and one where it is the rule.
    with pytest.raises(DataError, match="3 of 5 images have no label file"):
        parser.parse(SingleSplitter(), autofix=False)


def test_label_files_without_an_image_are_counted(tmp_path: Path) -> None:
    add(tmp_path, "images/a.png", SQUARE)
    (tmp_path / "labels" / "gone.txt").write_text(SQUARE)
    (tmp_path / "labels" / "classes.txt").write_text("cat")
    parser = YOLOSegParser(tmp_path)
    assert read(parser).class_map == ClassMap(["cat"])
    assert dropped(parser) == {"label file without an image": 1}
    assert parser.report.places["label file without an image"] == ("labels/gone.txt",)


@pytest.mark.parametrize("data", [b"\xff\xfe\x00", b"0 0.1 \x80\x81", b"\x00\x01"], ids=["utf-16", "latin", "binary"])
def test_a_label_file_that_is_no_text_leaves_its_image_out(tmp_path: Path, data: bytes) -> None:
    add(tmp_path, "images/a.png", data)
    add(tmp_path, "images/b.png", SQUARE)
    parser = YOLOSegParser(tmp_path, class_names=["cat"])
    records = read(parser)
    assert sum(dropped(parser).values()) == 1
    assert names(records)[-1] == "images/b.png"


def test_an_image_that_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    add(tmp_path, "images/a.png", SQUARE)
    add(tmp_path, "images/b.png", SQUARE)
    (tmp_path / "images" / "b.png").write_bytes(b"no picture")
    parser = YOLOSegParser(tmp_path, class_names=["cat"])
    assert names(read(parser)) == ["images/a.png"]
    assert dropped(parser) == {"image that cannot be read, its image left out": 1}


LAYOUTS = {
    "images and labels by split": ("images/train/a.png", "labels/train/a", "images/val/b.png", "labels/val/b"),
    "numbered splits": ("images/train2017/a.png", "labels/train2017/a", "images/val2017/b.png", "labels/val2017/b"),
    "split first": ("train/images/a.png", "train/labels/a", "valid/images/b.png", "valid/labels/b"),
    "beside, by split": ("train/a.png", "train/a", "val/b.png", "val/b"),
    "labels in one folder": ("train/a.png", "labels/a", "val/b.png", "labels/b"),
    "labels below": ("train/a.png", "train/labels/a", "val/b.png", "val/labels/b"),
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_splits_and_labels_are_found_in_the_folders(tmp_path: Path, layout: tuple[str, str, str, str]) -> None:
    add(tmp_path, layout[0], SQUARE, layout[1] + ".txt")
    add(tmp_path, layout[2], SQUARE, layout[3] + ".txt")
    train, valid = YOLOSegParser(tmp_path, class_names=["cat"]).parse()
    assert [(names(part), part[0].split, part.num_objects) for part in (train, valid)] == [
        ([layout[0]], "train", 1),
        ([layout[2]], "validation", 1),
    ]
    assert is_yolo(tmp_path)
    assert has_polygons(tmp_path)


@pytest.mark.parametrize(
    ("image", "label"),
    [
        ("images/a.png", "labels/a"),
        ("a.png", "a"),
        ("a.png", "labels/a"),
        ("JPEGImages/a.png", "labels/a"),
        ("images/deep/images/a.png", "images/deep/labels/a"),
        ("images/sub/ä 1.2.png", "labels/sub/ä 1.2"),
    ],
)
def test_labels_of_an_undivided_set_are_found(tmp_path: Path, image: str, label: str) -> None:
    add(tmp_path, image, SQUARE, f"{label}.txt" if "." not in label else f"{label}.x")
    records = read(YOLOSegParser(tmp_path, class_names=["cat"]))
    assert (names(records), records.num_objects, records[0].split) == ([image], 1, None)


def test_a_folder_of_labels_is_read_with_its_image_folder(tmp_path: Path) -> None:
    add(tmp_path, "pictures/a.png", SQUARE, "predict/labels/a.txt")
    parser = YOLOSegParser(tmp_path / "predict" / "labels", tmp_path / "pictures", class_names=["cat"])
    assert read(parser).num_objects == 1
    assert read(YOLOSegParser(tmp_path / "predict", tmp_path / "pictures", class_names=["cat"])).num_objects == 1


def test_classes_without_any_names_are_called_by_their_index(tmp_path: Path) -> None:
    add(tmp_path, "images/a.png", "7" + SQUARE[1:])
    parser = YOLOSegParser(tmp_path)
    assert read(parser).class_map == ClassMap(["class_7"])
    assert parser.report.mended == {"class without a name, called by its index": 1}


def test_no_label_file_at_all_is_an_error_that_says_where_they_are_looked_for(tmp_path: Path) -> None:
    add(tmp_path, "images/a.png", None)
    with pytest.raises(DataError, match=r"none of its 1 images has a label file; .* labels/a\.txt and beside it"):
        YOLOSegParser(tmp_path).parse()
    assert not is_yolo(tmp_path)


def test_a_folder_without_images_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "a.txt").write_text(SQUARE)
    with pytest.raises(DataError, match="is not recognised as YOLO data: no images are found"):
        YOLOSegParser(tmp_path).parse()
    assert not is_yolo(tmp_path)


def test_a_test_part_without_labels_is_left_out(tmp_path: Path) -> None:
    add(tmp_path, "images/train/a.png", SQUARE)
    add(tmp_path, "images/test/b.png", None)
    parser = YOLOSegParser(tmp_path, class_names=["cat"])
    assert names(read(parser)) == ["images/train/a.png"]
    assert dropped(parser) == {"image of a split in which no image has a label file": 1}


def test_pose_data_give_their_boxes(tmp_path: Path) -> None:
    add(tmp_path, "images/train/a.png", "0 0.5 0.5 0.5 1 0.1 0.1 2 0.9 0.9 1")
    (tmp_path / "data.yaml").write_text("train: images/train\nval: images/train\nnames: [cat]\nkpt_shape: [2, 3]\n")
    records = read(YOLOBBoxParser(tmp_path))
    assert records[0].instances.boxes.tolist() == [[2, 0, 6, 4]]
    assert not has_polygons(tmp_path)


@pytest.mark.parametrize(("images", "labels"), [("Images", "Labels"), ("IMAGES", "LABELS"), ("Images", "labels")])
def test_the_case_of_folders_makes_no_difference(tmp_path: Path, images: str, labels: str) -> None:
    add(tmp_path, f"{images}/Train/a.png", SQUARE, f"{labels}/Train/a")
    add(tmp_path, f"{images}/Val/b.png", SQUARE, f"{labels}/Val/b")
    assert [record.split for record in read(YOLOSegParser(tmp_path))] == ["train", "validation"]
    (tmp_path / "data.yaml").write_text("train: images/train\nval: images/val\nnames: [cat]\n")
    assert [len(record.instances) for record in read(YOLOSegParser(tmp_path))] == [1, 1]


def test_commas_with_a_blank_behind_each_part_the_fields(tmp_path: Path) -> None:
    records, dropped, _ = one_line(tmp_path, SQUARE.replace(" ", ", "), SQUARE.replace("0.25", "0,25"))
    assert len(records[0].instances) == 1
    assert dropped == {"line with something that is not a number": 1}


def test_a_label_file_whose_image_is_gone_is_counted_though_another_split_has_its_name(tmp_path: Path) -> None:
    for split in ("train", "valid"):
        for name in ("a", "b"):
            add(tmp_path, f"{split}/images/{name}.png", SQUARE)
    (tmp_path / "train" / "images" / "a.png").unlink()
    parser = YOLOSegParser(tmp_path)
    read(parser)
    assert parser.report.places["label file without an image"] == ("train/labels/a.txt",)


def test_labels_of_images_that_no_list_has_are_told_apart_from_labels_without_images(tmp_path: Path) -> None:
    for name in ("a", "b"):
        add(tmp_path, f"images/{name}.png", SQUARE)
    (tmp_path / "labels" / "c.txt").write_text(SQUARE)
    (tmp_path / "train.txt").write_text("images/a.png\n")
    parser = YOLOSegParser(tmp_path)
    assert names(read(parser)) == ["images/a.png"]
    assert dropped(parser) == {"label file of an image that no split lists": 1, "label file without an image": 1}
