"""Images of 6 x 8 pixels (height x width); the usual object is the square x 1..4, y 1..4: 9 pixels."""

from __future__ import annotations

import gc
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as mask_utils

from contorno import masks
from contorno.errors import ConfigError, DataError
from contorno.images import write_image
from contorno.masks import Polygons, RunLength
from contorno.parsers import COCOBBoxParser, COCOMaskParser
from contorno.records import ClassMap, Records
from contorno.splits import SingleSplitter

SQUARE = [1, 1, 4, 1, 4, 4, 1, 4]
SQUARE_COUNTS = [7, 3, 3, 3, 3, 3, 26]


def document() -> dict[str, Any]:
    """Two images; the first has one square of class "cat" (id 7 of 3 and 7), the second has no object."""
    return {
        "images": [
            {"id": 10, "file_name": "a.png", "width": 8, "height": 6},
            {"id": 20, "file_name": "b.png", "width": 8, "height": 6},
        ],
        "annotations": [
            {"id": 1, "image_id": 10, "category_id": 7, "segmentation": [SQUARE], "bbox": [1, 1, 3, 3], "area": 8.5}
        ],
        "categories": [{"id": 7, "name": "Cat"}, {"id": 3, "name": "dog"}],
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.png", "b.png"):
        write_image(tmp_path / name, np.zeros((6, 8, 3), dtype=np.uint8))
    return tmp_path


def write(folder: Path, value: object) -> Path:
    path = folder / "labels.json"
    path.write_text(json.dumps(value))
    return path


def parse(folder: Path, value: object, *, autofix: bool = True, **options: Any) -> tuple[Records, COCOMaskParser]:
    parser = COCOMaskParser(write(folder, value), folder, **options)
    (records,) = parser.parse(SingleSplitter(), autofix)
    return records, parser


def with_annotation(**changes: Any) -> dict[str, Any]:
    value = document()
    value["annotations"][0] |= changes
    return value


def test_objects_come_as_the_file_states_them(folder: Path) -> None:
    (first, _), parser = parse(folder, document())
    instances = first.instances
    assert (first.image_id, first.path, first.size_hw) == (10, folder / "a.png", (6, 8))
    assert instances.geometries == (Polygons((np.array(SQUARE, dtype=float).reshape(4, 2),)),)
    assert instances.boxes.tolist() == [[1, 1, 4, 4]]
    assert instances.areas.tolist() == [8.5]
    assert instances.ids == (1,)
    assert not instances.is_crowd[0]
    assert (parser.report.images, parser.report.objects, parser.report.negatives) == (2, 1, 1)
    assert not parser.report.dropped
    assert not parser.report.mended


def test_image_without_objects_stays_as_a_negative(folder: Path) -> None:
    records, _ = parse(folder, document())
    assert [(record.image_id, len(record.instances)) for record in records] == [(10, 1), (20, 0)]


def test_labels_count_from_one_in_the_order_of_the_category_ids(folder: Path) -> None:
    records, parser = parse(folder, document())
    assert parser.class_map.names == ("dog", "Cat")
    assert records[0].instances.labels.tolist() == [2]


@pytest.mark.parametrize(("ids", "names"), [((0, 1), ("a", "b")), (("10", "9"), ("b", "a")), (("y", "x"), ("b", "a"))])
def test_category_ids_may_count_from_zero_or_be_texts(
    folder: Path, ids: tuple[Any, ...], names: tuple[str, ...]
) -> None:
    value = with_annotation(category_id=ids[1])
    value["categories"] = [{"id": ids[0], "name": "a"}, {"id": ids[1], "name": "b"}]
    records, parser = parse(folder, value)
    assert parser.class_map.names == names
    assert parser.class_map.get_by_id(records[0].instances.labels[0]) == "b"


def test_given_class_map_fixes_labels_and_its_spelling_wins(folder: Path) -> None:
    records, _ = parse(folder, document(), class_map=ClassMap(["bird", " cat "]))
    assert records.class_map.names == ("bird", "cat")
    assert records[0].instances.labels.tolist() == [2]


def test_class_that_the_class_map_lacks_is_an_error_with_both_lists_and_the_nearest_name(folder: Path) -> None:
    with pytest.raises(DataError) as caught:
        parse(folder, document(), class_map=ClassMap(["cats", "horse"]))
    for part in ("'dog', 'Cat'", "'cats', 'horse'", "'Cat' is near 'cats'", "ignore_unknown=True"):
        assert part in str(caught.value)


def test_unknown_class_can_be_left_out_and_is_counted(folder: Path) -> None:
    records, parser = parse(folder, document(), class_map=ClassMap(["dog"]), ignore_unknown=True)
    assert [len(record.instances) for record in records] == [0, 0]
    assert parser.report.dropped == {"object of the class 'Cat', which is not in the class map": 1}


def test_background_category_gets_no_label(folder: Path) -> None:
    value = document()
    value["categories"].append({"id": 0, "name": "Background"})
    value["annotations"].append(value["annotations"][0] | {"id": 2, "category_id": 0})
    records, parser = parse(folder, value)
    assert parser.class_map.names == ("dog", "Cat")
    assert records[0].instances.labels.tolist() == [2]
    assert sum(parser.report.dropped.values()) == 1


def test_categories_of_one_name_become_one_class(folder: Path) -> None:
    value = with_annotation(category_id=0)
    value["categories"].append({"id": 0, "name": "CAT"})
    records, parser = parse(folder, value)
    assert parser.class_map.names == ("CAT", "dog")
    assert records[0].instances.labels.tolist() == [1]
    assert list(parser.report.mended) == ["category 'Cat' that repeats the name of another, taken for the same class"]


@pytest.mark.parametrize("is_crowd", [0, 1])
@pytest.mark.parametrize(
    "segmentation",
    [
        [SQUARE],
        {"size": [6, 8], "counts": SQUARE_COUNTS},
        masks.from_counts(SQUARE_COUNTS, (6, 8)).to_coco(),
    ],
    ids=["polygon", "runs", "compressed"],
)
def test_every_form_of_mask_reads_alike_and_crowd_is_only_what_is_marked(
    folder: Path, segmentation: Any, is_crowd: int
) -> None:
    records, _ = parse(folder, with_annotation(segmentation=segmentation, iscrowd=is_crowd))
    (code,) = records[0].instances.run_lengths()
    expected = np.zeros((6, 8), dtype=np.uint8)
    expected[1:4, 1:4] = 1
    assert np.array_equal(masks.decode(code), expected)
    assert records[0].instances.is_crowd.tolist() == [bool(is_crowd)]


def test_vertices_move_by_the_offset_asked_for(folder: Path) -> None:
    records, _ = parse(folder, document(), vertex_offset=0.5)
    (geometry,) = records[0].instances.geometries
    assert isinstance(geometry, Polygons)
    assert geometry.parts[0][0].tolist() == [1.5, 1.5]


def test_missing_box_and_area_come_from_the_mask_and_from_nowhere(folder: Path) -> None:
    value = document()
    del value["annotations"][0]["bbox"], value["annotations"][0]["area"]
    records, parser = parse(folder, value, autofix=False)
    assert records[0].instances.boxes.tolist() == [[1, 1, 4, 4]]
    assert np.isnan(records[0].instances.areas[0])
    assert not parser.report.mended


def test_box_beyond_the_image_is_clipped_and_counted(folder: Path) -> None:
    records, parser = parse(folder, with_annotation(bbox=[-2, 1, 20, 3]))
    assert records[0].instances.boxes.tolist() == [[0, 1, 8, 4]]
    assert parser.report.mended == {"box beyond the image, clipped": 1}
    records, _ = parse(folder, with_annotation(bbox=[-2, 1, 20, 3]), autofix=False)
    assert records[0].instances.boxes.tolist() == [[-2, 1, 18, 4]]


DROPPED = {
    "two points": ({"segmentation": [[1, 1, 4, 4]]}, "polygon with fewer than 3 points"),
    "no mask": ({"segmentation": []}, "object without a mask"),
    "polygon outside": ({"segmentation": [[20, 20, 30, 20, 30, 30]]}, "empty mask"),
    "empty runs": ({"segmentation": {"size": [6, 8], "counts": [48]}}, "empty mask"),
    "runs turned": (
        {"segmentation": {"size": [8, 6], "counts": [48]}},
        "run lengths of another size than the image",
    ),
    "runs too short": ({"segmentation": {"size": [6, 8], "counts": [40]}}, "run lengths that cannot be read"),
    "runs not text": ({"segmentation": {"size": [6, 8], "counts": "\u2603"}}, "run lengths that cannot be read"),
    "odd numbers": ({"segmentation": [[1, 1, 4, 1, 4, 4, 1]]}, "segmentation that cannot be read"),
    "not finite": ({"segmentation": [[1, 1, 4, 1, 4, float("nan")]]}, "segmentation that cannot be read"),
    "a text": ({"segmentation": "square"}, "segmentation that cannot be read"),
    "too long to draw": ({"segmentation": [[-1e6, 0, 1e6, 1] * 100]}, "mask that cannot be drawn"),
    "unknown image": ({"image_id": 99}, "annotation of an unknown image"),
    "unknown category": ({"category_id": 99}, "annotation of an unknown category"),
}


@pytest.mark.parametrize(("changes", "reason"), DROPPED.values(), ids=DROPPED)
def test_bad_object_is_dropped_and_counted_or_raises(folder: Path, changes: dict[str, Any], reason: str) -> None:
    records, parser = parse(folder, with_annotation(**changes))
    assert len(records) == 2
    assert records.num_objects == 0
    assert parser.report.dropped == {reason: 1}
    with pytest.raises(DataError, match=reason) as caught:
        parse(folder, with_annotation(**changes), autofix=False)
    assert "labels.json" in str(caught.value)


MENDED = {
    "box without area": ({"bbox": [1, 1, 0, 3]}, "box without area inside the image, taken from the mask"),
    "box outside": ({"bbox": [100, 1, 5, 3]}, "box without area inside the image, taken from the mask"),
    "box of texts": ({"bbox": ["1", "1", "3", "3"]}, "box with texts for numbers"),
    "points": ({"segmentation": [[1, 1], [4, 1], [4, 4], [1, 4]]}, "polygon as a list of points"),
    "parts of points": ({"segmentation": [[[1, 1], [4, 1], [4, 4], [1, 4]]]}, "polygon as a list of points"),
    "texts": ({"segmentation": [[str(value) for value in SQUARE]]}, "polygon with texts for numbers"),
    "flat texts": ({"segmentation": [str(value) for value in SQUARE]}, "polygon with texts for numbers"),
    "bytes": (
        {"segmentation": {"size": [6, 8], "counts": str(mask_utils.frPyObjects([SQUARE], 6, 8)[0]["counts"])}},
        "run lengths written as Python's bytes",
    ),
    "flat polygon": ({"segmentation": SQUARE}, "polygon as one flat list instead of a list of lists"),
    "speck": ({"segmentation": [SQUARE, [0, 0, 1, 1]]}, "part with fewer than 3 points beside others, left out"),
    "image id as text": ({"image_id": "10"}, "image_id that is a text for a number or the reverse"),
    "no id": ({"id": None}, "annotation without an id, numbered"),
}


@pytest.mark.parametrize(("changes", "reason"), MENDED.values(), ids=MENDED)
def test_object_that_can_be_mended_is_kept_and_counted(folder: Path, changes: dict[str, Any], reason: str) -> None:
    records, parser = parse(folder, with_annotation(**changes))
    assert records[0].instances.boxes.tolist() == [[1, 1, 4, 4]]
    assert masks.area(records[0].instances.run_lengths()[0]) == 9
    assert parser.report.mended == {reason: 1}
    with pytest.raises(DataError, match="autofix=True to put it right"):
        parse(folder, with_annotation(**changes), autofix=False)


def test_annotation_that_repeats_another_is_dropped_and_one_with_its_id_numbered_anew(folder: Path) -> None:
    value = document()
    same = value["annotations"][0]
    value["annotations"] += [dict(same), same | {"bbox": [1, 1, 2, 2]}]
    records, parser = parse(folder, value)
    assert records[0].instances.ids == (1, 2)
    assert parser.report.dropped == {"annotation that repeats another": 1}
    assert parser.report.mended == {"annotation id used twice": 1}


def test_one_id_for_two_images_is_always_an_error(folder: Path) -> None:
    value = document()
    value["images"][1]["id"] = 10
    with pytest.raises(DataError, match=r"images\[1\], id 10: .*'a.png' already"):
        parse(folder, value)


def test_missing_size_is_read_from_the_image(folder: Path) -> None:
    value = document()
    value["images"][0] |= {"width": None, "height": 0}
    records, _ = parse(folder, value)
    assert records[0].size_hw == (6, 8)


def test_missing_image_is_an_error_or_dropped_and_counted_when_asked(folder: Path) -> None:
    (folder / "a.png").unlink()
    with pytest.raises(DataError, match=r"1 of 2 image files are not in .* the first is 'a.png'"):
        parse(folder, document())
    records, parser = parse(folder, document(), missing_images="drop")
    assert [record.image_id for record in records] == [20]
    assert parser.report.dropped == {
        "image whose file is missing": 1,
        "object of an image whose file is missing": 1,
    }


def test_file_names_keep_their_folders_and_backslashes_are_folders(folder: Path) -> None:
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "a.png").rename(folder / "deep" / "er" / "a.png")
    value = document()
    value["images"][0]["file_name"] = "deep\\er/a.png"
    records, _ = parse(folder, value)
    assert records[0].path == folder / "deep" / "er" / "a.png"


