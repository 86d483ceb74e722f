"""From what a model gives for a batch to predictions in the pixels of the original images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from contorno import masks
from contorno.masks import MASK_THRESHOLD, RunLength, Size
from contorno.metrics import DETECTION_THRESHOLD
from contorno.records import ClassMap
from contorno.samples import Frame, Prediction, SampleInfo

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
