"""The real imantics 0.1.12 beside contorno: what its polygons lose, and what ours do not."""

from __future__ import annotations

import sys
from pathlib import Path

import imantics
import numpy as np
import pytest
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from contorno import images, masks
from contorno.errors import MissingExtraError
from contorno.integrations.imantics import to_polygons_imantics
from contorno.masks import RunLength
from contorno.openimages import SPLITS, Bucket, fetch
from contorno.receipts import round_trip_receipt
from contorno.rehearsal import make_bucket, serve
from tiny import disc

pytestmark = [pytest.mark.interop, pytest.mark.slow]

Bitmap = NDArray[np.uint8]
FRAME = (64, 64)


def square(side: int) -> Bitmap:
    return np.pad(np.ones((side, side), np.uint8), 5)


RING = disc(FRAME, (32, 32), 20) & (1 - disc(FRAME, (32, 32), 6))

# (mask, IoU of the mask that comes back from imantics's polygons)
SHAPES = [
    pytest.param(square(2), 1 / 4, id="2x2"),
    pytest.param(square(15), 196 / 225, id="15x15 square"),
    pytest.param(disc(FRAME, (32, 32), 8), 0.854, id="disc r=8"),
    pytest.param(disc(FRAME, (32, 32), 30), 0.958, id="disc r=30"),
    pytest.param(RING, 0.850, id="ring"),
]


def through_pycocotools(polygons: list[list[float]], mask: Bitmap) -> float:
    """IoU with `mask` of what a COCO reader draws from the polygons; no code of contorno takes part."""
    height, width = mask.shape
    drawn = coco_mask.merge(coco_mask.frPyObjects(polygons, height, width))
    return float(coco_mask.iou([drawn], [coco_mask.encode(np.asfortranarray(mask))], [False])[0, 0])


@pytest.mark.parametrize(("mask", "known"), SHAPES)
def test_real_imantics_loses_the_outermost_pixels_and_pixel_edges_lose_none(mask: Bitmap, known: float) -> None:
    theirs = imantics.Mask(mask).polygons().segmentation
    ours = masks.to_polygons(masks.encode(mask)).to_coco()
    assert through_pycocotools(theirs, mask) == pytest.approx(known, abs=0.0005)
    assert through_pycocotools(ours, mask) == 1.0


@pytest.mark.parametrize(("mask", "known"), SHAPES)
def test_receipt_states_the_loss_of_the_very_polygons_of_imantics(mask: Bitmap, known: float) -> None:
    made = to_polygons_imantics(masks.encode(mask))
    assert made.polygons.to_coco() == imantics.Mask(mask).polygons().segmentation
    assert made.iou == pytest.approx(known, abs=0.0005)
    assert made.dropped_parts == 0


def test_hole_of_a_ring_is_filled() -> None:
    made = to_polygons_imantics(masks.encode(RING))
    assert len(made.polygons.parts) == 2
    assert RING[32, 32] == 0
    assert masks.decode(masks.to_run_length(made.polygons, FRAME))[32, 32] == 1


def test_line_and_single_pixel_have_no_polygon_and_the_receipt_says_so() -> None:
    mask = np.zeros((12, 20), np.uint8)
    mask[2, 4:14] = 1
    mask[8, 8] = 1
    made = to_polygons_imantics(masks.encode(mask))
    assert (len(made.polygons.parts), made.dropped_parts, made.iou) == (0, 2, 0.0)
    assert str(made) == "0 polygons by imantics, round-trip IoU 0.000, 2 parts of under 3 points dropped"
    assert through_pycocotools(masks.to_polygons(masks.encode(mask)).to_coco(), mask) == 1.0


def test_empty_mask_comes_back_empty() -> None:
    made = to_polygons_imantics(masks.encode(np.zeros((4, 6), np.uint8)))
    assert (made.polygons.parts, made.iou) == ((), 1.0)
    assert str(made) == "0 polygons by imantics, round-trip IoU 1.000"


def test_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "imantics", None)  # the import system's own sign for "not there"
    with pytest.raises(MissingExtraError, match=r"'imantics' is not installed; run pip install 'contorno\[interop\]'"):
        to_polygons_imantics(masks.encode(RING))


@pytest.fixture(scope="module")
def fetched(tmp_path_factory: pytest.TempPathFactory) -> list[RunLength]:
    """All masks of two classes of a small offline bucket, as they lie in its zips."""
    folder: Path = tmp_path_factory.mktemp("imantics")
    made = make_bucket(
        folder / "bucket", images={"train": 32, "validation": 8, "test": 6}, seed=3, long_edge_px=160, missing_images=0
    )
    with serve(made.root) as server:
        got = fetch(["Hot dog", "Doughnut"], out=folder / "data", bucket=Bucket(server.meta_url, server.images_url))
    paths = sorted(path for split in SPLITS for path in got.masks(split).glob("*.png"))
    assert len(paths) == sum(made.counts[split].get(name, 0) for split in SPLITS for name in ("Hot dog", "Doughnut"))
    return [masks.encode(images.read_mask(path)) for path in paths]


def test_receipts_of_both_conversions_of_the_same_open_images_masks(fetched: list[RunLength]) -> None:
    theirs_one_by_one = [to_polygons_imantics(code) for code in fetched]
    theirs = round_trip_receipt(fetched, [made.polygons for made in theirs_one_by_one])
    ours = round_trip_receipt(fetched, [masks.to_polygons(code) for code in fetched])
    print(f"\nimantics 0.1.12: {theirs}\npixel edges:     {ours}")
    assert len(fetched) >= 20
    assert (ours.lossless, ours.minimum, ours.median, ours.worst) == (len(fetched), 1.0, 1.0, ())
    assert theirs.ious.tolist() == [made.iou for made in theirs_one_by_one]
    assert theirs.lossless == 0
    assert 0.5 < theirs.minimum < theirs.median < 1.0
    # The outermost pixels go: what is small loses a larger share.
    small = fetched[theirs.worst[0]], fetched[theirs.worst[-1]]
    assert masks.area(small[0]) < masks.area(small[1])


def test_no_iou_of_a_receipt_is_other_than_pycocotools_says(fetched: list[RunLength]) -> None:
    for code in fetched[:5]:
        traced = imantics.Mask(masks.decode(code)).polygons().segmentation
        polygons = to_polygons_imantics(code).polygons
        known = through_pycocotools([part for part in traced if len(part) >= 6], masks.decode(code))
        assert round_trip_receipt([code], [polygons]).minimum == pytest.approx(known, abs=1e-12)
