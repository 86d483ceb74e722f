"""1-bit grey PNGs, the form of most mask files, read without unpacking their bits.

Only a file in which all is plain and whole is taken. Any other is left to Pillow, which says what is wrong with it.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from contorno.opened_images import MOST_PIXELS

_HEAD = struct.Struct(">8sI4sIIBBBBBI")
_CHUNK = struct.Struct(">I4s")
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PLAIN_CHUNKS = {b"gAMA": 4, b"cHRM": 32, b"pHYs": 9, b"tIME": 7, b"bKGD": 2}
"""Chunks that change no pixel of a grey PNG, with their lengths."""


def read_bilevel(path: Path) -> tuple[NDArray[np.uint8], int] | None:
    """The bits (H, ceil(W / 8)) and the width W of a 1-bit grey PNG; None for any other file, or with anything amiss.

    A row's first pixel is the highest bit of its first byte; bits beyond W are 0. The bits may be read-only.

    Filters of PNG work on bytes, also where one holds eight pixels, so Pillow's decoder gives the bits as they are if
    it is told of one grey byte in place of eight pixels. A mask of 1024 x 768 takes 0.2 ms so, of which all but 0.04 ms
    is inflating, against 1.1 ms by way of an image of mode "1".
    """
    try:
        with Path(path).open("rb", buffering=0) as file:
            start = file.read(_HEAD.size)
            if len(start) < _HEAD.size:
                return None
            signature, length, kind, width, height, *form, checksum = _HEAD.unpack(start)
            # form: depth, colour type, compression, filter, interlace
            if (signature, length, kind, form) != (_SIGNATURE, 13, b"IHDR", [1, 0, 0, 0, 0]):
                return None
            if zlib.crc32(start[12:29]) != checksum or not 0 < width * height <= MOST_PIXELS:
                return None
            compressed = _image_data(file.readall())
            if compressed is None:
                return None
    except OSError:
        return None
    stride = (width + 7) // 8
    try:
        bits = np.asarray(Image.frombytes("L", (stride, height), compressed, "zip", "L", 0))
    except (ValueError, OSError, SyntaxError):
        return None
    spare = 0xFF >> (8 - (stride * 8 - width))
    if spare and (bits[:, -1] & spare).any():  # PNG leaves open what they are
        bits = bits.copy()
        bits[:, -1] &= 0xFF ^ spare
    return bits, width


def _image_data(chunks: bytes) -> bytes | None:
    """The compressed pixels in a PNG's chunks after its header, or None unless all is plain and whole."""
    found: list[bytes] = []
    at = 0
    while at + 12 <= len(chunks):
        length, kind = _CHUNK.unpack_from(chunks, at)
        end = at + 8 + length
        if int.from_bytes(chunks[end : end + 4], "big") != zlib.crc32(chunks[at + 4 : end]):
            return None
        if kind == b"IEND":
            return b"".join(found) if found else None
        if kind == b"IDAT":
            found.append(chunks[at + 8 : end])
        elif _PLAIN_CHUNKS.get(kind) != length or found:
            return None
        at = end + 4
    return None
