"""Overlays: each object with a translucent fill, a smooth outline along its edge and a small tag; and grids of images.

An overlay is drawn within the box of its mask, so a large image costs what its objects cost. Inputs are never changed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from contorno.boxes import iou as box_iou
from contorno.errors import DataError
from contorno.images import read_image
from contorno.lettering import Color, Tag, draw_tags, shorten
from contorno.masks import RunLength, box, decode
from contorno.masks import iou as mask_iou
from contorno.records import ClassMap, Prediction, Record

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

# Told apart by people with any common colour blindness: Okabe and Ito, "Color Universal Design" (2008), the brightest
# first; the second and third rounds are the same hues lighter and darker.
_HUES: tuple[Color, ...] = (
    (86, 180, 233),
    (230, 159, 0),
    (0, 158, 115),
    (204, 121, 167),
    (240, 228, 66),
    (213, 94, 0),
    (0, 114, 178),
)
MATCHED: Color = (0, 158, 115)
MISSED: Color = (230, 159, 0)
FALSE: Color = (204, 121, 167)
CROWD: Color = (190, 190, 190)
FILL_ALPHA = 0.34
MATCH_IOU = 0.5


def denormalize_imagenet(image: NDArray[Any]) -> NDArray[np.uint8]:
    """Undo ImageNet normalisation: float (H, W, 3) to uint8 (H, W, 3) RGB, rounded and clipped to 0..255."""
    pixels = np.asarray(image, dtype=np.float32) * np.float32(IMAGENET_STD) + np.float32(IMAGENET_MEAN)
    return np.clip(np.rint(pixels * 255.0), 0, 255).astype(np.uint8)


def color_of(index: int) -> Color:
    """Colour number `index` of a palette of 21 that then repeats."""
    hue = _HUES[index % len(_HUES)]
    turn = index // len(_HUES) % 3
    if turn == 0:
        return hue
    toward, share = (255, 0.5) if turn == 1 else (0, 0.4)
    red, green, blue = (round(value + (toward - value) * share) for value in hue)
    return red, green, blue


def draw_instances(
    image: NDArray[np.uint8],
    *,
    boxes: NDArray[np.float32] | Sequence[Sequence[float]],
    labels: NDArray[np.int64] | Sequence[int],
    masks: Sequence[RunLength | None] | None = None,
    scores: NDArray[np.float32] | Sequence[float] | None = None,
    class_map: ClassMap | None = None,
    is_crowd: NDArray[np.bool_] | Sequence[bool] | None = None,
    colors: Sequence[Color] | None = None,
    longest_px: int | None = None,
    display_label: bool = True,
    display_score: bool = True,
    display_bbox: bool | None = None,
    display_mask: bool = True,
) -> NDArray[np.uint8]:
    """Draw N objects over a copy of an image.

    image:        uint8 (H, W, 3) RGB.
    boxes:        (N, 4) xyxy pixels.   labels: (N,), 1..K.   scores: (N,), 0..1.
    masks:        N run-length codes over the whole image, None for an object that has a box only.
    is_crowd:     (N,); crowd regions are hatched grey with a dashed outline.
    colors:       N RGB colours; unset: one per class where there are several classes, else one per object.
    longest_px:   longest side of the result; overlays are drawn at that size, so that lines and text stay crisp.
    display_bbox: unset: boxes are drawn only where there is no mask.
    Returns uint8 (h, w, 3): the size of `image`, or scaled to `longest_px`.
    Raises DataError if the image has another type or shape, or the lengths differ.
    """
    corners = np.asarray(boxes, dtype=np.float64).reshape(-1, 4)
    label_list = [int(label) for label in labels]
    count = len(label_list)
    codes = list(masks) if masks is not None else [None] * count
    crowd = [False] * count if is_crowd is None else [bool(value) for value in is_crowd]
    _check(image, count, boxes=corners, masks=codes, scores=scores, is_crowd=crowd, colors=colors)
    canvas, scale = _canvas(image, longest_px)
    line = max(1.6, 0.0032 * math.sqrt(canvas.width * canvas.height))
    chosen = _colors(label_list, class_map) if colors is None else list(colors)
    tags: dict[int, Tag] = {}
    # Large objects first, so that a small one in front of a large one keeps its own colour.
    sizes = (corners[:, 2] - corners[:, 0]) * (corners[:, 3] - corners[:, 1])
    for index in np.argsort(-sizes, kind="stable"):
        color = CROWD if crowd[index] and colors is None else chosen[index]
        frame = corners[index] * np.array(scale * 2)
        anchor = None
        code = codes[index] if display_mask else None
        if code is not None:
            anchor = _draw_mask(canvas, code, scale, color, line, crowd[index])
        if display_bbox or (display_bbox is None and code is None):
            _draw_box(canvas, frame, color, line, crowd[index])
        parts = []
        if display_label:
            parts += [class_map.get_by_id(label_list[index]) if class_map else f"class {label_list[index]}"]
            parts += ["(crowd)"] if crowd[index] else []
        if display_score and scores is not None:
            parts.append(f"{float(scores[index]):.2f}")
        if parts:
            x0, y0, x1, y1 = (float(value) for value in frame)
            tags[int(index)] = Tag(text=" ".join(parts), color=color, box=(x0, y0, x1, y1), anchor_x=anchor)
    # Best scores get the best places for their tags; without scores, large objects do.
    ordered = [tags[index] for index in (sorted(tags) if scores is not None else tags)]
    draw_tags(canvas, ordered, max(11, round(0.024 * math.sqrt(canvas.width * canvas.height))))
    return np.array(canvas)


def draw_record(record: Record, class_map: ClassMap | None = None, **options: Any) -> NDArray[np.uint8]:
    """Draw a record's objects over its image; `options` are those of `draw_instances`."""
    found = record.instances
    codes = [None if shape is None else found.select([i]).run_lengths()[0] for i, shape in enumerate(found.geometries)]
    return draw_instances(
        record_image(record),
        masks=codes,
        boxes=found.boxes,
        labels=found.labels,
        is_crowd=found.is_crowd,
        class_map=class_map,
        **options,
    )


def draw_prediction(prediction: Prediction, threshold: float = 0.5, **options: Any) -> NDArray[np.uint8]:
    """Draw what scores at least `threshold` over the prediction's image; `options` are those of `draw_instances`."""
    shown = prediction.above(threshold)
    return draw_instances(
        prediction_image(shown),
        masks=shown.masks,
        boxes=shown.boxes,
        labels=shown.labels,
        scores=shown.scores,
        **({"class_map": shown.class_map} | options),
    )


def record_image(record: Record) -> NDArray[np.uint8]:
    """Pixels of a record, uint8 (H, W, 3), from memory or its file."""
    if record.image is not None:
        return record.image
    if record.path is None:  # pragma: no cover - Record checks this when it is built
        raise DataError(f"image {record.image_id}: has neither a path nor pixels.")
    return read_image(record.path)


def prediction_image(prediction: Prediction) -> NDArray[np.uint8]:
    """The image that a prediction's masks lie in, uint8 (H, W, 3); a float one is taken as ImageNet-normalised.

    Raises DataError if neither the prediction's own image nor its record's has the prediction's size.
    """
    own = prediction.image
    if own is not None and own.shape[:2] == prediction.size_hw:
        return own if own.dtype == np.uint8 else denormalize_imagenet(own)
    if prediction.record is not None and prediction.record.size_hw == prediction.size_hw:
        return record_image(prediction.record)
    raise DataError(
        f"image {prediction.image_id}: the prediction has no image of its size {prediction.size_hw} (height, width) "
        "to be drawn on; predict with keep_images=True, or set its record."
    )
