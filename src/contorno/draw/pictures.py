"""Pictures of records, samples and predictions, truth beside prediction, and grids of pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from contorno import boxes, masks
from contorno.draw.imagenet import denormalize_imagenet
from contorno.draw.instances import PLAIN, Style, draw_instances
from contorno.draw.lettering import Color, shorten
from contorno.errors import DataError
from contorno.images import read_image
from contorno.records import ClassMap, Instances, Record
from contorno.samples import Prediction, Sample

MATCHED: Color = (0, 190, 135)
MISSED: Color = (230, 159, 0)
FALSE: Color = (204, 121, 167)
MATCH_IOU = 0.5

Denormalize = Callable[[NDArray[Any]], NDArray[Any]]
Pixels = NDArray[np.uint8]


def draw_record(record: Record, class_map: ClassMap | None = None, style: Style = PLAIN) -> Pixels:
    """Draw a record's objects over its image."""
    found = record.instances
    return draw_instances(
        record_image(record),
        masks=_codes(found),
        boxes=found.boxes,
        labels=found.labels,
        is_crowd=found.is_crowd,
        class_map=class_map,
        style=style,
    )


def draw_prediction(prediction: Prediction, threshold: float = 0.5, style: Style = PLAIN) -> Pixels:
    """Draw what scores at least `threshold` over the prediction's image."""
    shown = prediction.above(threshold)
    return draw_instances(
        prediction_image(shown),
        masks=shown.masks,
        boxes=shown.boxes,
        labels=shown.labels,
        scores=shown.scores,
        class_map=shown.class_map,
        style=style,
    )


def draw_sample(
    sample: Sample,
    denormalize_fn: Denormalize | None = None,
    style: Style = PLAIN,
) -> Pixels:
    """Draw a sample's objects over its pixels. A float image goes through `denormalize_fn` (ImageNet's if unset)."""
    return draw_instances(
        to_pixels(sample.image, denormalize_fn),
        masks=None if sample.masks is None else masks.encode_stack(sample.masks),
        boxes=sample.boxes,
        labels=sample.labels,
        is_crowd=sample.is_crowd,
        class_map=sample.class_map,
        style=style,
    )


def side_by_side(
    record: Record,
    prediction: Prediction,
    threshold: float = 0.5,
    class_map: ClassMap | None = None,
    longest_px: int | None = None,
) -> Pixels:
    """Truth beside what scores at least `threshold`: matched green, missed orange, false pink; captions count them.

    Best score first, each prediction takes the object of its class that it overlaps most, at IoU 0.5 or above, by masks
    where both have them and by boxes otherwise, as in
    `metrics.image_scores`. A prediction in a crowd region is neither right nor wrong, and grey.
    longest_px: longest side of each half; unset: the image's own, up to 640.
    """
    image = record_image(record)
    if prediction.size_hw != record.size_hw:
        raise DataError(
            f"image {record.image_id}: the prediction is for a size of {prediction.size_hw}, the record has "
            f"{record.size_hw} (height, width); they cannot be laid side by side."
        )
    shown = prediction.above(threshold)
    truth, names = record.instances, class_map if class_map is not None else prediction.class_map
    taken, right, ignored = match(truth, shown)
    grey: Color = (200, 200, 200)
    style = Style(longest_px=longest_px if longest_px is not None else min(640, max(record.size_hw)))
    left = draw_instances(
        image,
        masks=_codes(truth),
        boxes=truth.boxes,
        labels=truth.labels,
        is_crowd=truth.is_crowd,
        class_map=names,
        colors=[
            grey if crowd else MATCHED if hit else MISSED for crowd, hit in zip(truth.is_crowd, taken, strict=True)
        ],
        style=style,
    )
    beside = draw_instances(
        image,
        masks=shown.masks,
        boxes=shown.boxes,
        labels=shown.labels,
        scores=shown.scores,
        class_map=names,
        colors=[MATCHED if hit else grey if skip else FALSE for hit, skip in zip(right, ignored, strict=True)],
        style=style,
    )
    real = int((~truth.is_crowd).sum())
    captions = [
        f"truth: {real} ({real - int(taken.sum())} missed)",
        f"prediction at {threshold:.2f}: {int(right.sum())} matched, {int((~right & ~ignored).sum())} false",
    ]
    return grid([left, beside], ncols=2, captions=captions, cell_px=max(left.shape[:2]), fit_width=True)


def match(truth: Instances, found: Prediction) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """Which objects of `truth` were found (N,), which of `found` are right (M,), which lie in a crowd region (M,)."""
    taken, right, ignored = np.zeros(len(truth), bool), np.zeros(len(found), bool), np.zeros(len(found), bool)
    if not len(truth) or not len(found):
        return taken, right, ignored
    if truth.has_masks and found.masks is not None:
        overlap = masks.iou(found.masks, truth.run_lengths(), truth.is_crowd)
    else:
        overlap = boxes.iou(found.boxes, truth.boxes)
        # As for masks: with a crowd region, what counts is the share of the prediction that lies in it.
        own, other = boxes.area(found.boxes)[:, None], boxes.area(truth.boxes)[None, :]
        share = overlap * (own + other) / (1 + overlap) / np.maximum(own, 1e-9)
        overlap = np.where(truth.is_crowd[None, :], share, overlap)
    overlap = np.where(found.labels[:, None] == truth.labels[None, :], overlap, 0.0)
    for index in np.argsort(-found.scores, kind="stable"):
        free = np.where(taken | truth.is_crowd, 0.0, overlap[index])
        best = int(free.argmax())
        if free[best] >= MATCH_IOU:
            taken[best] = right[index] = True
        else:
            ignored[index] = bool((overlap[index][truth.is_crowd] >= MATCH_IOU).any())
    return taken, right, ignored


