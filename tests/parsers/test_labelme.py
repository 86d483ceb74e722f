"""Folders of LabelMe files."""

from __future__ import annotations

import base64
import io
import json
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from contorno import masks
from contorno.errors import ConfigError, DataError
from contorno.geometry import Polygons, RunLength
from contorno.parsers.labelme import LabelMeParser, is_labelme
from contorno.records import Record, Records
from contorno.splits import SingleSplitter
from tiny import bitmap

Json = dict[str, Any]
TRIANGLE = [[1, 1], [9, 2], [5.5, 8]]


def shape(label: Any = "cat", points: Any = TRIANGLE, shape_type: str | None = "polygon", **more: Any) -> Json:
    return {"label": label, "points": points, "group_id": None, "shape_type": shape_type, "flags": {}, **more}


def document(*shapes: Any, image: str | None = "a.png", **more: Any) -> Json:
    head = {"version": "5.5.0", "flags": {}, "shapes": list(shapes), "imagePath": image, "imageData": None}
    return {**head, "imageHeight": 16, "imageWidth": 20, **more}


def picture(folder: Path, name: str = "a.png", size: tuple[int, int] = (16, 20)) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((*size, 3), dtype=np.uint8)).save(folder / name)


def text_of(array: np.ndarray) -> str:
    """A picture as LabelMe puts it into its files."""
    with io.BytesIO() as file:
        Image.fromarray(array).save(file, "PNG")
        return base64.b64encode(file.getvalue()).decode()


def write(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))


def parse(parser: LabelMeParser, autofix: bool = True) -> Records:
    (records,) = parser.parse(SingleSplitter(), autofix)
    return records


def read(folder: Path, *shapes: Any, **options: Any) -> tuple[Record, LabelMeParser]:
    """The one image of a folder, with these shapes."""
    picture(folder)
    write(folder / "a.json", document(*shapes))
    parser = LabelMeParser(folder, **options)
    return parse(parser)[0], parser


def test_polygon_keeps_its_vertices_also_without_a_type(tmp_path: Path) -> None:
    old = {"label": "dog", "points": TRIANGLE, "line_color": None, "fill_color": [1, 2, 3, 4]}
    record, parser = read(tmp_path, shape(), old)
    for geometry in record.instances.geometries:
        assert isinstance(geometry, Polygons)
        assert geometry.parts[0].tolist() == TRIANGLE
    assert (record.image_id, record.size_hw, record.path) == ("a.png", (16, 20), tmp_path / "a.png")
    assert parser.class_map.names == ("cat", "dog")
    assert (parser.report.mended, parser.report.dropped, record.instances.attributes) == ({}, {}, None)


@pytest.mark.parametrize("points", [[[8, 3], [2, 7]], [[2, 3], [8, 3], [8, 7], [2, 7]]], ids=["two", "four"])
def test_rectangle_is_a_box_or_a_mask(tmp_path: Path, points: Any) -> None:
    record, _ = read(tmp_path, shape(points=points, shape_type="rectangle"))
    assert (record.instances.geometries, record.instances.boxes.tolist()) == ((None,), [[2, 3, 8, 7]])
    record, _ = read(tmp_path, shape(points=points, shape_type="rectangle"), rect="mask")
    assert record.instances.geometries[0] == Polygons((np.array([[2, 3], [8, 3], [8, 7], [2, 7]], dtype=float),))


@pytest.mark.parametrize("kind", ["rectangle", "rotation", "oriented_rectangle"])
def test_turned_rectangles_are_polygons(tmp_path: Path, kind: str) -> None:
    points = [[5, 1], [9, 5], [5, 9], [1, 5]]
    record, _ = read(tmp_path, shape(points=points, shape_type=kind, direction=0.5))
    (geometry,) = record.instances.geometries
    assert isinstance(geometry, Polygons)
    assert geometry.parts[0].tolist() == points
    assert record.instances.attributes == ({"direction": 0.5},)


