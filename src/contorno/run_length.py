"""Run-length code of masks in numpy: runs of pixels down the columns, and the text that COCO writes them as.

A mask is held here as its edges: int64 (2n,), the pixel numbers, counted down the columns, at which a run of the object
starts, ends, starts, ... in rising order. Everything costs time by runs and by the mask's own box, not by the image.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from contorno.errors import DataError

Edges = NDArray[np.int64]
Places = NDArray[np.int64]
_FIRST = 48  # the character "0" writes the digit 0
_DIGITS_AT_MOST = 8  # digits of five bits each; an image of 2**35 pixels is none
# From these on a number takes one digit more; a negative one is counted as its complement.
_MORE_DIGITS = 1 << (5 * np.arange(1, _DIGITS_AT_MOST, dtype=np.int64) - 1)


def edges_of_bitmap(cells: NDArray[np.bool_]) -> Edges:
    """Edges of a bitmap (H, W) of one pixel or more; quickest where its rows or its columns lie together in memory."""
    height, width = cells.shape
    if cells.flags.f_contiguous:
        return _changes(cells.T.reshape(-1), 1)
    row, column = np.divmod(_changes(np.ascontiguousarray(cells).reshape(-1), width), width)
    edges: Edges = column * height + row
    edges.sort()
    return _without_meetings(edges)


def _changes(flat: NDArray[np.bool_], step: int) -> Places:
    """Where a cell differs from the one `step` before it, with empty cells before the first and after the last."""
    cells = flat.view(np.uint8)
    inside, size = len(cells), len(cells) + step
    # Looked for eight cells at a time, since most of an image is no edge.
    words = np.zeros((size + 7) // 8, dtype=np.uint64)
    change = words.view(np.uint8)
    change[:step], change[inside:size] = cells[:step], cells[-step:]
    np.bitwise_xor(cells[step:], cells[:-step], out=change[step:inside])
    hit = np.flatnonzero(words != 0)
    at = np.flatnonzero(words[hit].view(np.bool_))
    places: Places = (hit * 8)[at >> 3] + (at & 7)
    return places


def edges_of_crop(crop: NDArray[Any], x0: int, y0: int, height: int) -> Edges:
    """Edges of the nonzero cells of a crop (h, w) whose first pixel lies at x0, y0 of an image with `height` rows."""
    h, w = crop.shape
    # One column after another, each closed by an empty cell, so that changes come in pairs: a run's start and its end.
    cells = np.zeros(1 + w * (h + 1), dtype=bool)
    np.not_equal(crop.T, 0, out=cells[1:].reshape(w, h + 1)[:, :h])
    column, row = np.divmod(np.flatnonzero(cells[1:] != cells[:-1]), h + 1)
    edges: Edges = (column + x0) * height + (row + y0)
    if h == height:  # a run that ends with its column may go on in the next one
        goes_on = np.flatnonzero(edges[1:-1:2] == edges[2::2])
        edges = np.delete(edges, np.concatenate([goes_on * 2 + 1, goes_on * 2 + 2]))
    return edges


def edges_of_bits(bits: NDArray[np.uint8], rows: Places | None, columns: Places | None) -> Edges:
    """Edges of a mask of packed bits, eight pixels to a byte, once its rows and columns are taken at some places.

    bits:          (h, n), the first pixel of a row in the highest bit; bits beyond the width are 0.
    rows, columns: int64 (height,) and (width,), rising, the row and column of `bits` that each of the image's comes
                   from; None where they are the same.
    """
    rows_at = bits if rows is None else bits.take(rows, axis=0)
    height = len(rows_at)
    used = np.flatnonzero(np.bitwise_or.reduce(rows_at, axis=0))
    if not len(used):
        return np.empty(0, dtype=np.int64)
    first, n = int(used[0]), int(used[-1] - used[0]) + 1
    part = rows_at[:, first : first + n]
    # A run starts or ends where a bit differs from the one above it; there is nothing above or below the image.
    change = np.empty((height + 1, n), dtype=np.uint8)
    change[0], change[height] = part[0], part[-1]
    np.bitwise_xor(part[1:], part[:-1], out=change[1:-1])
    cells = change.ravel()
    hit = np.flatnonzero(cells != 0)  # on bytes themselves flatnonzero takes ten times as long
    which, bit = np.divmod(np.flatnonzero(np.unpackbits(cells[hit])), 8)
    row, byte = np.divmod(hit, n)
    # Down one column after the other.
    keys = ((byte + first) * 8)[which] + bit
    keys *= height + 1
    keys += row[which]
    keys.sort()
    column, row = np.divmod(keys, height + 1)
    if columns is not None:
        starts, ends = np.searchsorted(column, columns), np.searchsorted(column, columns, side="right")
        times = ends - starts
        column = np.repeat(np.arange(len(columns)), times)
        ahead = np.cumsum(times)
        row = row[np.arange(ahead[-1]) + np.repeat(ends - ahead, times)]
    return _without_meetings(column * height + row)


def _without_meetings(edges: Edges) -> Edges:
    """The edges without pairs in one place: a run that ends with its column and goes on in the next one."""
    meets = np.flatnonzero(edges[1:] == edges[:-1])
    return np.delete(edges, np.concatenate([meets, meets + 1])) if len(meets) else edges


def edges_of_counts(counts: NDArray[np.int64]) -> Edges:
    """Edges of uncompressed runs, of which some may hold no pixels."""
    edges: Edges = np.cumsum(counts)[: len(counts) // 2 * 2]
    if counts[1:].all():
        return edges
    # An edge that is met twice is none.
    places, times = np.unique(edges, return_counts=True)
    once: Edges = places[times % 2 == 1]
    return once


def counts_of_edges(edges: Edges, pixels: int) -> NDArray[np.int64]:
    """COCO's uncompressed runs for an image of that many pixels: outside, inside, outside, ..."""
    bounds = np.empty(len(edges) + 2, dtype=np.int64)
    bounds[0], bounds[1:-1], bounds[-1] = 0, edges, pixels
    counts = bounds[1:] - bounds[:-1]
    return counts if counts[-1] else counts[:-1]


