"""The rows that go with each drawn photograph, held against what is drawn."""

from __future__ import annotations

import io
import re
import zipfile
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from contorno.rehearsal import OfflineBucket
from tiny_bucket import BOX_FILES, SPLITS, all_mask_rows, mask_rows_of, rows_of


def test_mask_path_joins_image_class_and_box(bucket: OfflineBucket) -> None:
    rows = all_mask_rows(bucket)
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
        for row in mask_rows_of(bucket, split):
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
    rows = [row for row in mask_rows_of(bucket, "validation") if row["Clicks"]]
    assert rows
    for row in rows:
        path = bucket.meta_dir / f"v5/validation-masks/validation-masks-{row['ImageID'][0]}.zip"
        with zipfile.ZipFile(path) as archive:
            mask = np.asarray(Image.open(io.BytesIO(archive.read(row["MaskPath"]))))
        for click in row["Clicks"].split(";"):
            x, y, inside = click.split(" ")
            assert mask[int(float(y) * mask.shape[0]), int(float(x) * mask.shape[1])] == (inside == "1")


def test_some_quality_fields_are_empty(bucket: OfflineBucket) -> None:
    empty = [row for row in all_mask_rows(bucket) if row["PredictedIoU"] == ""]
    full = [row for row in all_mask_rows(bucket) if row["PredictedIoU"] != ""]
    assert empty
    assert all(row["Clicks"] == "" for row in empty)
    assert all(0 < float(row["PredictedIoU"]) < 1 for row in full)


def test_mask_rows_join_one_box_row_and_some_boxes_have_no_mask(bucket: OfflineBucket) -> None:
    unmasked = 0
    for split in SPLITS:
        names = ("XMin", "XMax", "YMin", "YMax")
        boxes = Counter(
            (row["ImageID"], row["LabelName"], *(row[name] for name in names))
            for row in rows_of(bucket, BOX_FILES[split])
        )
        masks = Counter(
            (row["ImageID"], row["LabelName"], *(row[f"Box{name}"] for name in names))
            for row in mask_rows_of(bucket, split)
        )
        assert set(masks) <= set(boxes)
        assert set(masks.values()) <= {1}
        unmasked += sum(key[1] in ("/m/01b9xk", "/m/0jy4k", "/m/09qck", "/m/0cyhj_") for key in boxes - masks)
    assert unmasked >= 2


def test_flags_are_known_for_people_and_minus_one_for_machines(bucket: OfflineBucket) -> None:
    rows = rows_of(bucket, "v6/oidv6-train-annotations-bbox.csv")
    flags = ("IsOccluded", "IsTruncated", "IsGroupOf", "IsDepiction", "IsInside")
    for row in rows:
        values = {row[name] for name in flags}
        assert values == {"-1"} if row["Source"] == "activemil" else values <= {"0", "1"}
        assert 0 <= float(row["XMin"]) < float(row["XMax"]) <= 1
        assert 0 <= float(row["YMin"]) < float(row["YMax"]) <= 1
    assert {row["Source"] for row in rows} == {"xclick", "activemil"}
    assert {row["IsTruncated"] for row in rows} == {"-1", "0", "1"}


def test_extreme_points_touch_the_sides_of_their_box(bucket: OfflineBucket) -> None:
    rows = [row for row in rows_of(bucket, "v6/oidv6-train-annotations-bbox.csv") if row["Source"] == "xclick"]
    for row in rows:
        assert float(row["XClick1Y"]) == pytest.approx(float(row["YMin"]), abs=0.01)
        assert float(row["XClick2X"]) == pytest.approx(float(row["XMin"]), abs=0.01)
        assert float(row["XClick3Y"]) == pytest.approx(float(row["YMax"]), abs=0.01)
        assert float(row["XClick4X"]) == pytest.approx(float(row["XMax"]), abs=0.01)


def test_image_labels_say_what_is_there_and_what_is_not(bucket: OfflineBucket) -> None:
    boxed: dict[str, set[str]] = {}
    for row in rows_of(bucket, BOX_FILES["train"]):
        boxed.setdefault(row["ImageID"], set()).add(row["LabelName"])
    rows = rows_of(bucket, "v5/train-annotations-human-imagelabels-boxable.csv")
    for row in rows:
        assert (row["Confidence"] == "1") == (row["LabelName"] in boxed.get(row["ImageID"], set()))
    absent = {row["ImageID"] for row in rows if row["LabelName"] == "/m/01b9xk" and row["Confidence"] == "0"}
    assert len(absent) >= 3
