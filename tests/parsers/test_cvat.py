from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from contorno import masks
from contorno.errors import ConfigError, DataError
from contorno.images import write_image
from contorno.masks import Polygons, RunLength
from contorno.parsers.cvat import CVATParser
from contorno.records import ClassMap, Instances, Records
from contorno.splits import SingleSplitter

SQUARE = "1.50,1.00;5.00,1.00;5.00,4.25"


def write(
    folder: Path, *images: str, labels: str = "", owner: str = "task", more: str = "", name: str = "annotations.xml"
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    meta = f"<meta><{owner}><labels>{labels}</labels></{owner}><dumped>now</dumped></meta>"
    text = f"<?xml version='1.0' encoding='utf-8'?><annotations><version>1.1</version>{meta}{more}{''.join(images)}"
    (folder / name).write_text(text + "</annotations>")
    return folder / name


def image(*shapes: str, number: str = "0", name: str = "a.png", size: tuple[int, int] = (6, 8), more: str = "") -> str:
    stated = f"width='{size[1]}' height='{size[0]}'"
    return f"<image id='{number}' name='{name}' {more} {stated}>{''.join(shapes)}</image>"


def shape(tag: str, label: str = "ball", inner: str = "", **fields: object) -> str:
    stated = " ".join(f"{name}='{value}'" for name, value in fields.items())
    return f"<{tag} label='{label}' {stated}>{inner}</{tag}>"


def picture(path: Path) -> None:
    write_image(path, np.zeros((6, 8, 3), dtype=np.uint8))


def parse(parser: CVATParser) -> Records:
    (records,) = parser.parse(SingleSplitter())
    return records


def only(folder: Path, *shapes: str, **options: object) -> tuple[Instances, CVATParser]:
    """The objects of one image of 6 x 8 (height x width) with these shapes."""
    picture(folder / "images" / "a.png")
    parser = CVATParser(write(folder, image(*shapes)), **options)  # type: ignore[arg-type]
    return parse(parser)[0].instances, parser


def test_polygons_keep_their_vertices_and_fields_become_attributes(tmp_path: Path) -> None:
    inner = "<attribute name='colour'>dark red</attribute><attribute name='hard'>true</attribute>"
    instances, _ = only(tmp_path, shape("polygon", inner=inner, points=SQUARE, occluded=1, source="manual", z_order=2))
    assert instances.geometries == (Polygons((np.array([[1.5, 1], [5, 1], [5, 4.25]]),)),)
    assert instances.attributes == (
        {"occluded": 1, "source": "manual", "z_order": 2, "colour": "dark red", "hard": "true"},
    )


def test_boxes_are_boxes_and_turned_ones_polygons(tmp_path: Path) -> None:
    box: dict[str, Any] = {"xtl": 1, "ytl": 2, "xbr": 5, "ybr": 4}
    instances, _ = only(tmp_path, shape("box", **box), shape("box", rotation="90.00", **box))
    assert instances.geometries[0] is None
    assert instances.boxes[0].tolist() == [1, 2, 5, 4]
    assert isinstance(instances.geometries[1], Polygons)
    # A quarter turn about (3, 3) to the right: the corner at the upper left goes to the upper right.
    np.testing.assert_allclose(instances.geometries[1].parts[0], [[4, 1], [4, 5], [2, 5], [2, 1]], atol=1e-9)
    instances, _ = only(tmp_path, shape("box", **box), boxes="mask")
    assert instances.geometries == (Polygons((np.array([[1, 2], [5, 2], [5, 4], [1, 4]]),)),)


def test_mask_runs_go_along_the_rows_of_their_own_box(tmp_path: Path) -> None:
    # Rows of 3 in a box at x 2, y 1:  .## / #.#
    instances, _ = only(tmp_path, shape("mask", rle="1, 3, 1, 1", left=2, top=1, width=3, height=2))
    (code,) = instances.run_lengths()
    assert np.argwhere(masks.decode(code)).tolist() == [[1, 3], [1, 4], [2, 2], [2, 4]]
    assert instances.boxes.tolist() == [[2, 1, 5, 3]]


def test_mask_that_reaches_over_the_image_is_cut_off(tmp_path: Path) -> None:
    instances, _ = only(tmp_path, shape("mask", rle="0,4", left=-1, top=5, width=2, height=2))
    assert np.argwhere(masks.decode(instances.run_lengths()[0])).tolist() == [[5, 0]]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"rle": "1,2", "left": 0, "top": 0, "width": 2, "height": 2}, "do not fill its box"),
        ({"rle": "-1,5", "left": 0, "top": 0, "width": 2, "height": 2}, "do not fill its box"),
        ({"rle": "1,x", "left": 0, "top": 0, "width": 2, "height": 2}, "not whole numbers"),
        ({"rle": "9" * 30, "left": 0, "top": 0, "width": 2, "height": 2}, "not whole numbers"),
        ({"rle": "0,999999999999", "left": 0, "top": 0, "width": 999999, "height": 999999}, "of impossible size"),
        ({"rle": "0,4", "left": "nan", "top": 0, "width": 2, "height": 2}, "not a number within a million"),
        ({"rle": "0,4", "left": 0.5, "top": 0, "width": 2, "height": 2}, "not a whole number"),
        ({"rle": "4", "left": 0, "top": 0, "width": 2, "height": 2}, "empty mask"),
    ],
)
def test_bad_masks_are_dropped_and_counted(tmp_path: Path, fields: dict[str, Any], reason: str) -> None:
    instances, parser = only(tmp_path, shape("mask", **fields))
    assert len(instances) == 0
    ((found, count),) = parser.report.dropped.items()
    assert reason in found
    assert count == 1


