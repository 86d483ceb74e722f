"""The tutorial's COCO file with the polygons of the real imantics, and the receipt of what it loses."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path

import imantics
import numpy as np
import pytest
from PIL import Image

from contorno import masks
from contorno.errors import ConfigError, MissingExtraError
from contorno.images import write_image
from contorno.integrations.imantics import create_coco_annotation_json
from contorno.openimages import tutorial
from contorno.parsers import COCOMaskParser
from contorno.splits import SingleSplitter
from tiny import disc

pytestmark = [pytest.mark.interop, pytest.mark.slow]

SIZE = (48, 64)
DISC = disc(SIZE, (20, 20), 9)
RING = disc(SIZE, (40, 24), 12) & (1 - disc(SIZE, (40, 24), 5))
LINE = np.zeros(SIZE, np.uint8)
LINE[5, 10:30] = 1
MASKS = {"aa_m01_1": DISC, "aa_m01_2": RING, "bb_m01_3": RING, "bb_m01_4": LINE, "cc_m01_5": LINE}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The tutorial's layout: three images and a negative, five masks, of which two are lines one pixel wide."""
    (tmp_path / "hot dog" / "images").mkdir(parents=True)
    (tmp_path / "hot dog" / "segmentations").mkdir()
    for name in ("aa", "bb", "cc", "dd"):
        write_image(tmp_path / "hot dog" / "images" / f"{name}.jpg", np.zeros((*SIZE, 3), np.uint8))
    for name, mask in MASKS.items():
        Image.fromarray(mask * 255).save(tmp_path / "hot dog" / "segmentations" / f"{name}.png")
    return tmp_path


def test_default_is_the_lossless_file(folder: Path) -> None:
    document, path, images_dir = create_coco_annotation_json(folder, "Hot dog")
    again, other, _ = tutorial.create_coco_annotation_json(folder, "Hot dog", "other.json")
    assert document == again
    assert path.read_bytes() == other.read_bytes()
    assert images_dir == folder / "hot dog" / "images"


def test_polygons_are_those_of_imantics(folder: Path) -> None:
    document, path, images_dir = create_coco_annotation_json(folder, "Hot dog", polygons="imantics")
    assert json.loads(path.read_text()) == document
    exact, _, _ = create_coco_annotation_json(folder, "Hot dog", "exact.json")
    kept = {row["id"]: row for row in exact["annotations"]}
    for row in document["annotations"]:
        mask = MASKS[row["mask_path"].removesuffix(".png")]
        assert row["segmentation"] == imantics.Mask(mask).polygons().segmentation
        assert {**row, "segmentation": None} == {**kept[row["id"]], "segmentation": None}
    [found] = COCOMaskParser(path, images_dir).parse(SingleSplitter())
    first = masks.decode_stack(found[0].instances.run_lengths(), SIZE)
    assert (first[1] & (1 - RING)).sum() > 0  # the hole is filled


def test_what_has_no_polygon_is_left_out_and_named(folder: Path) -> None:
    document, _, _ = create_coco_annotation_json(folder, "Hot dog", polygons="imantics")
    assert [row["mask_path"] for row in document["annotations"]] == ["aa_m01_1.png", "aa_m01_2.png", "bb_m01_3.png"]
    assert document["info"]["polygons"]["objects_without_polygons"] == [4, 5]
    # cc has lost all its objects; dd never had any, and is a negative.
    assert [row["file_name"] for row in document["images"]] == ["aa.jpg", "bb.jpg", "dd.jpg"]


def test_receipt_is_in_the_file_and_in_the_log(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        document, path, _ = create_coco_annotation_json(folder, "Hot dog", polygons="imantics")
    told = document["info"]["polygons"]
    assert (told["by"], told["masks"], told["lossless"]) == ("imantics 0.1.12", 5, 0)
    assert (told["least_iou"], told["median_iou"]) == pytest.approx((0.0, 0.768), abs=0.05)
    assert told["receipt"].startswith("5 masks, 0 come back as they were; round-trip IoU min 0.000, median 0.")
    [record] = caplog.records
    assert record.getMessage() == f"{path} has polygons by imantics: {told['receipt']}"


def test_misuse_is_refused_before_anything_is_written(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="polygons is 'fine'; expected one of exact, imantics"):
        create_coco_annotation_json(folder, "Hot dog", polygons="fine")  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "imantics", None)
    with pytest.raises(MissingExtraError, match="'imantics' is not installed"):
        create_coco_annotation_json(folder, "Hot dog", polygons="imantics")
    assert not list(folder.glob("*.json"))
