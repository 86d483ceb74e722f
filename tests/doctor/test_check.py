from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tiny
from contorno import masks
from contorno.doctor import CheckReport, check_records
from contorno.images import write_image
from contorno.masks import Geometry
from contorno.records import ClassMap, ImageId, Instances, Record, Records

SIZE = (20, 30)
SQUARE = tiny.disc(SIZE, (10, 10), 6)


def picture(path: Path, size: tuple[int, int] = SIZE, seed: int = 0) -> Path:
    write_image(path, np.random.default_rng(seed).integers(0, 255, (*size, 3), dtype=np.uint8))
    return path


def records(*made: Record, classes: tuple[str, ...] = ("a",)) -> Records:
    return Records(made, ClassMap(classes))


def many(first: int = 1, count: int = 12) -> list[Record]:
    """Images in memory without a fault, one object each."""
    return [tiny.record(first + number, SIZE, [(1, SQUARE)]) for number in range(count)]


def with_objects(
    image_id: ImageId, geometries: list[Geometry | None], boxes: list[list[float]] | None = None
) -> Record:
    instances = Instances.build(SIZE, [1] * len(geometries), geometries, boxes=boxes)
    return replace(tiny.record(image_id, SIZE, []), instances=instances)


def kinds(report: CheckReport) -> dict[str, int]:
    return {fault.kind: fault.count for fault in report.faults}


def check_train(*made: Record, **options: bool) -> CheckReport:
    return check_records({"train": records(*many(), *made)}, **options)


def test_sound_records_have_no_fault() -> None:
    report = check_records({"train": records(*many()), "validation": records(*many(100, 2))})
    assert report.ok
    assert (report.images, report.objects, report.faults) == (14, 14, ())
    assert str(report) == "checked 14 images, 14 objects: no faults"


def test_missing_and_damaged_image_files_are_errors(tmp_path: Path) -> None:
    cut_jpeg, cut_png = picture(tmp_path / "cut.jpg", (200, 200)), picture(tmp_path / "cut.png", (200, 200))
    for path in (cut_jpeg, cut_png):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    (tmp_path / "page.jpg").write_text("<html>")
    made = [
        tiny.record("gone", SIZE, [], tmp_path / "gone.png"),
        tiny.record("page", SIZE, [], tmp_path / "page.jpg"),
        tiny.record("jpeg", (200, 200), [], cut_jpeg),
        tiny.record("png", (200, 200), [], cut_png),
    ]
    report = check_train(*made)
    assert not report.ok
    assert kinds(report) == {"image file that cannot be read": 3, "image file missing": 1}
    assert [place.image_id for place in report.errors[0].where] == ["page", "jpeg", "png"]
    assert check_train(*made, open_images=False).ok


def test_damage_inside_a_file_is_found_by_decoding(tmp_path: Path) -> None:
    path = picture(tmp_path / "a.png", (60, 60))
    data = bytearray(path.read_bytes())
    data[200:260] = bytes(60)
    path.write_bytes(data)
    record = tiny.record("a", (60, 60), [], path)
    assert check_train(record).ok
    assert kinds(check_train(record, decode=True)) == {"image file that cannot be read": 1}


def test_size_that_differs_from_the_file_is_an_error_and_a_swapped_one_hints_at_exif(tmp_path: Path) -> None:
    turned = tmp_path / "turned.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.zeros((*SIZE, 3), dtype=np.uint8)).save(turned, exif=exif)
    other = picture(tmp_path / "other.png", (5, 7))
    report = check_train(tiny.record("t", SIZE, [], turned), tiny.record("o", SIZE, [], other))
    assert kinds(report) == {"image turned by EXIF against its annotation": 1, "image of another size than stated": 1}
    assert "stated are 30 x 20 pixels, the file has 20 x 30" in report.errors[0].cause
    assert "EXIF" in report.errors[0].cause


def test_empty_split_and_split_without_objects() -> None:
    negatives = records(tiny.record(50, SIZE, []))
    report = check_records({"train": records(*many()), "validation": negatives, "test": records()})
    assert [(f.kind, f.severity) for f in report.faults] == [
        ("split without images", "error"),
        ("split without objects", "warning"),
    ]
    assert kinds(check_records({"train": negatives})) == {"split without objects": 1}
    assert not check_records({"train": negatives}).ok
    assert not check_records({}).ok


def test_class_without_objects_and_rare_class_are_warnings() -> None:
    made = Records([*many(), tiny.record(99, SIZE, [(3, SQUARE)])], ClassMap(["a", "never", "rare"]))
    report = check_records({"train": made})
    assert report.ok
    assert kinds(report) == {"class without objects": 1, "rare class (fewer than 10 objects)": 1}
    assert [str(place) for fault in report.faults for place in fault.where] == [
        "train: class 'never'",
        "train: class 'rare'",
    ]
    assert report.faults[1].cause == "'rare' has 1."


