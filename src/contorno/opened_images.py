"""Image files while they are open: none too large to be decoded, each with what turns it upright.

Whatever Pillow finds wrong with a file becomes a DataError that names it, and Pillow's warnings do not get out.
"""

from __future__ import annotations

import io
import struct
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import ExifTags, Image, UnidentifiedImageError

from contorno.errors import DataError
from contorno.geometry import Size

MOST_PIXELS = 178_956_970
"""An image with more pixels is taken for a decompression bomb; Pillow's own limit, half a gigabyte as RGB."""

# What brings each EXIF orientation upright, and which of these swap width and height.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS = (_TURNS[5], _TURNS[6], _TURNS[7], _TURNS[8])

# Python's warning filters belong to the whole process, so threads take turns in silencing Pillow.
_SILENCE = threading.Lock()


@contextmanager
def opened(path: Path, *, is_whole: bool = True) -> Iterator[tuple[Image.Image, Image.Transpose | None]]:
    """Open an image and find what turns it upright; what goes wrong inside the block becomes DataError.

    is_whole: all of the file will be needed, not its header only.
    """
    path = Path(path)
    try:
        # Read before threads take turns: what waits for a disk would keep all others waiting.
        with io.BytesIO(path.read_bytes()) if is_whole else path.open("rb") as file:
            with _SILENCE, warnings.catch_warnings():
                warnings.simplefilter("ignore")
                image = Image.open(file)
                # Not PNG's own getexif, which decodes the pixels to look for EXIF behind them.
                turn = _TURNS.get(Image.Image.getexif(image).get(ExifTags.Base.Orientation, 1))
            if image.width * image.height > MOST_PIXELS:
                raise DataError(
                    f"{path} has {image.width} x {image.height} pixels, more than the {MOST_PIXELS // 1_000_000} "
                    "million that are read; make it smaller or cut it into tiles."
                )
            with image:
                yield image, turn
    except FileNotFoundError as error:
        raise DataError(f"{path} does not exist; expected an image.") from error
    except UnidentifiedImageError as error:
        raise DataError(f"{path} is not an image that can be read; replace it.") from error
    except Image.DecompressionBombError as error:
        raise DataError(
            f"{path} has more than the {MOST_PIXELS // 1_000_000} million pixels that are read; "
            "make it smaller or cut it into tiles."
        ) from error
    except (OSError, SyntaxError, ValueError, EOFError, struct.error) as error:
        # Pillow reports damage as any of these, SyntaxError for broken PNG chunks among them.
        raise DataError(f"{path} cannot be read: {error}; the file may be cut off or damaged.") from error


def upright_size(image: Image.Image, turn: Image.Transpose | None) -> Size:
    """(height, width) of an opened image once it is turned."""
    return (image.width, image.height) if turn in _SIDEWAYS else (image.height, image.width)
