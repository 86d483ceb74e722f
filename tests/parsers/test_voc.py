from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from contorno import masks
from contorno.errors import ConfigError, DataError
from contorno.images import write_image
from contorno.masks import Polygons
from contorno.parsers.voc import VOCBBoxParser, VOCMaskParser
from contorno.parsers.voc_masks import numbered_masks, pair
from contorno.parsers.voc_pictures import read_indices, voc_palette, write_indices
from contorno.records import ClassMap, Record, Records
from contorno.splits import SingleSplitter

VOC_SOURCE = "<source><database>The VOC2007 Database</database><annotation>PASCAL VOC2007</annotation></source>"
LABELIMG = "<source><database>Unknown</database></source>"


def thing(name: str, box: tuple[float, ...] | None = None, more: str = "") -> str:
    corners = zip(("xmin", "ymin", "xmax", "ymax"), box or (), strict=False)
    bounds = "".join(f"<{tag}>{value}</{tag}>" for tag, value in corners)
    return f"<object><name>{name}</name>{more}<bndbox>{bounds}</bndbox></object>"


def annotate(
    root: Path,
    stem: str,
    *things: str,
    size: tuple[int, int] = (6, 8),
    source: str = VOC_SOURCE,
    file_name: str | None = None,
    image: bool = True,
    folders: tuple[str, str] = ("Annotations", "JPEGImages"),
) -> None:
    """An XML file with its black image of 6 x 8 (height x width)."""
    stated = f"<size><width>{size[1]}</width><height>{size[0]}</height></size>"
    name = f"{stem}.png" if file_name is None else file_name
    (root / folders[0]).mkdir(parents=True, exist_ok=True)
    text = f"<annotation><filename>{name}</filename>{source}{stated}{''.join(things)}</annotation>"
    (root / folders[0] / f"{stem}.xml").write_text(text)
    if image:
        write_image(root / folders[1] / f"{stem}.png", np.zeros((6, 8, 3), dtype=np.uint8))


def picture(*rows: str) -> NDArray[np.uint8]:
    """A mask picture from rows of digits; '.' is 0 and 'v' is void."""
    return np.array([[255 if cell == "v" else int(cell.replace(".", "0")) for cell in row] for row in rows], np.uint8)


TWO = picture("vvvvv...", "v111v...", "v111vvv.", "vvvvv2v.", "....v2v.", "....vvv.")
"""Object 1 has the VOC box 1, 1, 5, 4 with its border, object 2 the box 5, 3, 7, 6."""
DOG, CAT = thing("dog", (1, 1, 5, 4)), thing("cat", (5, 3, 7, 6))


def write_masks(root: Path, stem: str, numbers: NDArray[np.uint8], classes: NDArray[np.uint8] | None = None) -> None:
    write_indices(root / "SegmentationObject" / f"{stem}.png", numbers)
    if classes is not None:
        write_indices(root / "SegmentationClass" / f"{stem}.png", classes)


def parse(parser: VOCBBoxParser) -> Records:
    (records,) = parser.parse(SingleSplitter())
    return records


def names(record: Record, class_map: ClassMap) -> list[str]:
    return [class_map.get_by_id(label) for label in record.instances.labels.tolist()]


def test_palette_is_vocs_own() -> None:
    palette = voc_palette().tolist()
    assert palette[:4] == [[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0]]
    assert (palette[20], palette[255]) == ([0, 64, 128], [224, 224, 192])


# -- boxes -------------------------------------------------------------------------------------------------------------