def test_ellipses_and_cuboids_become_polygons(tmp_path: Path) -> None:
    corners: dict[str, Any] = {
        **{"xtl1": 1, "ytl1": 1, "xbl1": 1, "ybl1": 4, "xtr1": 3, "ytr1": 1, "xbr1": 3, "ybr1": 4},
        **{"xtl2": 4, "ytl2": 2, "xbl2": 4, "ybl2": 5, "xtr2": 6, "ytr2": 2, "xbr2": 6, "ybr2": 5},
    }
    ellipse = shape("ellipse", cx=4, cy=3, rx=3, ry=1, rotation="90")
    instances, _ = only(tmp_path, ellipse, shape("cuboid", **corners))
    turned, cuboid = instances.geometries
    assert isinstance(turned, Polygons)
    assert isinstance(cuboid, Polygons)
    assert np.ptp(turned.parts[0], axis=0).round(6).tolist() == [2, 6]
    assert sorted(cuboid.parts[0].tolist()) == [[1, 1], [1, 4], [3, 1], [4, 5], [6, 2], [6, 5]]


def test_what_encloses_nothing_is_counted(tmp_path: Path) -> None:
    joint = "<points label='1' outside='0' occluded='0' points='1,1'></points>"
    shapes = [
        shape("points", points="1,1;2,2"),
        shape("polyline", points="1,1;5,1;5,4"),
        shape("polyline", points="1,1;5,1;5,4;1,1"),
        shape("skeleton", inner=joint, label="man"),
        "<tag label='night' source='manual'></tag>",
    ]
    instances, parser = only(tmp_path, *shapes)
    assert len(instances) == 1
    assert parser.report.dropped == {
        "points, which enclose nothing": 1,
        "line, which encloses nothing": 1,
        "skeleton, which encloses nothing": 1,
        "tag of a whole image": 1,
    }
    parser.parse(SingleSplitter(), autofix=False)  # these are no faults
    instances, _ = only(tmp_path, *shapes, polylines="close")
    assert len(instances) == 2


def test_shapes_of_one_label_and_group_are_one_object(tmp_path: Path) -> None:
    other = "0,4;3,4;3,6"
    grouped = [
        shape("polygon", points=SQUARE, group_id=1),
        shape("polygon", points=other, group_id=1),
        shape("polygon", label="bat", points=other, group_id=1),
        shape("polygon", points=other, group_id=0),
        shape("polygon", points=other),
        shape("box", xtl=1, ytl=1, xbr=2, ybr=2, group_id=1),
    ]
    instances, _ = only(tmp_path, *grouped)
    assert [len(found.parts) for found in instances.geometries if isinstance(found, Polygons)] == [2, 1, 1, 1]
    assert len(instances) == 5
    instances, _ = only(tmp_path, *grouped, join_groups=False)
    assert len(instances) == 6


