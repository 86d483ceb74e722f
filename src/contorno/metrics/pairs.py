"""Records and predictions of the same images, put together and checked before they are compared."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from contorno.errors import DataError
from contorno.records import ImageId, Record
from contorno.samples import Prediction


def pair_up(records: Iterable[Record], predictions: Iterable[Prediction]) -> list[tuple[Record, Prediction]]:
    """Each record with its prediction, in the order of the records.

    Raises DataError if an image id has no partner or stands twice.
    """
    by_id: dict[ImageId, Prediction] = {}
    for prediction in predictions:
        if prediction.image_id in by_id:
            raise DataError(f"image {prediction.image_id!r} has two predictions; give one for each image.")
        by_id[prediction.image_id] = prediction
    pairs = []
    for record in records:
        if record.image_id not in by_id:
            raise DataError(
                f"image {record.image_id!r} has no prediction; give one for each record, empty where nothing was found."
            )
        pairs.append((record, by_id.pop(record.image_id)))
    if by_id:
        raise DataError(f"{len(by_id)} predictions are of images that have no record, such as {next(iter(by_id))!r}.")
    return pairs


def check_pair(record: Record, prediction: Prediction) -> None:
    """Raise DataError unless both are of one image and size, and the scores and boxes are numbers."""
    if prediction.image_id != record.image_id:
        raise DataError(
            f"a prediction of image {prediction.image_id!r} came with the record of image {record.image_id!r}; "
            "give each record its own prediction."
        )
    if prediction.size_hw != record.size_hw:
        raise DataError(
            f"image {record.image_id!r}: the prediction is for a size of {prediction.size_hw}, the image is "
            f"{record.size_hw} (height, width); map predictions back to the original image first."
        )
    if not (np.isfinite(prediction.scores).all() and np.isfinite(prediction.boxes).all()):
        raise DataError(f"image {record.image_id!r}: a predicted score or box is not a finite number.")


def check_masks(record: Record, prediction: Prediction) -> None:
    """Raise DataError unless every object and every detection has a mask of the image's size."""
    if not record.instances.has_masks:
        raise DataError(
            f"image {record.image_id!r}: object {record.instances.geometries.index(None)} has a box and no mask; "
            "use COCOMetricType.bbox for records without masks."
        )
    if prediction.masks is None and len(prediction):
        raise DataError(
            f"image {record.image_id!r}: the prediction has boxes and no masks; "
            "use COCOMetricType.bbox for a model that gives boxes only."
        )
    for code in prediction.masks or ():
        if code.size != record.size_hw:
            raise DataError(
                f"image {record.image_id!r}: a predicted mask is for an image of {code.size} (height, width); "
                f"this image is {record.size_hw}."
            )
