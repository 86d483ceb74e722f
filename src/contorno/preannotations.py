"""Predictions as records, so that every writer can put them out as labels that a person corrects instead of drawing."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from contorno.errors import ConfigError, DataError
from contorno.records import ClassMap, Instances, ParseReport, Record, Records
from contorno.samples import Prediction

SCORE_DIGITS = 4


def as_records(predictions: Iterable[Prediction], class_map: ClassMap, *, threshold: float = 0.5) -> Records:
    """Records with what was found in each image, best score first; images in which nothing was found stay.

    predictions: of images that are files or hold their pixels (`Prediction.record` or `.image`).
    threshold:   least score, 0..1.
    Each object has the attribute "score". Masks that are empty are left out, and counted in `Records.report`;
    predictions of a box model have boxes.
    Raises ConfigError for a bad threshold, DataError for a prediction that does not know its image.
    """
    if not 0.0 <= threshold <= 1.0:
        raise ConfigError(f"threshold={threshold} is not a score; expected a number from 0 to 1.")
    found, records = 0, []
    for prediction in predictions:
        chosen = prediction.above(threshold)
        found += len(chosen.labels)
        records.append(_record(chosen))
    made = Records(records, class_map)
    empty = found - made.num_objects
    made.report = ParseReport(
        images=len(made),
        objects=made.num_objects,
        negatives=sum(len(record.instances) == 0 for record in made),
        dropped={"prediction without a pixel": empty} if empty else {},
    )
    return made


def _record(prediction: Prediction) -> Record:
    source = prediction.record
    path = None if source is None else source.path
    image = prediction.image if source is None else source.image
    if path is None and image is None:
        raise DataError(f"image {prediction.image_id}: its prediction does not say which file or pixels it is of.")
    if source is not None and source.size_hw != prediction.size_hw:
        raise DataError(
            f"image {prediction.image_id}: its prediction is for {prediction.size_hw} (height, width) and the image "
            f"has {source.size_hw}; predict with transforms that can be undone, such as resize_and_pad."
        )
    box = prediction.boxes
    usable = (box[:, 2] > box[:, 0]) & (box[:, 3] > box[:, 1])
    instances = Instances.build(
        prediction.size_hw,
        labels=prediction.labels,
        geometries=prediction.masks,
        boxes=box if prediction.masks is None else None,
        attributes=[{"score": round(float(score), SCORE_DIGITS)} for score in prediction.scores],
    )
    # A mask that came out empty has the box 0, 0, 0, 0.
    tight = instances.boxes
    usable &= (tight[:, 2] > tight[:, 0]) & (tight[:, 3] > tight[:, 1])
    return Record(
        image_id=prediction.image_id,
        size_hw=prediction.size_hw,
        instances=instances.select(np.flatnonzero(usable)),
        path=path,
        image=None if path is not None else image,
        split=None if source is None else source.split,
    )
