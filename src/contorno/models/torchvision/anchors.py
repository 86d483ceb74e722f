"""Anchor sizes that fit the boxes of a data set."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contorno.records import Record

STRIDES = (4, 8, 16, 32, 64)
"""Pixels between the anchors of each pyramid level."""
DEFAULT_SIZES = ((32.0,), (64.0,), (128.0,), (256.0,), (512.0,))
DEFAULT_RATIOS = (0.5, 1.0, 2.0)
MATCH_IOU = 0.5
MOST_BOXES = 20_000


@dataclass(frozen=True, slots=True)
class AnchorFit:
    """Anchor sizes for five pyramid levels, the share of boxes with an anchor of IoU ≥ 0.5, and why these."""

    sizes: tuple[tuple[float, ...], ...]
    recall: float
    reason: str


def anchor_sizes_for(
    records: Iterable[Record],
    image_size: int,
    *,
    aspect_ratios: Sequence[float] = DEFAULT_RATIOS,
    sizes_per_level: int = 1,
) -> AnchorFit:
    """Choose anchor sizes, doubling from level to level, that the most boxes have an anchor of IoU ≥ 0.5 for.

    image_size: px; boxes are taken as they are once the longest side of their image is this long.
    sizes_per_level: how many sizes share each doubling; over 1 they find more of the boxes under about 16 px, but the
                anchors' layers of pretrained weights no longer fit and start anew.
    The default sizes stay if they reach 95 % and no others do better by 2 % of the boxes, since pretrained weights
    were trained with them. Crowd regions do not count; with no boxes at all the default sizes stay.
    """
    boxes = _scaled_boxes(records, image_size)
    if not len(boxes):
        return AnchorFit(DEFAULT_SIZES, float("nan"), "anchors 32 to 512 px: the data set has no boxes to fit them to")
    default_recall = _quality(boxes, DEFAULT_SIZES, aspect_ratios)[0]
    # A quarter octave apart from 4 px (an anchor below the finest stride misses between its positions) to 64 px.
    parts = [2 ** (part / sizes_per_level) for part in range(sizes_per_level)]
    candidates = [
        tuple(tuple(round(round(4 * 2 ** (step / 4)) * part, 1) * 2**level for part in parts) for level in range(5))
        for step in range(17)
    ]
    sizes = max(candidates, key=lambda candidate: _quality(boxes, candidate, aspect_ratios))
    recall = _quality(boxes, sizes, aspect_ratios)[0]
    if default_recall >= 0.95 and recall - default_recall < 0.02:
        sizes, recall = DEFAULT_SIZES, default_recall
    reason = (
        f"anchors {sizes[0][0]:.0f} to {sizes[-1][-1]:.0f} px: {100 * recall:.1f} % of {len(boxes)} boxes have an "
        f"anchor with IoU of at least {MATCH_IOU} (32 to 512 px: {100 * default_recall:.1f} %)"
    )
    return AnchorFit(sizes, recall, reason)


def _scaled_boxes(records: Iterable[Record], image_size: int) -> NDArray[np.float64]:
    scaled = []
    for record in records:
        boxes = record.instances.boxes[~record.instances.is_crowd].astype(np.float64)
        scaled.append(boxes * (image_size / max(record.size_hw)))
    boxes = np.concatenate(scaled) if scaled else np.zeros((0, 4))
    boxes = boxes[(boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])]
    # An even choice is enough for a share of the boxes.
    return boxes[np.linspace(0, len(boxes) - 1, MOST_BOXES).astype(int)] if len(boxes) > MOST_BOXES else boxes


def _quality(
    boxes: NDArray[np.float64], sizes: Sequence[Sequence[float]], aspect_ratios: Sequence[float]
) -> tuple[float, float]:
    """Share of boxes with an anchor of IoU ≥ 0.5, and the mean of the best IoUs (boxes (N, 4), xyxy px)."""
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    sides = boxes[:, 2:] - boxes[:, :2]
    best = np.zeros(len(boxes))
    for stride, level in zip(STRIDES, sizes, strict=True):
        off = np.abs(centres - np.round(centres / stride) * stride)  # to the nearest position, (N, 2)
        for size in level:
            for ratio in aspect_ratios:
                anchor = np.round(np.array([size / np.sqrt(ratio), size * np.sqrt(ratio)]) / 2) * 2
                overlap = np.minimum((sides + anchor) / 2 - off, np.minimum(sides, anchor)).clip(0).prod(axis=1)
                best = np.maximum(best, overlap / (sides.prod(axis=1) + anchor.prod() - overlap))
    return float((best >= MATCH_IOU).mean()), float(best.mean())