def test_boxes_of_voc_count_from_one_with_their_last_pixel_and_those_of_tools_are_edges(tmp_path: Path) -> None:
    box = thing("dog", (1, 1, 8, 6))
    annotate(tmp_path, "a", box)
    annotate(tmp_path, "b", box, source=LABELIMG)
    annotate(tmp_path, "c", box, source="")
    annotate(tmp_path, "d", thing("dog", (1, 1, 9, 7)), source="<source><database>roboflow.ai</database></source>")
    assert [r.instances.boxes.tolist() for r in parse(VOCBBoxParser(tmp_path))] == [
        [[0, 0, 8, 6]],
        [[1, 1, 8, 6]],
        [[0, 0, 8, 6]],
        [[0, 0, 8, 6]],
    ]
    (tmp_path / "Annotations" / "d.xml").unlink()
    for one_based, expected in ((True, [0, 0, 8, 6]), (False, [1, 1, 8, 6])):
        for record in parse(VOCBBoxParser(tmp_path, one_based=one_based)):
            assert record.instances.boxes.tolist() == [expected]


def test_a_box_that_starts_at_zero_shows_that_files_called_voc_count_from_zero(tmp_path: Path) -> None:
    annotate(tmp_path, "a", thing("dog", (0, 2, 3, 4)))
    annotate(tmp_path, "b", thing("dog", (1, 1, 8, 6)))
    assert [r.instances.boxes.tolist() for r in parse(VOCBBoxParser(tmp_path))] == [[[0, 2, 3, 4]], [[1, 1, 8, 6]]]


def test_fields_of_objects_are_attributes_and_parts_are_no_objects(tmp_path: Path) -> None:
    more = (
        "<pose>Left</pose><truncated>1</truncated><difficult>0</difficult><actions><jumping>1</jumping></actions>"
        "<part><name>head</name><bndbox><xmin>1</xmin></bndbox></part><part><name>foot</name></part>"
    )
    annotate(tmp_path, "a", thing("person", (1, 1, 4, 4.5), more))
    (record,) = parse(VOCBBoxParser(tmp_path))
    assert record.instances.boxes.tolist() == [[0, 0, 4, 4.5]]
    assert record.instances.attributes == (
        {
            "pose": "Left",
            "truncated": 1,
            "difficult": 0,
            "actions": {"jumping": 1},
            "part": [{"name": "head", "bndbox": {"xmin": 1}}, {"name": "foot"}],
        },
    )


def test_difficult_objects_are_kept_ignored_or_dropped(tmp_path: Path) -> None:
    hard = thing("dog", (1, 1, 4, 4), "<difficult>1</difficult>")
    annotate(tmp_path, "a", hard, thing("dog", (2, 2, 5, 5)))
    assert parse(VOCBBoxParser(tmp_path))[0].instances.is_crowd.tolist() == [False, False]
    assert parse(VOCBBoxParser(tmp_path, difficult="ignore"))[0].instances.is_crowd.tolist() == [True, False]
    parser = VOCBBoxParser(tmp_path, difficult="drop")
    assert parse(parser)[0].instances.boxes.tolist() == [[1, 1, 5, 5]]
    assert parser.report.dropped == {"difficult object": 1}
    with pytest.raises(ConfigError, match=r"difficult='no' is not known; choose one of keep, ignore, drop"):
        VOCBBoxParser(tmp_path, difficult="no")  # type: ignore[arg-type]


def test_bad_boxes_are_mended_or_dropped_and_counted(tmp_path: Path) -> None:
    annotate(
        tmp_path,
        "a",
        thing("dog", (5, 4, 1, 1)),
        thing("dog", (3, 3, 3, 3)),
        thing("dog"),
        thing("dog", (1, "x", 2, 3)),  # type: ignore[arg-type]
        thing("", (1, 1, 5, 5)),
        source=LABELIMG,
    )
    parser = VOCBBoxParser(tmp_path)
    assert parse(parser)[0].instances.boxes.tolist() == [[1, 1, 5, 4]]
    assert parser.report.mended == {"box with its corners exchanged": 1}
    assert parser.report.dropped == {
        "object without a box": 2,
        "box without area inside the image": 1,
        "object without a class": 1,
    }
    assert parser.report.places["object without a box"] == ("a.xml, object 3 (line 1)", "a.xml, object 4 (line 1)")
    with pytest.raises(DataError, match=r"a\.xml, object 1 \(line 1\): box with its corners exchanged"):
        parser.parse(autofix=False)


