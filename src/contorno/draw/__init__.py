"""Pictures of images and what is in them: overlays of objects, truth beside prediction, grids, and showing them."""

from __future__ import annotations

from contorno.draw.contact_sheet import contact_sheet
from contorno.draw.imagenet import IMAGENET_MEAN, IMAGENET_STD, denormalize_imagenet
from contorno.draw.instances import Style, color_of, draw_instances
from contorno.draw.pictures import draw_prediction, draw_record, draw_sample, grid, side_by_side
from contorno.draw.show import show_img, show_preds, show_records, show_samples

__all__ = [
    "IMAGENET_MEAN",
    "IMAGENET_STD",
    "Style",
    "color_of",
    "contact_sheet",
    "denormalize_imagenet",
    "draw_instances",
    "draw_prediction",
    "draw_record",
    "draw_sample",
    "grid",
    "show_img",
    "show_preds",
    "show_records",
    "show_samples",
    "side_by_side",
]
