"""The real imantics beside contorno: what its polygons lose, and what ours do not."""

from __future__ import annotations

import imantics
import numpy as np
import pytest
from numpy.typing import NDArray
from pycocotools import mask as coco_mask
from tiny import bitmap, disc

from contorno import masks
from contorno.integrations.imantics import to_polygons_imantics

pytestmark = pytest.mark.interop

SQUARE = np.pad(np.ones((15, 15), np.uint8), 5)
RING = disc((64, 64), (32, 32), 20) & (1 - disc((64, 64), (32, 32), 7.6))

# (mask, its pixels, round-trip IoU of imantics's polygons)
SHAPES = {
    "2x2": (np.pad(np.ones((2, 2), np.uint8), 3), 4, 0.25),
    "square": (SQUARE, 225, 196 / 225),
    "disc r=8": (disc((64, 64), (32, 32), 8), 208, 0.0),
    "disc r=30": (disc((64, 64), (32, 32), 30), 2828, 0.0),
    "ring": (RING, 0, 0.0),
}


def through_pycocotools(polygons: list[list[float]], size: tuple[int, int]) -> dict[str, object]:
    """What a COCO reader makes of a list of polygons."""
    code: dict[str, object] = coco_mask.merge(coco_mask.frPyObjects(polygons, *size))
    return code


def coco_iou(polygons: list[list[float]], mask: NDArray[np.uint8]) -> float:
    given = coco_mask.encode(np.asfortranarray(mask))
    return float(coco_mask.iou([through_pycocotools(polygons, mask.shape)], [given], [False])[0, 0])


if __name__ == "__main__":
    for name, (mask, _, _) in SHAPES.items():
        print(name, mask.sum(), coco_iou(imantics.Mask(mask).polygons().segmentation, mask))
    for r in [6, 6.4, 6.5, 6.6, 7, 7.2, 7.4, 7.5, 7.6, 7.7, 7.8, 8]:
        m = disc((64, 64), (32, 32), 20) & (1 - disc((64, 64), (32, 32), r))
        print(r, coco_iou(imantics.Mask(m).polygons().segmentation, m))
    print(bitmap)