def test_circle_goes_through_its_second_point(tmp_path: Path) -> None:
    record, _ = read(tmp_path, shape(points=[[10, 8], [13, 12]], shape_type="circle"))
    (geometry,) = record.instances.geometries
    assert isinstance(geometry, Polygons)
    assert np.hypot(*(geometry.parts[0] - (10, 8)).T) == pytest.approx(5)


def test_mask_is_laid_at_its_first_point(tmp_path: Path) -> None:
    crop = bitmap("##.", "#.#")
    record, parser = read(
        tmp_path,
        shape(points=[[4, 5], [6, 6]], shape_type="mask", mask=text_of(crop * 255)),
        shape(points=[[4.4, 4.6], [6.9, 6.2]], shape_type="mask", mask=text_of(crop.astype(bool))),
        shape(points=[[18, 15], [21, 17]], shape_type="mask", mask="data:image/png;base64," + text_of(crop)),
    )
    expected = np.zeros((16, 20), dtype=np.uint8)
    expected[5:7, 4:7] = crop
    first, second, third = record.instances.run_lengths()
    assert np.array_equal(masks.decode(first), expected)
    assert second == first
    assert masks.box(third).tolist() == [18, 15, 20, 16]
    assert isinstance(record.instances.geometries[0], RunLength)
    assert parser.report.mended == {}


def test_mask_larger_than_its_place_is_cut_off_and_counted(tmp_path: Path) -> None:
    crop = np.ones((6, 6), dtype=np.uint8)
    record, parser = read(tmp_path, shape(points=[[4, 5], [6, 6]], shape_type="mask", mask=text_of(crop)))
    assert record.instances.boxes[0].tolist() == [4, 5, 7, 7]
    assert parser.report.mended == {"mask whose picture has another size than its place": 1}