def test_image_without_objects_stays_and_images_without_xml_are_counted(tmp_path: Path) -> None:
    annotate(tmp_path, "a")
    write_image(tmp_path / "JPEGImages" / "b.jpg", np.zeros((6, 8, 3), dtype=np.uint8))
    parser = VOCBBoxParser(tmp_path)
    assert [(r.image_id, len(r.instances)) for r in parse(parser)] == [("a", 0)]
    assert parser.report.dropped == {"image without an annotation file": 1}


def test_sizes_that_are_missing_or_wrong_come_from_the_image(tmp_path: Path) -> None:
    annotate(tmp_path, "a", DOG, size=(0, 0))
    annotate(tmp_path, "b", thing("dog", (1, 1, 8, 6)), size=(8, 6))
    parser = VOCBBoxParser(tmp_path)
    assert [r.size_hw for r in parse(parser)] == [(6, 8), (6, 8)]
    assert parser.report.mended == {
        "size in the XML missing or 0, read from the image": 1,
        "size in the XML that is not the image's": 1,
    }
    assert "box beyond the image, clipped" not in parser.report.mended


@pytest.mark.parametrize(
    ("stated", "mended"),
    [
        ("a.png", None),
        ("images\\a.png", None),
        ("a", "file name in the XML that is no image's, found by the XML's name"),
        ("a.jpeg", "file name in the XML that is no image's, found by the XML's name"),
        ("", "file name in the XML that is no image's, found by the XML's name"),
        ("../../secret.png", "file name in the XML that is no image's, found by the XML's name"),
        ("C:\\Users\\me\\a.png", "file name in the XML that is no image's, found by the XML's name"),
        ("b.png", "file name in the XML that is another image's"),
    ],
)
def test_images_are_found_by_the_xmls_name_where_the_stated_one_fails(
    tmp_path: Path, stated: str, mended: str | None
) -> None:
    annotate(tmp_path, "a", DOG, file_name=stated)
    annotate(tmp_path, "b", CAT)
    parser = VOCBBoxParser(tmp_path)
    assert [r.path for r in parse(parser)] == [tmp_path / "JPEGImages" / f"{stem}.png" for stem in "ab"]
    assert parser.report.mended == ({mended: 1} if mended else {})


def test_an_xml_with_another_name_than_its_image_keeps_the_stated_one(tmp_path: Path) -> None:
    annotate(tmp_path, "0001", DOG, file_name="photo.png", image=False)
    write_image(tmp_path / "JPEGImages" / "photo.png", np.zeros((6, 8, 3), dtype=np.uint8))
    (record,) = parse(VOCBBoxParser(tmp_path))
    assert (record.image_id, record.path) == ("0001", tmp_path / "JPEGImages" / "photo.png")


def test_missing_image_is_an_error_or_dropped(tmp_path: Path) -> None:
    annotate(tmp_path, "a", DOG)
    annotate(tmp_path, "b", DOG, image=False)
    with pytest.raises(DataError, match=r"1 of 2 image files are not in .*, the first is 'b\.png'"):
        parse(VOCBBoxParser(tmp_path))
    assert [r.image_id for r in parse(VOCBBoxParser(tmp_path, missing_images="drop"))] == ["a"]


def test_bad_xml_files_are_dropped_one_by_one_and_a_folder_of_none_is_an_error(tmp_path: Path) -> None:
    annotate(tmp_path, "a", DOG)
    for name, text in {"b": "<annotation>", "c": "<html/>", "d": "<!DOCTYPE a [<!ENTITY e 'x'>]><a>&e;</a>"}.items():
        (tmp_path / "Annotations" / f"{name}.xml").write_text(text)
    parser = VOCBBoxParser(tmp_path)
    assert [r.image_id for r in parse(parser)] == ["a"]
    assert parser.report.dropped == {"label file that cannot be read": 2, "XML file that is no VOC annotation": 1}
    (tmp_path / "Annotations" / "a.xml").unlink()
    with pytest.raises(DataError, match=r"has no PASCAL VOC annotation \(of 3 XML files none can be used"):
        parse(VOCBBoxParser(tmp_path))