NOWHERE = ["../b.png", "x/../../b.png", "/b.png", "C:\\b.png", "..\\b.png", "http://h/b.png"]


@pytest.mark.parametrize("name", [*NOWHERE, "..", "", "a\0.png", 3])
def test_file_name_that_climbs_out_or_is_none_is_an_error(folder: Path, name: Any) -> None:
    value = document()
    value["images"] = value["images"][:1]
    value["images"][0]["file_name"] = name
    (folder / "b.png").unlink(missing_ok=True)
    with pytest.raises(DataError, match=r"labels\.json: images\[0\], id 10: the file name"):
        parse(folder, value)


@pytest.mark.parametrize(
    "name", ["../a.png", "/data/upload/3/a.png", "C:\\me\\a.png", "http://h/a.png?b=1", "photos/a.png"]
)
@pytest.mark.parametrize("quick", [True, False], ids=["columns", "objects"])
def test_file_in_the_folder_is_found_by_the_last_part_of_its_name(folder: Path, name: str, quick: bool) -> None:
    value = document()
    value["images"][0]["file_name"] = name
    if not quick:
        value["annotations"][0]["area"] = math.nan  # msgspec reads no NaN
    parser = COCOMaskParser(write(folder, value), folder)
    records = parser.parse(SingleSplitter())[0]
    assert records[0].path == folder / "a.png"
    assert sum(count for why, count in parser.report.mended.items() if "file name" in why) == 1
    with pytest.raises(DataError, match=r"file name .*'a\.png' is there.*autofix=True to put it right"):
        COCOMaskParser(write(folder, value), folder).parse(autofix=False)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([{"image_id": 1, "score": 0.5}], "holds a list, as files of predictions do"),
        ("text", "holds str; expected an object"),
        ({"images": [], "categories": []}, "the key 'annotations' is missing; its keys are 'images', 'categories'"),
        (document() | {"images": {}}, "'images' is dict; expected a list"),
        (document() | {"images": [{"id": 1}]}, r"images\[0\], id 1: the key 'file_name' is missing"),
        (document() | {"images": [{"file_name": "a.png"}]}, r"images\[0\]: its id is None"),
        (document() | {"categories": [{"id": 1}]}, r"categories\[0\], id 1: its name is None"),
        (document() | {"annotations": [3]}, r"annotations\[0\] is int"),
    ],
)
def test_file_that_is_not_coco_names_itself_and_the_key(folder: Path, value: object, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        parse(folder, value)
    assert "labels.json" in str(caught.value)


@pytest.mark.parametrize("text", ["{", "[" * 100_000, '{"images": ' + "9" * 5000 + "}", "\x00"], ids=str.__len__)
def test_file_that_is_no_json_or_a_bomb_is_a_data_error(folder: Path, text: str) -> None:
    (folder / "labels.json").write_text(text)
    with pytest.raises(DataError, match=r"labels\.json"):
        COCOMaskParser(folder / "labels.json", folder).parse()


def test_image_folder_must_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"img_dir .*nowhere is not a folder"):
        COCOMaskParser(tmp_path / "labels.json", tmp_path / "nowhere")