def bomb() -> str:
    """A small PNG that says it has 10**10 pixels."""
    head = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 0, 0, 0, 0)
    chunks = b""
    for kind, data in ((b"IHDR", head), (b"IDAT", zlib.compress(b"\0" * 1000)), (b"IEND", b"")):
        chunks += struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + chunks).decode()


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (shape(points=[[1, 1]], shape_type="point"), "point, which encloses nothing"),
        (shape(points=[[1, 1], [9, 9]], shape_type="line"), "line with fewer than 3 points, which encloses nothing"),
        (shape(points=[[1, 1], [9, 9]]), "polygon with fewer than 3 points"),
        (shape(points=[]), "polygon with fewer than 3 points"),
        (shape(points=None), "shape with points that are not pairs of x and y"),
        (shape(points=[[1, 1], [9], [4, 4]]), "shape with points that are not pairs of x and y"),
        (shape(points=[[1, "1"], [9, 9], [4, 4]]), "shape with points that are not numbers"),
        (shape(points=[[1, 10**400], [9, 9], [4, 4]]), "shape with points that are not numbers"),
        (shape(points=[[1, float("nan")], [9, 9], [4, 4]]), "shape with points that are not numbers"),
        (shape(points=[[1, 1]], shape_type="circle"), "circle without a centre and a point on it"),
        (shape(points=[[1, 1], [1, 9]], shape_type="rectangle"), "rectangle without area"),
        (shape(points=[[1, 1]], shape_type="rectangle"), "rectangle without two corners or four"),
        (shape(shape_type="cuboid"), "shape of a type that is not known"),
        (shape(shape_type="mask"), "mask without its picture"),
        (shape(shape_type="mask", mask="no picture"), "mask whose picture cannot be read"),
        (shape(shape_type="mask", mask=bomb()), "mask whose picture cannot be read"),
        (shape(points=[], shape_type="mask", mask=text_of(bitmap("#"))), "mask without its place"),
        (shape(points=[[1, 1], [1, 1]], shape_type="mask", mask=text_of(bitmap("."))), "empty mask"),
        (shape(points=[[1e300, 1]], shape_type="mask", mask=text_of(bitmap("#"))), "mask beyond a million pixels"),
        (shape(label=""), "object without a class"),
        (shape(label=None), "object without a class"),
        (shape(label="_background_"), "shape labelled _background_"),
        ("nothing", "shape that is not an object of JSON"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_shapes_that_cannot_be_used_are_counted(tmp_path: Path, bad: Any, reason: str) -> None:
    record, parser = read(tmp_path, bad, shape())
    assert len(record.instances) == 1
    assert parser.report.dropped == {reason: 1}


def test_shapes_of_one_label_and_group_are_one_object(tmp_path: Path) -> None:
    other = [[12, 1], [18, 1], [18, 9]]
    record, _ = read(
        tmp_path, shape(group_id=0), shape(), shape(points=other, group_id=0), shape("dog", points=other, group_id=0)
    )
    assert [len(part.parts) for part in record.instances.geometries if isinstance(part, Polygons)] == [2, 1, 1]


def test_instance_numbers_in_labels_are_split_only_if_asked(tmp_path: Path) -> None:
    shapes = [shape("cat-1"), shape("cat-2"), shape("cat-1", points=[[12, 1], [18, 1], [18, 9]]), shape("x-ray")]
    _, parser = read(tmp_path, *shapes)
    assert parser.class_map.names == ("cat-1", "cat-2", "x-ray")
    record, parser = read(tmp_path, *shapes, instance_separator="-")
    assert parser.class_map.names == ("cat", "x-ray")
    assert [len(part.parts) for part in record.instances.geometries if isinstance(part, Polygons)] == [2, 1, 1]


def test_members_of_other_tools_become_attributes(tmp_path: Path) -> None:
    more = {"score": 0.9, "difficult": False, "attributes": {"colour": "red"}, "kie_linking": [], "description": ""}
    record, _ = read(tmp_path, shape(**more), shape(flags={"blurred": True}, description="far away"))
    assert record.instances.attributes == (
        {"score": 0.9, "difficult": False, "attributes": {"colour": "red"}},
        {"flags": {"blurred": True}, "description": "far away"},
    )


def test_folders_are_read_with_sub_folders_and_other_json_is_passed_over(tmp_path: Path) -> None:
    picture(tmp_path, "a.png")
    picture(tmp_path, "sub/a.png")
    write(tmp_path / "a.json", document())
    write(tmp_path / "sub/a.json", document(shape()))
    write(tmp_path / "coco.json", {"images": [], "annotations": []})
    write(tmp_path / "cut.json", '{"shapes": [')
    write(tmp_path / "deep.json", "[" * 100_000)
    write(tmp_path / "._a.json", "\0\0")
    parser = LabelMeParser(tmp_path)
    records = parse(parser)
    assert [(record.image_id, len(record.instances)) for record in records] == [("a.png", 0), ("sub/a.png", 1)]
    assert parser.report.dropped == {"label file that cannot be read": 2, "JSON file that is not of LabelMe": 1}
    with pytest.raises(DataError, match=r"cut.json: label file that cannot be read .*line 1, column 13"):
        parse(parser, autofix=False)


def test_one_file_is_read_too(tmp_path: Path) -> None:
    read(tmp_path, shape())
    assert len(parse(LabelMeParser(tmp_path / "a.json"))) == 1
    write(tmp_path / "b.json", {"images": []})
    with pytest.raises(DataError, match="has no LabelMe files"):
        parse(LabelMeParser(tmp_path / "b.json"))


def test_folders_of_splits_are_splits_and_labels_txt_gives_the_order(tmp_path: Path) -> None:
    for folder in ("train", "val"):
        picture(tmp_path, f"{folder}/{folder}.png")
        write(tmp_path / folder / f"{folder}.json", document(shape(), image=f"{folder}.png"))
    (tmp_path / "labels.txt").write_text("__ignore__\n_background_\nzebra\ncat\n")
    parser = LabelMeParser(tmp_path)
    train, validation = parser.parse()
    assert (train[0].split, validation[0].split) == ("train", "validation")
    assert parser.class_map.names == ("zebra", "cat")
    (tmp_path / "labels.txt").write_text("of something else\n")
    parser = LabelMeParser(tmp_path)
    parser.parse()
    assert parser.class_map.names == ("cat",)


@pytest.mark.parametrize("path", ["../images/b.png", "..\\images\\b.png"])
def test_image_path_may_climb_inside_the_data_set(tmp_path: Path, path: str) -> None:
    picture(tmp_path, "images/b.png")
    write(tmp_path / "labels/b.json", document(shape(), image=path))
    parser = LabelMeParser(tmp_path)
    assert parse(parser)[0].path == tmp_path / "images/b.png"
    assert parser.report.mended == {}
    parser = LabelMeParser(tmp_path / "labels", tmp_path / "images")
    (record,) = parse(parser)
    assert (record.path, record.image_id) == (tmp_path / "images/b.png", "b.png")
    assert parser.report.mended == {}


@pytest.mark.parametrize("path", ["../../secret/b.png", "/secret/b.png", "C:\\data\\b.png", "https://x.org/b.png"])
def test_image_path_of_another_place_is_not_followed(tmp_path: Path, path: str) -> None:
    picture(tmp_path, "secret/b.png")
    path = path.replace("/secret", str(tmp_path / "secret")) if path.startswith("/") else path
    write(tmp_path / "data/labels/b.json", document(shape(), image=path))
    with pytest.raises(DataError, match="1 of 1 image files are not in"):
        parse(LabelMeParser(tmp_path / "data"))
    picture(tmp_path, "data/labels/b.png")
    parser = LabelMeParser(tmp_path / "data")
    assert parse(parser)[0].path == tmp_path / "data/labels/b.png"
    assert parser.report.mended == {"imagePath of another place, its image found by the base name": 1}


@pytest.mark.parametrize("path", ["renamed.png", None, "", "..", "a\0b"])
def test_image_named_as_its_label_file_is_found(tmp_path: Path, path: str | None) -> None:
    picture(tmp_path)
    write(tmp_path / "a.json", document(shape(), image=path))
    parser = LabelMeParser(tmp_path)
    assert parse(parser)[0].image_id == "a.png"
    assert parser.report.mended == {"imagePath without a file, the image named as the label file taken": 1}


def test_image_inside_the_label_file_stands_in_for_a_missing_one(tmp_path: Path) -> None:
    pixels = np.arange(16 * 20 * 3, dtype=np.uint8).reshape(16, 20, 3)
    write(tmp_path / "sub/a.json", document(shape(), imageData=text_of(pixels)))
    (record,) = parse(LabelMeParser(tmp_path))
    assert (record.image_id, record.path, record.size_hw) == ("sub/a.png", None, (16, 20))
    assert record.image is not None
    assert np.array_equal(record.image, pixels)
    assert sorted(file.name for file in tmp_path.rglob("*")) == ["a.json", "sub"]
    picture(tmp_path / "sub")
    (record,) = parse(LabelMeParser(tmp_path))
    assert record.path == tmp_path / "sub/a.png"


def test_image_inside_the_label_file_that_is_none_is_counted(tmp_path: Path) -> None:
    picture(tmp_path)
    write(tmp_path / "a.json", document())
    for number, text in enumerate(("AAAA", "%", bomb())):
        write(tmp_path / f"{number}.json", document(image=f"{number}.png", imageData=text))
    parser = LabelMeParser(tmp_path)
    assert len(parse(parser)) == 1
    assert parser.report.dropped == {"image inside the label file that cannot be read": 3}
    assert str(tmp_path.parent) not in parser.report.details["image inside the label file that cannot be read"]


def test_stated_size_that_disagrees_is_mended(tmp_path: Path) -> None:
    picture(tmp_path)
    write(tmp_path / "a.json", document(shape(), imageHeight=20, imageWidth=16))
    parser = LabelMeParser(tmp_path)
    assert parse(parser)[0].size_hw == (16, 20)
    reason = "imageHeight and imageWidth that disagree with the image, those of the image taken"
    assert parser.report.mended == {reason: 1}
    assert parser.report.details[reason] == "stated (20, 16), the image has (16, 20) (height, width)"


def test_image_flags_and_damaged_images_are_counted(tmp_path: Path) -> None:
    picture(tmp_path)
    write(tmp_path / "a.json", document(flags={"night": True, "day": False}))
    write(tmp_path / "b.json", document(image="b.png"))
    (tmp_path / "b.png").write_bytes(b"no picture")
    parser = LabelMeParser(tmp_path)
    assert len(parse(parser)) == 1
    assert parser.report.dropped == {
        "image flag 'night', which records do not hold": 1,
        "image file that cannot be read": 1,
    }


def test_links_to_folders_are_not_followed(tmp_path: Path) -> None:
    read(tmp_path / "data", shape())
    (tmp_path / "data/loop").symlink_to(tmp_path / "data", target_is_directory=True)
    assert len(parse(LabelMeParser(tmp_path / "data"))) == 1


def test_what_a_labelme_file_is() -> None:
    assert is_labelme(document())
    assert is_labelme({"shapes": [], "imagePath": "a.png"})
    for other in ({"shapes": []}, {"shapes": {}, "imagePath": ""}, [], None, {"images": [], "annotations": []}):
        assert not is_labelme(other)


def test_rect_that_makes_no_sense_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="rect='polygon'"):
        LabelMeParser(tmp_path, rect="polygon")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"shapes": [shape()]}, True),
        ({"shapes": [], "imageHeight": 4}, True),
        ({"shapes": [{"kind": "circle"}]}, False),
        ({"shapes": {"label": "x"}, "imagePath": "a.png"}, False),
    ],
    ids=["no image", "size alone", "other shapes", "no list"],
)
def test_files_that_say_little_of_their_image_are_known_by_their_shapes(content: Any, expected: bool) -> None:
    assert is_labelme(content) is expected


