"""COCO's average precision and recall for masks and boxes.

The protocol is COCO's (https://cocodataset.org/#detection-eval): per image and class the best-scored detections are
matched greedily, crowd regions are ignored, precision is interpolated at 101 recalls. `engines` runs it.

Only run-length code, boxes, scores and areas are kept between images: no pixels.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from contorno import boxes, masks
from contorno.errors import ConfigError, DataError
from contorno.metrics.coco_result import COCOResult
from contorno.metrics.engines import MAX_DETS, Engine, ImageObjects, Settings, curves
from contorno.metrics.pairs import check_masks, check_pair, pair_up
from contorno.records import ClassMap, ImageId, Record, Records
from contorno.samples import Prediction

__all__ = ["COCOMetric", "COCOMetricType", "COCOResult", "evaluate", "pair_up"]


class COCOMetricType(Enum):
    """What is compared; the value is COCO's name for it."""

    bbox = "bbox"
    mask = "segm"

    @property
    def prefix(self) -> str:
        """How the names of its figures begin: "mask" or "box"."""
        return "mask" if self is COCOMetricType.mask else "box"


class COCOMetric:
    """AP and AR of one kind, mask or box, fed one image at a time.

    iou_thresholds: in (0, 1]; COCO's 0.5:0.05:0.95 if None. `ap50` and `ap75` are NaN without 0.5 and 0.75.
    print_summary:  print the table of figures whenever they are computed.
    show_pbar:      of IceVision; there is nothing to wait for here, and no bar.
    max_dets:       how many detections an image and class may have, best first; COCO's reading is per class.
    area_ranges:    name -> (lowest, highest) px², both included; COCO's small, medium and large if None.
    engine:         "hotcoco", or the reference "pycocotools"; the figures are the same.
    Raises ConfigError for a setting outside these.
    """

    def __init__(
        self,
        metric_type: COCOMetricType = COCOMetricType.mask,
        iou_thresholds: Sequence[float] | None = None,
        print_summary: bool = False,
        show_pbar: bool = False,
        *,
        max_dets: Sequence[int] = MAX_DETS,
        area_ranges: Mapping[str, tuple[float, float]] | None = None,
        engine: Engine = "hotcoco",
    ) -> None:
        if not isinstance(metric_type, COCOMetricType):
            raise ConfigError(f"metric_type is {metric_type!r}; give COCOMetricType.mask or COCOMetricType.bbox.")
        self.metric_type = metric_type
        self.print_summary, self.show_pbar = print_summary, show_pbar
        self.settings = Settings.check(metric_type.value, engine, iou_thresholds, max_dets, area_ranges)
        self.reset()

    def reset(self) -> None:
        """Forget every image."""
        self._images: dict[ImageId, ImageObjects] = {}
        self._seconds = 0.0

    def accumulate(self, record: Record, prediction: Prediction) -> None:
        """Take in one image: its annotations, and all that the model found in it.

        An object's area is what the record states where that is finite, else that of its mask (or box, if it has no
        mask); a detection's area is that of its mask, or of its box in a box metric.
        Raises DataError if the two are not of one image and size, the image was given before, a mask is missing in
        a mask metric, or a score is not finite.
        """
        began = time.perf_counter()
        check_pair(record, prediction)
        if record.image_id in self._images:
            raise DataError(
                f"image {record.image_id!r} was given to the metric before; call reset() between two passes."
            )
        of_masks = self.metric_type is COCOMetricType.mask
        if of_masks:
            check_masks(record, prediction)
        truth = record.instances
        self._images[record.image_id] = ImageObjects(
            size_hw=record.size_hw,
            labels=truth.labels,
            is_crowd=truth.is_crowd,
            areas=_truth_areas(record),
            found_labels=np.asarray(prediction.labels, dtype=np.int64),
            scores=np.asarray(prediction.scores, dtype=np.float64),
            masks=truth.run_lengths() if of_masks else (),
            found_masks=(prediction.masks or ()) if of_masks else (),
            boxes=None if of_masks else _xywh(truth.boxes),
            found_boxes=None if of_masks else _xywh(prediction.boxes),
        )
        self._seconds += time.perf_counter() - began

    def finalize(self, class_map: ClassMap) -> COCOResult:
        """Compute the figures of all images taken in so far; more may follow.

        Raises DataError if an object or detection has a label that `class_map` lacks.
        """
        began = time.perf_counter()
        for image_id, image in self._images.items():
            for what, labels in (("an object", image.labels), ("a detection", image.found_labels)):
                wrong = labels[(labels < 1) | (labels >= len(class_map))]
                if len(wrong):
                    raise DataError(
                        f"image {image_id!r}: {what} has label {wrong[0]}; "
                        f"the class map has labels 1 to {len(class_map) - 1}."
                    )
        prefix, images = self.metric_type.prefix, list(self._images.values())
        precision, recall = curves(images, len(class_map) - 1, self.settings)
        figures = {f"{prefix}_{key}": value for key, value in self._figures(precision, recall).items()}
        objects, shown = _class_counts(images, len(class_map) - 1)
        per_class = {}
        for index, name in enumerate(class_map.names):
            own_precision, own_recall = precision[:, :, index, 0, -1], recall[:, index, 0, -1]
            per_class[name] = {
                f"{prefix}_ap": _mean(own_precision),
                f"{prefix}_ap50": _mean(own_precision[self._at(0.5)]),
                f"{prefix}_ar": _mean(own_recall),
                "objects": int(objects[index]),
                "images": int(shown[index]),
            }
        counts = {
            "images": len(images),
            "negatives": sum(len(image.labels) == 0 for image in images),
            "objects": int(objects.sum()),
            "crowd_regions": sum(int(image.is_crowd.sum()) for image in images),
            "detections": sum(len(image.scores) for image in images),
        }
        seconds = self._seconds + time.perf_counter() - began
        result = COCOResult(figures=figures, per_class=per_class, counts=counts, seconds=seconds)
        if self.print_summary:
            print(result.table())
        return result

    def _figures(self, precision: NDArray[np.float64], recall: NDArray[np.float64]) -> dict[str, float]:
        figures = {
            "ap": _mean(precision[:, :, :, 0, -1]),
            "ap50": _mean(precision[self._at(0.5)][:, :, :, 0, -1]),
            "ap75": _mean(precision[self._at(0.75)][:, :, :, 0, -1]),
        }
        sizes = list(enumerate(self.settings.area_ranges, start=1))  # 0 is all areas
        figures |= {f"ap_{name}": _mean(precision[:, :, :, index, -1]) for index, name in sizes}
        figures |= {f"ar{most}": _mean(recall[:, :, 0, index]) for index, most in enumerate(self.settings.max_dets)}
        figures |= {f"ar_{name}": _mean(recall[:, :, index, -1]) for index, name in sizes}
        return figures

    def _at(self, threshold: float) -> NDArray[np.bool_]:
        return np.isclose(self.settings.iou_thresholds, threshold, rtol=0, atol=1e-9)


