"""What `tfms.A` holds: IceVision's presets under albumentations 2, and every albumentations name.

Differences to IceVision, each on purpose: padding gets the colour that was asked for (albumentations 2 ignores its old
name `value`), and ShiftScaleRotate fills its borders with that same colour instead of mirrored objects.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from functools import partial
from typing import Any

from contorno.tfms.adapter import Adapter
from contorno.tfms.door import albumentations, cv2

__all__ = ["PADDING_RGB", "Adapter", "PadIfNeeded", "ShiftScaleRotate", "aug_tfms", "resize", "resize_and_pad"]

PADDING_RGB = (124, 116, 104)
"""ImageNet's mean colour: 0 once it is normalized."""

Transform = Any
"""An albumentations transform; the package has no types that mypy could use."""

ImageSize = int | tuple[int, int]
"""An int is a length that keeps the proportions; a pair is (width, height), as in IceVision, and does not."""

Limit = float | tuple[float, float]


def _range(limit: Limit) -> tuple[float, float]:
    return limit if isinstance(limit, tuple) else (-limit, limit)


def _color(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def ShiftScaleRotate(  # noqa: N802
    shift_limit: Limit = 0.0625,
    scale_limit: Limit = 0.1,
    rotate_limit: Limit = 45,
    interpolation: int = cv2.INTER_LINEAR,
    border_mode: int = cv2.BORDER_CONSTANT,
    value: Any = None,
    fill: Any = PADDING_RGB,
    p: float = 0.5,
) -> Transform:
    """Shift, scale and rotate about the centre, as albumentations' class of this name once did without a warning.

    shift_limit:  of width and height, as fractions.   scale_limit: 0.1 means 0.9..1.1, one factor for both sides.
    rotate_limit: degrees.   A single number means from minus that to plus that. value: the old name of `fill`, wins.
    """
    low, high = _range(scale_limit)
    shift = _range(shift_limit)
    return albumentations.Affine(
        scale=(1 + low, 1 + high),
        translate_percent={"x": shift, "y": shift},
        rotate=_range(rotate_limit),
        interpolation=interpolation,
        keep_ratio=True,
        border_mode=border_mode,
        fill=_color(fill if value is None else value),
        p=p,
    )


def PadIfNeeded(  # noqa: N802
    min_height: int | None = 1024,
    min_width: int | None = 1024,
    border_mode: int = cv2.BORDER_CONSTANT,
    value: Any = None,
    fill: Any = PADDING_RGB,
    *,
    pad_height_divisor: int | None = None,
    pad_width_divisor: int | None = None,
    position: str = "center",
    p: float = 1.0,
) -> Transform:
    """albumentations' PadIfNeeded in ImageNet's mean colour; `value` is the old name of `fill`, and wins."""
    return albumentations.PadIfNeeded(
        min_height=min_height,
        min_width=min_width,
        pad_height_divisor=pad_height_divisor,
        pad_width_divisor=pad_width_divisor,
        position=position,
        border_mode=border_mode,
        fill=_color(fill if value is None else value),
        p=p,
    )


# The defaults of `aug_tfms`. An Adapter copies what it is given, so pipelines do not share them.
_FLIP = albumentations.HorizontalFlip()
_MOVE = ShiftScaleRotate(rotate_limit=15)
_SHIFT_COLORS = albumentations.RGBShift(r_shift_limit=10, g_shift_limit=10, b_shift_limit=10)
_LIGHT = albumentations.RandomBrightnessContrast()
# IceVision's Blur(blur_limit=(1, 3), p=0.5) drew a kernel of 1, no blur, or 3; albumentations 2 knows no kernel of 1.
_BLUR = albumentations.Blur(blur_limit=3, p=0.25)
_CROP = partial(albumentations.RandomSizedBBoxSafeCrop, p=0.5)


def resize(size: ImageSize, ratio_resize: Callable[[int], Transform] = albumentations.LongestMaxSize) -> Transform:
    """Resize: an int with `ratio_resize`, keeping proportions; (width, height) to exactly that."""
    if isinstance(size, int):
        return ratio_resize(size)
    width, height = size
    return albumentations.Resize(height, width)


def resize_and_pad(size: ImageSize, pad: Callable[..., Transform] = PadIfNeeded) -> list[Transform]:
    """Resize the longest side to `size` and pad to a square; or to exactly (width, height).

    pad: called with min_height and min_width.
    """
    width, height = (size, size) if isinstance(size, int) else size
    return [resize(size), pad(min_height=height, min_width=width)]


def aug_tfms(
    size: ImageSize,
    presize: ImageSize | None = None,
    horizontal_flip: Transform | None = _FLIP,
    shift_scale_rotate: Transform | None = _MOVE,
    rgb_shift: Transform | None = _SHIFT_COLORS,
    lightning: Transform | None = _LIGHT,
    blur: Transform | None = _BLUR,
    crop_fn: Callable[..., Transform] | None = _CROP,
    pad: Callable[..., Transform] | None = PadIfNeeded,
) -> list[Transform]:
    """IceVision's augmentations; None leaves a step out.

    size:    of the sample: the longest side, padded to a square, or (width, height) exactly.
    presize: resize to this first: the shortest side, or (width, height); colours and rotation then work on fewer pixels
             while the last resize still shrinks.
    crop_fn: called with height and width; with the probability `p` of what it gives, that is done in place of the
             last resize.   pad: called with min_height and min_width.
    lightning: brightness and contrast, spelt as in IceVision.
    """
    width, height = (size, size) if isinstance(size, int) else size
    last = resize(size)
    if crop_fn is not None:
        crop = crop_fn(height=height, width=width)
        last = albumentations.OneOrOther(crop, last, p=crop.p)
    steps = [
        None if presize is None else resize(presize, albumentations.SmallestMaxSize),
        horizontal_flip,
        shift_scale_rotate,
        rgb_shift,
        lightning,
        blur,
        last,
        None if pad is None else pad(min_height=height, min_width=width),
    ]
    return [step for step in steps if step is not None]


def __getattr__(name: str) -> Any:
    if name.startswith("__") or not hasattr(albumentations, name):
        near = difflib.get_close_matches(name, __dir__(), 1)
        raise AttributeError(f"tfms.A has no {name!r}" + (f"; did you mean {near[0]!r}?" if near else "."))
    return getattr(albumentations, name)


def __dir__() -> list[str]:
    return sorted({*__all__, *(name for name in dir(albumentations) if not name.startswith("_"))})
