"""Mask pictures of PASCAL VOC: a number for each pixel, in a palette image whose colours only serve the eye.

0 is background and 255 is void: the border that VOC draws around objects, and regions too hard to outline. In
SegmentationObject the numbers are objects, in SegmentationClass classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from contorno.errors import DataError
from contorno.files import atomic_file
from contorno.images import image_size

VOID = 255
"""The number that belongs to no object and no class."""

Colour = tuple[int, int, int]

_VOID_COLOUR = (224, 224, 192)
_GREY = np.array([0.299, 0.587, 0.114])


@dataclass(frozen=True, slots=True)
class IndexPicture:
    """A mask picture as numbers (H, W), void already 0.

    mended: what had to be put right to read it; "" if nothing.
    """

    indices: NDArray[np.int32]
    mended: str = ""


@lru_cache(maxsize=1)
def voc_palette() -> NDArray[np.uint8]:
    """VOC's colours (256, 3), RGB: the bits of the number, spread over the three channels from the highest bit down.

    Source: the development kit of the PASCAL VOC challenge, VOClabelcolormap.
    """
    numbers = np.arange(256)
    palette = np.zeros((256, 3), dtype=np.uint8)
    for step in range(8):
        for channel in range(3):
            palette[:, channel] |= ((numbers >> (3 * step + channel) & 1) << (7 - step)).astype(np.uint8)
    palette.flags.writeable = False
    return palette


def read_indices(path: Path, colours: dict[Colour, int] | None = None) -> IndexPicture:
    """Read a mask picture as numbers, void as 0.

    colours: the number of each RGB colour, for pictures saved in colours; VOC's palette if unset.

    Of a palette picture the palette is not looked at, save that a number whose colour is VOC's void colour is void,
    which tells void in files whose palette was made smaller. Grey pictures hold the numbers themselves, unless their
    values are the brightness of VOC's first colours with void. In colour pictures each is looked up in `colours`.
    Raises DataError for files that cannot be read, and for colour pictures with colours that are not known.
    """
    pixels, palette = _open(Path(path))
    if pixels.ndim == 3:
        return _of_colours(pixels, path, colours)
    indices = pixels.astype(np.int32)
    if indices.size and indices.min() < 0:
        raise DataError(f"{path} has numbers below 0; expected a palette picture with a number for each object.")
    if pixels.dtype != np.uint8:
        return IndexPicture(indices)
    used = np.bincount(pixels.ravel(), minlength=256).nonzero()[0]
    if VOID in used:
        indices[pixels == VOID] = 0
    elif palette is not None:
        voids = [number for number in used if 0 < number < len(palette) and (palette[number] == _VOID_COLOUR).all()]
        if voids:
            indices[np.isin(pixels, voids)] = 0
            return IndexPicture(indices, "void under another number than 255, told by its colour")
    elif (numbers := _numbers_of_brightness(used)) is not None:
        return IndexPicture(numbers[pixels], "colours of the palette turned grey, read by their brightness")
    return IndexPicture(indices)


def write_indices(path: Path, indices: NDArray[np.uint8]) -> None:
    """Write numbers (H, W) as a palette PNG in VOC's colours, whole or not at all."""
    image = Image.fromarray(np.ascontiguousarray(indices, dtype=np.uint8), "L")
    image.putpalette(voc_palette().tobytes())
    with atomic_file(Path(path)) as file:
        image.save(file, "PNG")


def _open(path: Path) -> tuple[NDArray[Any], NDArray[np.uint8] | None]:
    """Pixels as stored, (H, W) or (H, W, 3), and the palette (n, 3) if there is one."""
    image_size(path)  # what is no image, or a decompression bomb, is named here
    try:
        with path.open("rb") as file, Image.open(file) as image:
            if image.format in ("JPEG", "MPO"):
                raise DataError(f"{path} is a JPEG, which changes the numbers of a mask picture; expected a PNG.")
            if image.mode == "P":
                stored = image.getpalette("RGB") or []
                return np.array(image), np.array(stored, dtype=np.uint8).reshape(-1, 3)
            if image.mode in ("PA", "LA", "La"):
                return np.array(image.getchannel(0)), None
            if image.mode == "1":
                return np.array(image).astype(np.uint8), None
            if image.mode == "L" or image.mode.startswith("I"):
                return np.array(image), None
            return np.array(image.convert("RGB")), None
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise DataError(f"{path} cannot be read: {error}; the file may be cut off or damaged.") from error


def _of_colours(pixels: NDArray[np.uint8], path: Path, colours: dict[Colour, int] | None) -> IndexPicture:
    packed = (pixels[..., 0].astype(np.int32) << 16) | (pixels[..., 1].astype(np.int32) << 8) | pixels[..., 2]
    used, places = np.unique(packed, return_inverse=True)
    number_of = _palette_numbers() if colours is None else {_pack(colour): n for colour, n in colours.items()}
    unknown = [value for value in used.tolist() if value not in number_of]
    if unknown:
        first = unknown[0]
        raise DataError(
            f"{path} has {len(unknown)} colours that are not of the palette, the first is "
            f"{(first >> 16, first >> 8 & 255, first & 255)}; expected a palette picture, or its colours unchanged "
            "(JPEG changes them)."
        )
    numbers = np.array([number_of[value] for value in used.tolist()], dtype=np.int32)
    numbers[numbers == VOID] = 0
    return IndexPicture(numbers[places].reshape(packed.shape), "colours instead of numbers, read by the palette")


@lru_cache(maxsize=1)
def _palette_numbers() -> dict[int, int]:
    return {_pack(colour): number for number, colour in enumerate(voc_palette().tolist())}


def _numbers_of_brightness(used: NDArray[np.int64]) -> NDArray[np.int32] | None:
    """The number of each grey value, if the `used` ones are just those that objects 1 to m and void turn into."""
    # Sixteen is the first whose brightness another has too.
    bright = np.round(voc_palette()[:16] @ _GREY).astype(int)
    void = round(float(np.dot(_VOID_COLOUR, _GREY)))
    objects = set(used.tolist()) - {0, void}
    if void not in used or objects != set(bright[1 : len(objects) + 1].tolist()):
        return None
    numbers = np.zeros(256, dtype=np.int32)
    numbers[bright[1 : len(objects) + 1]] = np.arange(1, len(objects) + 1)
    return numbers


def _pack(colour: Any) -> int:
    red, green, blue = colour
    return int(red) << 16 | int(green) << 8 | int(blue)