def test_polygons_in_the_xml_of_tools(tmp_path: Path) -> None:
    numbered = "".join(f"<x{i}>{x}</x{i}><y{i}>{y}</y{i}>" for i, (x, y) in enumerate([(1, 1), (5.5, 1), (1, 4)], 1))
    points = "".join(f"<pt><x>{x}</x><y>{y}</y></pt>" for x, y in [(0, 0), (3, 0), (3, 3), (0, 3)])
    annotate(
        tmp_path,
        "a",
        thing("roboflow", (1, 1, 5, 4), f"<polygon>{numbered}</polygon>"),
        f"<object><name>labelme</name><deleted>0</deleted><polygon>{points}</polygon></object>",
        f"<object><name>gone</name><deleted>1</deleted><polygon>{points}</polygon></object>",
        "<object><name>turned</name><robndbox><cx>4</cx><cy>3</cy><w>4</w><h>2</h><angle>0</angle></robndbox></object>",
        source=LABELIMG,
    )
    records = parse(VOCMaskParser(tmp_path))
    assert names(records[0], records.class_map) == ["roboflow", "labelme", "turned"]
    shapes = [shape.parts[0].tolist() for shape in records[0].instances.geometries if isinstance(shape, Polygons)]
    assert shapes == [[[1, 1], [5.5, 1], [1, 4]], [[0, 0], [3, 0], [3, 3], [0, 3]], [[2, 2], [6, 2], [6, 4], [2, 4]]]
    assert parse(VOCBBoxParser(tmp_path))[0].instances.boxes.tolist() == [[1, 1, 5, 4], [0, 0, 3, 3], [2, 2, 6, 4]]


def test_masks_without_pictures_and_polygons_are_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    annotate(tmp_path, "a", DOG)
    with pytest.raises(DataError, match=r"no mask pictures and the XML files no polygons; .* VOCBBoxParser"):
        parse(VOCMaskParser(tmp_path))


# -- where things lie --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("inside", [".", "VOCdevkit/VOC2012", "VOC2012", "BCCD"])
def test_root_folder_alone(tmp_path: Path, inside: str) -> None:
    annotate(tmp_path / inside, "a", DOG)
    (record,) = parse(VOCBBoxParser(tmp_path))
    assert record.path is not None
    assert record.path.samefile(tmp_path / inside / "JPEGImages" / "a.png")


def test_several_years_are_an_error(tmp_path: Path) -> None:
    annotate(tmp_path / "VOCdevkit" / "VOC2007", "a", DOG)
    annotate(tmp_path / "VOCdevkit" / "VOC2012", "a", DOG)
    with pytest.raises(ConfigError, match=r"holds several data sets \(VOC2007, VOC2012\)"):
        VOCBBoxParser(tmp_path)


def test_xml_beside_images_in_split_folders(tmp_path: Path) -> None:
    annotate(tmp_path, "a", DOG, folders=("train", "train"))
    annotate(tmp_path, "b", DOG, folders=("valid", "valid"))
    annotate(tmp_path, "a", CAT, folders=("test", "test"))
    train, validation, test = VOCBBoxParser(tmp_path).parse()
    assert [(p[0].image_id, p[0].split) for p in (train, validation, test)] == [
        ("train/a", "train"),
        ("b", "validation"),
        ("test/a", "test"),
    ]
    assert train[0].path == tmp_path / "train" / "a.png"


