"""Write predictions as COCO results: the list of detections that evaluation servers and `pycocotools.loadRes` take."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from contorno import masks
from contorno.errors import ConfigError, DataError
from contorno.files import atomic_file
from contorno.progress import Progress, silent
from contorno.records import ImageId
from contorno.samples import Prediction
from contorno.writers.written import Written

BOX_LOST = "box of a detection that is not the tight box of its mask"


def write_results(
    predictions: Iterable[Prediction],
    path: Path,
    *,
    image_ids: Mapping[ImageId, ImageId] | None = None,
    category_ids: Mapping[int, int] | None = None,
    boxes: bool = False,
    min_score: float = 0.0,
    progress: Progress = silent,
) -> Written:
    """Write predictions to the COCO results file `path`, whole or not at all: one detection a line.

    A detection is {image_id, category_id, segmentation: {size, counts}, score}, or with `bbox` [x, y, width, height] in
    place of the segmentation where the model gives boxes only. Each prediction is written as it comes from the
    iterable, so they need not be held together.

    image_ids:     {id of the record: id in the file}, for a ground truth that numbers its images otherwise, such as
                   `parsers.results.coco_ids` reads from it; ids stay as they are if unset.
    category_ids:  {label 1..K: category id in the file}; the label itself if unset.
    boxes:         write `bbox` beside masks too. Left out as a rule: where `bbox` is there, pycocotools sorts
                   detections into small, medium and large by the area of the box, not of the mask.
    min_score:     leave out detections that score less.

    Raises DataError for a score or box that is not finite and for masks that are not in the original image; ConfigError
    for an image or label that the mappings lack, and two predictions of one image.
    """
    path, lost, counts = Path(path), Counter[str](), Counter[str]()
    seen: set[ImageId] = set()
    with atomic_file(path, "w") as file:
        file.write("[")
        for prediction in predictions:
            image_id = _image_id(prediction, image_ids)
            if image_id in seen:
                raise ConfigError(f"the image {image_id!r} has two predictions; give one for each image.")
            seen.add(image_id)
            if boxes is False and prediction.masks is not None:
                tight = masks.boxes(prediction.masks)
                lost[BOX_LOST] += int((tight != prediction.boxes)[prediction.scores >= min_score].any(axis=1).sum())
            for detection in _detections(prediction, image_id, category_ids, boxes, min_score):
                file.write((",\n" if counts["objects"] else "\n") + json.dumps(detection, ensure_ascii=False))
                counts["objects"] += 1
            progress("writing detections of images", len(seen), len(seen))
        file.write("]\n")
    return Written(path=path, images=len(seen), objects=counts["objects"], lost={k: n for k, n in lost.items() if n})


def _image_id(prediction: Prediction, image_ids: Mapping[ImageId, ImageId] | None) -> ImageId:
    own = prediction.image_id
    if image_ids is not None:
        if own not in image_ids:
            raise ConfigError(f"image_ids has no entry for the image {own!r}; give one for each image predicted.")
        own = image_ids[own]
    return own if isinstance(own, str) else int(own)


def _detections(
    prediction: Prediction,
    image_id: ImageId,
    category_ids: Mapping[int, int] | None,
    with_boxes: bool,
    min_score: float,
) -> Iterator[dict[str, Any]]:
    where = f"image {prediction.image_id!r}"
    if not (np.isfinite(prediction.scores).all() and np.isfinite(prediction.boxes).all()):
        raise DataError(f"{where}: a predicted score or box is not a finite number.")
    record = prediction.record
    if record is not None and record.size_hw != prediction.size_hw:
        raise DataError(
            f"{where}: the prediction is for a size of {prediction.size_hw}, the image is {record.size_hw} (height, "
            "width); map predictions back to the original image first."
        )
    # float64 first: the difference of two float32 is then exact, so x + width gives the very same x_max again.
    boxes_xywh = prediction.boxes.astype(np.float64)
    boxes_xywh[:, 2:] -= boxes_xywh[:, :2]
    for index in np.flatnonzero(prediction.scores >= min_score).tolist():
        label = int(prediction.labels[index])
        if category_ids is not None and label not in category_ids:
            raise ConfigError(f"category_ids has no entry for the label {label}; it has {sorted(category_ids)}.")
        detection: dict[str, Any] = {
            "image_id": image_id,
            "category_id": label if category_ids is None else int(category_ids[label]),
        }
        if prediction.masks is not None:
            detection["segmentation"] = prediction.masks[index].to_coco()
        if prediction.masks is None or with_boxes:
            detection["bbox"] = boxes_xywh[index].tolist()
        detection["score"] = float(prediction.scores[index])
        yield detection
