"""The two engines that compute COCO's precision and recall from one input: hotcoco (Rust) and pycocotools.

hotcoco 1.3 gives pycocotools' very numbers: `tests/metrics/test_coco.py` draws masks and boxes, crowds, tied scores,
more than 100 detections, custom thresholds, area ranges and `max_dets`. It differs in two settings, so `Settings`
puts both in one form before either engine sees them: hotcoco leaves `max_dets` unsorted, and takes 0.5:0.05:0.95 in
float32 for the float64 grid. Image ids and labels are 1..N here, whatever the data set calls them.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from contorno.errors import ConfigError
from contorno.masks import RunLength, Size

Engine = Literal["hotcoco", "pycocotools"]
Curves = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Precision (T, R, K, A, M) and recall (T, K, A, M) by IoU threshold, recall level, class, area range and `max_dets`;
-1 where a class has no object."""

IOU_THRESHOLDS: tuple[float, ...] = tuple(np.linspace(0.5, 0.95, 10).tolist())
MAX_DETS: tuple[int, ...] = (1, 10, 100)
AREA_RANGES: Mapping[str, tuple[float, float]] = {
    "small": (0.0, 32.0**2),
    "medium": (32.0**2, 96.0**2),
    "large": (96.0**2, 1e10),
}
_ALL_AREAS = (0.0, 1e10)
_NUM_RECALLS = 101


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What is computed, checked and in one form; make it with `Settings.check`.

    iou_type:        COCO's name, "segm" or "bbox".   iou_thresholds, max_dets: rising, no value twice.
    area_ranges:     name -> (lowest, highest) px², beside the range of all areas, which comes first.
    """

    iou_type: str
    engine: Engine
    iou_thresholds: tuple[float, ...]
    max_dets: tuple[int, ...]
    area_ranges: dict[str, tuple[float, float]]

    @classmethod
    def check(
        cls,
        iou_type: str,
        engine: Engine,
        iou_thresholds: Sequence[float] | None,
        max_dets: Sequence[int],
        area_ranges: Mapping[str, tuple[float, float]] | None,
    ) -> Settings:
        """Settings from a caller's wishes, None being COCO's own. Raises ConfigError that names the faulty one.

        A threshold within a millionth of 0.5, 0.55, … 0.95 is taken for that value: a float32 grid means what it says.
        """
        if engine not in get_args(Engine):
            known = ", ".join(get_args(Engine))
            raise ConfigError(f"there is no evaluation engine {engine!r}; choose one of: {known}.")
        thresholds = [_snap(float(value)) for value in (IOU_THRESHOLDS if iou_thresholds is None else iou_thresholds)]
        if not (thresholds and all(0 < value <= 1 for value in thresholds) and len(set(thresholds)) == len(thresholds)):
            raise ConfigError(f"iou_thresholds are {thresholds}; give different numbers above 0 and at most 1.")
        most = [int(value) for value in max_dets]
        if not most or min(most) < 1 or len(set(most)) < len(most):
            raise ConfigError(f"max_dets are {most}; give different whole numbers from 1 on.")
        ranges = {}
        for name, (low, high) in (AREA_RANGES if area_ranges is None else area_ranges).items():
            if not 0 <= low <= high or name == "all":
                raise ConfigError(
                    f"the area range {name!r} is ({low}, {high}); give (lowest, highest) in px², and leave out 'all', "
                    "which is always computed."
                )
            ranges[name] = (float(low), float(high))
        return cls(
            iou_type=iou_type,
            engine=engine,
            iou_thresholds=tuple(sorted(thresholds)),
            max_dets=tuple(sorted(most)),
            area_ranges=ranges,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageObjects:
    """What is compared in one image: annotated objects (N) and detections (D). Either masks or boxes are filled.

    labels: int64 (N,).   is_crowd: bool (N,).   areas: float64 (N,), px².   found_labels: int64 (D,).
    scores: float64 (D,).   boxes, found_boxes: float64 (N, 4) and (D, 4), xywh pixels.
    """

    size_hw: Size
    labels: NDArray[np.int64]
    is_crowd: NDArray[np.bool_]
    areas: NDArray[np.float64]
    found_labels: NDArray[np.int64]
    scores: NDArray[np.float64]
    masks: tuple[RunLength, ...] = ()
    found_masks: tuple[RunLength, ...] = ()
    boxes: NDArray[np.float64] | None = None
    found_boxes: NDArray[np.float64] | None = None


def curves(images: Sequence[ImageObjects], num_labels: int, settings: Settings) -> Curves:
    """Run the engine over all images, for the labels 1..num_labels. Nothing is printed."""
    if not images or not num_labels:
        rest = (num_labels, len(settings.area_ranges) + 1, len(settings.max_dets))
        thresholds = len(settings.iou_thresholds)
        return np.full((thresholds, _NUM_RECALLS, *rest), -1.0), np.full((thresholds, *rest), -1.0)
    truth: dict[str, Any] = {
        "info": {},
        "images": [
            {"id": number, "height": image.size_hw[0], "width": image.size_hw[1]}
            for number, image in enumerate(images, start=1)
        ],
        "categories": [{"id": label, "name": str(label)} for label in range(1, num_labels + 1)],
        "annotations": list(_truth_entries(images)),
    }
    run = _run_hotcoco if settings.engine == "hotcoco" else _run_pycocotools
    return run(truth, list(_found_entries(images)), settings)


def _run_hotcoco(truth: dict[str, Any], found: list[dict[str, Any]], settings: Settings) -> Curves:
    import hotcoco  # here, so that the ground floor imports quickly

    truth_set = hotcoco.COCO(truth)
    evaluation = hotcoco.COCOeval(truth_set, truth_set.load_res(found), settings.iou_type)
    names, ranges = _named_ranges(settings)
    evaluation.params.iou_thrs = list(settings.iou_thresholds)
    evaluation.params.max_dets = list(settings.max_dets)
    evaluation.params.area_rng, evaluation.params.area_rng_lbl = ranges, names
    evaluation.evaluate()
    evaluation.accumulate()
    found_curves: dict[str, Any] = evaluation.eval or {}
    return found_curves["precision"], found_curves["recall"]


def _run_pycocotools(truth: dict[str, Any], found: list[dict[str, Any]], settings: Settings) -> Curves:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with redirect_stdout(io.StringIO()):
        truth_set, found_set = COCO(), COCO()
        truth_set.dataset = truth
        truth_set.createIndex()
        if found:
            found_set = truth_set.loadRes(found)
        else:  # loadRes fails on an empty list
            found_set.dataset = {**truth, "annotations": []}
            found_set.createIndex()
        evaluation = COCOeval(truth_set, found_set, settings.iou_type)
        names, ranges = _named_ranges(settings)
        evaluation.params.iouThrs = np.array(settings.iou_thresholds)
        evaluation.params.maxDets = list(settings.max_dets)
        evaluation.params.areaRng, evaluation.params.areaRngLbl = ranges, names
        evaluation.evaluate()
        evaluation.accumulate()
    return evaluation.eval["precision"], evaluation.eval["recall"]


def _truth_entries(images: Sequence[ImageObjects]) -> Iterator[dict[str, Any]]:
    # From 1: pycocotools takes the id 0 of a matched object for "no match".
    number = 0
    for image_number, image in enumerate(images, start=1):
        shapes = _shapes(image.masks, image.boxes)
        columns = zip(image.labels.tolist(), image.is_crowd.tolist(), image.areas.tolist(), shapes, strict=True)
        for label, is_crowd, area, shape in columns:
            number += 1
            entry = {
                "id": number,
                "image_id": image_number,
                "category_id": label,
                "iscrowd": int(is_crowd),
                "area": area,
            }
            yield entry | shape


def _found_entries(images: Sequence[ImageObjects]) -> Iterator[dict[str, Any]]:
    for image_number, image in enumerate(images, start=1):
        shapes = _shapes(image.found_masks, image.found_boxes)
        for label, score, shape in zip(image.found_labels.tolist(), image.scores.tolist(), shapes, strict=True):
            yield {"image_id": image_number, "category_id": label, "score": score} | shape


def _shapes(codes: tuple[RunLength, ...], boxes: NDArray[np.float64] | None) -> list[dict[str, Any]]:
    """A mask *or* a box for each object: beside a box, the engines take the box's area for a detection's, which spoils
    AP by size (a thin diagonal mask becomes a large object)."""
    if boxes is not None:
        return [{"bbox": box} for box in boxes.tolist()]
    return [{"segmentation": {"size": list(code.size), "counts": code.counts}} for code in codes]


def _named_ranges(settings: Settings) -> tuple[list[str], list[list[float]]]:
    ranges = {"all": _ALL_AREAS, **settings.area_ranges}
    return list(ranges), [list(bounds) for bounds in ranges.values()]


def _snap(threshold: float) -> float:
    nearest = min(IOU_THRESHOLDS, key=lambda standard: abs(standard - threshold))
    return nearest if abs(nearest - threshold) < 1e-6 else threshold