def test_parse_divides_four_to_one_by_default_and_each_part_has_the_report(folder: Path) -> None:
    value = document()
    value["images"] = [value["images"][0] | {"id": number} for number in range(10)]
    parser = COCOMaskParser(write(folder, value), folder)
    train, valid = parser.parse()
    assert (len(train), len(valid)) == (8, 2)
    assert train.report == valid.report == parser.report


@pytest.mark.parametrize("enabled", [True, False])
def test_garbage_collector_is_left_as_it_was_even_after_an_error(folder: Path, enabled: bool) -> None:
    was_on = gc.isenabled()
    try:
        gc.enable() if enabled else gc.disable()
        parse(folder, document())
        assert gc.isenabled() == enabled
        with pytest.raises(DataError):
            parse(folder, {})
        assert gc.isenabled() == enabled
    finally:
        gc.enable() if was_on else gc.disable()


def test_box_parser_reads_boxes_alone(folder: Path) -> None:
    value = document()
    box_only = {"id": 2, "image_id": 20, "category_id": 3, "bbox": [0.5, 0, 2, 2]}
    mask_only = {"id": 3, "image_id": 20, "category_id": 3, "segmentation": [SQUARE]}
    nothing = {"id": 4, "image_id": 20, "category_id": 3, "bbox": [0, 0, 0, 0]}
    value["annotations"] += [box_only, mask_only, nothing]
    parser = COCOBBoxParser(write(folder, value), folder)
    (records,) = parser.parse(SingleSplitter())
    assert records[0].instances.geometries == (None,)
    assert records[1].instances.boxes.tolist() == [[0.5, 0, 2.5, 2], [1, 1, 4, 4]]
    assert parser.report.dropped == {"box without area inside the image": 1}


def test_class_map_is_known_before_parsing(folder: Path) -> None:
    assert COCOMaskParser(write(folder, document()), folder).class_map.names == ("dog", "Cat")


def test_runs_are_kept_as_they_came(folder: Path) -> None:
    records, _ = parse(folder, with_annotation(segmentation={"size": [6, 8], "counts": SQUARE_COUNTS}))
    assert isinstance(records[0].instances.geometries[0], RunLength)