def image_sets(root: Path, **lists: str) -> None:
    for name, text in lists.items():
        path = root / "ImageSets" / "Main" / f"{name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_lists_of_images_are_splits_and_lists_of_a_class_are_not(tmp_path: Path) -> None:
    for stem in "abcde":
        annotate(tmp_path, stem, DOG)
    image_sets(tmp_path, train="a\nb\n", val="c\n\nb", trainval="a\nb\nc", test="JPEGImages/d.png\nmissing")
    image_sets(tmp_path, dog_train="a  1\nb -1\ne 0\n")
    parser = VOCBBoxParser(tmp_path)
    parts = parser.parse()
    assert [[(r.image_id, r.split) for r in part] for part in parts] == [
        [("a", "train"), ("b", "train")],
        [("c", "validation")],
        [("d", "test")],
    ]
    assert parser.report.mended == {"image in two lists of splits, kept in the first": 1}
    assert parser.report.dropped == {
        "image in none of the lists of ImageSets": 1,
        "image of a list that has neither file nor annotation": 1,
    }
    kept = parse(VOCBBoxParser(tmp_path, unlisted="keep"))
    assert [(r.image_id, r.split) for r in kept][-1] == ("e", None)
    alone = parse(VOCBBoxParser(tmp_path / "Annotations", tmp_path / "JPEGImages"))
    assert {r.split for r in alone} == {None}
    given = VOCBBoxParser(
        tmp_path / "Annotations", tmp_path / "JPEGImages", imagesets_dir=tmp_path / "ImageSets" / "Main"
    )
    assert [len(part) for part in given.parse()] == [2, 1, 1]


def test_trainval_is_train_where_it_is_alone_and_default_is_no_split(tmp_path: Path) -> None:
    annotate(tmp_path, "a", DOG)
    annotate(tmp_path, "b", DOG)
    image_sets(tmp_path, trainval="a", test="b")
    assert [r.split for r in parse(VOCBBoxParser(tmp_path))] == ["train", "test"]
    for name in ("trainval", "test"):
        (tmp_path / "ImageSets" / "Main" / f"{name}.txt").unlink()
    image_sets(tmp_path, default="a\nb")
    assert [r.split for r in parse(VOCBBoxParser(tmp_path))] == [None, None]


# -- masks -------------------------------------------------------------------------------------------------------------


def test_masks_are_the_numbers_of_the_picture_and_void_is_no_object(tmp_path: Path) -> None:
    annotate(tmp_path, "a", DOG, CAT)
    write_masks(tmp_path, "a", TWO)
    parser = VOCMaskParser(tmp_path / "Annotations", tmp_path / "JPEGImages", tmp_path / "SegmentationObject")
    records = parse(parser)
    assert names(records[0], records.class_map) == ["dog", "cat"]
    first, second = (masks.decode(code) for code in records[0].instances.run_lengths())
    assert np.array_equal(first, TWO == 1)
    assert np.array_equal(second, TWO == 2)
    assert records[0].instances.boxes.tolist() == [[0, 0, 5, 4], [4, 2, 7, 6]]
    assert (parser.report.mended, parser.report.dropped) == ({}, {})


def test_the_last_object_stays_where_there_is_no_void(tmp_path: Path) -> None:
    annotate(tmp_path, "a", thing("dog", (2, 2, 4, 3)), thing("cat", (6, 4, 6, 5)))
    write_masks(tmp_path, "a", np.where(TWO == 255, 0, TWO).astype(np.uint8))
    assert parse(VOCMaskParser(tmp_path)).num_objects == 2


def test_palette_colours_are_never_looked_at(tmp_path: Path) -> None:
    annotate(tmp_path, "a", DOG, CAT)
    write_masks(tmp_path, "a", TWO)
    image = Image.fromarray(TWO, "L")
    image.putpalette([7, 7, 7] * 256)
    image.save(tmp_path / "SegmentationObject" / "a.png")
    (record,) = parse(VOCMaskParser(tmp_path))
    assert masks.areas(record.instances.run_lengths()).tolist() == [6, 2]