def test_empty_mask_is_an_error_full_and_tiny_ones_are_warnings() -> None:
    speck = np.zeros(SIZE, dtype=np.uint8)
    speck[3, 3:18] = 1
    shapes = [masks.encode(bitmap) for bitmap in (SQUARE * 0, SQUARE * 0 + 1, speck)]
    report = check_train(with_objects("x", list(shapes), [[1, 1, 3, 3], [0, 0, 30, 20], [3, 3, 18, 4]]))
    assert kinds(report) == {"empty mask": 1, "mask over the whole image": 1, "tiny object (under 16 px²)": 1}
    assert [fault.kind for fault in report.errors] == ["empty mask"]
    assert str(report.errors[0].where[0]) == "train: image 'x', object 0"


@pytest.mark.parametrize(
    ("box", "kind", "is_error"),
    [
        ([5, 5, 5, 9], "box without area", True),
        ([9, 5, 5, 9], "box without area", True),
        ([40, 5, 50, 9], "box outside the image", True),
        ([-5, 5, 5, 9], "box beyond the image", False),
    ],
    ids=["flat", "reversed", "outside", "beyond"],
)
def test_bad_boxes(box: list[float], kind: str, is_error: bool) -> None:
    report = check_train(with_objects("x", [None], [box]))
    assert kinds(report) == {kind: 1}
    assert report.ok != is_error


@pytest.mark.parametrize(("off", "found"), [(2.0, 0), (2.5, 1)])
def test_box_may_differ_from_its_mask_by_two_pixels(off: float, found: int) -> None:
    code = masks.encode(SQUARE)
    box = masks.box(code) + np.array([off, 0, 0, 0])
    report = check_train(with_objects("x", [code], [box.tolist()]))
    assert kinds(report) == ({"box that disagrees with its mask by over 2 px": 1} if found else {})
    assert report.ok


def test_object_annotated_twice_is_a_warning_whatever_form_its_mask_has() -> None:
    code = masks.encode(SQUARE)
    report = check_train(with_objects("x", [code, masks.to_polygons(code)]))
    assert kinds(report) == {"object annotated twice": 1}
    assert report.faults[0].where[0].object_index == 1
    assert kinds(check_train(with_objects("x", [None, None], [[1, 1, 9, 9]] * 2))) == {"object annotated twice": 1}


def test_image_in_two_splits_is_an_error_found_by_id_or_by_bytes(tmp_path: Path) -> None:
    path = picture(tmp_path / "a.png")
    (tmp_path / "copy.png").write_bytes(path.read_bytes())
    train = records(*many(), tiny.record("a", SIZE, [(1, SQUARE)], path))
    same_id = records(tiny.record("a", SIZE, [(1, SQUARE)], path))
    copied = records(tiny.record("b", SIZE, [(1, SQUARE)], tmp_path / "copy.png"))
    assert kinds(check_records({"train": train, "validation": same_id})) == {"image in two splits": 1}
    report = check_records({"train": train, "validation": copied})
    assert kinds(report) == {"image file in two splits": 1}
    assert not report.ok
    assert "a.png in 'train'" in report.errors[0].cause


def test_id_that_each_split_counts_for_itself_is_only_a_warning(tmp_path: Path) -> None:
    parts = [
        records(tiny.record(0, SIZE, [(1, SQUARE)], picture(tmp_path / split / "a.png", seed=seed)))
        for seed, split in enumerate(("train", "validation"))
    ]
    report = check_records({"train": Records([*parts[0], *many()], ClassMap(["a"])), "validation": parts[1]})
    assert kinds(report) == {"image id in two splits": 1}
    assert report.ok


def test_same_file_twice_in_a_split_is_a_warning_and_equal_length_alone_is_none(tmp_path: Path) -> None:
    for name, text in {"a.bmp": 1, "b.bmp": 1, "c.bmp": 2}.items():
        Image.fromarray(np.full((*SIZE, 3), text, dtype=np.uint8)).save(tmp_path / name)
    made = [tiny.record(name, SIZE, [], tmp_path / f"{name}.bmp") for name in "abc"]
    report = check_train(*made)
    assert kinds(report) == {"image file twice in a split": 1}
    assert report.ok


def test_report_has_errors_first_and_goes_into_json() -> None:
    twice = [masks.encode(SQUARE)] * 8
    report = check_train(with_objects("x", list(twice)), with_objects("y", [None], [[5, 5, 5, 9]]))
    assert [(f.severity, f.count, len(f.where)) for f in report.faults] == [("error", 1, 1), ("warning", 7, 5)]
    assert str(report).index("box without area") < str(report).index("object annotated twice")
    assert "and 2 more" in str(report)
    value = json.loads(json.dumps(report.to_json()))
    assert value["ok"] is False
    assert value["faults"][0]["where"][0]["image_id"] == "y"
    assert value["faults"][0]["where"][0]["object_index"] == 0


def test_progress_is_told() -> None:
    told: list[tuple[str, int, int | None]] = []
    check_records({"train": records(*many())}, progress=lambda *call: told.append(call))
    assert told == [("checking the objects of images", 12, 12)]