def crop_of_edges(edges: Edges, height: int) -> tuple[NDArray[np.uint8], int, int]:
    """The mask inside its box as a bitmap (h, w) of 0 and 1, with the x and y of its first pixel; (0, 0) if empty."""
    if not len(edges):
        return np.zeros((0, 0), dtype=np.uint8), 0, 0
    (first_x, first_y), (last_x, last_y) = np.divmod(edges[::2], height), np.divmod(edges[1::2] - 1, height)
    x0, x1 = int(first_x[0]), int(last_x[-1]) + 1
    y0, y1 = int(first_y.min()), int(last_y.max()) + 1
    if (first_x != last_x).any():  # a run that goes on in the next column touches both borders
        y0, y1 = 0, height
    h, w = y1 - y0, x1 - x0
    bounds = np.empty(len(edges) + 2, dtype=np.int64)
    bounds[0], bounds[-1] = 0, h * w
    bounds[1:-1:2] = (first_x - x0) * h + (first_y - y0)
    bounds[2:-1:2] = (last_x - x0) * h + (last_y - y0) + 1
    values = np.zeros(len(bounds) - 1, dtype=np.uint8)
    values[1::2] = 1
    return np.repeat(values, bounds[1:] - bounds[:-1]).reshape(w, h).T, x0, y0


def parse_counts(text: bytes) -> NDArray[np.int64]:
    """Read COCO's compressed text: uncompressed runs, int64.

    A number is written in digits of five bits, lowest first, in characters from "0" on; the sixth bit says that more
    digits follow, and the last digit's fifth is the sign. From the fourth number on, each is the difference to the
    number two before. Raises DataError if the text cannot be that.
    """
    codes = np.frombuffer(text, dtype=np.uint8).astype(np.int64) - _FIRST
    if not len(codes):
        return codes
    ends = np.flatnonzero((codes & 32) == 0)
    if codes.min() < 0 or codes.max() > 63 or not len(ends) or ends[-1] != len(codes) - 1:
        raise DataError("run-length code: the counts are not COCO's compressed text; it may be cut off.")
    starts = np.empty_like(ends)
    starts[0], starts[1:] = 0, ends[:-1] + 1
    lengths = ends - starts + 1
    if lengths.max() > _DIGITS_AT_MOST:
        raise DataError("run-length code: the counts hold a number beyond any image; the text is damaged.")
    places = np.arange(len(codes)) - np.repeat(starts, lengths)
    counts: NDArray[np.int64] = np.add.reduceat((codes & 31) << (5 * places), starts)
    counts -= ((codes[ends] >> 4) & 1) << (5 * lengths)
    counts[1::2] = np.cumsum(counts[1::2])
    counts[2::2] = np.cumsum(counts[2::2])
    return counts


def format_counts(counts: NDArray[np.int64]) -> bytes:
    """Write uncompressed runs, int64 from 0 on, as COCO's compressed text: what `parse_counts` reads."""
    if not len(counts):
        return b""
    numbers = counts.copy()
    numbers[3:] -= counts[1:-2]
    digits = np.searchsorted(_MORE_DIGITS, numbers ^ (numbers >> 63), side="right")  # beyond the first
    places = np.arange(int(digits.max()) + 1)
    codes = (numbers[:, None] >> (5 * places)) & 31
    codes |= np.where(places < digits[:, None], 32, 0)
    return (codes[places <= digits[:, None]] + _FIRST).astype(np.uint8).tobytes()