@pytest.mark.parametrize(
    ("kind", "mended"),
    [
        ("grey", None),
        ("colours", "mask picture with colours instead of numbers, read by the palette"),
        ("grey of colours", "mask picture with colours of the palette turned grey, read by their brightness"),
        ("small palette", "mask picture with void under another number than 255, told by its colour"),
        ("16 bits without void", None),
    ],
)
def test_pictures_that_other_tools_saved(tmp_path: Path, kind: str, mended: str | None) -> None:
    annotate(tmp_path, "a", DOG, CAT)
    path = tmp_path / "SegmentationObject" / "a.png"
    write_masks(tmp_path, "a", TWO)
    colours = voc_palette()[TWO]
    if kind == "grey":
        Image.fromarray(TWO, "L").save(path)
    elif kind == "colours":
        Image.fromarray(colours).save(path)
    elif kind == "grey of colours":
        Image.fromarray(colours).convert("L").save(path)
    elif kind == "small palette":
        image = Image.fromarray(np.where(TWO == 255, 3, TWO).astype(np.uint8), "L")
        image.putpalette([*voc_palette()[:3].ravel().tolist(), 224, 224, 192])
        image.save(path)
    else:
        Image.fromarray(np.where(TWO == 255, 0, TWO).astype(np.uint16)).save(path)
    parser = VOCMaskParser(tmp_path)
    records = parse(parser)
    assert names(records[0], records.class_map) == ["dog", "cat"]
    assert np.array_equal(masks.decode(records[0].instances.run_lengths()[0]), TWO == 1)
    assert parser.report.mended == ({mended: 1} if mended else {})
    assert parser.report.dropped == {}


def test_picture_with_strange_colours_or_of_another_size_leaves_its_image_out(tmp_path: Path) -> None:
    for stem in "abcd":
        annotate(tmp_path, stem, DOG)
        write_masks(tmp_path, stem, TWO)
    write_image(tmp_path / "SegmentationObject" / "a.png", np.full((6, 8, 3), 99, dtype=np.uint8))
    write_masks(tmp_path, "b", TWO[:4])
    (tmp_path / "SegmentationObject" / "c.png").write_bytes(b"no picture")
    parser = VOCMaskParser(tmp_path)
    assert [r.image_id for r in parse(parser)] == ["d"]
    assert parser.report.dropped["image or mask picture that cannot be read"] == 2
    assert parser.report.dropped["mask picture of another size than its image"] == 1
    with pytest.raises(DataError, match=r"has 1 colours that are not of the palette, the first is \(99, 99, 99\)"):
        read_indices(tmp_path / "SegmentationObject" / "a.png")


def test_masks_in_another_order_than_the_xml_are_found_by_their_boxes(tmp_path: Path) -> None:
    annotate(tmp_path, "a", CAT, DOG)
    write_masks(tmp_path, "a", TWO)
    parser = VOCMaskParser(tmp_path)
    records = parse(parser)
    assert names(records[0], records.class_map) == ["cat", "dog"]
    assert np.array_equal(masks.decode(records[0].instances.run_lengths()[0]), TWO == 2)
    assert parser.report.mended == {"mask that is not the object in its place, found by its box": 2}


def test_numbers_beyond_the_objects_are_taken_by_rank(tmp_path: Path) -> None:
    annotate(tmp_path, "a", DOG, CAT)
    write_masks(tmp_path, "a", picture("........", ".999....", ".999....", ".....7..", ".....7..", "........"))
    parser = VOCMaskParser(tmp_path)
    (record,) = parse(parser)
    assert masks.areas(record.instances.run_lengths()).tolist() == [6, 2]
    assert parser.report.mended == {"mask that is not the object in its place, found by its box": 2}


def test_masks_and_objects_without_boxes_are_paired_by_place_and_each_once() -> None:
    found = numbered_masks(picture("77..", "77..", "..99").astype(np.int32))
    assert [(mask.number, mask.box) for mask in found] == [(7, (0, 0, 2, 2)), (9, (2, 2, 4, 3))]
    alike = np.ones((2, 2), dtype=bool)
    assert pair(found, [None, None], alike).object_of == [0, 1]
    assert pair(found, [(0, 0, 4, 3)], alike[:, :1]).object_of == [0, None]
    assert pair(found, [], alike[:, :0]).object_of == [None, None]
    pairing = pair(found, [(0, 0, 2, 2), (0, 0, 2, 2)], alike)
    assert (pairing.object_of, pairing.moved, pairing.doubtful) == ([0, None], [], [])