def grid(
    images: Sequence[NDArray[np.uint8]],
    ncols: int = 3,
    captions: Sequence[str] | None = None,
    *,
    cell_px: int = 400,
    background: Color = (255, 255, 255),
    fit_width: bool = False,
) -> Pixels:
    """Lay pictures in rows of `ncols`, each scaled to fit a square of `cell_px`, captions below.

    images: uint8 (H, W, 3) RGB, of any sizes.   captions: one each; cut to the cell's width.
    fit_width: make the columns as wide as the widest picture in them, where none fills its square.
    Returns uint8 (h, w, 3). Raises DataError if there are no images or the captions do not match them.
    """
    if not len(images):
        raise DataError("there is nothing to show: the list of images is empty.")
    if captions is not None and len(captions) != len(images):
        raise DataError(f"{len(captions)} captions for {len(images)} images; expected one each.")
    if ncols < 1 or cell_px < 1:
        raise DataError(f"a grid has ncols={ncols} and cell_px={cell_px}; expected at least 1 of each.")
    pictures = [_fit(image, cell_px) for image in images]
    ncols = min(ncols, len(pictures))
    gap = max(4, cell_px // 50)
    text_px = max(11, round(cell_px / 30))
    text_height = round(text_px * 1.7) if captions is not None else 0
    rows = [pictures[start : start + ncols] for start in range(0, len(pictures), ncols)]
    heights = [max(picture.height for picture in row) for row in rows]
    column = max(picture.width for picture in pictures) if fit_width else cell_px
    size = (ncols * column + (ncols + 1) * gap, sum(heights) + len(rows) * text_height + (len(rows) + 1) * gap)
    sheet = Image.new("RGB", size, background)
    pen = ImageDraw.Draw(sheet)
    ink = (30, 30, 30) if sum(background) > 380 else (235, 235, 235)
    top = gap
    for number, (row, height) in enumerate(zip(rows, heights, strict=True)):
        for place, picture in enumerate(row):
            left = gap + place * (column + gap)
            x, y = left + (column - picture.width) // 2, top + (height - picture.height) // 2
            sheet.paste(picture, (x, y))
            if captions is not None:
                text, font = shorten(captions[number * ncols + place], text_px, column)
                pen.text((left + column / 2, top + height + text_height / 2), text, fill=ink, font=font, anchor="mm")
        top += height + text_height + gap
    return np.array(sheet)


def to_pixels(image: NDArray[Any], denormalize_fn: Denormalize | None = None) -> Pixels:
    """A sample's image as uint8. A float one goes through `denormalize_fn` (ImageNet's if unset); where that gives
    floats, they are taken as 0..1."""
    if image.dtype == np.uint8:
        return image
    undone = denormalize_imagenet(image) if denormalize_fn is None else np.asarray(denormalize_fn(image))
    if undone.dtype == np.uint8:
        return undone
    rounded: Pixels = np.clip(np.rint(undone * 255.0), 0, 255).astype(np.uint8)
    return rounded


def record_image(record: Record) -> Pixels:
    """Pixels of a record, uint8 (H, W, 3), from memory or its file."""
    if record.image is not None:
        return record.image
    assert record.path is not None  # a Record without pixels has a path
    return read_image(record.path)


def prediction_image(prediction: Prediction, denormalize_fn: Denormalize | None = None) -> Pixels:
    """The image that a prediction's masks lie in, uint8 (H, W, 3).

    Raises DataError if neither the prediction's own image nor its record's has the prediction's size.
    """
    if prediction.image is not None and prediction.image.shape[:2] == prediction.size_hw:
        return to_pixels(prediction.image, denormalize_fn)
    if prediction.record is not None and prediction.record.size_hw == prediction.size_hw:
        return record_image(prediction.record)
    raise DataError(
        f"image {prediction.image_id}: the prediction has no image of its size {prediction.size_hw} (height, width) "
        "to be drawn on; predict with keep_images=True, or give it a record."
    )


def _codes(found: Instances) -> list[masks.RunLength | None]:
    """Masks of all objects, None for those with a box only."""
    if found.has_masks:
        return list(found.run_lengths())
    return [None if g is None else masks.to_run_length(g, found.size_hw) for g in found.geometries]


def _fit(image: NDArray[np.uint8], cell_px: int) -> Image.Image:
    picture = Image.fromarray(image)
    scale = cell_px / max(picture.size)
    if scale == 1:
        return picture
    width, height = (max(1, round(side * scale)) for side in picture.size)
    return picture.resize((width, height), Image.Resampling.LANCZOS)
