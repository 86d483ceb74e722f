"""What an image file is, beyond its pixels: format, depth, colours, orientation; and its picture in small."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contorno.images import opened as opened_image
from contorno.masks import Size

SMALL = 32
"""Height and width of small pictures, pixels."""

_BOX = 4  # Pillow's Resampling.BOX: each small pixel is the mean of those under it
_SUFFIXES = {
    ".jpg": ("JPEG", "MPO"),
    ".jpeg": ("JPEG", "MPO"),
    ".jpe": ("JPEG", "MPO"),
    ".png": ("PNG",),
    ".gif": ("GIF",),
    ".bmp": ("BMP", "DIB"),
    ".tif": ("TIFF",),
    ".tiff": ("TIFF",),
    ".webp": ("WEBP",),
}
_PNG_DEPTH_AT = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What the head of an image file says.

    size, stored_size: (height, width) as shown, and as stored before EXIF turns it.   orientation: 1 if upright.
    file_format, mode: Pillow's names.   bits: of one colour, where it is told.   frames: more than 1 if animated.
    has_transparency:  some pixels may be see-through.
    """

    size: Size
    stored_size: Size
    orientation: int
    file_format: str
    mode: str
    bits: int
    frames: int
    has_transparency: bool

    @property
    def is_sideways(self) -> bool:
        """True if EXIF swaps width and height."""
        return self.orientation >= 5


def read_header(path: Path) -> Header:
    """Read the head of an image file. Raises DataError as `images.image_size` does."""
    with opened_image(path, is_whole=False) as (image, turn):
        stored = image.height, image.width
        orientation = 1 if turn is None else int(image.getexif().get(0x0112, 1))
        name = image.format or ""
        return Header(
            size=(stored[1], stored[0]) if orientation >= 5 else stored,
            stored_size=stored,
            orientation=orientation,
            file_format=name,
            mode=image.mode,
            bits=_bits(path, name, image.mode),
            # Phones keep a second picture behind the first: no animation.
            frames=1 if name == "MPO" else int(getattr(image, "n_frames", 1)),
            has_transparency="transparency" in image.info or image.mode in ("RGBA", "LA", "PA"),
        )


def read_small(path: Path) -> NDArray[np.uint8]:
    """The upright picture in small and grey, uint8 (SMALL, SMALL). Raises DataError as `images.read_image` does."""
    with opened_image(path) as (image, turn):
        image.draft("L", (4 * SMALL, 4 * SMALL))
        if image.mode.startswith(("I", "F")):
            return _small_of_deep(np.asarray(image))
        small = image.convert("L").resize((SMALL, SMALL), _BOX)
        return np.asarray(small if turn is None else small.transpose(turn), dtype=np.uint8)


def expected_formats(path: Path) -> tuple[str, ...]:
    """The formats that the suffix of a file stands for; empty if it stands for none that is known."""
    return _SUFFIXES.get(path.suffix.lower(), ())


def _bits(path: Path, name: str, mode: str) -> int:
    if mode.startswith(("I;16",)):
        return 16
    if mode.startswith(("I", "F")):
        return 16 if name == "PNG" else 32
    if name == "PNG":
        with path.open("rb") as file:
            file.seek(_PNG_DEPTH_AT)
            depth = file.read(1)
        return depth[0] if depth else 8
    return 8


def _small_of_deep(grey: NDArray[Any]) -> NDArray[np.uint8]:
    """Sixteen bits, stretched from the darkest to the lightest value, since few files use all of them."""
    values = grey.astype(np.float64)
    rows, columns = (np.linspace(0, side, SMALL + 1).astype(np.int64) for side in values.shape)
    sums = np.add.reduceat(np.add.reduceat(values, rows[:-1], axis=0), columns[:-1], axis=1)
    counts = np.maximum(np.diff(rows), 1)[:, None] * np.maximum(np.diff(columns), 1)[None, :]
    means: NDArray[np.float64] = sums / counts
    span = float(means.max() - means.min())
    levels = 255 * (means - means.min()) / span if span > 0 else np.zeros_like(means)
    return np.asarray(levels, dtype=np.uint8)