def test_of_objects_with_equal_boxes_a_mask_is_the_one_of_its_class(tmp_path: Path) -> None:
    box = (1, 1, 8, 6)
    annotate(tmp_path, "a", thing("dog", box), thing("cat", box))
    numbers = picture("11111111", "11111111", "11222222", "11222222", "11111111", "22222222")
    write_masks(tmp_path, "a", numbers, np.where(numbers == 1, 8, 12).astype(np.uint8))
    parser = VOCMaskParser(tmp_path)
    records = parse(parser)
    assert names(records[0], records.class_map) == ["dog", "cat"]
    assert np.array_equal(masks.decode(records[0].instances.run_lengths()[0]), numbers == 2)
    assert parser.report.mended == {"mask that is not the object in its place, found by its box": 2}


def test_objects_without_a_mask_and_masks_without_an_object_are_counted(tmp_path: Path) -> None:
    annotate(tmp_path, "a", DOG, thing("bird", (7, 1, 8, 2)))
    write_masks(tmp_path, "a", TWO)
    parser = VOCMaskParser(tmp_path)
    records = parse(parser)
    assert names(records[0], records.class_map) == ["dog"]
    assert parser.report.dropped == {
        "object in the XML without a mask": 1,
        "mask without an object in the XML and without a class": 1,
    }
    cat = np.where(TWO == 1, 12, np.where(TWO == 2, 8, TWO)).astype(np.uint8)  # dog and cat in VOC's list
    write_masks(tmp_path, "a", TWO, cat)
    parser = VOCMaskParser(tmp_path)
    records = parse(parser)
    assert names(records[0], records.class_map) == ["dog", "cat"]
    assert parser.report.mended == {"mask without an object in the XML, class from the class picture": 1}
    assert records[0].instances.boxes.tolist()[1] == [5, 3, 6, 5]


def test_classes_of_the_class_picture_come_before_those_of_the_xml(tmp_path: Path) -> None:
    annotate(tmp_path, "a", DOG, CAT)
    classes = np.where(TWO == 1, 12, np.where(TWO == 2, 13, TWO)).astype(np.uint8)
    classes[1, 1] = 8
    write_masks(tmp_path, "a", TWO, classes)
    parser = VOCMaskParser(tmp_path)
    records = parse(parser)
    assert names(records[0], records.class_map) == ["dog", "horse"]
    assert parser.report.mended == {
        "class in the XML that is not the class picture's": 1,
        "mask of several classes in the class picture, the largest taken": 1,
    }
    assert parser.report.details["class in the XML that is not the class picture's"] == "'cat', the picture has 'horse'"


def test_class_pictures_are_not_read_with_a_list_that_is_not_theirs(tmp_path: Path) -> None:
    annotate(tmp_path, "a", DOG, thing("gearwheel", (5, 3, 7, 6)))
    write_masks(tmp_path, "a", TWO, np.where(TWO == 255, 255, TWO).astype(np.uint8))
    records = parse(VOCMaskParser(tmp_path))
    assert names(records[0], records.class_map) == ["dog", "gearwheel"]
    (tmp_path / "labels.txt").write_text("gearwheel\ndog\n")
    parser = VOCMaskParser(tmp_path)
    records = parse(parser)
    assert records.class_map == ClassMap(["gearwheel", "dog"])
    assert parser.report.mended == {"class in the XML that is not the class picture's": 2}


def test_exports_without_xml_have_their_classes_from_the_class_picture(tmp_path: Path) -> None:
    write_image(tmp_path / "JPEGImages" / "a.jpg", np.zeros((6, 8, 3), dtype=np.uint8))
    write_masks(tmp_path, "a", TWO, np.where(TWO == 2, 1, np.where(TWO == 1, 2, TWO)).astype(np.uint8))
    (tmp_path / "class_names.txt").write_text("_background_\nleaf\nroot\n")
    parser = VOCMaskParser(tmp_path)
    records = parse(parser)
    assert records.class_map == ClassMap(["leaf", "root"])
    assert names(records[0], records.class_map) == ["root", "leaf"]
    assert (parser.report.mended, parser.report.dropped) == ({}, {})


