"""Pictures that are nearly the same: saved again, resized, brightened; found among all pairs.

Each picture is taken in small and grey, 32 x 32. Its fingerprint is 64 bits: the signs of the 64 lowest frequencies of
the discrete cosine transform beside the mean, each against their median (as in "pHash", Zauner 2010). Pairs whose
fingerprints differ in at most MOST_BITS bits are compared by their small pictures, brightness and contrast matched:

- the same picture: they correlate by SAME_CORRELATION or more, and no pixel of the small pictures differs by more than
  SAME_LEVELS grey levels;
- nearly the same: they correlate by NEAR_CORRELATION or more. Neighbouring frames of a film are this.

Pictures are compared as they are and mirrored left to right, as augmenting tools leave them behind.

Pictures without contrast (a standard deviation under LEAST_CONTRAST grey levels in small) are like each other without
being the same; they are left out.

Of 64 bits, at most 7 that differ leave one of eight bytes equal. So pictures are sorted by each byte in turn and only
those that share one are compared: no pair is missed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MOST_BITS = 7
SAME_LEVELS = 16.0
SAME_CORRELATION = 0.99
NEAR_CORRELATION = 0.93
LEAST_CONTRAST = 4.0

_LOW = 8
_PAIRS_AT_ONCE = 4_000_000
_MOST_ALIKE = 64


@dataclass(frozen=True, slots=True)
class NearPair:
    """Two pictures, by their indices. is_same: one picture in two files; else they are only near.

    is_mirrored: one is like the other's mirror image, left to right.
    """

    first: int
    second: int
    is_same: bool
    correlation: float
    is_mirrored: bool = False


def fingerprints(small: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """The fingerprint of each of N small pictures (N, 32, 32): (N,)."""
    side = small.shape[-1]
    places = np.arange(side) + 0.5
    waves = np.cos(np.pi / side * np.arange(_LOW + 1)[:, None] * places)  # (9, 32)
    bits = np.zeros((len(small), 64), dtype=np.uint8)
    for start in range(0, len(small), 8192):
        part = waves @ small[start : start + 8192].astype(np.float64) @ waves.T  # (n, 9, 9)
        # Frequencies 1..8 in both directions but for one corner, in place of which stand the lowest of one alone.
        low = np.concatenate([part[:, 0, 1:5], part[:, 1:5, 0], part[:, 1:, 1:].reshape(len(part), 64)[:, :56]], axis=1)
        bits[start : start + len(part)] = low > np.median(low, axis=1, keepdims=True)
    return np.packbits(bits, axis=1).view(">u8").ravel().astype(np.uint64)


def all_pairs(small: NDArray[np.uint8]) -> Iterator[NearPair]:
    """The pairs of `near_pairs`, then those of a picture with the mirror image of another."""
    plain = set()
    for pair in near_pairs(small):
        plain.add((pair.first, pair.second))
        yield pair
    count = len(small)
    for pair in near_pairs(np.concatenate([small, small[:, :, ::-1]])):
        first, second = pair.first, pair.second - count
        # Each is met twice, once with either one mirrored.
        if pair.first < count and first < second and (first, second) not in plain:
            yield NearPair(first, second, pair.is_same, pair.correlation, is_mirrored=True)


def near_pairs(small: NDArray[np.uint8]) -> Iterator[NearPair]:
    """All pairs of N small pictures (N, 32, 32) that are the same or nearly so, the lower index first.

    Of more than 64 pictures with one fingerprint each is compared with the first of them only.
    """
    flat = small.reshape(len(small), -1).astype(np.float32)
    contrast = flat.std(axis=1)
    busy = np.flatnonzero(contrast >= LEAST_CONTRAST)
    if len(busy) < 2:
        return
    marks = fingerprints(small[busy])
    order = np.argsort(marks, kind="stable")
    unique, starts = np.unique(marks[order], return_index=True)
    groups = [busy[part] for part in np.split(order, starts[1:])]
    pairs = [_within(group) for group in groups if len(group) > 1]
    for first, second in _close(unique):
        pairs += [_between(groups[a], groups[b]) for a, b in zip(first.tolist(), second.tolist(), strict=True)]
    if not pairs:
        return
    together = np.unique(np.sort(np.concatenate(pairs), axis=1), axis=0)
    for start in range(0, len(together), 4096):
        yield from _confirm(flat, contrast, together[start : start + 4096])


def _confirm(flat: NDArray[np.float32], contrast: NDArray[np.float32], pairs: NDArray[np.int64]) -> Iterator[NearPair]:
    a, b = flat[pairs[:, 0]], flat[pairs[:, 1]]
    a, b = a - a.mean(axis=1, keepdims=True), b - b.mean(axis=1, keepdims=True)
    sd_a, sd_b = contrast[pairs[:, 0]], contrast[pairs[:, 1]]
    correlation = (a * b).mean(axis=1) / (sd_a * sd_b)
    # In the levels of the one with less contrast, so that noise is not blown up.
    least = np.minimum(sd_a, sd_b)
    levels = np.abs(a * (least / sd_a)[:, None] - b * (least / sd_b)[:, None]).max(axis=1)
    for row in np.flatnonzero(correlation >= NEAR_CORRELATION).tolist():
        is_same = bool(levels[row] <= SAME_LEVELS and correlation[row] >= SAME_CORRELATION)
        yield NearPair(int(pairs[row, 0]), int(pairs[row, 1]), is_same, float(correlation[row]))


def _close(marks: NDArray[np.uint64]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Pairs of different marks that differ in at most MOST_BITS bits; a pair may come more than once."""
    columns = marks.view(np.uint8).reshape(-1, 8)
    for byte in range(8):
        values = columns[:, byte]
        order = np.argsort(values, kind="stable")
        bounds = np.searchsorted(values[order], np.arange(257))
        for value in range(256):
            group = order[bounds[value] : bounds[value + 1]]
            rows = max(1, _PAIRS_AT_ONCE // max(1, len(group)))
            for start in range(0, len(group), rows):
                some = group[start : start + rows]
                differ = np.bitwise_count(marks[some][:, None] ^ marks[group[start:]][None, :])
                first, second = np.nonzero(differ <= MOST_BITS)
                ahead = second > first
                yield some[first[ahead]], group[start:][second[ahead]]


def _within(group: NDArray[np.int64]) -> NDArray[np.int64]:
    if len(group) > _MOST_ALIKE:
        return np.stack([np.full(len(group) - 1, group[0]), group[1:]], axis=1)
    first, second = np.triu_indices(len(group), 1)
    return np.stack([group[first], group[second]], axis=1)


def _between(one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.int64]:
    one, other = one[:_MOST_ALIKE], other[:_MOST_ALIKE]
    return np.stack([np.repeat(one, len(other)), np.tile(other, len(one))], axis=1)
