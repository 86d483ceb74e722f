"""IceVision's functions that draw one record, sample or prediction, with its arguments, for notebooks written for it.

What differs is as in `draw.show`. Each gives uint8 (H, W, 3), or with `return_as_pil_img` a Pillow image.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from PIL import Image

from contorno.draw import pictures
from contorno.draw.instances import Style, draw_instances
from contorno.draw.looks import no_effect
from contorno.draw.pictures import Denormalize, Pixels
from contorno.records import ClassMap, Record
from contorno.samples import Prediction, Sample


def draw_record(
    record: Record,
    class_map: ClassMap | None = None,
    display_label: bool = True,
    display_bbox: bool | None = None,
    display_mask: bool = True,
    *,
    return_as_pil_img: bool = False,
    **look: Any,
) -> Pixels | Image.Image:
    """Draw a record's objects over its image."""
    no_effect("draw_record", look)
    style = Style(display_label=display_label, display_bbox=display_bbox, display_mask=display_mask)
    return _form(pictures.draw_record(record, class_map, style), return_as_pil_img)


def draw_sample(
    sample: Sample,
    class_map: ClassMap | None = None,
    denormalize_fn: Denormalize | None = None,
    display_label: bool = True,
    display_bbox: bool | None = None,
    *,
    display_mask: bool = True,
    return_as_pil_img: bool = False,
    **look: Any,
) -> Pixels | Image.Image:
    """Draw a sample's objects over its pixels."""
    no_effect("draw_sample", look)
    named = sample if class_map is None else replace(sample, class_map=class_map)
    style = Style(display_label=display_label, display_bbox=display_bbox, display_mask=display_mask)
    return _form(pictures.draw_sample(named, denormalize_fn, style), return_as_pil_img)


def draw_pred(
    pred: Prediction,
    denormalize_fn: Denormalize | None = None,
    display_label: bool = True,
    display_score: bool = True,
    display_bbox: bool | None = None,
    display_mask: bool = True,
    *,
    return_as_pil_img: bool = False,
    **look: Any,
) -> Pixels | Image.Image:
    """Draw all of a prediction over its image."""
    no_effect("draw_pred", look)
    pixels = draw_instances(
        pictures.prediction_image(pred, denormalize_fn),
        masks=pred.masks,
        boxes=pred.boxes,
        labels=pred.labels,
        scores=pred.scores,
        class_map=pred.class_map,
        style=Style(
            display_label=display_label,
            display_score=display_score,
            display_bbox=display_bbox,
            display_mask=display_mask,
        ),
    )
    return _form(pixels, return_as_pil_img)


def _form(pixels: Pixels, as_pil: bool) -> Pixels | Image.Image:
    return Image.fromarray(pixels) if as_pil else pixels
