"""Every fault that the doctor promises to name: a file with exactly that fault, and the kind it is told as.

The images are 60 x 80 pixels (height x width), the objects squares of 20 x 20.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from contorno.doctor import CheckReport, Fault, check_path, mend_path
from contorno.errors import DataError
from contorno.images import read_image, write_image
from contorno.parsers import ReadOptions, parse
from contorno.records import ClassMap
from tiny_coco import HEIGHT, WIDTH, annotation, document, kinds, picture, write

PROMISED = """
JSON that is not COCO; missing keys; duplicate ids; annotations of unknown images; annotations of unknown categories;
category names duplicated; category names empty; category names differing only in case; category names differing only in
space; class map mismatch; boxes centre-based; boxes xyxy; boxes normalised; boxes out of the image; zero-area boxes;
polygons with under 3 points; polygons self-crossing; polygons outside; polygons as flat lists; area of the box; area in
per cent; area that disagrees; RLE of wrong size; masks empty; masks covering all; image files missing; image files
unreadable; image files truncated; image files of other size; image files EXIF-rotated; image files 16-bit; image files
CMYK; image files palette; image files animated; same image twice exact; same image twice near; same image in two splits
exact; same image in two splits near; objects annotated twice; images probably unlabelled; tiny objects; rare classes
"""

Document = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """spoil: puts the fault into a sound document and its folder.   kind, severity: as it is to be told.

    place: what the first place must have.   fixed: `mend_path` takes it away.   others: kinds that follow from it.
    """

    spoil: Callable[[Document, Path], None]
    kind: str
    severity: str = "error"
    place: tuple[str, ...] = ("file", "annotation_id", "field")
    fixed: bool = True
    others: tuple[str, ...] = ()
    options: ReadOptions | None = None


def entry(**changes: Any) -> Callable[[Document, Path], None]:
    """Change the first annotation."""
    return lambda made, _: made["annotations"][0].update(changes)


def boxes(change: Callable[[list[float]], list[float]]) -> Callable[[Document, Path], None]:
    """Change the box of every annotation."""

    def spoil(made: Document, _: Path) -> None:
        for one in made["annotations"]:
            one["bbox"] = change(one["bbox"])

    return spoil


def categories(*names: str) -> Callable[[Document, Path], None]:
    """Give the objects to these categories in turn."""

    def spoil(made: Document, _: Path) -> None:
        made["categories"] = [{"id": number, "name": name} for number, name in enumerate(names, 1)]
        for number, one in enumerate(made["annotations"]):
            one["category_id"] = 1 + number % len(names)

    return spoil


def without_key(made: Document, _: Path) -> None:
    del made["annotations"][0]["category_id"]


def file(change: Callable[[Path], object]) -> Callable[[Document, Path], None]:
    """Change the file of the first image."""

    def spoil(_: Document, images: Path) -> None:
        change(images / "1.jpg")

    return spoil


def saved(mode: str, **options: Any) -> Callable[[Path], object]:
    def change(path: Path) -> object:
        image = Image.open(path).convert(mode)
        image.save(path, **options)
        return image

    return change


def named(suffix: str, change: Callable[[Path], object]) -> Callable[[Document, Path], None]:
    """Change the first image into a file with another suffix."""

    def spoil(made: Document, images: Path) -> None:
        path = images / f"1{suffix}"
        Image.open(images / "1.jpg").save(path)
        (images / "1.jpg").unlink()
        made["images"][0]["file_name"] = path.name
        change(path)

    return spoil


def deep(path: Path) -> None:
    write_image(path, np.asarray(Image.open(path).convert("L")).astype(np.uint16) * 257)


def animated(path: Path) -> None:
    frames = [Image.new("RGB", (WIDTH, HEIGHT), colour) for colour in ("red", "blue")]
    frames[0].save(path, save_all=True, append_images=frames[1:])


def sideways(made: Document, images: Path) -> None:
    """A photo annotated as it is stored, that its EXIF turns."""
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.open(images / "1.jpg")
    image.load()
    image.save(images / "1.jpg", exif=exif)


def copied(made: Document, images: Path) -> None:
    (images / "2.jpg").write_bytes((images / "1.jpg").read_bytes())


def saved_again(made: Document, images: Path) -> None:
    Image.open(images / "1.jpg").save(images / "2.jpg", quality=60)


def in_two_splits(copy: Callable[[Document, Path], None]) -> Callable[[Document, Path], None]:
    def spoil(made: Document, images: Path) -> None:
        copy(made, images)
        for image, split in zip(made["images"], ("train", "validation", "train"), strict=True):
            image["split"] = split

    return spoil


def unlabelled(made: Document, images: Path) -> None:
    for number in range(4, 21):
        made["images"].append({**made["images"][0], "id": number, "file_name": f"{number}.jpg"})
        picture(images / f"{number}.jpg", seed=number)
        if number < 14:
            made["annotations"].append(annotation(100 + number, image_id=number))


def repeated_image_id(made: Document, _: Path) -> None:
    made["images"][1]["id"] = 1
    for one in made["annotations"]:
        one["image_id"] = 1 if one["image_id"] == 2 else one["image_id"]


TINY = {"segmentation": [[10, 10, 13, 10, 13, 13, 10, 13]], "bbox": [10, 10, 3, 3], "area": 9}
BOW = {"segmentation": [[10, 10, 30, 30, 30, 10, 10, 30]], "bbox": [10, 10, 20, 20], "area": 200}
FULL = {"segmentation": {"size": [HEIGHT, WIDTH], "counts": [0, HEIGHT * WIDTH]}}
TRIANGLE = {"segmentation": [[10, 10, 40, 10, 10, 40]], "bbox": [10, 10, 30, 30], "area": 900}
OBJECT, IMAGE = ("file", "annotation_id", "field"), ("file", "image_id")

CASES: dict[str, Case] = {
    "JSON that is not COCO": Case(
        lambda made, _: made.clear(), "JSON that is not a COCO", place=("label_file",), fixed=False
    ),
    "missing keys": Case(without_key, "annotation without category_id", fixed=False),
    "missing keys: a table": Case(lambda made, _: made.pop("categories") and None, "table missing", place=("field",)),
    "duplicate ids": Case(entry(id=2), "annotation id used twice"),
    "duplicate ids: images": Case(repeated_image_id, "image id used for two files", place=IMAGE, fixed=False),
    "annotations of unknown images": Case(entry(image_id=99), "unknown image", place=("annotation_id", "field")),
    "annotations of unknown categories": Case(entry(category_id=99), "unknown category"),
    "category names duplicated": Case(
        categories("cat", "cat"), "category name that stands twice", place=("class_name",)
    ),
    "category names empty": Case(categories("cat", " "), "category without a name", place=("field",), fixed=False),
    "category names differing only in case": Case(categories("cat", "Cat"), "differ in case", place=("class_name",)),
    "category names differing only in space": Case(categories("cat", "cat "), "differ in case", place=("class_name",)),
    "class map mismatch": Case(
        categories("cats", "dog"),
        "class that the class map lacks",
        place=("label_file",),
        fixed=False,
        options=ReadOptions(class_map=ClassMap(["cat", "dog"])),
    ),
    "boxes centre-based": Case(boxes(lambda b: [b[0] + b[2] / 2, b[1] + b[3] / 2, *b[2:]]), "boxes that look like x_c"),
    "boxes xyxy": Case(boxes(lambda b: [*b[:2], b[0] + b[2], b[1] + b[3]]), "boxes that look like x_min, y_min, x_max"),
    "boxes normalised": Case(
        boxes(lambda b: [b[0] / WIDTH, b[1] / HEIGHT, b[2] / WIDTH, b[3] / HEIGHT]), "width, height as shares"
    ),
    "boxes out of the image": Case(entry(segmentation=[], bbox=[200, 10, 20, 20]), "box outside the image"),
    "boxes out of the image: in part": Case(
        entry(segmentation=[], bbox=[70, 10, 20, 20]), "box beyond the image", "warning"
    ),
    "zero-area boxes": Case(entry(segmentation=[], bbox=[10, 10, 0, 20], area=0), "box without area"),
    "polygons with under 3 points": Case(entry(segmentation=[[10, 10, 30, 30]]), "fewer than 3 points"),
    "polygons self-crossing": Case(entry(**BOW), "polygon that crosses itself", "warning", fixed=False),
    "polygons outside": Case(
        entry(segmentation=[[100, 10, 120, 10, 120, 30]], bbox=[100, 10, 20, 20]), "polygon outside"
    ),
    "polygons as flat lists": Case(entry(segmentation=annotation(1)["segmentation"][0]), "polygon as a flat list"),
    "area of the box": Case(entry(**TRIANGLE), "area that is that of the box", "warning"),
    "area in per cent": Case(entry(area=100 * 400 / HEIGHT / WIDTH), "area as a share or per cent"),
    "area that disagrees": Case(entry(area=700), "area that disagrees with its mask", "warning"),
    "RLE of wrong size": Case(
        entry(segmentation={"size": [80, 60], "counts": [100, 20, 4680]}), "run lengths of another size", fixed=False
    ),
    "masks empty": Case(entry(segmentation={"size": [60, 80], "counts": [4800]}), "empty mask"),
    "masks covering all": Case(
        entry(**FULL, bbox=[0, 0, WIDTH, HEIGHT], area=4800), "mask over the whole image", "warning", OBJECT[:2], False
    ),
    "image files missing": Case(file(Path.unlink), "image file missing", place=IMAGE, fixed=False),
    "image files unreadable": Case(file(lambda p: p.write_bytes(b"no")), "cannot be read", place=IMAGE, fixed=False),
    "image files truncated": Case(
        file(lambda p: p.write_bytes(p.read_bytes()[:-300])), "cannot be read", place=IMAGE, fixed=False
    ),
    "image files of other size": Case(
        file(lambda p: p.unlink() or picture(p, seed=9, size=(50, 90))), "another size", place=IMAGE, fixed=False
    ),
    "image files EXIF-rotated": Case(sideways, "turned by EXIF against its annotation", place=IMAGE, fixed=False),
    "image files 16-bit": Case(named(".png", deep), "image of 16 bits", "warning", IMAGE, False),
    "image files CMYK": Case(file(saved("CMYK")), "image in CMYK", "warning", IMAGE, False),
    "image files palette": Case(named(".png", saved("P")), "palette image", "note", IMAGE, False),
    "image files animated": Case(named(".gif", animated), "several frames", "warning", IMAGE, False),
    "same image twice exact": Case(copied, "image file twice in a split", "warning", IMAGE, False),
    "same image twice near": Case(saved_again, "same picture twice in a split", "warning", IMAGE, False),
    "same image in two splits exact": Case(in_two_splits(copied), "image file in two splits", place=IMAGE, fixed=False),
    "same image in two splits near": Case(
        in_two_splits(saved_again), "same picture in two splits", place=IMAGE, fixed=False
    ),
    "objects annotated twice": Case(
        lambda made, _: made["annotations"].append(annotation(1, id=31)),
        "object annotated twice",
        "warning",
        OBJECT[:2],
    ),
    "images probably unlabelled": Case(unlabelled, "image at the end of the order", "warning", IMAGE, False),
    "tiny objects": Case(entry(**TINY), "tiny object", "warning", OBJECT[:2], False),
    "rare classes": Case(
        lambda made, _: (
            made["categories"].append({"id": 2, "name": "eel"}) or made["annotations"][0].update(category_id=2)
        ),
        "rare class",
        "warning",
        ("class_name",),
        False,
    ),
}


def spoilt(folder: Path, *names: str) -> Path:
    """Write a document with these faults."""
    path = write(folder, document())
    made = json.loads(path.read_text())
    for name in names:
        CASES[name].spoil(made, folder / "images")
    path.write_text(json.dumps(made))
    return path


def find(report: CheckReport, name: str) -> Fault:
    return next(fault for fault in report.faults if CASES[name].kind in fault.kind)


def test_all_that_is_promised_has_a_case() -> None:
    promised = {" ".join(name.split()) for name in PROMISED.split(";")}
    assert promised == {name.partition(":")[0] for name in CASES}
    assert len(promised) == 42


@pytest.mark.parametrize("name", CASES)
def test_fault_is_told_with_its_place_cause_and_mend(tmp_path: Path, name: str) -> None:
    case = CASES[name]
    report = check_path(spoilt(tmp_path, name), options=case.options)
    fault = find(report, name)
    assert fault.severity == case.severity
    assert report.ok == (case.severity != "error")
    assert fault.cause.endswith((".", ")")), fault.cause
    assert fault.mend
    told = fault.where[0]
    assert all(getattr(told, key) is not None for key in case.place), told
    value = json.loads(json.dumps(report.to_json()))
    assert {"kind", "severity", "count", "where", "cause", "mend", "fixable"} <= value["faults"][0].keys()


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.place != ("field",)])
def test_copy_is_mended_as_was_said_and_can_be_trained_on(tmp_path: Path, name: str) -> None:
    case = CASES[name]
    path = spoilt(tmp_path / "source", name)
    before = path.read_bytes()
    report = check_path(path, options=case.options)
    fault = find(report, name)
    assert (fault.fixable == fault.count) == case.fixed or not fault.count
    if name == "JSON that is not COCO":
        with pytest.raises(DataError, match="nothing to mend"):
            mend_path(path, tmp_path / "out")
        return
    mended = mend_path(path, tmp_path / "out")
    assert path.read_bytes() == before
    images = tmp_path / "source" / "images"
    again = check_path(mended.label_files[0], images, options=case.options)
    assert case.fixed == (fault.kind not in kinds(again)), kinds(again)
    assert case.fixed or not mended.changes, mended.counts
    if case.fixed:
        assert again.ok, str(again)
        parts = parse(mended.label_files[0], images)
        assert {len(part) > 0 for part in parts.values()} == {True}


def test_ten_faults_at_once_are_all_told_worst_first_and_mended(tmp_path: Path) -> None:
    path = write(tmp_path / "source", document())
    made = json.loads(path.read_text())
    rows = made["annotations"]
    rows[0]["id"] = 2
    rows[1]["image_id"] = 99
    rows[2]["category_id"] = 77
    rows[3]["bbox"] = [22, 22, 42, 42]
    rows[4]["segmentation"] = rows[4]["segmentation"][0]
    rows[5]["area"] = 8
    rows[6]["segmentation"] = {"size": [HEIGHT, WIDTH], "counts": [HEIGHT * WIDTH]}
    rows[7] |= {"segmentation": [], "bbox": [5, 5, 0, 9]}
    rows[8]["segmentation"] = [[1, 1, 2, 2]]
    rows.append({**rows[20], "id": 31})
    made["categories"].append({"id": 2, "name": " Cat"})
    path.write_text(json.dumps(made))
    report = check_path(path)
    expected = (
        "id used twice|unknown image|unknown category|x_min, y_min, x_max|flat list|area as a share or|empty mask|"
        "box without area|fewer than 3 points|annotated twice|outer blanks|differ in case"
    )
    for kind in expected.split("|"):
        assert sum(kind in fault.kind for fault in report.faults) == 1, kind
    severities = [fault.severity for fault in report.faults]
    assert severities == sorted(severities, key=["error", "warning", "note"].index)
    assert re.search(r"\d+ errors, \d+ warnings?; `--fix OUT` would mend \d+ of them", str(report))
    mended = mend_path(path, tmp_path / "out")
    again = check_path(mended.label_files[0], tmp_path / "source" / "images")
    assert kinds(again) == {"annotation without a mask": 1}  # its box stays, which is sound


def test_pictures_are_read_where_they_are(tmp_path: Path) -> None:
    """A guard: the builders above make pictures that differ, so that no case has the fault of another."""
    path = spoilt(tmp_path)
    assert check_path(path).faults == ()
    assert read_image(tmp_path / "images" / "1.jpg").shape == (HEIGHT, WIDTH, 3)
