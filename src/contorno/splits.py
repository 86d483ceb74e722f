"""Divide records into parts: repeatable, and the same whatever order the records came in."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from contorno.errors import ConfigError, DataError
from contorno.records import ImageId, Records

Splitter = Callable[[Records], list[Records]]
"""Anything that takes records and gives a list of parts."""


class RandomSplitter:
    """Divide at random into parts of the given shares; no part is empty.

    probs:  the share of each part; positive, sum 1.
    seed:   the same seed gives the same parts for the same image ids, on every machine and in every version.

    An image's place hangs on its own id and the seed alone, so that images added later move few of the others.
    Raises ConfigError for bad shares; when called, DataError if there are fewer images than parts.
    """

    def __init__(self, probs: Sequence[float] = (0.8, 0.2), seed: int = 42) -> None:
        self.probs = tuple(float(share) for share in probs)
        self.seed = seed
        if not self.probs or not all(0.0 < share <= 1.0 for share in self.probs) or abs(sum(self.probs) - 1.0) > 1e-6:
            raise ConfigError(
                f"probs={list(probs)}: the shares of the parts must be above 0 and sum to 1, as in (0.8, 0.2)."
            )

    def __call__(self, records: Records) -> list[Records]:
        counts = _part_sizes(len(records), self.probs)
        drawn = sorted(range(len(records)), key=lambda index: self._draw(records[index].image_id))
        parts = []
        for count in counts:
            chosen, drawn = drawn[:count], drawn[count:]
            parts.append(records.select(sorted(chosen, key=lambda index: _order(records[index].image_id))))
        return parts

    def _draw(self, image_id: ImageId) -> tuple[bytes, tuple[str, str]]:
        # A digest and not a generator's permutation: numpy does not promise the same stream in every version.
        text = f"{self.seed}/{image_id}"
        return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest(), _order(image_id)


class FixedSplitter:
    """Divide by given lists of image ids, one list (or one entry of a mapping) for each part.

    unlisted: what becomes of records in no list: "error", or "drop" to leave them out.
    Raises ConfigError for an empty list or an id in two; when called, for ids that no record has, and unlisted ones.
    """

    def __init__(
        self,
        splits: Sequence[Sequence[ImageId]] | Mapping[str, Sequence[ImageId]],
        *,
        unlisted: Literal["error", "drop"] = "error",
    ) -> None:
        parts = splits.values() if isinstance(splits, Mapping) else splits
        self.splits = tuple(tuple(ids) for ids in parts)
        self.unlisted = unlisted
        if unlisted not in ("error", "drop"):
            raise ConfigError(f"unlisted={unlisted!r} is not known; choose 'error' or 'drop'.")
        seen: set[ImageId] = set()
        for number, ids in enumerate(self.splits):
            if not ids:
                raise ConfigError(f"list {number} of the fixed split is empty; every part needs at least one image id.")
            for image_id in ids:
                if image_id in seen:
                    raise ConfigError(
                        f"image id {image_id!r} stands twice in the fixed split; an image is in one part only."
                    )
                seen.add(image_id)

    def __call__(self, records: Records) -> list[Records]:
        index_of = {record.image_id: index for index, record in enumerate(records)}
        listed = [image_id for ids in self.splits for image_id in ids]
        unknown = [image_id for image_id in listed if image_id not in index_of]
        if unknown:
            example = f"; the records have ids such as {records[0].image_id!r}" if len(records) else ""
            raise ConfigError(f"{_some(unknown)} of the fixed split belong to no record{example}.")
        if self.unlisted == "error" and len(listed) < len(index_of):
            left = sorted(index_of.keys() - set(listed), key=_order)
            raise ConfigError(
                f"{_some(left)} are in no list of the fixed split; list them, or leave them out with unlisted='drop'."
            )
        return [records.select(index_of[image_id] for image_id in ids) for ids in self.splits]


class SingleSplitter:
    """One part that holds all records. Raises DataError, when called, if there are none."""

    def __call__(self, records: Records) -> list[Records]:
        if not len(records):
            raise DataError("there are no images to put into the one part; check the images and the label file.")
        return [records]


class BySplitFolder:
    """Divide by `record.split`, the split that the source put each image in: train, validation, test, others by name.

    Raises DataError, when called, if there are no records or one has no split.
    """

    def __call__(self, records: Records) -> list[Records]:
        rank = {"train": 0, "validation": 1, "test": 2}
        indices: dict[str, list[int]] = {}
        for index, record in enumerate(records):
            if record.split is None:
                raise DataError(f"image {record.image_id}: its source put it in no split; use RandomSplitter instead.")
            indices.setdefault(record.split, []).append(index)
        if not indices:
            raise DataError("there are no images to divide; check the images and the label file.")
        return [records.select(indices[name]) for name in sorted(indices, key=lambda name: (rank.get(name, 3), name))]


def _part_sizes(count: int, probs: Sequence[float]) -> list[int]:
    """Whole sizes that sum to `count`, by largest remainder, none of them 0."""
    if count < len(probs):
        raise DataError(
            f"{count} images cannot be divided into {len(probs)} parts with at least one image each; "
            f"add images, or use SingleSplitter for one part."
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


def _order(image_id: ImageId) -> tuple[str, str]:
    return str(image_id), type(image_id).__name__


def _some(ids: Sequence[ImageId]) -> str:
    more = f" and {len(ids) - 3} more" if len(ids) > 3 else ""
    return f"image ids {', '.join(repr(image_id) for image_id in ids[:3])}{more}"