def test_file_without_an_image_path_means_the_image_of_its_name(tmp_path: Path) -> None:
    picture(tmp_path)
    write(tmp_path / "a.json", {"shapes": [shape()]})
    records = parse(LabelMeParser(tmp_path))
    assert [(record.image_id, len(record.instances)) for record in records] == [("a.png", 1)]


def test_mask_with_exchanged_corners_lies_in_the_same_place(tmp_path: Path) -> None:
    crop = text_of(bitmap("##", "#.", "##"))
    right = shape(points=[[3, 2], [4, 4]], shape_type="mask", mask=crop)
    turned = shape(points=[[4, 4], [3, 2]], shape_type="mask", mask=crop)
    record, parser = read(tmp_path, right, turned)
    first, second = record.instances.geometries
    assert first == second
    assert record.instances.boxes[1].tolist() == [3, 2, 5, 5]
    assert parser.report.mended == {"mask with its corners exchanged": 1}


@pytest.mark.parametrize(
    ("orientation", "stated", "size", "mends"),
    [(6, (16, 20), (16, 20), 0), (6, (20, 16), (20, 16), 0), (1, (20, 16), (16, 20), 1)],
    ids=["annotated as stored", "annotated as shown", "height and width exchanged"],
)
def test_size_before_the_turn_of_exif_is_kept_for_the_doctor_to_see(
    tmp_path: Path, orientation: int, stated: tuple[int, int], size: tuple[int, int], mends: int
) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    Image.fromarray(np.zeros((16, 20, 3), dtype=np.uint8)).save(tmp_path / "a.jpg", exif=exif)
    write(tmp_path / "a.json", document(shape(), image="a.jpg", imageHeight=stated[0], imageWidth=stated[1]))
    parser = LabelMeParser(tmp_path)
    (record,) = parse(parser)
    assert record.size_hw == size
    assert sum(parser.report.mended.values()) == mends


