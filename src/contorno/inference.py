"""From a model's output to predictions in the pixels of the original images, and their evaluation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN

from contorno import images, masks, metrics
from contorno.dataset import Dataset
from contorno.draw import denormalize_imagenet
from contorno.errors import DataError
from contorno.loaders import infer_dl
from contorno.masks import MASK_THRESHOLD, RunLength, Size
from contorno.metrics import DETECTION_THRESHOLD, COCOMetricType, COCOResult
from contorno.models.torchvision.adopting import adopt
from contorno.progress import Progress, silent
from contorno.records import ClassMap, Record, Records
from contorno.samples import Frame, Prediction, Sample, SampleInfo

PADDING = 1
"""Empty cells put around a mask before it is drawn out over its box, so that its border fades to nothing."""


def to_predictions(
    outputs: Sequence[Mapping[str, Tensor]],
    infos: Sequence[SampleInfo],
    *,
    detection_threshold: float = DETECTION_THRESHOLD,
    mask_threshold: float = MASK_THRESHOLD,
    class_map: ClassMap | None = None,
) -> list[Prediction]:
    """Turn a model's output on a batch into predictions, best score first.

    outputs: for each image boxes float (N, 4) xyxy in sample pixels, labels int64 (N,), scores float (N,) and, of a
             mask model, masks float (N, 1, M, M): probabilities inside the box.
    infos:   of the same images. Where a frame says how the sample lies on the original image, boxes and masks come
             out in original pixels, masks drawn at that resolution; without one they stay in sample pixels.
    detection_threshold: lower scores are left out.   mask_threshold: a pixel is in above it.
    A detection that lies wholly outside the image, in the padding of the sample, is no object and is left out.
    """
    return [
        _prediction(output, info, detection_threshold, mask_threshold, class_map)
        for output, info in zip(outputs, infos, strict=True)
    ]


def _prediction(
    output: Mapping[str, Tensor],
    info: SampleInfo,
    detection_threshold: float,
    mask_threshold: float,
    class_map: ClassMap | None,
) -> Prediction:
    size = info.size_hw if info.frame is None else info.frame.original_hw
    scores = _array(output["scores"])
    order = np.argsort(-scores, kind="stable")
    order = order[scores[order] >= detection_threshold]
    whole = _to_original(_array(output["boxes"])[order], info.frame)
    boxes = np.clip(whole, 0, np.array([size[1], size[0], size[1], size[0]], dtype=np.float32))
    inside = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    order, whole, boxes = order[inside], whole[inside], boxes[inside]
    codes = None
    if "masks" in output:
        # The mask belongs to the whole box, also where that leaves the image.
        probabilities = _array(output["masks"][torch.from_numpy(order).to(output["masks"].device)])[:, 0]
        codes = tuple(paste(probabilities, whole, size, mask_threshold))
    return Prediction(
        image_id=info.record.image_id,
        size_hw=size,
        labels=output["labels"].detach().cpu().numpy().astype(np.int64)[order],
        scores=scores[order],
        boxes=boxes,
        masks=codes,
        record=info.record,
        class_map=class_map,
    )


def _array(tensor: Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = tensor.detach().float().cpu().numpy()
    return array


def _to_original(boxes: NDArray[np.float32], frame: Frame | None) -> NDArray[np.float32]:
    # Not Frame.boxes_to_original, which clips: a clipped box would squeeze its mask.
    if frame is None:
        return boxes
    offset, scale = np.array(frame.offset_xy * 2), np.array(frame.scale_xy * 2)
    mapped: NDArray[np.float32] = ((boxes - offset) / scale).astype(np.float32)
    return mapped


def paste(
    probabilities: NDArray[np.float32], boxes: NDArray[np.float32], size: Size, threshold: float = MASK_THRESHOLD
) -> list[RunLength]:
    """Draw masks out over their boxes and cut them at a threshold.

    probabilities: float32 (N, M, M), inside the box.   boxes: float32 (N, 4) xyxy px; may leave the image.
    size: of the image.   Returns N run-length codes over the whole image.
    Gives torchvision's paste_masks_in_image: one empty cell around the mask, the box widened by as much and its
    corners cut to whole pixels, bilinear without aligned corners. Work is done only inside each box and the image.
    """
    count, side = probabilities.shape[0], probabilities.shape[-1]
    padded = np.pad(probabilities, ((0, 0), (PADDING, PADDING), (PADDING, PADDING)))
    scale = np.float32((side + 2 * PADDING) / side)
    half = (boxes[:, 2:] - boxes[:, :2]) * np.float32(0.5) * scale
    centre = (boxes[:, 2:] + boxes[:, :2]) * np.float32(0.5)
    first = np.trunc(centre - half).astype(np.int64)  # (N, 2) xy
    last = np.trunc(centre + half).astype(np.int64)
    codes = []
    for index in range(count):
        x0, columns = _interpolation(first[index, 0], last[index, 0], size[1], side + 2 * PADDING)
        y0, rows = _interpolation(first[index, 1], last[index, 1], size[0], side + 2 * PADDING)
        crop = rows @ padded[index] @ columns.T > threshold  # (h, w) inside the image
        codes.append(masks.encode_crop(crop, x0, y0, size))
    return codes


def _interpolation(first: int, last: int, limit: int, cells: int) -> tuple[int, NDArray[np.float32]]:
    """Weights (pixels, cells) of the pixels first..last that lie in 0..limit-1, and the first of these."""
    length = max(int(last) - int(first) + 1, 1)
    start, end = max(int(first), 0), min(int(first) + length, limit)
    if end <= start:
        return 0, np.zeros((0, cells), dtype=np.float32)
    pixels = np.arange(start - int(first), end - int(first), dtype=np.float32)
    source = np.maximum(np.float32(cells / length) * (pixels + np.float32(0.5)) - np.float32(0.5), np.float32(0))
    low = np.minimum(source.astype(np.int64), cells - 1)
    share = source - low.astype(np.float32)
    weights = np.zeros((len(pixels), cells), dtype=np.float32)
    index = np.arange(len(pixels))
    weights[index, low] = 1 - share
    weights[index, np.minimum(low + 1, cells - 1)] += share
    return start, weights


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
    *,
    detection_threshold: float = DETECTION_THRESHOLD,
    mask_threshold: float = MASK_THRESHOLD,
    batch_size: int = 4,
    num_workers: int = 0,
    device: torch.device | str | None = None,
    keep_images: bool = False,
    progress: Progress | None = None,
) -> list[Prediction]:
    """Run a model over a `Dataset`, or a list of `Sample`s, and give a prediction for each, in their order.

    device:      where the model runs and stays; None is where it is.
    keep_images: put the image, uint8 (H, W, 3), into each prediction. Without a way back to the original image the
                 sample's image is always put in, since boxes and masks lie in it.
    progress:    called with ("predicting, images", done, total).
    """
    found: list[Prediction] = []
    for image, info, prediction in _run(
        model, dataset, detection_threshold, mask_threshold, batch_size, num_workers, device, progress
    ):
        if info.frame is None:
            prediction = replace(prediction, image=_sample_image(image, info.size_hw))
        elif keep_images:
            prediction = replace(prediction, image=_record_image(info.record))
        found.append(prediction)
    return found


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
) -> Iterator[tuple[Tensor, SampleInfo, Prediction]]:
    """Each image as the model saw it, float32 (3, H, W), with where it came from and what was found in it."""
    if not len(dataset):
        return
    model = adopt(model) if isinstance(model, GeneralizedRCNN) else model
    if device is not None:
        model.to(device)
    place = next(model.parameters()).device
    class_map = _class_map(dataset)
    report = progress or silent
    done = 0
    for batch, _, infos in infer_dl(dataset, batch_size=batch_size, num_workers=num_workers):
        # Inside the loop: the caller may do anything to the model between two batches.
        with evaluating(model):
            outputs = model([image.to(place) for image in batch])
        predictions = to_predictions(
            outputs, infos, detection_threshold=detection_threshold, mask_threshold=mask_threshold, class_map=class_map
        )
        done += len(infos)
        report("predicting, images", done, len(dataset))
        yield from zip(batch, infos, predictions, strict=True)


def _class_map(dataset: Dataset | Sequence[Sample]) -> ClassMap:
    return dataset.class_map if isinstance(dataset, Dataset) else dataset[0].class_map


def _sample_image(image: Tensor, size_hw: Size) -> NDArray[np.uint8]:
    return denormalize_imagenet(image[:, : size_hw[0], : size_hw[1]].permute(1, 2, 0).numpy())


def _record_image(record: Record) -> NDArray[np.uint8]:
    if record.image is not None:
        return record.image
    assert record.path is not None  # a record has one or the other
    return images.read_image(record.path)
