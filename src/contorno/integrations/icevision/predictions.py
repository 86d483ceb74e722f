"""Predictions of the real icevision as contorno's, for its metrics, pictures and writers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from contorno import masks
from contorno.errors import DataError
from contorno.integrations.icevision.classes import Labels, class_map_of
from contorno.integrations.icevision.records_in import image_id_of
from contorno.records import ClassMap
from contorno.samples import Prediction


def predictions_from_icevision(predictions: Iterable[Any], class_map: ClassMap | Any | None = None) -> list[Prediction]:
    """Make contorno's predictions of what icevision's `model_type.predict` gives, best score first.

    class_map: contorno's or icevision's; None is that of the predictions.
    Boxes and masks stay in the pixels of the sample, as icevision has them: after `resize_and_pad` these are not those
    of the original image. Raises DataError for a prediction of something else than detection or instance segmentation.
    """
    given = list(predictions)
    chosen = class_map_of((prediction.pred for prediction in given), class_map)
    labels = Labels(chosen)
    return [_prediction(prediction, labels, position) for position, prediction in enumerate(given)]


def _prediction(prediction: Any, labels: Labels, position: int) -> Prediction:
    record = prediction.pred
    image_id = image_id_of(record, position)
    detection = getattr(record, "detection", None)
    if detection is None or getattr(detection, "scores", None) is None:
        raise DataError(f"image {image_id}: the prediction of icevision is not one of objects with scores.")
    order = np.argsort(-np.asarray(detection.scores, dtype=np.float32), kind="stable")
    ids = labels.of(getattr(detection, "class_map", None), [int(label) for label in detection.label_ids], image_id)
    boxes = np.array([box.xyxy for box in detection.bboxes], dtype=np.float32).reshape(-1, 4)
    array = getattr(detection, "mask_array", None)
    codes = None if array is None else masks.encode_stack(np.asarray(array.data)) if len(order) else []
    return Prediction(
        image_id=image_id,
        size_hw=(int(record.img_size.height), int(record.img_size.width)),
        labels=np.array(ids, dtype=np.int64)[order],
        scores=np.asarray(detection.scores, dtype=np.float32)[order],
        boxes=boxes[order],
        masks=None if codes is None else tuple(codes[index] for index in order),
        class_map=labels.class_map,
    )