def test_folder_of_one_split_takes_the_classes_beside_it(tmp_path: Path) -> None:
    picture(tmp_path / "train")
    write(tmp_path / "train" / "a.json", document(shape("cat")))
    write(tmp_path / "labels.txt", "__ignore__\n_background_\ndog\ncat\n")
    assert parse(LabelMeParser(tmp_path / "train")).class_map.names == ("dog", "cat")


def test_no_file_that_can_be_used_says_why(tmp_path: Path) -> None:
    write(tmp_path / "a.json", document(shape(), image="gone.png", imageData="aGVsbG8="))
    with pytest.raises(DataError, match=r"none of its 1 images can be used; the first is a\.json: the picture inside"):
        parse(LabelMeParser(tmp_path))
    write(tmp_path / "a.json", '{"shapes": [')
    with pytest.raises(
        DataError, match=r"no LabelMe files .* The first that cannot be read is a\.json: .* is not JSON"
    ):
        parse(LabelMeParser(tmp_path))


def test_image_path_that_is_too_long_for_a_file_is_a_missing_file(tmp_path: Path) -> None:
    write(tmp_path / "b.json", document(shape(), image="a" * 4000 + ".png"))
    with pytest.raises(DataError, match="1 of 1 image files are not in"):
        parse(LabelMeParser(tmp_path))


