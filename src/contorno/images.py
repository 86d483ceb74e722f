"""Read and write pictures: RGB uint8 as it is meant to be seen, masks as 0 and 1.

Whatever is wrong with a file becomes a DataError that names it, and Pillow's warnings do not get out. Files are
closed on return.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from contorno.bilevel_png import read_bilevel
from contorno.errors import ConfigError, DataError
from contorno.files import atomic_file
from contorno.masks import Size
from contorno.opened_images import MOST_PIXELS, opened, upright_size

__all__ = [
    "MOST_PIXELS",
    "MaskValues",
    "image_size",
    "opened",
    "prove_whole",
    "read_image",
    "read_mask",
    "read_mask_bits",
    "read_mask_values",
    "write_image",
]

_JPEG_QUALITY = 90
_LOSSY = ("JPEG", "WEBP", "AVIF", "MPO")
_OPAQUE = 128
_FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG"}


def read_image(path: Path) -> NDArray[np.uint8]:
    """Read an image as RGB, (H, W, 3), turned as its EXIF orientation says.

    Alpha is left out and the colour under it kept as it is stored; nothing is blended. Grey becomes equal R, G and B;
    grey of 16 bits is divided by 256. Palettes and CMYK are converted. Of an animation the first frame is read.
    Raises DataError for a file that is missing, no image, cut off, of other than 8 or 16 bits, or larger than
    MOST_PIXELS.
    """
    with opened(path) as (image, turn):
        upright = image if turn is None else image.transpose(turn)
        if upright.mode.startswith(("I", "F")):  # Pillow would cut values off at 255 instead of scaling
            return np.repeat(_eight_bits(np.asarray(upright), path)[:, :, None], 3, axis=2)
        # By way of RGBA, or Pillow warns of palettes that hold transparency as bytes.
        see_through = upright.mode == "P" and "transparency" in upright.info
        return np.array((upright.convert("RGBA") if see_through else upright).convert("RGB"))


def image_size(path: Path) -> Size:
    """(height, width) as `read_image` gives it, without decoding. Raises DataError for a header that cannot be read."""
    with opened(path, is_whole=False) as (image, turn):
        return upright_size(image, turn)


def prove_whole(path: Path) -> Size:
    """Decode an image to see that nothing of it is missing; (height, width) as `read_image` gives it.

    A JPEG is decoded at an eighth of its size, which reads all of its data in a fifth of the time.
    Raises DataError as `read_image` does.
    """
    with opened(path) as (image, turn):
        size = upright_size(image, turn)
        image.draft("L", (image.width // 8, image.height // 8))
        image.load()
        return size


def read_mask(path: Path) -> NDArray[np.uint8]:
    """Read a mask picture as (H, W), 0 or 1: whatever is not black is object.

    In a palette image index 0 is background, whatever its colour. Alpha is not looked at, nor is EXIF orientation.
    Raises DataError as `read_image` does.
    """
    packed = read_bilevel(path)
    if packed is not None:
        bits, width = packed
        return np.unpackbits(bits, axis=1, count=width)
    with opened(path) as (image, _):
        if image.mode in ("RGBA", "LA", "PA", "RGBX", "RGBa", "La"):
            bands = image.split()[:-1]
        elif image.mode in ("1", "L", "P", "RGB", "F") or image.mode.startswith("I"):
            bands = image.split()
        else:
            bands = image.convert("RGB").split()
        object_here = np.zeros((image.height, image.width), dtype=bool)
        for band in bands:
            object_here |= np.asarray(band) != 0
    return object_here.view(np.uint8)


def read_mask_bits(path: Path) -> tuple[NDArray[np.uint8], int]:
    """Read a mask as `read_mask` does, eight pixels to a byte: (bits (H, ceil(W / 8)), W).

    A row's first pixel is the highest bit of its first byte, as in `numpy.packbits`; bits beyond W are 0. A 1-bit grey
    PNG is never unpacked. The bits may be read-only. Raises DataError as `read_mask` does.
    """
    packed = read_bilevel(path)
    if packed is not None:
        return packed
    mask = read_mask(path)
    return np.packbits(mask, axis=1), mask.shape[1]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MaskValues:
    """The pixels of a mask picture as the numbers that they stand for; no pixel is background by itself.

    values:    (H, W), unsigned or signed whole numbers, or float32 where the file holds such: grey level, index into
               the palette, or with `is_colour` the colour as R * 65536 + G * 256 + B, int32.
    is_lossy:  the file is a JPEG, or a WebP or an AVIF, which may be one: values are not exact.
    is_cmyk:   the colours were converted from CMYK.   frames: pictures in the file, of which the first was read.
    """

    values: NDArray[Any]
    is_colour: bool = False
    is_lossy: bool = False
    is_cmyk: bool = False
    frames: int = 1


def read_mask_values(path: Path, *, palette_as_colour: bool = False) -> MaskValues:
    """Read a mask picture of any depth: what its pixels say, not what they look like.

    palette_as_colour: take the colours of a palette instead of its indices.

    RGB with three equal bands is grey. Where alpha is not the same everywhere, pixels of alpha under 128 become 0, and
    if the others are black, or all of one colour with them, it is alpha that is drawn: they become 255. EXIF
    orientation is not looked at, since masks are drawn on pixels. Raises DataError as `read_image` does.
    """
    packed = read_bilevel(path)
    if packed is not None:
        bits, width = packed
        return MaskValues(values=np.unpackbits(bits, axis=1, count=width))
    with opened(path) as (image, _):
        frames = int(getattr(image, "n_frames", 1))
        image.seek(0)  # counting the frames of some formats moves to the last one
        is_lossy, is_cmyk = image.format in _LOSSY, image.mode == "CMYK"
        alpha = np.asarray(image.getchannel("A")) if "A" in image.getbands() else None
        if image.mode == "PA" or (image.mode == "P" and palette_as_colour):
            image = image.convert("RGBA" if "transparency" in image.info else "RGB")
        if image.mode == "LA":
            image = image.getchannel("L")
        is_grey = image.mode in ("1", "L", "P", "F") or image.mode.startswith("I")
        pixels = np.asarray(image if is_grey else image.convert("RGBA").convert("RGB"))
    values, is_colour = (pixels, False) if pixels.ndim == 2 else _one_number(pixels)
    values = (values != 0).astype(np.uint8) if values.dtype == bool else values  # Pillow has 255 for True
    if values.dtype.byteorder == ">":
        values = values.astype(values.dtype.newbyteorder("="))
    if alpha is not None and alpha.min() != alpha.max():
        values, is_colour = _through_alpha(values, is_colour, alpha >= _OPAQUE)
    return MaskValues(values=values, is_colour=is_colour, is_lossy=is_lossy, is_cmyk=is_cmyk, frames=frames)


def write_image(path: Path, array: NDArray[Any]) -> None:
    """Write a picture, whole or not at all, as PNG or as JPEG of quality 90, by the suffix of `path`.

    array: uint8, (H, W, 3) RGB or (H, W) grey; bool (H, W) is written as 0 and 255. A PNG may be uint16 (H, W).
    Raises ConfigError for another suffix, DataError for another array.
    """
    path = Path(path)
    file_format = _FORMATS.get(path.suffix.lower())
    if file_format is None:
        raise ConfigError(f"{path}: cannot write a picture with the suffix {path.suffix!r}; expected .png or .jpg.")
    pixels = array.astype(np.uint8) * 255 if array.dtype == bool else array
    grey_or_rgb = pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] == 3)
    is_deep = pixels.dtype == np.uint16 and pixels.ndim == 2 and file_format == "PNG"
    if not (pixels.dtype == np.uint8 or is_deep) or not grey_or_rgb or not pixels.size:
        raise DataError(
            f"{path}: a picture of shape {array.shape} and type {array.dtype} cannot be written; "
            "expected uint8 of shape (H, W, 3) or (H, W), not empty."
        )
    image = Image.fromarray(np.ascontiguousarray(pixels))
    with atomic_file(path) as file:
        if file_format == "JPEG":
            image.save(file, file_format, quality=_JPEG_QUALITY)
        else:
            image.save(file, file_format)


def _one_number(rgb: NDArray[np.uint8]) -> tuple[NDArray[Any], bool]:
    """Colours (H, W, 3) as one number each, and True; or the grey band and False if all three bands are equal."""
    red, green, blue = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    if np.array_equal(red, green) and np.array_equal(red, blue):
        return np.ascontiguousarray(red), False
    return (red.astype(np.int32) << 16) | (green.astype(np.int32) << 8) | blue, True


def _through_alpha(values: NDArray[Any], is_colour: bool, opaque: NDArray[np.bool_]) -> tuple[NDArray[Any], bool]:
    shown = values[opaque]
    one_colour = shown.size and shown.min() == shown.max()
    if not shown.any() or (one_colour and (values == shown[0]).all()):
        return opaque.astype(np.uint8) * 255, False
    return np.where(opaque, values, 0).astype(values.dtype), is_colour


def _eight_bits(grey: NDArray[Any], path: Path) -> NDArray[np.uint8]:
    """Grey of 16 bits, which Pillow may hold in wider whole numbers, to 8."""
    if grey.dtype.kind == "f" or (grey.size and (grey.min() < 0 or grey.max() > 65535)):
        raise DataError(f"{path} has pixel values of more than 16 bits; expected 8 or 16 bits, scale it first.")
    return (grey.astype(np.uint16) >> 8).astype(np.uint8)