def test_segmentation_masks_of_cvat_in_colours_of_a_labelmap(tmp_path: Path) -> None:
    write_image(tmp_path / "JPEGImages" / "a.png", np.zeros((6, 8, 3), dtype=np.uint8))
    plain = np.where(TWO == 255, 0, TWO)
    write_image(tmp_path / "SegmentationObject" / "a.png", voc_palette()[plain])
    colours = np.array([[0, 0, 0], [250, 50, 83], [61, 61, 245]], dtype=np.uint8)
    write_image(tmp_path / "SegmentationClass" / "a.png", colours[plain])
    (tmp_path / "labelmap.txt").write_text(
        "# label:color_rgb:parts:actions\nbackground:0,0,0::\nthe cat:61,61,245::\ndog:250,50,83:head,tail:\n"
    )
    (tmp_path / "ImageSets" / "Segmentation").mkdir(parents=True)
    (tmp_path / "ImageSets" / "Segmentation" / "default.txt").write_text("a\n")
    records = parse(VOCMaskParser(tmp_path))
    assert records.class_map == ClassMap(["the cat", "dog"])
    assert names(records[0], records.class_map) == ["dog", "the cat"]
    assert records[0].split is None


def test_images_without_a_mask_picture_are_left_out_and_negatives_stay(tmp_path: Path) -> None:
    annotate(tmp_path, "a", DOG, CAT)
    write_masks(tmp_path, "a", TWO)
    annotate(tmp_path, "b", DOG, CAT)
    annotate(tmp_path, "c")
    parser = VOCMaskParser(tmp_path)
    assert [(r.image_id, len(r.instances)) for r in parse(parser)] == [("a", 2), ("c", 0)]
    assert parser.report.dropped == {
        "image without a mask picture": 1,
        "object of an image without a mask picture": 2,
    }


def test_mask_pictures_saved_as_jpeg_are_left_out_and_counted(tmp_path: Path) -> None:
    for stem in ("a", "b"):
        annotate(tmp_path, stem, DOG, CAT)
        write_masks(tmp_path, stem, TWO)
    write_image(tmp_path / "SegmentationObject" / "a.jpg", TWO)
    (tmp_path / "SegmentationObject" / "a.png").unlink()
    for parser in (VOCMaskParser(tmp_path), VOCBBoxParser(tmp_path)):
        parse(parser)
        assert parser.report.places["mask picture that is a JPEG, whose numbers are not exact"] == ("a.jpg",)
    (tmp_path / "SegmentationObject" / "a.jpg").rename(tmp_path / "SegmentationObject" / "a.png")
    with pytest.raises(DataError, match=r"a\.png is a JPEG, which changes the numbers"):
        read_indices(tmp_path / "SegmentationObject" / "a.png")


def test_names_with_a_blank_and_a_number_are_not_ids_with_a_flag(tmp_path: Path) -> None:
    for stem in ("photo 0", "photo 1", "b"):
        annotate(tmp_path, stem, DOG)
    image_sets(tmp_path, train="photo 0\nphoto 1\nb 1\n")
    parser = VOCBBoxParser(tmp_path)
    assert [record.image_id for record in parse(parser)] == ["b", "photo 0", "photo 1"]
    assert not parser.report.dropped


def test_lists_with_suffixes_find_images_of_one_and_of_two(tmp_path: Path) -> None:
    annotate(tmp_path, "a.jpg", DOG)
    annotate(tmp_path, "b", CAT)
    (tmp_path / "ImageSets" / "Main").mkdir(parents=True)
    (tmp_path / "ImageSets" / "Main" / "train.txt").write_text("a.jpg\nJPEGImages/b.png\n")
    records = parse(VOCBBoxParser(tmp_path))
    assert [(record.image_id, record.split) for record in records] == [("a.jpg", "train"), ("b", "train")]
