"""Anchor sizes chosen from a data set's own boxes."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.image_list import ImageList
from torchvision.ops import box_iou

from contorno.models.torchvision import anchors
from contorno.records import ClassMap, Instances, Record, Records


def records_of(sides: np.ndarray, image_side: int = 256, crowd: bool = False) -> Records:
    """One image with square boxes of the given sides at random places."""
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, image_side - sides.max(), (len(sides), 2))
    boxes = np.hstack([corners, corners + sides[:, None]]).astype(np.float32)
    size = (image_side, image_side)
    instances = Instances.build(
        size, [1] * len(sides), boxes=boxes, geometries=[None] * len(sides), is_crowd=[crowd] * len(sides)
    )
    image = np.zeros((*size, 3), dtype=np.uint8)
    return Records([Record(image_id=1, size_hw=size, instances=instances, image=image)], ClassMap(["thing"]))


def test_small_objects_get_small_anchors_and_the_reason_says_what_is_won() -> None:
    fit = anchors.anchor_sizes_for(records_of(np.linspace(8, 24, 100)), 256)
    assert fit.sizes[0][0] <= 12
    assert [level[0] / fit.sizes[0][0] for level in fit.sizes] == [1, 2, 4, 8, 16]
    assert fit.recall >= 0.9
    assert f"{100 * fit.recall:.1f} % of 100 boxes" in fit.reason
    assert "(32 to 512 px: " in fit.reason


def test_sizes_scale_with_the_image() -> None:
    records = records_of(np.linspace(8, 24, 100))
    assert anchors.anchor_sizes_for(records, 1024).sizes[0][0] > anchors.anchor_sizes_for(records, 256).sizes[0][0]


def test_two_sizes_a_level_find_more_of_the_small_boxes() -> None:
    records = records_of(np.linspace(6, 20, 100))
    one, two = (anchors.anchor_sizes_for(records, 256, sizes_per_level=number) for number in (1, 2))
    assert [len(level) for level in two.sizes] == [2] * 5
    assert two.sizes[0][1] / two.sizes[0][0] == pytest.approx(2**0.5, abs=0.02)
    assert two.recall > one.recall


def test_default_sizes_stay_where_they_serve() -> None:
    fit = anchors.anchor_sizes_for(records_of(np.linspace(30, 400, 200), 800), 800)
    assert fit.sizes == anchors.DEFAULT_SIZES
    assert fit.recall >= 0.95


@pytest.mark.parametrize("crowd", [False, True], ids=["no-objects", "crowd-only"])
def test_without_boxes_the_default_sizes_stay(crowd: bool) -> None:
    fit = anchors.anchor_sizes_for(records_of(np.full(3, 10.0), crowd=True) if crowd else [], 256)
    assert fit.sizes == anchors.DEFAULT_SIZES
    assert math.isnan(fit.recall)
    assert "no boxes" in fit.reason


def test_recall_is_that_of_torchvisions_own_anchors() -> None:
    rng = np.random.default_rng(1)
    corners = rng.uniform(40, 150, (60, 2))  # away from the border, where the nearest position always exists
    boxes = np.hstack([corners, corners + rng.uniform(6, 60, (60, 2))])
    sizes = ((8.0,), (16.0,), (32.0,), (64.0,), (128.0,))
    generator = AnchorGenerator(sizes, (anchors.DEFAULT_RATIOS,) * 5)
    maps = [torch.zeros(1, 1, 256 // stride, 256 // stride) for stride in anchors.STRIDES]
    every = generator(ImageList(torch.zeros(1, 3, 256, 256), [(256, 256)]), maps)[0]
    best = box_iou(torch.from_numpy(boxes).float(), every).max(dim=1).values
    share, mean = anchors._quality(boxes, sizes, anchors.DEFAULT_RATIOS)
    assert share == pytest.approx(float((best >= 0.5).float().mean()))
    assert mean == pytest.approx(float(best.mean()), abs=1e-5)
