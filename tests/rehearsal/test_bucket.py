"""The bucket on disk, held against hand-written expectations of the real one."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from contorno.errors import ConfigError
from contorno.rehearsal import OfflineBucket, make_bucket

SPLITS = ("train", "validation", "test")
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
BOX_FILES = {
    "train": "2018_04/train/train-annotations-bbox.csv",
    "validation": "v5/validation-annotations-bbox.csv",
    "test": "v5/test-annotations-bbox.csv",
}
LISTING_FILES = {
    "train": "2018_04/train/train-images-boxable-with-rotation.csv",
    "validation": "2018_04/validation/validation-images-with-rotation.csv",
    "test": "2018_04/test/test-images-with-rotation.csv",
}
TINY = {"train": 3, "validation": 1}


def _rows(bucket: OfflineBucket, key: str) -> list[dict[str, str]]:
    with (bucket.meta_dir / key).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _mask_rows(bucket: OfflineBucket, split: str) -> list[dict[str, str]]:
    return _rows(bucket, f"v5/{split}-annotations-object-segmentation.csv")


def _all_masks(bucket: OfflineBucket) -> list[dict[str, str]]:
    return [row for split in SPLITS for row in _mask_rows(bucket, split)]


def _digests(root: Path) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): hashlib.md5(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
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
    known = {row["LabelName"]: row["DisplayName"] for row in _rows(bucket, "v7/oidv7-class-descriptions-boxable.csv")}
    seen = []
    queue = list(tree["Subcategory"])
    while queue:
        node = queue.pop()
        assert set(node) <= {"LabelName", "Subcategory", "Part"}
        seen.append(known[node["LabelName"]])
        queue += node.get("Subcategory", []) + node.get("Part", [])
    assert {"Hot dog", "Doughnut", "Banana", "Orange", "Human eye"} <= set(seen)


def test_image_ids_are_unique_over_splits_and_use_every_first_digit(bucket: OfflineBucket) -> None:
    ids = {split: [row["ImageID"] for row in _rows(bucket, LISTING_FILES[split])] for split in SPLITS}
    assert {split: len(found) for split, found in ids.items()} == {"train": 32, "validation": 16, "test": 2}
    every = [image_id for found in ids.values() for image_id in found]
    assert len(set(every)) == 50
    assert all(re.fullmatch(r"[0-9a-f]{16}", image_id) for image_id in every)
    assert {image_id[0] for image_id in ids["train"]} == set("0123456789abcdef")
    assert {image_id[0] for image_id in ids["validation"]} == set("0123456789abcdef")


def test_listed_images_are_there_but_for_the_one_that_is_missing(bucket: OfflineBucket) -> None:
    listed = {(split, row["ImageID"]) for split in SPLITS for row in _rows(bucket, LISTING_FILES[split])}
    there = {(path.parent.name, path.stem) for path in bucket.images_dir.glob("*/*.jpg")}
    assert there < listed
    assert listed - there == {("train", image_id) for image_id in bucket.missing_images}
    assert len(bucket.missing_images) == 1
    # It has masks, so that a fetch of its class must meet the gap.
    assert bucket.missing_images[0] in {row["ImageID"] for row in _mask_rows(bucket, "train")}


def test_titles_hold_commas_and_quotes_that_a_csv_reader_gives_back(bucket: OfflineBucket) -> None:
    rows = [row for split in SPLITS for row in _rows(bucket, LISTING_FILES[split])]
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
        assert sorted(inside) == sorted(row["MaskPath"] for row in _mask_rows(bucket, split))


def test_mask_path_joins_image_class_and_box(bucket: OfflineBucket) -> None:
    rows = _all_masks(bucket)
    assert len(rows) > 50
    for row in rows:
        assert re.fullmatch(r"[0-9a-f]{8}", row["BoxID"])
        assert row["MaskPath"] == f"{row['ImageID']}_{row['LabelName'].replace('/', '')}_{row['BoxID']}.png"


def test_masks_are_one_bit_of_the_proportions_but_seldom_the_size_of_their_image(bucket: OfflineBucket) -> None:
    same, checked = 0, 0
    for split in SPLITS:
        sizes = {}
        for path in (bucket.images_dir / split).glob("*.jpg"):
            with Image.open(path) as picture:
                sizes[path.stem] = picture.size
        for row in _mask_rows(bucket, split):
            if row["ImageID"] in bucket.missing_images:
                continue
            path = bucket.meta_dir / f"v5/{split}-masks/{split}-masks-{row['ImageID'][0]}.zip"
            with zipfile.ZipFile(path) as archive:
                image = Image.open(io.BytesIO(archive.read(row["MaskPath"])))
                image.load()
            assert image.mode == "1"
            wide, high = sizes[row["ImageID"]]
            assert abs(image.size[0] - wide * image.size[1] / high) <= 1.0
            same += image.size == (wide, high)
            checked += 1
            # The box is that of the mask, as fractions.
            rows, columns = np.nonzero(np.asarray(image))
            expected = [columns.min() / image.size[0], (columns.max() + 1) / image.size[0]]
            expected += [rows.min() / image.size[1], (rows.max() + 1) / image.size[1]]
            box = [float(row[name]) for name in ("BoxXMin", "BoxXMax", "BoxYMin", "BoxYMax")]
            np.testing.assert_allclose(box, expected, atol=1e-6)
    assert checked > 50
    assert same < checked * 0.25


def test_clicks_lie_on_the_side_of_the_mask_that_they_name(bucket: OfflineBucket) -> None:
    rows = [row for row in _mask_rows(bucket, "validation") if row["Clicks"]]
    assert rows
    for row in rows:
        path = bucket.meta_dir / f"v5/validation-masks/validation-masks-{row['ImageID'][0]}.zip"
        with zipfile.ZipFile(path) as archive:
            mask = np.asarray(Image.open(io.BytesIO(archive.read(row["MaskPath"]))))
        for click in row["Clicks"].split(";"):
            x, y, inside = click.split(" ")
            assert mask[int(float(y) * mask.shape[0]), int(float(x) * mask.shape[1])] == (inside == "1")


def test_some_quality_fields_are_empty(bucket: OfflineBucket) -> None:
    empty = [row for row in _all_masks(bucket) if row["PredictedIoU"] == ""]
    full = [row for row in _all_masks(bucket) if row["PredictedIoU"] != ""]
    assert empty
    assert all(row["Clicks"] == "" for row in empty)
    assert all(0 < float(row["PredictedIoU"]) < 1 for row in full)


def test_mask_rows_join_one_box_row_and_some_boxes_have_no_mask(bucket: OfflineBucket) -> None:
    unmasked = 0
    for split in SPLITS:
        names = ("XMin", "XMax", "YMin", "YMax")
        boxes = Counter(
            (row["ImageID"], row["LabelName"], *(row[name] for name in names))
            for row in _rows(bucket, BOX_FILES[split])
        )
        masks = Counter(
            (row["ImageID"], row["LabelName"], *(row[f"Box{name}"] for name in names))
            for row in _mask_rows(bucket, split)
        )
        assert set(masks) <= set(boxes)
        assert set(masks.values()) <= {1}
        unmasked += sum(key[1] in ("/m/01b9xk", "/m/0jy4k", "/m/09qck", "/m/0cyhj_") for key in boxes - masks)
    assert unmasked >= 2


def test_flags_are_known_for_people_and_minus_one_for_machines(bucket: OfflineBucket) -> None:
    rows = _rows(bucket, "v6/oidv6-train-annotations-bbox.csv")
    flags = ("IsOccluded", "IsTruncated", "IsGroupOf", "IsDepiction", "IsInside")
    for row in rows:
        values = {row[name] for name in flags}
        assert values == {"-1"} if row["Source"] == "activemil" else values <= {"0", "1"}
        assert 0 <= float(row["XMin"]) < float(row["XMax"]) <= 1
        assert 0 <= float(row["YMin"]) < float(row["YMax"]) <= 1
    assert {row["Source"] for row in rows} == {"xclick", "activemil"}
    assert {row["IsTruncated"] for row in rows} == {"-1", "0", "1"}


def test_extreme_points_touch_the_sides_of_their_box(bucket: OfflineBucket) -> None:
    rows = [row for row in _rows(bucket, "v6/oidv6-train-annotations-bbox.csv") if row["Source"] == "xclick"]
    for row in rows:
        assert float(row["XClick1Y"]) == pytest.approx(float(row["YMin"]), abs=0.01)
        assert float(row["XClick2X"]) == pytest.approx(float(row["XMin"]), abs=0.01)
        assert float(row["XClick3Y"]) == pytest.approx(float(row["YMax"]), abs=0.01)
        assert float(row["XClick4X"]) == pytest.approx(float(row["XMax"]), abs=0.01)


def test_image_labels_say_what_is_there_and_what_is_not(bucket: OfflineBucket) -> None:
    boxed: dict[str, set[str]] = {}
    for row in _rows(bucket, BOX_FILES["train"]):
        boxed.setdefault(row["ImageID"], set()).add(row["LabelName"])
    rows = _rows(bucket, "v5/train-annotations-human-imagelabels-boxable.csv")
    for row in rows:
        assert (row["Confidence"] == "1") == (row["LabelName"] in boxed.get(row["ImageID"], set()))
    absent = {row["ImageID"] for row in rows if row["LabelName"] == "/m/01b9xk" and row["Confidence"] == "0"}
    assert len(absent) >= 3


def test_counts_are_those_of_the_tables(bucket: OfflineBucket) -> None:
    names = {"/m/01b9xk": "Hot dog", "/m/0jy4k": "Doughnut", "/m/09qck": "Banana", "/m/0cyhj_": "Orange"}
    for split in SPLITS:
        assert bucket.counts[split] == Counter(names[row["LabelName"]] for row in _mask_rows(bucket, split))


def test_same_seed_gives_the_same_bytes_with_any_number_of_workers(tmp_path: Path) -> None:
    one = make_bucket(tmp_path / "one", images=TINY, seed=1, long_edge_px=96)
    two = make_bucket(tmp_path / "two", images=TINY, seed=1, long_edge_px=96, workers=2)
    other = make_bucket(tmp_path / "other", images=TINY, seed=2, long_edge_px=96)
    assert _digests(one.root) == _digests(two.root)
    assert len(_digests(one.root)) > 60
    assert _digests(one.root) != _digests(other.root)


def test_finished_bucket_is_reused_and_other_arguments_make_it_anew(tmp_path: Path) -> None:
    calls: list[tuple[str, int, int | None]] = []
    root = tmp_path / "bucket"
    first = make_bucket(root, images=TINY, long_edge_px=96, progress=lambda *call: calls.append(call))
    assert calls[-1] == ("drawing images", 4, 4)
    assert {path.name for path in root.iterdir()} == {".lock", "bucket.json", "openimages", "open-images-dataset"}
    calls.clear()
    assert make_bucket(root, images=TINY, long_edge_px=96, progress=lambda *call: calls.append(call)) == first
    assert calls == []
    make_bucket(root, images={"test": 1}, long_edge_px=96, progress=lambda *call: calls.append(call))
    assert calls == [("drawing images", 1, 1)]
    assert len(list((root / "open-images-dataset").glob("*/*.jpg"))) == 1


def test_interrupted_bucket_does_not_count_as_present(tmp_path: Path) -> None:
    def stop(what: str, done: int, total: int | None) -> None:
        if done == 2:
            raise KeyboardInterrupt

    root = tmp_path / "bucket"
    with pytest.raises(KeyboardInterrupt):
        make_bucket(root, images=TINY, long_edge_px=96, progress=stop)
    assert not (root / "bucket.json").exists()
    bucket = make_bucket(root, images=TINY, long_edge_px=96)
    whole = make_bucket(tmp_path / "whole", images=TINY, long_edge_px=96)
    assert _digests(bucket.root) == _digests(whole.root)


def test_missing_images_can_be_turned_off(tmp_path: Path) -> None:
    bucket = make_bucket(tmp_path, images={"train": 2}, long_edge_px=64, missing_images=0)
    assert bucket.missing_images == ()
    assert len(list(bucket.images_dir.glob("train/*.jpg"))) == 2


def test_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(ConfigError, match=r"holds other files and no bucket\.json"):
        make_bucket(tmp_path, images=TINY)
    assert (tmp_path / "thesis.txt").read_text() == "mine"


@pytest.mark.parametrize("images", [{"valid": 3}, {"train": -1}], ids=["unknown split", "negative"])
def test_unfit_numbers_of_images_are_refused(tmp_path: Path, images: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="no split of Open Images"):
        make_bucket(tmp_path / "bucket", images=images)
    assert not (tmp_path / "bucket").exists()