def test_a_polygon_and_a_mask_of_one_group_are_joined_pixel_by_pixel(tmp_path: Path) -> None:
    instances, _ = only(
        tmp_path,
        shape("polygon", points="0,0;2,0;2,2;0,2", group_id=3),
        shape("mask", rle="0,1", left=7, top=5, width=1, height=1, group_id=3),
    )
    assert isinstance(instances.geometries[0], RunLength)
    assert masks.areas(instances.run_lengths()).tolist() == [5]


def test_bad_shapes_are_dropped_with_their_place(tmp_path: Path) -> None:
    instances, parser = only(
        tmp_path,
        shape("polygon", points="1,1;2,2"),
        shape("polygon", points="1,1;2,2,3;4,4"),
        shape("polygon", points="1,1;a,2;4,4"),
        shape("polygon", label="", points=SQUARE),
        shape("box", xtl=5, ytl=1, xbr=2, ybr=4),
        shape("box", xtl="inf", ytl=1, xbr=2, ybr=4),
        shape("star"),
    )
    assert instances.boxes.tolist() == [[2, 1, 5, 4]]
    assert parser.report.mended == {"box with its corners exchanged": 1}
    assert sum(parser.report.dropped.values()) == 6
    assert parser.report.places["polygon with fewer than 3 points"] == ("image 0 (line 1) a.png, polygon 1 (line 1)",)


def test_labels_are_in_the_order_of_the_task_without_those_of_points(tmp_path: Path) -> None:
    labels = (
        "<label><name>zebra</name><type>any</type></label><label><name>ant</name></label>"
        "<label><name>man</name><type>skeleton</type></label>"
        "<label><name>1</name><type>points</type><parent>man</parent></label>"
        "<label><name>night</name><type>tag</type></label>"
    )
    picture(tmp_path / "a.png")
    for owner in ("task", "project", "job"):
        parser = CVATParser(write(tmp_path, image(shape("polygon", "ant", points=SQUARE)), labels=labels, owner=owner))
        assert parse(parser).class_map == ClassMap(["zebra", "ant"])


def test_subsets_are_splits_and_images_without_shapes_stay(tmp_path: Path) -> None:
    images = []
    for number, subset in enumerate(["Train", "validation", "Test", "", "default", "extra"]):
        picture(tmp_path / "images" / f"{number}.png")
        images.append(image(number=str(number), name=f"{number}.png", more=f"subset='{subset}'"))
    records = parse(CVATParser(write(tmp_path, *images)))
    assert [(r.image_id, r.split) for r in records] == [
        (0, "train"),
        (1, "validation"),
        (2, "test"),
        (3, None),
        (4, None),
        (5, "extra"),
    ]
    assert records.num_objects == 0


@pytest.mark.parametrize(
    ("place", "name", "mended"),
    [
        ("images/a.png", "a.png", {}),
        ("a.png", "a.png", {}),
        ("images/Train/a.png", "a.png", {}),
        ("images/sub/a.png", "sub/a.png", {}),
        ("images/a.png", "share/2020/a.png", {"image found by the last part of its name, without its folders": 1}),
    ],
)
def test_images_are_found_where_exports_put_them(tmp_path: Path, place: str, name: str, mended: dict[str, int]) -> None:
    picture(tmp_path / place)
    write(tmp_path, image(name=name, more="subset='Train'"))
    parser = CVATParser(tmp_path)
    assert parse(parser)[0].path == tmp_path / place
    assert parser.report.mended == mended


def test_the_xml_alone_with_an_image_folder(tmp_path: Path) -> None:
    picture(tmp_path / "elsewhere" / "a.png")
    path = write(tmp_path / "labels", image(), name="task_7.xml")
    for source in (path, path.parent):
        (record,) = parse(CVATParser(source, tmp_path / "elsewhere"))
        assert (record.image_id, record.path) == (0, tmp_path / "elsewhere" / "a.png")
    with pytest.raises(DataError, match=r"1 of 1 image files are not in"):
        parse(CVATParser(path))


def test_ids_that_repeat_give_way_to_names(tmp_path: Path) -> None:
    for name in "ab":
        picture(tmp_path / f"{name}.png")
    records = parse(CVATParser(write(tmp_path, image(), image(name="b.png"))))
    assert [r.image_id for r in records] == ["a.png", "b.png"]


