"""The files of the bucket, held against hand-written expectations of the real ones."""

from __future__ import annotations

import json
import re
import zipfile

import pytest

from contorno.rehearsal import OfflineBucket
from tiny_bucket import LISTING_FILES, SPLITS, mask_rows_of, rows_of

BOXES = "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf,IsDepiction,IsInside"
CLICKS = "XClick1X,XClick2X,XClick3X,XClick4X,XClick1Y,XClick2Y,XClick3Y,XClick4Y"
MASKS = "MaskPath,ImageID,LabelName,BoxID,BoxXMin,BoxXMax,BoxYMin,BoxYMax,PredictedIoU,Clicks"
LISTING = (
    "ImageID,Subset,OriginalURL,OriginalLandingURL,License,AuthorProfileURL,Author,Title,"
    "OriginalSize,OriginalMD5,Thumbnail300KURL,Rotation"
)
LABELS = "ImageID,Source,LabelName,Confidence"
HEADERS = {
    "v5/train-annotations-object-segmentation.csv": MASKS,
    "v5/validation-annotations-object-segmentation.csv": MASKS,
    "v5/test-annotations-object-segmentation.csv": MASKS,
    "v6/oidv6-train-annotations-bbox.csv": f"{BOXES},{CLICKS}",
    "2018_04/train/train-annotations-bbox.csv": BOXES,
    "v5/validation-annotations-bbox.csv": BOXES,
    "v5/test-annotations-bbox.csv": BOXES,
    "2018_04/train/train-images-boxable-with-rotation.csv": LISTING,
    "2018_04/validation/validation-images-with-rotation.csv": LISTING,
    "2018_04/test/test-images-with-rotation.csv": LISTING,
    "v5/train-annotations-human-imagelabels-boxable.csv": LABELS,
    "v5/validation-annotations-human-imagelabels-boxable.csv": LABELS,
    "v5/test-annotations-human-imagelabels-boxable.csv": LABELS,
    "v7/oidv7-class-descriptions-boxable.csv": "LabelName,DisplayName",
}


@pytest.mark.parametrize(("key", "header"), HEADERS.items(), ids=list(HEADERS))
def test_table_has_the_real_header(bucket: OfflineBucket, key: str, header: str) -> None:
    assert (bucket.meta_dir / key).read_text("utf-8").split("\n")[0] == header


def test_class_names_have_no_header_and_the_real_identifiers(bucket: OfflineBucket) -> None:
    lines = (bucket.meta_dir / "v5/class-descriptions-boxable.csv").read_text("utf-8").splitlines()
    assert lines[0] == "/m/011k07,Tortoise"
    assert {"/m/01b9xk,Hot dog", "/m/0jy4k,Doughnut", "/m/09qck,Banana", "/m/0cyhj_,Orange"} <= set(lines)
    assert len(lines) >= 34
    segmentable = (bucket.meta_dir / "v5/classes-segmentation.txt").read_text("utf-8").splitlines()
    assert {"/m/01b9xk", "/m/0jy4k"} <= set(segmentable) < {line.split(",")[0] for line in lines}


def test_hierarchy_is_a_tree_of_known_classes_below_entity(bucket: OfflineBucket) -> None:
    tree = json.loads((bucket.meta_dir / "2018_04/bbox_labels_600_hierarchy.json").read_text("utf-8"))
    assert tree["LabelName"] == "/m/0bl9f"
    known = {row["LabelName"]: row["DisplayName"] for row in rows_of(bucket, "v7/oidv7-class-descriptions-boxable.csv")}
    seen = []
    queue = list(tree["Subcategory"])
    while queue:
        node = queue.pop()
        assert set(node) <= {"LabelName", "Subcategory", "Part"}
        seen.append(known[node["LabelName"]])
        queue += node.get("Subcategory", []) + node.get("Part", [])
    assert {"Hot dog", "Doughnut", "Banana", "Orange", "Human eye"} <= set(seen)


def test_image_ids_are_unique_over_splits_and_use_every_first_digit(bucket: OfflineBucket) -> None:
    ids = {split: [row["ImageID"] for row in rows_of(bucket, LISTING_FILES[split])] for split in SPLITS}
    assert {split: len(found) for split, found in ids.items()} == {"train": 32, "validation": 16, "test": 2}
    every = [image_id for found in ids.values() for image_id in found]
    assert len(set(every)) == 50
    assert all(re.fullmatch(r"[0-9a-f]{16}", image_id) for image_id in every)
    assert {image_id[0] for image_id in ids["train"]} == set("0123456789abcdef")
    assert {image_id[0] for image_id in ids["validation"]} == set("0123456789abcdef")


def test_listed_images_are_there_but_for_the_one_that_is_missing(bucket: OfflineBucket) -> None:
    listed = {(split, row["ImageID"]) for split in SPLITS for row in rows_of(bucket, LISTING_FILES[split])}
    there = {(path.parent.name, path.stem) for path in bucket.images_dir.glob("*/*.jpg")}
    assert there < listed
    assert listed - there == {("train", image_id) for image_id in bucket.missing_images}
    assert len(bucket.missing_images) == 1
    # It has masks, so that a fetch of its class must meet the gap.
    assert bucket.missing_images[0] in {row["ImageID"] for row in mask_rows_of(bucket, "train")}


def test_titles_hold_commas_and_quotes_that_a_csv_reader_gives_back(bucket: OfflineBucket) -> None:
    rows = [row for split in SPLITS for row in rows_of(bucket, LISTING_FILES[split])]
    assert any("," in row["Title"] for row in rows)
    assert any('"' in row["Title"] for row in rows)
    assert all(None not in row and row["License"].startswith("https://creativecommons.org/") for row in rows)
    assert [row["Subset"] for row in rows] == ["train"] * 32 + ["validation"] * 16 + ["test"] * 2


def test_archives_are_flat_and_hold_the_masks_of_their_first_digit(bucket: OfflineBucket) -> None:
    for split in SPLITS:
        inside = []
        for digit in "0123456789abcdef":
            with zipfile.ZipFile(bucket.meta_dir / f"v5/{split}-masks/{split}-masks-{digit}.zip") as archive:
                assert archive.testzip() is None
                assert all(name.startswith(digit) and "/" not in name for name in archive.namelist())
                inside += archive.namelist()
                # Written with the clock of the day they were made, the same seed would give other bytes.
                assert {entry.date_time for entry in archive.infolist()} <= {(2019, 4, 29, 12, 0, 0)}
        assert sorted(inside) == sorted(row["MaskPath"] for row in mask_rows_of(bucket, split))
