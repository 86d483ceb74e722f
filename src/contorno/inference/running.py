"""A model run over a data set or a loader, and its predictions measured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN

from contorno import images, metrics
from contorno.dataset import Dataset
from contorno.draw import denormalize_imagenet
from contorno.errors import DataError
from contorno.inference.outputs import to_predictions
from contorno.loaders import Batch, infer_dl
from contorno.masks import MASK_THRESHOLD, Size
from contorno.metrics import DETECTION_THRESHOLD, COCOMetricType, COCOResult
from contorno.models.torchvision.adopting import adopt
from contorno.progress import Progress, ProgressLine, silent
from contorno.records import ClassMap, Record, Records
from contorno.samples import Prediction, Sample, SampleInfo

Found = tuple[Tensor, SampleInfo, Prediction]
"""An image as the model saw it, float32 (3, H, W), where it came from, and what was found in it."""


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Put a model into evaluation mode without gradients; on the way out each of its parts gets its own mode back."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, training in modes:
            module.training = training


def predict(
    model: nn.Module,
    dataset: Dataset | Sequence[Sample],
    detection_threshold: float = DETECTION_THRESHOLD,
    mask_threshold: float = MASK_THRESHOLD,
    keep_images: bool = False,
    device: torch.device | str | None = None,
    *,
    batch_size: int = 4,
    num_workers: int = 0,
    progress: Progress | None = None,
) -> list[Prediction]:
    """Run a model over a `Dataset`, or a list of `Sample`s, and give a prediction for each, in their order.

    device:      where the model runs and stays; None is where it is.
    keep_images: put the image, uint8 (H, W, 3), into each prediction. Without a way back to the original image the
                 sample's image is always put in, since boxes and masks lie in it.
    progress:    called with ("predicting, images", done, total).
    """
    found = _run(model, dataset, detection_threshold, mask_threshold, batch_size, num_workers, device, progress)
    return [_with_image(one, keep_images) for one in found]


def predict_from_dl(
    model: nn.Module,
    infer_dl: Iterable[Batch],
    show_pbar: bool = True,
    keep_images: bool = False,
    *,
    detection_threshold: float = DETECTION_THRESHOLD,
    mask_threshold: float = MASK_THRESHOLD,
    device: torch.device | str | None = None,
) -> list[Prediction]:
    """`predict` over a loader instead of a data set: a prediction for each image, in the order of the loader.

    infer_dl:  a loader of `contorno.loaders`, or any batches of that form.
    show_pbar: draw progress on stderr.   The rest is as in `predict`.
    """
    data: Any = getattr(infer_dl, "dataset", None)
    class_map = getattr(data, "class_map", None)
    with ProgressLine() as line:
        found = _run_batches(
            model,
            infer_dl,
            class_map,
            None if data is None else len(data),
            detection_threshold,
            mask_threshold,
            device,
            line if show_pbar else None,
        )
        return [_with_image(one, keep_images) for one in found]


def evaluate(
    model: nn.Module,
    dataset: Dataset | Sequence[Sample],
    *,
    metric_types: Sequence[COCOMetricType] = (COCOMetricType.mask, COCOMetricType.bbox),
    mask_threshold: float = MASK_THRESHOLD,
    batch_size: int = 4,
    num_workers: int = 0,
    device: torch.device | str | None = None,
    progress: Progress | None = None,
) -> tuple[COCOResult, list[Prediction]]:
    """Predict with no detection threshold and measure AP in original pixels.

    Predictions are kept as run-length code, batch by batch, so memory grows with detections and not with pixels.
    Raises DataError if a sample cannot be mapped back to its original image, or there is none.
    """
    if not len(dataset):
        raise DataError("there is no sample to evaluate; give a data set with at least one image.")
    records: list[Record] = []
    found: list[Prediction] = []
    for _, info, prediction in _run(model, dataset, 0.0, mask_threshold, batch_size, num_workers, device, progress):
        if info.frame is None:
            raise DataError(
                f"image {info.record.image_id}: its transforms cannot be undone, so its predictions cannot be held "
                "against its annotations; evaluate with transforms like resize_and_pad."
            )
        records.append(info.record)
        found.append(prediction)
    return metrics.evaluate(Records(records, _class_map(dataset)), found, metric_types=tuple(metric_types)), found


def _run(
    model: nn.Module,
    dataset: Dataset | Sequence[Sample],
    detection_threshold: float,
    mask_threshold: float,
    batch_size: int,
    num_workers: int,
    device: torch.device | str | None,
    progress: Progress | None,
) -> Iterator[Found]:
    if not len(dataset):
        return
    batches = infer_dl(dataset, batch_size=batch_size, num_workers=num_workers)
    yield from _run_batches(
        model, batches, _class_map(dataset), len(dataset), detection_threshold, mask_threshold, device, progress
    )


def _run_batches(
    model: nn.Module,
    batches: Iterable[Batch],
    class_map: ClassMap | None,
    count: int | None,
    detection_threshold: float,
    mask_threshold: float,
    device: torch.device | str | None,
    progress: Progress | None,
) -> Iterator[Found]:
    model = adopt(model) if isinstance(model, GeneralizedRCNN) else model
    if device is not None:
        model.to(device)
    place = next(model.parameters()).device
    report = progress or silent
    done = 0
    for batch, _, infos in batches:
        # Inside the loop: the caller may do anything to the model between two batches.
        with evaluating(model):
            outputs = model([image.to(place) for image in batch])
        predictions = to_predictions(
            outputs, infos, detection_threshold=detection_threshold, mask_threshold=mask_threshold, class_map=class_map
        )
        done += len(infos)
        report("predicting, images", done, count)
        yield from zip(batch, infos, predictions, strict=True)


def _with_image(found: Found, keep_images: bool) -> Prediction:
    image, info, prediction = found
    if info.frame is None:
        return replace(prediction, image=_sample_image(image, info.size_hw))
    return replace(prediction, image=_record_image(info.record)) if keep_images else prediction


def _class_map(dataset: Dataset | Sequence[Sample]) -> ClassMap:
    return dataset.class_map if isinstance(dataset, Dataset) else dataset[0].class_map


def _sample_image(image: Tensor, size_hw: Size) -> NDArray[np.uint8]:
    return denormalize_imagenet(image[:, : size_hw[0], : size_hw[1]].permute(1, 2, 0).numpy())


def _record_image(record: Record) -> NDArray[np.uint8]:
    if record.image is not None:
        return record.image
    assert record.path is not None  # a record has one or the other
    return images.read_image(record.path)
