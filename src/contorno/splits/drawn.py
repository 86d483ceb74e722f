"""Division by chance, and what other divisions draw with: sizes of parts, and an order that never changes."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence

from contorno.errors import ConfigError, DataError
from contorno.records import ImageId, Records

Splitter = Callable[[Records], list[Records]]
"""Anything that takes records and gives a list of parts."""


class RandomSplitter:
    """Divide at random into parts of the given shares; no part is empty.

    probs:  the share of each part; positive, sum 1. A mapping {"train": 0.8, ...} names the parts.
    seed:   the same seed gives the same parts for the same image ids, on every machine and in every version.

    An image's place hangs on its own id and the seed alone, so that images added later move few of the others.
    Raises ConfigError for bad shares; when called, DataError if there are fewer images than parts.
    """

    def __init__(self, probs: Sequence[float] | Mapping[str, float] = (0.8, 0.2), seed: int = 42) -> None:
        self.names, self.probs = shares(probs)
        self.seed = seed

    def __call__(self, records: Records) -> list[Records]:
        ordered = draw_order([record.image_id for record in records], self.seed)
        return cut(records, ordered, part_sizes(len(records), self.probs))


def shares(probs: Sequence[float] | Mapping[str, float]) -> tuple[tuple[str, ...] | None, tuple[float, ...]]:
    """Names of the parts, if given, and their shares. Raises ConfigError unless all are above 0 and sum to 1."""
    names = tuple(probs) if isinstance(probs, Mapping) else None
    values = tuple(float(share) for share in (probs.values() if isinstance(probs, Mapping) else probs))
    if not values or not all(0.0 < share <= 1.0 for share in values) or abs(sum(values) - 1.0) > 1e-6:
        raise ConfigError(
            f"probs={list(values)}: the shares of the parts must be above 0 and sum to 1, as in (0.8, 0.2)."
        )
    return names, values


def draw(image_id: ImageId, seed: int) -> tuple[bytes, tuple[str, str]]:
    """What images are sorted by to be drawn: as good as random, and the same for ever."""
    # A digest and not a generator's permutation: numpy does not promise the same stream in every version.
    return digest(f"{seed}/{image_id}"), id_order(image_id)


def digest(text: str) -> bytes:
    """16 bytes that hang on the text alone."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def draw_order(ids: Sequence[ImageId], seed: int) -> list[int]:
    """Places in `ids`, in the order in which these are drawn."""
    return sorted(range(len(ids)), key=lambda index: draw(ids[index], seed))


def id_order(image_id: ImageId) -> tuple[str, str]:
    """What ids are sorted by where their order must not hang on that of the records."""
    return str(image_id), type(image_id).__name__


def in_id_order(records: Records, indices: Sequence[int]) -> Records:
    """The records at `indices`, sorted by id."""
    return records.select(sorted(indices, key=lambda index: id_order(records[index].image_id)))


def cut(records: Records, ordered: Sequence[int], sizes: Sequence[int]) -> list[Records]:
    """Parts of the given sizes from the front of `ordered`, each sorted by id."""
    parts, start = [], 0
    for size in sizes:
        parts.append(in_id_order(records, ordered[start : start + size]))
        start += size
    return parts


def part_sizes(count: int, probs: Sequence[float], what: str = "images") -> list[int]:
    """Whole sizes that sum to `count`, by largest remainder, none of them 0.

    Raises DataError if there are fewer than parts.
    """
    if count < len(probs):
        raise DataError(
            f"{count} {what} cannot be divided into {len(probs)} parts with at least one {what[:-1]} each; "
            f"add {what}, or use SingleSplitter for one part."
        )
    exact = [count * share / sum(probs) for share in probs]
    sizes = [math.floor(size) for size in exact]
    by_remainder = sorted(range(len(probs)), key=lambda part: (sizes[part] - exact[part], part))
    for part in by_remainder[: count - sum(sizes)]:
        sizes[part] += 1
    for part in range(len(probs)):
        if sizes[part] == 0:
            sizes[sizes.index(max(sizes))] -= 1
            sizes[part] = 1
    return sizes