def test_images_of_one_name_in_several_subsets_of_a_project_are_several_images(tmp_path: Path) -> None:
    images = []
    for subset in ("Train", "Test"):
        picture(tmp_path / "images" / subset / "a.png")
        images.append(image(more=f"subset='{subset}'"))
    picture(tmp_path / "images" / "a.png")
    records = parse(CVATParser(write(tmp_path, *images)))
    assert [(r.image_id, r.path) for r in records] == [
        ("train/a.png", tmp_path / "images" / "Train" / "a.png"),
        ("test/a.png", tmp_path / "images" / "Test" / "a.png"),
    ]


def test_names_that_climb_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"the file name '\.\./a\.png' leads out of the image folder"):
        parse(CVATParser(write(tmp_path, image(name="../a.png"))))


def test_missing_size_is_read_from_the_image(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    parser = CVATParser(write(tmp_path, image(shape("mask", rle="0,1", left=0, top=0, width=1, height=1), size=(0, 0))))
    assert parse(parser)[0].size_hw == (6, 8)
    assert parser.report.mended == {"image without a size, read from its file": 1}


def test_video_tracks_are_refused_with_what_to_export(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r'has tracks \(line 1\).* export the task again as "CVAT for images 1\.1"'):
        parse(CVATParser(write(tmp_path, more="<track id='0' label='ball'></track>")))


def test_what_is_not_cvat_is_named(tmp_path: Path) -> None:
    (tmp_path / "voc.xml").write_text("<annotation/>")
    with pytest.raises(DataError, match=r"outer element is <annotation>; expected <annotations>.*PASCAL VOC"):
        parse(CVATParser(tmp_path / "voc.xml"))
    with pytest.raises(ConfigError, match=r"has no annotations\.xml and not one CVAT file \(none\)"):
        CVATParser(tmp_path)
    with pytest.raises(DataError, match="has no <image>"):
        parse(CVATParser(write(tmp_path)))
    (tmp_path / "export.zip").write_bytes(b"PK")
    with pytest.raises(ConfigError, match="is a zip, which is not read as it is; unpack it, as with unzip"):
        CVATParser(tmp_path / "export.zip")
    with pytest.raises(ConfigError, match="boxes='no' is not known; choose one of box, mask"):
        CVATParser(tmp_path, boxes="no")  # type: ignore[arg-type]


def test_image_without_a_name_is_left_out_and_counted(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    box = shape("box", xtl=1, ytl=1, xbr=4, ybr=4)
    parser = CVATParser(write(tmp_path, image(box), image(box, box, number="1", name="")))
    assert [record.image_id for record in parse(parser)] == [0]
    dropped = {"image without a name": 1, "shape of an image that is left out for its name": 2}
    assert parser.report.dropped == dropped


@pytest.mark.parametrize("name", ["C:\\data\\a.png", "/data/a.png", "../a.png"])
def test_image_of_another_machine_is_found_by_the_last_part_of_its_name(tmp_path: Path, name: str) -> None:
    picture(tmp_path / "in" / "a.png")
    picture(tmp_path / "a.png")
    parser = CVATParser(write(tmp_path / "in", image(name=name)))
    assert parse(parser)[0].path == tmp_path / "in" / "a.png"
    assert parser.report.mended == {"image found by the last part of its name, without its folders": 1}


def test_name_that_leads_out_raises_unless_missing_images_are_dropped(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    path = write(tmp_path, image(), image(number="1", name="../../b.png"))
    with pytest.raises(DataError, match="leads out of the image folder"):
        parse(CVATParser(path))
    parser = CVATParser(path, missing_images="drop")
    assert len(parse(parser)) == 1
    assert parser.report.dropped == {"image whose file name leads out of the image folder": 1}


def test_images_may_lie_in_the_folder_of_the_default_subset(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "default" / "a.png")
    (record,) = parse(CVATParser(write(tmp_path, image(more="subset='default'"))))
    assert record.path == tmp_path / "images" / "default" / "a.png"
    assert record.split is None


def test_ten_thousand_outlines_of_one_group_are_one_object_in_no_time(tmp_path: Path) -> None:
    instances, _ = only(tmp_path, *[shape("polygon", points=SQUARE, group_id=1)] * 10_000)
    (geometry,) = instances.geometries
    assert isinstance(geometry, Polygons)
    assert len(geometry.parts) == 10_000