def test_infinite_scores_are_left_out_and_counted(tmp_path: Path) -> None:
    record, parser = read(tmp_path, shape(score=float("inf"), direction=0.5))
    assert record.instances.attributes == ({"direction": 0.5},)
    assert parser.report.dropped == {"attribute with an infinite number": 1}


def test_line_that_ends_where_it_begins_is_no_fault(tmp_path: Path) -> None:
    record, parser = read(tmp_path, shape(points=[*TRIANGLE, TRIANGLE[0]], shape_type="linestrip"))
    assert (len(record.instances), parser.report.mended) == (1, {})


@pytest.mark.parametrize("stated", ["C:\\Users\\me\\images\\a.png", "a.png", "/home/me/a.png"])
@pytest.mark.parametrize("below", ["", "train/"])
def test_image_is_found_in_images_beside_the_folder_of_labels(tmp_path: Path, stated: str, below: str) -> None:
    picture(tmp_path, f"images/{below}a.png")
    (tmp_path / "labels" / below).mkdir(parents=True)
    write(tmp_path / "labels" / below / "a.json", document(shape(), image=stated))
    parser = LabelMeParser(tmp_path)
    (record,) = parse(parser)
    assert (record.image_id, record.split) == (f"images/{below}a.png", "train" if below else None)
    assert parser.report.mended == {"imagePath of another place, its image found by the base name": 1}


def test_images_beside_the_others_without_a_label_file_are_counted(tmp_path: Path) -> None:
    picture(tmp_path, "a.png")
    picture(tmp_path, "b.png")
    picture(tmp_path, "c.png")
    write(tmp_path / "a.json", document(shape()))
    write(tmp_path / "c.json", "{")
    parser = LabelMeParser(tmp_path)
    assert [record.image_id for record in parse(parser)] == ["a.png"]
    assert parser.report.dropped == {"image without a label file": 1, "label file that cannot be read": 1}
    assert parser.report.places["image without a label file"] == ("b.png",)
    assert LabelMeParser(tmp_path / "a.json").parse(SingleSplitter())[0].report.dropped == {}  # type: ignore[union-attr]


def test_folder_of_label_files_alone_finds_images_beside_it(tmp_path: Path) -> None:
    for split in ("train", "val"):
        picture(tmp_path, f"images/{split}/a.png")
        write(tmp_path / "labels" / split / "a.json", document(shape(), image=f"..\\..\\images\\{split}\\a.png"))
    parser = LabelMeParser(tmp_path / "labels")
    assert [(record.image_id, record.split) for record in parse(parser)] == [
        ("train/a.png", "train"),
        ("val/a.png", "validation"),
    ]
    assert parser.report.mended == {}
    (tmp_path / "labels").rename(tmp_path / "other")
    with pytest.raises(DataError, match="2 of 2 image files are not in"):
        parse(LabelMeParser(tmp_path / "other"))
