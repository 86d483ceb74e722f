"""Detections of a loader's images, and pictures of truth beside prediction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from torch import nn

from contorno import draw, inference
from contorno.batches import sample_record
from contorno.errors import DataError
from contorno.inference.looking import HALF_PX, show_sheet
from contorno.loaders import Batch
from contorno.records import ClassMap, Record
from contorno.samples import Prediction


def detect(
    model: nn.Module, batches: Iterable[Batch], class_map: ClassMap, *, detection_threshold: float
) -> Iterator[tuple[Prediction, Record]]:
    """What a model finds in each image of some batches, and the truth in the same pixels.

    These are the original image's, and the truth its record. Where the transforms cannot be undone they are the
    sample's, and the truth is a record of the sample's image and targets.
    """
    device = next(model.parameters()).device
    for images, targets, infos in batches:
        # Inside the loop: the caller may do anything to the model between two images.
        with inference.evaluating(model):
            outputs = model([image.to(device) for image in images])
        found = inference.to_predictions(outputs, infos, detection_threshold=detection_threshold, class_map=class_map)
        for image, target, info, prediction in zip(images, targets, infos, found, strict=True):
            if info.frame is None:
                truth = sample_record(image, target, info)
                yield replace(prediction, image=truth.image, record=truth), truth
            else:
                yield prediction, info.record


def show_results(
    found: Iterable[tuple[Prediction, Record]],
    class_map: ClassMap,
    *,
    max_n: int,
    detection_threshold: float,
    ncols: int,
    show: bool,
    path: Path | str | None,
) -> Any:
    """Show the truth of up to `max_n` images beside what was found in each: matched green, missed orange, false pink.

    Returns a Pillow image. Raises DataError if there is none.
    """
    pictures, names = [], []
    for prediction, truth in islice(found, max_n):
        pictures.append(draw.side_by_side(truth, prediction, detection_threshold, class_map, longest_px=HALF_PX))
        names.append(str(truth.image_id))
    if not pictures:
        raise DataError("there is nothing to show: the loader gave no image.")
    return show_sheet(pictures, names, ncols, show=show, path=path)
