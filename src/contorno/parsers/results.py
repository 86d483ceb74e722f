"""Read COCO results files, what any tool found in the images of some records, so that `metrics` can measure them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np

from contorno import masks
from contorno.errors import DataError
from contorno.files import read_json
from contorno.masks import RunLength
from contorno.parsers.coco_forms import usual_segmentation
from contorno.parsers.coco_geometry import Box, read_box
from contorno.parsers.findings import Findings, collector_paused
from contorno.parsers.result_ids import CocoIds, ImageFinder, category_id, coco_ids, labels_of_categories, shown
from contorno.records import ClassMap, ImageId, ParseReport, Record, Records
from contorno.samples import Prediction

__all__ = ["CocoIds", "Predictions", "coco_ids", "read_results"]

_FARTHEST_PX = 1e6  # as for polygons
_MOST = 3e38  # float32's


class Predictions(list[Prediction]):
    """The predictions of a results file, one for each record and in their order, with the report of the reading.

    Its report counts records as images, detections kept as objects, and records without one as negatives.
    """

    def __init__(self, predictions: Iterable[Prediction], report: ParseReport) -> None:
        super().__init__(predictions)
        self.report = report


def read_results(
    path: Path | str,
    records: Records,
    *,
    image_ids: Mapping[ImageId, ImageId] | None = None,
    category_ids: Mapping[int, int] | None = None,
    autofix: bool = True,
) -> Predictions:
    """Read a COCO results file, [{image_id, category_id, segmentation or bbox, score}, ...], over its ground truth.

    image_ids:     {id of the record: id in the file}, such as `coco_ids` reads. If unset, ids are those of the records,
                   else names of their image files, with or without folder and suffix.
    category_ids:  {label 1..K: category id in the file}. If unset: ids that all lie in 1..K are labels; ids in 0..K-1
                   with a 0 are labels less one; K different ids are the labels in their order.
    autofix:       leave out bad detections and count them in `report`; if False the first one raises.

    A detection without a mask is left out where others have one; if none has, these are boxes and `masks` is None.
    Detections keep the order of the file where scores are equal. Boxes that are not stated are those of the masks.
    Raises DataError for a file that is not a list of results, and for category ids that cannot be told.
    """
    path = Path(path)
    with collector_paused():
        entries = read_json(path)
        if not isinstance(entries, list):
            raise DataError(
                f"{path} holds {type(entries).__name__}; expected a list of results, each with image_id, category_id, "
                "score and segmentation or bbox. A COCO file of annotations is read with COCOMaskParser."
            )
        findings = Findings(str(path), autofix)
        images = ImageFinder(records, image_ids)
        found = [(f"result {i}", entry) for i, entry in enumerate(entries) if _is_object(entry, i, findings)]
        labels = labels_of_categories(
            [entry.get("category_id") for _, entry in found], records.class_map, category_ids, findings
        )
        with_masks = any(entry.get("segmentation") for _, entry in found)
        kept: dict[ImageId, list[_Detection]] = {record.image_id: [] for record in records}
        for where, entry in found:
            record = images.find(entry.get("image_id"), findings, where)
            if record is None:
                continue
            where += f", image {record.image_id!r}"
            detection = _detection(entry, record, labels, with_masks, findings, where)
            if detection is not None:
                kept[record.image_id].append(detection)
        made = [_prediction(record, kept[record.image_id], records.class_map, with_masks) for record in records]
    lengths = [len(prediction) for prediction in made]
    report = findings.report(Records([], records.class_map))
    return Predictions(made, replace(report, images=len(made), objects=sum(lengths), negatives=lengths.count(0)))


@dataclass(frozen=True, slots=True)
class _Detection:
    label: int
    score: float
    box: Box
    mask: RunLength | None


def _is_object(entry: object, index: int, findings: Findings) -> bool:
    if not isinstance(entry, dict):
        findings.drop("result that is not an object", f"result {index}", f"it is {type(entry).__name__}")
        return False
    return True


def _detection(
    entry: dict[str, Any], record: Record, labels: Mapping[int, int], with_masks: bool, findings: Findings, where: str
) -> _Detection | None:
    """One detection, or None where it cannot be used, which `findings` then counts."""
    category, score = category_id(entry.get("category_id")), entry.get("score")
    label = None if category is None else labels.get(category)
    if label is None:
        findings.drop("result of an unknown category", where, shown("category_id", entry.get("category_id")))
        return None
    if not _is_number(score):
        findings.drop("score that is not a finite number", where, shown("score", score))
        return None
    mask: RunLength | None = None
    if with_masks:
        segmentation = entry.get("segmentation")
        if not segmentation:
            findings.drop("result without a mask", where)
            return None
        segmentation, odd = usual_segmentation(segmentation)
        if odd:
            findings.mend(odd, where)
        size = segmentation.get("size") if isinstance(segmentation, dict) else None
        if size is not None and size != list(record.size_hw):
            detail = f"{shown('size', size)}, the image has {list(record.size_hw)} (height, width)"
            findings.drop("run lengths of another size than the image", where, detail)
            return None
        try:
            mask = masks.to_run_length(masks.from_coco(segmentation, record.size_hw), record.size_hw)
        except DataError as error:
            findings.drop("segmentation that cannot be read", where, str(error))
            return None
    box = read_box(entry.get("bbox"))
    if box is not None and not (box[0] <= box[2] and box[1] <= box[3] and max(map(abs, box)) <= _FARTHEST_PX):
        box = None
    if box is None and mask is None:
        findings.drop("result without a box that can be", where, shown("bbox", entry.get("bbox")))
        return None
    if box is None and mask is not None:
        left, top, right, bottom = masks.box(mask).tolist()
        box = (left, top, right, bottom)
    assert box is not None
    if not 0 <= score <= 1:
        findings.mend("score outside 0 to 1, kept as it is", where, shown("score", score))
    return _Detection(label, float(score), box, mask)


def _is_number(value: object) -> TypeGuard[int | float]:
    """True for what float32 can hold; the comparison is False for NaN."""
    return isinstance(value, int | float) and not isinstance(value, bool) and -_MOST <= value <= _MOST


def _prediction(record: Record, found: list[_Detection], class_map: ClassMap, with_masks: bool) -> Prediction:
    found = sorted(found, key=lambda detection: -detection.score)
    return Prediction(
        image_id=record.image_id,
        size_hw=record.size_hw,
        labels=np.array([detection.label for detection in found], dtype=np.int64),
        scores=np.array([detection.score for detection in found], dtype=np.float32),
        boxes=np.array([detection.box for detection in found], dtype=np.float32).reshape(-1, 4),
        masks=tuple(detection.mask for detection in found if detection.mask is not None) if with_masks else None,
        record=record,
        class_map=class_map,
    )
