"""How well each single image went, so that a report can show the best and the worst of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contorno import masks
from contorno.errors import ConfigError
from contorno.metrics.coco import pair_up
from contorno.records import ImageId, Record
from contorno.samples import Prediction

DETECTION_THRESHOLD = 0.5
"""A detection is shown to people, and counted in an image's score, from this score on; AP takes every detection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageScore:
    """How well the detections of one image fit its objects.

    quality:  panoptic quality, 0..1: sum of the IoUs of the matched / (matched + false / 2 + missed / 2), all classes
              together; 1 for an image without objects in which nothing was found.
    matched:  objects found.   missed: objects not found.   false: detections of no object.
    """

    image_id: ImageId
    quality: float
    matched: int
    missed: int
    false: int


def image_scores(
    records: Iterable[Record],
    predictions: Iterable[Prediction],
    *,
    detection_threshold: float = DETECTION_THRESHOLD,
    iou_threshold: float = 0.5,
) -> list[ImageScore]:
    """Score each image, in the order of the records.

    Detections from `detection_threshold` on are matched as in COCO: class by class, best score first, each to the free
    object that it overlaps most, at an IoU of at least `iou_threshold`. A detection that lies in a crowd region of its
    class (by that share of its own area) and on no free object is ignored, as are the crowd regions. Masks are
    compared where both sides have them, else boxes.
    Raises DataError if images and predictions do not pair up, ConfigError for a threshold outside 0..1.
    Source: Kirillov et al., Panoptic Segmentation, CVPR 2019 (the quality); COCO's evaluation (the matching).
    """
    for name, value in (("detection_threshold", detection_threshold), ("iou_threshold", iou_threshold)):
        if not 0 <= value <= 1:
            raise ConfigError(f"{name} is {value}; give a number from 0 to 1.")
    return [
        _image_score(record, prediction.above(detection_threshold), iou_threshold)
        for record, prediction in pair_up(records, predictions)
    ]


def _image_score(record: Record, prediction: Prediction, iou_threshold: float) -> ImageScore:
    truth = record.instances
    ious: list[float] = []
    false = 0
    for label in np.union1d(truth.labels, prediction.labels):
        objects = np.flatnonzero(truth.labels == label)
        found = np.flatnonzero(prediction.labels == label)
        # A stable sort keeps the given order among equal scores, as COCO does.
        found = found[np.argsort(-prediction.scores[found], kind="stable")]
        is_crowd = truth.is_crowd[objects]
        overlaps = _overlaps(record, prediction, objects, found)
        own_ious, own_false = _match(overlaps, is_crowd, iou_threshold)
        ious += own_ious
        false += own_false
    matched = len(ious)
    missed = int((~truth.is_crowd).sum()) - matched
    weight = matched + false / 2 + missed / 2
    quality = sum(ious) / weight if weight else 1.0
    return ImageScore(image_id=record.image_id, quality=quality, matched=matched, missed=missed, false=false)


def _match(overlaps: NDArray[np.float64], is_crowd: NDArray[np.bool_], iou_threshold: float) -> tuple[list[float], int]:
    """IoUs of the matched, and the number of false detections; overlaps: (D, N), detections in score order."""
    ious: list[float] = []
    false = 0
    free = ~is_crowd
    for row in overlaps:
        # Of objects that it overlaps equally, COCO takes the last.
        best = len(row) - 1 - int(np.argmax(np.where(free, row, -1.0)[::-1])) if free.any() else -1
        if best >= 0 and row[best] >= iou_threshold:
            ious.append(float(row[best]))
            free[best] = False
        elif not (row[is_crowd] >= iou_threshold).any():
            false += 1
    return ious, false


def _overlaps(
    record: Record, prediction: Prediction, objects: NDArray[np.int64], found: NDArray[np.int64]
) -> NDArray[np.float64]:
    """IoU (D, N) of detections and objects; with a crowd region, the shared part of the detection's own area."""
    truth = record.instances
    is_crowd = truth.is_crowd[objects]
    if prediction.masks is not None and truth.has_masks:
        codes = truth.run_lengths()
        return masks.iou([prediction.masks[i] for i in found], [codes[i] for i in objects], is_crowd)
    return _box_overlaps(prediction.boxes[found], truth.boxes[objects], is_crowd)


def _box_overlaps(
    found: NDArray[np.float32], objects: NDArray[np.float32], is_crowd: NDArray[np.bool_]
) -> NDArray[np.float64]:
    first, second = np.asarray(found, dtype=np.float64), np.asarray(objects, dtype=np.float64)
    corners = np.minimum(first[:, None, 2:], second[None, :, 2:]) - np.maximum(first[:, None, :2], second[None, :, :2])
    shared = np.prod(np.maximum(corners, 0), axis=2)  # (D, N)
    own = np.prod(np.maximum(first[:, 2:] - first[:, :2], 0), axis=1)[:, None]
    other = np.prod(np.maximum(second[:, 2:] - second[:, :2], 0), axis=1)[None, :]
    total = np.where(is_crowd[None, :], own, own + other - shared)
    return np.asarray(np.divide(shared, total, out=np.zeros_like(shared), where=total > 0))
