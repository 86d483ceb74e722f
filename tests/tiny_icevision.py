"""Builders for tests beside the real icevision: a small COCO file, and a repair taken back for a moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from contorno import masks
from contorno.images import write_image
from contorno.integrations.icevision import Mended, mend
from contorno.records import ClassMap, Instances, Record, Records
from tiny import disc

SIZE = (48, 64)
RING = disc(SIZE, (40, 24), 12) & (1 - disc(SIZE, (40, 24), 5))
TWO_PARTS = disc(SIZE, (8, 8), 5) | disc(SIZE, (20, 36), 6)
OBJECTS: list[list[tuple[int, Any]]] = [
    [(1, disc(SIZE, (20, 20), 9)), (2, RING)],
    [(2, TWO_PARTS)],
    [],
    [(1, disc(SIZE, (50, 30), 10)), (1, disc(SIZE, (14, 30), 7)), (2, RING)],
]
NUMPY_TWO = "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
"""pycocotools 2.0.11 beside numpy 2; Python hides it from users by default, since it is said inside pycocotools."""


def image_records(folder: Path) -> Records:
    """Four images of noise with the OBJECTS, as files; the third has none."""
    rng = np.random.default_rng(0)
    records = []
    for image_id, objects in enumerate(OBJECTS, start=1):
        path = folder / f"{image_id}.png"
        write_image(path, rng.integers(0, 255, (*SIZE, 3), dtype=np.uint8))
        instances = Instances.build(SIZE, [label for label, _ in objects], [masks.encode(mask) for _, mask in objects])
        records.append(Record(image_id=image_id, size_hw=SIZE, instances=instances, path=path))
    return Records(records, ClassMap(["disc", "ring"]))


@contextmanager
def without(mended: Mended, *names: str) -> Iterator[None]:
    """Take repairs back for as long as the block runs."""
    before = mended.repairs
    mended.undo(*names)
    try:
        yield
    finally:
        again = mend()
        mended._changes += again._changes
        mended.repairs = before


FEW = {"box_detections_per_img": 20, "rpn_post_nms_top_n_test": 60}
"""Options of both libraries' models that make random weights quick to try."""


def ice_mask_rcnn(ice: Any, *, seed: int = 0, num_classes: int = 3, **options: int) -> Any:
    """icevision's own Mask R-CNN on a ResNet-18 with random weights, in evaluation mode; options: else FEW."""
    model_type = ice.models.torchvision.mask_rcnn
    torch.manual_seed(seed)
    backbone = model_type.backbones.resnet18_fpn(pretrained=False)
    model = model_type.model(num_classes=num_classes, backbone=backbone, **(options or FEW))
    # Random weights find nothing in particular; further apart they give scores and masks that tell objects apart.
    with torch.no_grad():
        model.roi_heads.box_predictor.cls_score.weight.mul_(20)
        model.roi_heads.mask_predictor.mask_fcn_logits.weight.mul_(3)
    return model.eval()
