"""Data other than COCO: what their parser mended or left out becomes faults, and they are mended as records."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from contorno.doctor import check_path, mend_path
from contorno.doctor.parsed import tell_report
from contorno.doctor.report import Faults, Place
from contorno.errors import ConfigError
from contorno.records import ParseReport
from tiny_coco import SQUARE, document, kinds, picture, write


def test_report_of_a_parser_becomes_faults_with_all_counts() -> None:
    report = ParseReport(
        mended={"box beyond the image, clipped": 7},
        dropped={"label file that cannot be read": 2, "image whose file is missing": 3, "region that is a point": 1},
        places={"label file that cannot be read": ("b.txt", "c.txt"), "box beyond the image, clipped": ("a", "b", "c")},
        details={"label file that cannot be read": "line 3 has 4 numbers"},
    )
    faults = Faults()
    tell_report(report, Place(split="train", label_file="set"), faults)
    found = {fault.kind: fault for fault in faults.report(0, 0).faults}
    assert {kind: (f.severity, f.count, f.fixable) for kind, f in found.items()} == {
        "label file that cannot be read": ("error", 2, 2),
        "image whose file is missing": ("error", 3, 0),
        "region that is a point": ("warning", 1, 1),
        "box beyond the image, clipped": ("warning", 7, 7),
    }
    unread = found["label file that cannot be read"]
    assert unread.cause == "line 3 has 4 numbers"
    assert [place.field for place in unread.where] == ["b.txt", "c.txt"]
    assert unread.mend == "put a sound one there, or take it out of the data; until then it is left out."
    assert found["region that is a point"].mend == "correct it; until then it is left out."


def via(folder: Path) -> Path:
    """A VIA file: eleven sound squares, one region of two points, one image that is not there."""
    shape = {"name": "polygon", "all_points_x": SQUARE[::2], "all_points_y": SQUARE[1::2]}
    line = {"name": "polygon", "all_points_x": [1, 2], "all_points_y": [1, 2]}
    made = {}
    for number in range(12):
        name = f"{number}.jpg"
        if number:
            picture(folder / name, seed=number)
        shapes = [shape, line] if number == 5 else [shape]
        regions = [{"shape_attributes": s, "region_attributes": {"class": "roof"}} for s in shapes]
        made[f"{name}1"] = {"filename": name, "size": 1, "regions": regions, "file_attributes": {}}
    (folder / "via.json").write_text(json.dumps(made))
    return folder / "via.json"


def test_via_file_is_checked_through_its_parser(tmp_path: Path) -> None:
    report = check_path(via(tmp_path))
    assert (report.images, report.objects) == (11, 11)
    assert sum(kinds(report).values()) >= 3
    assert not report.ok


def test_via_file_is_mended_as_records(tmp_path: Path) -> None:
    path = via(tmp_path / "source")
    result = mend_path(path, tmp_path / "out")
    assert result.changes
    assert result.label_files[0].name.startswith("via")
    assert result.to_json()["images"] == len(list((tmp_path / "out").rglob("*.jpg"))) == 11
    left = check_path(tmp_path / "out")
    assert (left.ok, left.images, left.objects) == (True, 11, 11)
    with pytest.raises(ConfigError, match="already"):
        mend_path(path, tmp_path / "out")


def test_label_files_that_stop_a_parser_are_one_fault(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text("<annotations><version>1.1</version><image")
    report = check_path(tmp_path / "a.xml")
    assert not report.ok
    assert len(report.faults) == 1


def test_splits_that_images_name_are_compared(tmp_path: Path) -> None:
    made = document()
    for entry, split in zip(made["images"], ("train", "train", "validation"), strict=True):
        entry["split"] = split
    path = write(tmp_path, made)
    (tmp_path / "images" / "3.jpg").write_bytes((tmp_path / "images" / "1.jpg").read_bytes())
    assert kinds(check_path(path)) == {"image file in two splits": 1}


def test_part_that_cannot_be_read_is_no_empty_part(tmp_path: Path) -> None:
    for split in ("train", "val"):
        write(tmp_path / split, document(), name="labels.json")
    (tmp_path / "train" / "labels.json").write_text(json.dumps(document())[:-9])
    report = check_path(tmp_path, near_duplicates=False)
    assert kinds(report) == {"JSON that is cut off": 1}
    assert (report.images, report.objects) == (3, 30)
