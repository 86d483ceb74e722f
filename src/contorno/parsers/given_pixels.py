"""Pixels that a parser's own code gives instead of an image file."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from contorno.errors import DataError

_DEEP = ("I", "F")
"""Modes of Pillow with more than 8 bits; its own conversion makes all above 255 white."""


def rgb_pixels(image: Any, where: str) -> NDArray[np.uint8]:
    """An image as uint8 (H, W, 3) RGB.

    image: uint8 (H, W, 3) RGB, (H, W) or (H, W, 1) grey, or (H, W, 4) of which alpha is left out, as
        `Dataset.from_images` takes them; or a Pillow image of 8 bits.   where: of the record, for messages.
    Raises DataError for anything else.
    """
    if isinstance(image, Image.Image):
        if image.mode.startswith(_DEEP):
            raise DataError(
                f"{where}: set_img got a Pillow image of mode {image.mode}; expected 8 bits a channel: "
                "take open_img(path), which scales 16 bits, or scale the pixels."
            )
        return np.asarray(image.convert("RGB"))
    pixels = np.asarray(image)
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3) or channels not in (1, 3, 4) or not pixels.size:
        found = f"{pixels.dtype} {pixels.shape}" if pixels.ndim else type(image).__name__
        raise DataError(
            f"{where}: set_img got {found}; expected uint8 (H, W, 3) RGB, values 0 to 255, or a Pillow image; "
            "a file is given by record.set_filepath(path)."
        )
    if channels == 1:
        return np.repeat(pixels.reshape(*pixels.shape[:2], 1), 3, axis=2)
    return pixels[:, :, :3]
