"""Each fault that a COCO document can have is named, once, by its kind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from contorno import masks
from contorno.doctor import check_path, mend_path
from contorno.doctor.json_source import other_tool
from contorno.parsers import ReadOptions
from contorno.records import ClassMap
from tiny_coco import HEIGHT, WIDTH, annotation, check, document, kinds, write

CIRCLE = [[round(40 + 15 * np.cos(a), 2), round(30 + 15 * np.sin(a), 2)] for a in np.linspace(0, 6, 25)]
CIRCLE_FLAT = [value for point in CIRCLE for value in point]


def test_sound_document_has_no_fault(tmp_path: Path) -> None:
    report = check(tmp_path, open_images=True)
    assert (report.images, report.objects, report.faults) == (3, 30, ())
    assert report.summary == "no faults"


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("", "label file of zero bytes", "empty"),
        ('{"images": [], "annot', "JSON that is cut off", "line 1, column 16"),
        ('{"images": [],\n "annotations": [1,]}', "file that is not JSON", "comma stands before"),
        ("{'images': []}", "file that is not JSON", "single quotes"),
        ('{"images": []}\n{"images": []}', "file that is not JSON", "JSON lines"),
        ("<html></html>", "file that is not JSON", "web page"),
        ('{"a": 1}', "JSON that is not a COCO instances file", "none of the keys"),
        ("3", "JSON that is not a COCO instances file", "a number"),
        ('{"images": {}, "annotations": [], "categories": []}', "table of the COCO file that is no list", "an object"),
        ('{"images": [], "categories": []}', "table missing in the COCO file", "'annotations' is missing"),
    ],
)
def test_files_that_are_no_coco(tmp_path: Path, text: str, kind: str, said: str) -> None:
    report = check_path(write(tmp_path, text))
    assert not report.ok
    assert kind in kinds(report)
    assert said in next(fault.cause for fault in report.faults if fault.kind == kind)


@pytest.mark.parametrize(
    ("entry", "kind"),
    [
        ({"bbox": None}, "annotation without a box"),
        ({"bbox": [1, 2, 3]}, "box that is not four numbers"),
        ({"bbox": [10, 10, None, 20]}, "box that is not four numbers"),
        ({"bbox": ["13", "13", "20", "20"]}, "box with texts for numbers"),
        ({"bbox": [20, 20, 20, 20]}, "box that disagrees with its mask by over 2 px"),
        ({"bbox": [13, 13, 33, 33]}, "boxes that look like x_min, y_min, x_max, y_max"),
        ({"bbox": [23, 23, 20, 20]}, "boxes that look like x_centre, y_centre, width, height"),
        (
            {"bbox": [13 / WIDTH, 13 / HEIGHT, 20 / WIDTH, 20 / HEIGHT]},
            "boxes that look like x_min, y_min, width, height as shares of the image",
        ),
        (
            {"bbox": [23 / WIDTH, 23 / HEIGHT, 20 / WIDTH, 20 / HEIGHT]},
            "boxes that look like x_centre, y_centre, width, height as shares of the image",
        ),
        ({"area": "400"}, "area that is a text"),
        ({"area": [1]}, "area that is no number"),
        ({"area": 0}, "area of zero or less"),
        ({"area": 900}, "area that disagrees with its mask"),
        ({"area": 400 / WIDTH / HEIGHT}, "area as a share or per cent of the image"),
        ({"area": 40000 / WIDTH / HEIGHT}, "area as a share or per cent of the image"),
        ({"segmentation": [CIRCLE_FLAT], "bbox": [25, 15, 30, 30], "area": 900}, "area that is that of the box"),
        ({"iscrowd": "0"}, "iscrowd that is neither 0 nor 1"),
        ({"iscrowd": 2}, "iscrowd that is neither 0 nor 1"),
        ({"segmentation": CIRCLE_FLAT, "bbox": [25, 15, 30, 30], "area": 706}, "polygon as a flat list"),
        ({"segmentation": CIRCLE, "bbox": [25, 15, 30, 30], "area": 706}, "polygon as a list of points"),
        ({"segmentation": [CIRCLE], "bbox": [25, 15, 30, 30], "area": 706}, "polygon as a list of points"),
        ({"segmentation": [[1, 2, 3, 4]]}, "polygon with fewer than 3 points"),
        ({"segmentation": [[1, 2, 3]]}, "polygon with an odd count of numbers"),
        ({"segmentation": [[13, 13, 33, 13, 33, None]]}, "polygon that cannot be read"),
        ({"segmentation": [[13, 13, 33, 13, 33, 1e9]]}, "polygon with a coordinate that cannot be"),
        ({"segmentation": [["13", 13, 33, 13, 33, 33, 13, 33]]}, "polygon with texts for numbers"),
        ({"segmentation": "13 13 33 13"}, "segmentation that cannot be read"),
        ({"segmentation": [[100, 10, 120, 10, 120, 30]]}, "polygon outside the image"),
        ({"segmentation": []}, "annotation without a mask"),
        ({"segmentation": {"counts": [4800]}}, "run lengths that cannot be read"),
        ({"segmentation": {"size": [60, 80], "counts": "~~"}}, "run lengths that cannot be read"),
        ({"segmentation": {"size": [60, 80], "counts": [48]}}, "run lengths that do not add up"),
        ({"segmentation": {"size": [80, 60], "counts": [4800]}}, "run lengths of another size than the image"),
        ({"segmentation": {"size": [60, 80], "counts": [4800]}}, "empty mask"),
        ({"image_id": 99}, "annotation of an unknown image"),
        ({"category_id": 99}, "annotation of an unknown category"),
        ({"image_id": "1"}, "image_id of another type than the id"),
        ({"image_id": None}, "annotation without image_id"),
        ({"id": None}, "annotation without a usable id"),
        ({"id": 2}, "annotation id used twice"),
    ],
)
def test_one_bad_annotation(tmp_path: Path, entry: dict[str, Any], kind: str) -> None:
    made = document()
    made["annotations"][0] |= entry
    report = check_path(write(tmp_path, made), open_images=False)
    assert kinds(report)[kind] == 1
    if "id" not in entry:
        assert report.faults[0].where[0].annotation_id in (1, None)
    json.dumps(report.to_json())


def test_every_key_of_an_annotation_may_be_missing(tmp_path: Path) -> None:
    for key in annotation(1):
        made = document()
        del made["annotations"][0][key]
        report = check_path(write(tmp_path, made), open_images=False)
        assert sum(key in str(fault) for fault in report.faults) or key in ("segmentation", "bbox", "id"), key
        assert report.faults, key


def test_hypothesis_for_boxes_says_how_many_fit(tmp_path: Path) -> None:
    bad = [annotation(n) for n in range(1, 29)]
    for entry in bad:
        x, y, w, h = entry["bbox"]
        entry["bbox"] = [x, y, x + w, y + h]
    report = check(tmp_path, *bad)
    assert "boxes look like x_min, y_min, x_max, y_max in 28 of 30" in report.faults[0].cause


def test_boxes_without_masks_are_only_guessed_at(tmp_path: Path) -> None:
    made = document()
    for entry in made["annotations"]:
        x, y, w, h = entry["bbox"]
        entry |= {"segmentation": [], "bbox": [(x + w / 2) / WIDTH, (y + h / 2) / HEIGHT, w / WIDTH, h / HEIGHT]}
    report = check_path(write(tmp_path, made), open_images=False)
    assert kinds(report)["boxes that look like x_centre, y_centre, width, height as shares of the image"] == 30
    assert "no mask to prove it" in report.faults[0].cause
    assert "file of boxes without masks" in kinds(report)


@pytest.mark.parametrize(
    ("box", "kind"),
    [
        ([10, 10, 0, 5], "box without area"),
        ([10, 10, -4, 5], "box of negative width or height"),
        ([70, 10, 20, 20], "box beyond the image"),
        ([90, 10, 20, 20], "box outside the image"),
    ],
)
def test_bad_box_of_an_object_without_a_mask(tmp_path: Path, box: list[float], kind: str) -> None:
    report = check(tmp_path, annotation(1, segmentation=[], bbox=box, area=100))
    assert kinds(report)[kind] == 1


def test_polygon_that_reaches_over_the_image_by_a_pixel_is_none(tmp_path: Path) -> None:
    for right, found in ((WIDTH + 1, 0), (WIDTH + 1.5, 1)):
        part = [60, 10, right, 10, right, 30, 60, 30]
        entry = annotation(1, segmentation=[part], bbox=[60, 10, 20, 20], area=400)
        assert kinds(check(tmp_path, entry)) == ({"polygon beyond the image": 1} if found else {})


def test_polygon_that_crosses_itself_is_a_warning(tmp_path: Path) -> None:
    bow = annotation(1, segmentation=[[10, 10, 30, 30, 30, 10, 10, 30]], bbox=[10, 10, 20, 20], area=200)
    report = check(tmp_path, bow)
    assert kinds(report) == {"polygon that crosses itself": 1}
    assert report.ok


def test_swapped_coordinates_and_shares_are_told_of_the_whole_file(tmp_path: Path) -> None:
    made = document()
    for entry in made["annotations"]:
        points = np.array(entry["segmentation"][0]).reshape(-1, 2) + np.array([20, 0])
        entry["segmentation"] = [points[:, ::-1].ravel().tolist()]
    assert "polygons with x and y swapped" in kinds(check_path(write(tmp_path, made), open_images=False))
    for entry in made["annotations"]:
        entry["segmentation"] = [[0.1, 0.1, 0.5, 0.1, 0.5, 0.5]]
    assert "polygons in shares of the image" in kinds(check_path(write(tmp_path, made), open_images=False))


def test_unknown_ids_are_listed_with_counts_and_off_by_one_is_seen(tmp_path: Path) -> None:
    made = document(annotation(1, category_id=7), annotation(2, category_id=7), annotation(3, category_id=8))
    report = check_path(write(tmp_path, made), open_images=False)
    assert "7 (2 ×), 8 (1 ×); the categories have 1" in report.faults[0].cause
    made = document()
    made["categories"] = [{"id": n, "name": f"c{n}"} for n in (1, 2)]
    for number, entry in enumerate(made["annotations"]):
        entry["category_id"] = number % 2
    report = check_path(write(tmp_path, made), open_images=False)
    fault = next(f for f in report.faults if f.kind == "annotation of an unknown category")
    assert (fault.count, fault.fixable) == (15, 0)
    assert "With +1 on every category_id all of them would fit" in fault.cause


@pytest.mark.parametrize(
    ("categories", "kind"),
    [
        (["cat", "cat"], "category name that stands twice"),
        (["cat", "Cat"], "category names that differ in case or blanks only"),
        (["cat", " dog"], "category name with outer blanks"),
        (["cat", ""], "category without a name"),
        (["cat", None], "category without a name"),
    ],
)
def test_bad_categories(tmp_path: Path, categories: list[Any], kind: str) -> None:
    made = document()
    made["categories"] = [{"id": n, "name": name} for n, name in enumerate(categories, 1)]
    assert kind in kinds(check_path(write(tmp_path, made), open_images=False))


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"id": 2}, "image id used for two files"),
        ({"id": None}, "image without a usable id"),
        ({"file_name": "2.jpg"}, "image file under two ids"),
        ({"file_name": None}, "image without a file name"),
        ({"file_name": "../up.jpg"}, "file name that leads out of the image folder"),
        ({"file_name": "/etc/up.jpg"}, "file name that leads out of the image folder"),
        ({"file_name": "https://a.b/c.jpg"}, "file name that is a web address"),
        ({"file_name": "a\\1.jpg"}, "file name with backslashes"),
        ({"width": None}, "image without width or height"),
        ({"width": "80"}, "width or height that is a text"),
        ({"height": 0}, "width or height that cannot be"),
        ({"height": 60.5}, "width or height that cannot be"),
    ],
)
def test_bad_images(tmp_path: Path, changes: dict[str, Any], kind: str) -> None:
    made = document()
    made["images"][0] |= changes
    assert kind in kinds(check_path(write(tmp_path, made), open_images=False))


def test_entries_that_are_no_objects_do_not_stop_the_check(tmp_path: Path) -> None:
    made = document()
    for table in ("images", "annotations", "categories"):
        made[table] += [5, None, "x", []]
    found = kinds(check_path(write(tmp_path, made), open_images=False))
    assert [found[f"entry of {table!r} that is no object"] for table in ("images", "annotations", "categories")] == [
        4
    ] * 3


def test_missing_image_folder_is_one_fault(tmp_path: Path) -> None:
    # Two folders down: images are looked for beside the file and one level up, where other tests have theirs.
    path = tmp_path / "data" / "labels.json"
    path.parent.mkdir()
    path.write_text(json.dumps(document()))
    report = check_path(path)
    assert kinds(report) == {"image folder not found": 1}
    assert (report.images, report.objects) == (3, 30)


def test_crowds_in_the_majority_and_crowds_as_polygons(tmp_path: Path) -> None:
    report = check(tmp_path, *(annotation(n, iscrowd=1) for n in range(1, 21)))
    assert kinds(report)["crowd regions in the majority"] == 20
    assert [(f.kind, f.count) for f in report.notes] == [("crowd region as polygons", 20)]


def test_masks_in_run_lengths_are_compared_as_polygons_are(tmp_path: Path) -> None:
    bitmap = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    bitmap[10:30, 5:45] = 1
    code = masks.encode(bitmap).to_coco()
    sound = annotation(1, segmentation=code, bbox=[5, 10, 40, 20], area=800)
    assert kinds(check(tmp_path, sound)) == {}
    assert kinds(check(tmp_path, {**sound, "bbox": [5, 10, 45, 30]})) == {
        "boxes that look like x_min, y_min, x_max, y_max": 1
    }


def test_progress_is_told_and_no_image_is_needed(tmp_path: Path) -> None:
    told: list[str] = []
    check(tmp_path, progress=lambda what, done, total: told.append(what))
    assert {"reading the label file", "reading annotations", "checking the objects of images"} <= set(told)


def test_split_folders_share_classes_and_are_compared(tmp_path: Path) -> None:
    for split in ("train", "valid"):
        made = document()
        made["categories"] = [{"id": 1, "name": "Cat" if split == "train" else "cat"}]
        write(tmp_path / split, made, name="_annotations.coco.json")
    found = kinds(check_path(tmp_path))
    assert found["image file in two splits"] == 3
    assert "class without objects" not in found


def test_outlines_that_would_fill_the_memory_are_not_drawn(tmp_path: Path) -> None:
    zigzag = [value for n in range(900) for value in (n % 2 * 900_000, n)]
    found = kinds(check(tmp_path, annotation(1, segmentation=[zigzag])))
    assert found == {"polygon too long to be drawn": 1}
    made = document()
    made["images"][0] |= {"width": 10**9, "height": 10**9}
    assert "width or height that cannot be" in kinds(check_path(write(tmp_path, made), open_images=False))


def test_repeated_points_are_a_note_and_a_closing_point_is_none(tmp_path: Path) -> None:
    square = annotation(1)["segmentation"][0]
    assert kinds(check(tmp_path, annotation(1, segmentation=[[*square, *square[:2]]]))) == {}
    report = check(tmp_path, annotation(1, segmentation=[[*square[:2], *square]]))
    assert [fault.kind for fault in report.notes] == ["polygon with repeated points"]
    assert report.ok


def test_classes_that_a_class_map_lacks_are_named_with_the_nearest(tmp_path: Path) -> None:
    made = document()
    made["categories"] += [{"id": 2, "name": "hotdog"}]
    made["annotations"][0]["category_id"] = 2
    report = check_path(
        write(tmp_path, made), options=ReadOptions(class_map=ClassMap(["CAT", "hot dog"])), open_images=False
    )
    fault = report.faults[0]
    assert (fault.kind, fault.count) == ("object of a class that the class map lacks", 1)
    assert "'hotdog' is near 'hot dog'" in fault.cause
    assert "The file has 'cat', 'hotdog'; the class map has 'CAT', 'hot dog'" in fault.cause
    assert report.objects == 29


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ([{"image_id": 1, "category_id": 1, "score": 0.5}], "results file"),
        ([{"annotations": [], "data": {}, "id": 1}], "Label Studio"),
        ({"_via_img_metadata": {}}, "VIA 2"),
        ({"a.jpg1": {"filename": "a.jpg", "regions": []}}, "VIA"),
        ({"shapes": [], "imagePath": "a.jpg", "version": "5"}, "LabelMe"),
        ({"images": [], "annotations": [{"segments_info": []}], "categories": []}, "panoptic"),
        ({"images": [], "annotations": [{"caption": "a"}]}, "captions"),
        ({"images": [], "annotations": [{"keypoints": [1, 2, 2]}], "categories": []}, "keypoints"),
        ({"images": [], "annotations": [{"keypoints": [1, 2, 2], "bbox": [1, 2, 3, 4]}], "categories": []}, None),
        ({}, None),
        ([], None),
        (None, None),
    ],
)
def test_files_of_other_tools_are_named(value: Any, name: str | None) -> None:
    found = other_tool(value)
    assert found is None if name is None else name in str(found)


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("labels.json", "", "label file of zero bytes"),
        ("annotations/labels.json", '[{"image_id": 1, "category_id": 1, "score": 1}]', "JSON that is not a COCO"),
        ("labels.json", "version https://git-lfs.github.com/spec/v1", "file that is not JSON"),
    ],
)
def test_what_is_wrong_with_the_json_of_a_folder_is_said(tmp_path: Path, name: str, text: str, kind: str) -> None:
    path = write(tmp_path, text, name=name)
    (fault,) = check_path(tmp_path).faults
    assert fault.kind.startswith(kind)
    assert fault.where[0].label_file == str(path)


def test_part_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    write(tmp_path, document(), name="train/labels.json")
    write(tmp_path, '{"images": [], "categories": []}', name="valid/labels.json")
    report = check_path(tmp_path)
    assert kinds(report) == {"table missing in the COCO file": 1}
    assert report.faults[0].where[0].label_file == str(tmp_path / "valid" / "labels.json")


def test_run_lengths_in_other_writing_are_told_and_mended(tmp_path: Path) -> None:
    code = masks.encode(np.pad(np.ones((20, 20), np.uint8), ((10, 30), (10, 50)))).to_coco()
    whole = {"size": [60.0, 80.0], "counts": [float(v) for v in [610, *[20, 40] * 19, 20, 3030]]}
    entries = [
        annotation(1, segmentation={**code, "counts": str(code["counts"].encode())}, bbox=[10, 10, 20, 20]),
        annotation(2, segmentation=whole, bbox=[10, 10, 20, 20], category_id=1),
    ]
    report = check(tmp_path, *entries)
    told = {"run lengths written as Python's bytes": 1, "run lengths with fractions for whole numbers": 1}
    assert told.items() <= kinds(report).items()
    mended = json.loads(mend_path(tmp_path / "labels.json", tmp_path / "out").label_files[0].read_text())
    assert mended["annotations"][0]["segmentation"] == code


def test_truth_values_of_coco_annotator_are_a_note(tmp_path: Path) -> None:
    (fault,) = check(tmp_path, annotation(1, iscrowd=False)).faults
    assert (fault.severity, fault.kind, fault.fixable) == ("note", "iscrowd that is true or false", 1)


def test_flat_box_of_a_mask_is_told_once(tmp_path: Path) -> None:
    assert kinds(check(tmp_path, annotation(1, bbox=[13, 13, 0, 20]))) == {"box without area": 1}


@pytest.mark.parametrize("field", ["image_id", "category_id"])
def test_references_are_not_removed_where_most_are_wrong(tmp_path: Path, field: str) -> None:
    what = field.removesuffix("_id")
    report = check(tmp_path, *(annotation(number, **{field: f"lost {number}"}) for number in range(1, 17)))
    (fault,) = (fault for fault in report.faults if "unknown" in fault.kind)
    assert (fault.kind, fault.count, fault.fixable) == (f"annotation of an unknown {what}", 16, 0)
    mended = mend_path(tmp_path / "labels.json", tmp_path / "out")
    assert len(json.loads(mended.label_files[0].read_text())["annotations"]) == 30


def test_boxes_are_not_mended_by_polygons_that_may_be_turned_themselves(tmp_path: Path) -> None:
    made = document()
    for entry in made["annotations"]:
        x, y, width, height = entry["bbox"]
        entry |= {"bbox": [x + 3, y, width, height]}
        entry |= {"segmentation": [[y, x + 3, y + height, x + 3, y + height, x + 3 + width, y, x + 3 + width]]}
    path = write(tmp_path, made)
    (fault,) = check_path(path, open_images=False).faults
    assert (fault.kind, fault.count, fault.fixable) == ("boxes or polygons with y before x", 30, 0)
    after = json.loads(mend_path(path, tmp_path / "out").label_files[0].read_text())
    assert [entry["bbox"] for entry in after["annotations"]] == [entry["bbox"] for entry in made["annotations"]]


def test_nothing_that_goes_by_polygons_in_shares_is_promised(tmp_path: Path) -> None:
    made = [[0.1, 0.1, 0.5, 0.1, 0.5, 0.5, 0.1, 0.5 + number / 100] for number in range(1, 31)]
    report = check(tmp_path, *(annotation(number, segmentation=[shares]) for number, shares in enumerate(made, 1)))
    assert "polygons in shares of the image" in kinds(report)
    assert [fault.kind for fault in report.faults if fault.fixable] == []


def test_class_that_is_called_by_a_number(tmp_path: Path) -> None:
    path = write(tmp_path, document() | {"categories": [{"id": 1, "name": 7}]})
    assert kinds(check_path(path)) == {"category name that is a number": 1}
    assert check_path(mend_path(path, tmp_path / "out").label_files[0], tmp_path / "images").faults == ()
