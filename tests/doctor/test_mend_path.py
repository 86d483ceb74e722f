"""A mended copy has none of the faults that were mended, all else is as it was, and the source is untouched."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from contorno.doctor import check_path, mend_path
from contorno.doctor.clipping import clip_polygon
from contorno.errors import ConfigError, DataError
from contorno.masks import Polygons, decode, to_run_length
from tiny_coco import HEIGHT, WIDTH, annotation, document, kinds, write

SPOILS: dict[str, dict[str, Any]] = {
    "box xyxy": {"bbox": [13, 13, 33, 33]},
    "box missing": {"bbox": None},
    "box too short": {"bbox": [1, 2]},
    "box of texts": {"bbox": ["13", "13", "20", "20"]},
    "area of texts": {"area": "400"},
    "area zero": {"area": 0},
    "area missing": {"area": None},
    "crowd missing": {"iscrowd": None},
    "crowd as truth value": {"iscrowd": False},
    "flat list": {"segmentation": [13, 13, 33, 13, 33, 33, 13, 33]},
    "list of points": {"segmentation": [[13, 13], [33, 13], [33, 33], [13, 33]]},
    "texts": {"segmentation": [["13", 13, 33, 13, 33, 33, 13, 33]]},
    "speck of two points": {"segmentation": [[13, 13, 33, 13, 33, 33, 13, 33], [1, 2, 3, 4]]},
    "beyond": {"segmentation": [[60, 10, 100, 10, 100, 30, 60, 30]], "bbox": [60, 10, 40, 20], "area": 800},
    "outside": {"segmentation": [[160, 10, 200, 10, 200, 30, 160, 30]]},
    "empty run lengths": {"segmentation": {"size": [HEIGHT, WIDTH], "counts": [HEIGHT * WIDTH]}},
    "flat box": {"segmentation": [], "bbox": [10, 10, 0, 20]},
    "box beyond": {"segmentation": [], "bbox": [70, 10, 20, 20], "area": 400},
    "box outside": {"segmentation": [], "bbox": [90, 10, 20, 20]},
    "nothing": {"segmentation": [], "bbox": []},
    "id missing": {"id": None},
    "id twice": {"id": 2},
    "id zero": {"id": 0},
    "unknown image": {"image_id": 77},
    "unknown category": {"category_id": 77},
    "image id as text": {"image_id": "1"},
}


def spoilt(*names: str) -> dict[str, Any]:
    made = document()
    for place, name in enumerate(names):
        made["annotations"][place] |= {**SPOILS[name], "note": name}
    return made


def mended(folder: Path, made: dict[str, Any]) -> tuple[Path, dict[str, Any], list[dict[str, str]]]:
    """The path of the mended file, the document in it, and the list of changes."""
    path = write(folder / "source", made)
    before = path.read_bytes()
    result = mend_path(path, folder / "out")
    assert path.read_bytes() == before
    with (folder / "out" / "changes.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == sum(result.counts.values()) == len(result.changes)
    json.dumps(result.to_json())
    return result.label_files[0], json.loads(result.label_files[0].read_text()), rows


@pytest.mark.parametrize("name", SPOILS)
def test_each_mended_fault_is_gone_and_nothing_else_changed(tmp_path: Path, name: str) -> None:
    made = spoilt(name)
    images = tmp_path / "source" / "images"
    before = kinds(check_path(write(tmp_path / "source", made), images))
    path, after, rows = mended(tmp_path, made)
    assert before
    left = kinds(check_path(path, images))
    assert not left.keys() - {"annotation without a mask"}, left
    assert rows
    assert all(row["why"] and row["label_file"].endswith("labels.json") for row in rows)
    untouched = [{**entry, "id": 0} for entry in after["annotations"]]
    assert all({**entry, "id": 0} in untouched for entry in made["annotations"][1:])
    assert (after["info"], after["images"]) == (made["info"], made["images"])
    kept = [entry for entry in after["annotations"] if entry.get("note") == name]
    assert len(kept) == len(after["annotations"]) - 29


def test_report_promises_what_mending_does(tmp_path: Path) -> None:
    made = spoilt(*[name for name in SPOILS if name != "id zero"])
    path = write(tmp_path / "source", made)
    report = check_path(path)
    assert "would mend" in report.summary
    path, _, _ = mended(tmp_path, made)
    left = kinds(check_path(path, tmp_path / "source" / "images"))
    promised = {fault.kind for fault in report.faults if fault.fixable == fault.count}
    assert promised
    assert not promised & left.keys()


def test_sound_document_stays_as_it_is(tmp_path: Path) -> None:
    _, after, rows = mended(tmp_path, document())
    assert (after, rows) == (document(), [])


def test_images_and_categories(tmp_path: Path) -> None:
    made = document()
    made["images"][0]["width"] = str(WIDTH)
    made["images"][1]["file_name"] = "sub\\2.jpg"
    made["images"] += [dict(made["images"][2]), {**made["images"][2], "id": 9}, 5]
    made["annotations"] += [annotation(31, image_id=9)]
    made["categories"] += [{"id": 2, "name": " Cat "}, {"id": 3, "name": "dog "}]
    made["annotations"][0]["category_id"] = 2
    path, after, rows = mended(tmp_path, made)
    assert [(entry["id"], entry["file_name"]) for entry in after["images"]] == [
        (1, "1.jpg"),
        (2, "sub/2.jpg"),
        (3, "3.jpg"),
    ]
    assert after["images"][0]["width"] == WIDTH
    assert after["categories"] == [{"id": 1, "name": "cat"}, {"id": 3, "name": "dog"}]
    assert after["annotations"][0]["category_id"] == 1
    assert {"image file under two ids", "category name that stands twice", "file name with backslashes"} <= {
        row["why"] for row in rows
    }
    assert check_path(path, tmp_path / "source" / "images").ok


def test_size_is_taken_from_the_file_only_where_annotations_prove_it(tmp_path: Path) -> None:
    far = [60, 10, 78, 10, 78, 30, 60, 30]
    for name, part in {"proven": far, "open": annotation(1)["segmentation"][0]}.items():
        made = document(annotation(1, segmentation=[part]), count=1)
        made["images"][0] |= {"width": HEIGHT, "height": WIDTH}
        _, after, _ = mended(tmp_path / name, made)
        size = (after["images"][0]["width"], after["images"][0]["height"])
        assert size == ((WIDTH, HEIGHT) if name == "proven" else (HEIGHT, WIDTH))
    made = document()
    del made["images"][0]["width"]
    _, after, _ = mended(tmp_path / "missing", made)
    assert after["images"][0]["width"] == WIDTH


def test_what_can_be_corrected_by_one_number_is_not_removed(tmp_path: Path) -> None:
    made = document()
    made["categories"] = [{"id": n, "name": f"c{n}"} for n in (1, 2)]
    for number, entry in enumerate(made["annotations"]):
        entry["category_id"] = number % 2
    _, after, rows = mended(tmp_path, made)
    assert len(after["annotations"]) == 30
    assert rows == []
    made = document()
    for number, entry in enumerate(made["annotations"]):
        entry["segmentation"] = [[0.1, 0.1, 0.5 + number / 99, 0.1, 0.5, 0.5]]
    _, after, _ = mended(tmp_path / "shares", made)
    assert after["annotations"] == made["annotations"]


def test_repeated_objects_are_removed_with_their_box_and_area(tmp_path: Path) -> None:
    made = document()
    made["annotations"] += [annotation(1, id=31), annotation(1, id=32, bbox=[1, 1, 5, 5]), annotation(1, id=33, note=1)]
    _, after, rows = mended(tmp_path, made)
    assert [entry["id"] for entry in after["annotations"]][-2:] == [30, 33]
    assert sum(row["why"] == "object annotated twice" for row in rows) == 2


def test_swapped_run_lengths_are_not_guessed_at(tmp_path: Path) -> None:
    code = {"size": [WIDTH, HEIGHT], "counts": [100, 20, WIDTH * HEIGHT - 120]}
    _, after, _ = mended(tmp_path, document(annotation(1, segmentation=code)))
    assert after["annotations"][0]["segmentation"] == code


def test_output_inside_the_source_or_not_empty_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "data", document())
    with pytest.raises(ConfigError, match="already"):
        mend_path(path, tmp_path / "data")
    for out in (tmp_path / "data", tmp_path / "data" / "new"):
        with pytest.raises(ConfigError, match="is in the source"):
            mend_path(tmp_path / "data", out)
    assert sorted(file.name for file in (tmp_path / "data").iterdir()) == ["images", "labels.json"]


def test_file_that_is_no_coco_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('[{"image_id": 1, "category_id": 1, "score": 0.5}]')
    with pytest.raises(DataError):
        mend_path(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("seed", range(5))
def test_clipped_polygon_covers_the_same_pixels(seed: int) -> None:
    rng = np.random.default_rng(seed)
    angle = np.sort(rng.uniform(0, 2 * np.pi, 12))
    reach = rng.uniform(15, 60, 12)
    points = np.stack([40 + reach * np.cos(angle), 30 + reach * np.sin(angle)], axis=1)
    clipped = clip_polygon(points, (HEIGHT, WIDTH))
    assert clipped.min() >= 0
    assert (clipped <= [WIDTH, HEIGHT]).all()
    grown = np.zeros((HEIGHT + 200, WIDTH + 200), dtype=np.uint8)
    whole = decode(to_run_length(Polygons((points + 100,)), grown.shape))[100:-100, 100:-100]
    part = decode(to_run_length(Polygons((clipped,)), (HEIGHT, WIDTH)))
    # Pycocotools samples along each edge from its start, so that a cut edge may round another way at a few pixels.
    assert (whole != part).sum() <= 20
    assert part.sum() > 500


def test_where_the_images_are_is_said_of_each_split(tmp_path: Path) -> None:
    for split, number in (("train", 1), ("valid", 2)):
        made = document(images=1, count=10)
        made["images"][0]["file_name"] = f"{number}.jpg"
        write(tmp_path / "source" / split, made | {"categories": [{"id": 1, "name": " cat"}]})
    mended = mend_path(tmp_path / "source", tmp_path / "out")
    assert mended.images_in == tmp_path / "source"
    assert str(mended).splitlines()[0].endswith("train/labels.json, valid/labels.json, changes.csv")
    assert str(mended).splitlines()[-1] == f"its images stay where they are: add --images {tmp_path / 'source'}"
    assert mended.to_json()["images_in"] == str(tmp_path / "source")
    assert {fault.kind for fault in check_path(tmp_path / "out", mended.images_in).faults} <= {
        "image id in two splits",
        "image file in two splits",
    }
