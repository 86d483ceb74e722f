"""1-bit grey PNGs: read as Pillow reads them, and left to Pillow where anything is amiss."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from contorno import images
from contorno.bilevel_png import read_bilevel
from contorno.errors import DataError
from tiny_pictures import chunk, save


def png_of_bits(
    path: Path, mask: NDArray[np.uint8], *, filters: tuple[int, ...] = (0,), spare: int = 0, extra: bytes = b""
) -> Path:
    """A 1-bit grey PNG written by hand, its rows filtered in turn as `filters` says.

    spare: bit to which the unused end of each row is set.   extra: chunks between the header and the pixels.
    """
    height, width = mask.shape
    rows = np.packbits(np.pad(mask, [(0, 0), (0, -width % 8)], constant_values=spare), axis=1).tolist()
    data, above = b"", [0] * len(rows[0])
    for number, row in enumerate(rows):
        kind = filters[number % len(filters)]
        filtered = []
        for at, value in enumerate(row):
            left, up, corner = (row[at - 1], above[at], above[at - 1]) if at else (0, above[at], 0)
            paeth = min((left, up, corner), key=lambda guess: abs(left + up - corner - guess))
            filtered.append((value - (0, left, up, (left + up) // 2, paeth)[kind]) % 256)
        data, above = data + bytes([kind, *filtered]), row
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    pixels = zlib.compress(data)
    chunks = [chunk(b"IHDR", head), extra, chunk(b"IDAT", pixels[:5]), chunk(b"IDAT", pixels[5:]), chunk(b"IEND", b"")]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))
    return path


@pytest.mark.parametrize("filters", [(0,), (1,), (2,), (3,), (4,), (4, 0, 3, 2, 1)], ids=str)
@pytest.mark.parametrize("width", [1, 8, 21])
def test_bilevel_png_is_read_as_pillow_reads_it_whatever_its_filters(
    tmp_path: Path, width: int, filters: tuple[int, ...]
) -> None:
    mask = (np.random.default_rng(width).random((12, width)) < 0.4).astype(np.uint8)
    path = png_of_bits(tmp_path / "m.png", mask, filters=filters, spare=1, extra=chunk(b"gAMA", b"\0\0\xb1\x8f"))
    with Image.open(path) as image:
        assert image.mode == "1"
        np.testing.assert_array_equal(np.asarray(image), mask)
    np.testing.assert_array_equal(images.read_mask(path), mask)
    bits, found = images.read_mask_bits(path)
    assert found == width
    np.testing.assert_array_equal(bits, np.packbits(mask, axis=1))  # the unused bits of the file are set, these are not


@pytest.mark.parametrize("end", [20, 40, -20, -3], ids=["in the header", "in the pixels", "at their end", "in IEND"])
def test_bilevel_png_that_is_cut_off_is_read_as_far_as_pillow_takes_it(tmp_path: Path, end: int) -> None:
    mask = np.eye(16, dtype=np.uint8)
    path = png_of_bits(tmp_path / "m.png", mask)
    path.write_bytes(path.read_bytes()[:end])
    try:
        with Image.open(path) as image:
            expected = np.asarray(image).tolist()
    except (OSError, SyntaxError):
        with pytest.raises(DataError, match=r"m\.png"):
            images.read_mask(path)
    else:
        assert images.read_mask(path).tolist() == expected


def test_bilevel_png_with_a_flipped_bit_is_not_taken_for_whole(tmp_path: Path) -> None:
    path = png_of_bits(tmp_path / "m.png", np.eye(64, dtype=np.uint8))
    content = bytearray(path.read_bytes())
    content[content.rindex(b"IDAT") + 6] ^= 0x10  # in the second chunk of pixels
    path.write_bytes(bytes(content))
    with pytest.raises(DataError, match=r"m\.png"):
        images.read_mask(path)


def test_bilevel_png_of_too_many_pixels_is_refused(tmp_path: Path) -> None:
    size, rows = 14_000, zlib.compressobj(1)
    pixels = b"".join([rows.compress(bytes(1 + size // 8)) for _ in range(size)]) + rows.flush()
    head = struct.pack(">IIBBBBB", size, size, 1, 0, 0, 0, 0)
    chunks = chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    (tmp_path / "m.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)
    for read in (images.read_mask, images.read_mask_bits):
        with pytest.raises(DataError, match=r"m\.png has .*more than the 178 million"):
            read(tmp_path / "m.png")


@pytest.mark.parametrize("mode", ["L", "P", "RGB"])
def test_other_pictures_are_not_taken(tmp_path: Path, mode: str) -> None:
    assert read_bilevel(save(Image.new(mode, (3, 2)), tmp_path / "m.png")) is None
    assert read_bilevel(tmp_path / "gone.png") is None


def test_plain_file_is_taken(tmp_path: Path) -> None:
    packed = read_bilevel(png_of_bits(tmp_path / "m.png", np.eye(3, dtype=np.uint8), spare=1))
    assert packed is not None
    assert (packed[0].tolist(), packed[1]) == ([[0b10000000], [0b01000000], [0b00100000]], 3)
