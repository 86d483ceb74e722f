"""Where a sample's pixels lie on the original image, for pipelines that only resize, pad and recolour."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from contorno.masks import Size
from contorno.samples import Frame
from contorno.tfms.door import albumentations

_MAX_SIZES = (albumentations.LongestMaxSize, albumentations.SmallestMaxSize)
_PADS = (albumentations.Pad, albumentations.PadIfNeeded)


def keeps_frame(transforms: Sequence[Any]) -> bool:
    """Whether a pipeline can be undone by scale and shift: it is made of sizes, padding and colour alone."""
    known = (*_MAX_SIZES, *_PADS, albumentations.Resize)
    return all(
        type(transform) in known or isinstance(transform, (albumentations.ImageOnlyTransform, albumentations.NoOp))
        for transform in transforms
    )


def whole_frame(size: Size) -> Frame:
    """The frame of an image that is left as it is."""
    return Frame(scale_xy=(1.0, 1.0), offset_xy=(0.0, 0.0), original_hw=size, sample_hw=size)


def frame_of_last_call(transforms: Sequence[Any], original_hw: Size) -> Frame:
    """Follow an image through what the transforms, of which `keeps_frame` is true, did when they were last called.

    The scale is that of the whole-pixel sizes (new width / old width), not the factor before rounding.
    """
    height, width = original_hw
    scale_x = scale_y = 1.0
    left = top = 0.0
    for transform in transforms:
        if not transform.params:  # not applied, by its probability
            continue
        if isinstance(transform, _PADS):
            pads = transform.params
            left, top = left + pads["pad_left"], top + pads["pad_top"]
            width, height = width + pads["pad_left"] + pads["pad_right"], height + pads["pad_top"] + pads["pad_bottom"]
            continue
        if isinstance(transform, _MAX_SIZES):
            factor = transform.params["scale"]
            new_height, new_width = max(1, round(height * factor)), max(1, round(width * factor))
        elif isinstance(transform, albumentations.Resize):
            new_height, new_width = transform.height, transform.width
        else:
            continue
        by_x, by_y = new_width / width, new_height / height
        scale_x, scale_y, left, top = scale_x * by_x, scale_y * by_y, left * by_x, top * by_y
        height, width = new_height, new_width
    return Frame(scale_xy=(scale_x, scale_y), offset_xy=(left, top), original_hw=original_hw, sample_hw=(height, width))