def evaluate(
    records: Records,
    predictions: Sequence[Prediction],
    *,
    metric_types: Sequence[COCOMetricType] = (COCOMetricType.mask, COCOMetricType.bbox),
    iou_thresholds: Sequence[float] | None = None,
    max_dets: Sequence[int] = MAX_DETS,
    area_ranges: Mapping[str, tuple[float, float]] | None = None,
    engine: Engine = "hotcoco",
) -> COCOResult:
    """Compare predictions, in any order, with their records; the settings are those of `COCOMetric`.

    Raises DataError if a record has no prediction, or a prediction no record; ConfigError for a wrong setting.
    """
    began = time.perf_counter()
    if not metric_types:
        raise ConfigError("metric_types is empty; give COCOMetricType.mask, COCOMetricType.bbox or both.")
    figures: dict[str, float] = {}
    per_class: dict[str, dict[str, float]] = {name: {} for name in records.class_map.names}
    counts: dict[str, int] = {}
    pairs = pair_up(records, predictions)
    for metric_type in metric_types:
        metric = COCOMetric(
            metric_type, iou_thresholds=iou_thresholds, max_dets=max_dets, area_ranges=area_ranges, engine=engine
        )
        for record, prediction in pairs:
            metric.accumulate(record, prediction)
        result = metric.finalize(records.class_map)
        figures |= result.figures
        counts = result.counts
        for name, row in result.per_class.items():
            sizes = {key: per_class[name].pop(key, row[key]) for key in ("objects", "images")}
            per_class[name] |= row | sizes
            for key in sizes:  # the counts stand last, after both kinds of figures
                per_class[name][key] = per_class[name].pop(key)
    return COCOResult(figures=figures, per_class=per_class, counts=counts, seconds=time.perf_counter() - began)


def _truth_areas(record: Record) -> NDArray[np.float64]:
    """Areas (N,), px²: as the file stated them, else of the mask, else of the box."""
    truth = record.instances
    found = truth.areas.copy()
    for index in np.flatnonzero(~np.isfinite(found)):
        geometry = truth.geometries[index]
        if geometry is None:
            found[index] = boxes.area(truth.boxes[index : index + 1].astype(np.float64))[0]
        else:
            found[index] = masks.area(masks.to_run_length(geometry, truth.size_hw))
    return found


def _class_counts(images: Sequence[ImageObjects], num_labels: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Objects of each label and images that show one, (K,) each; crowd regions do not count."""
    objects, shown = np.zeros((2, num_labels + 1), dtype=np.int64)
    for image in images:
        own = np.bincount(image.labels[~image.is_crowd], minlength=num_labels + 1)
        objects += own
        shown += own > 0
    return objects[1:], shown[1:]


def _xywh(xyxy: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.asarray(boxes.xyxy_to_xywh(np.asarray(xyxy, dtype=np.float64)))


def _mean(values: NDArray[np.float64]) -> float:
    """Mean of the defined values; NaN, where COCO says -1, if there is none."""
    defined = values[values > -1]
    return float(defined.mean()) if defined.size else float("nan")
