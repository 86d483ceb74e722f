"""Division by chance that keeps together what belongs together: images of one patient, video or tile row."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Literal

from contorno.errors import ConfigError, DataError
from contorno.records import Record, Records
from contorno.splits.drawn import digest, draw, id_order, in_id_order, part_sizes, shares

GroupKey = Callable[[Record], Hashable] | str
"""What tells the group of an image: a function of its record, "folder", or a regular expression on its file name."""

Unmatched = Literal["error", "alone"]


class GroupedSplitter:
    """Divide at random into parts of about the given shares; images of one group are never in two parts.

    key:       a function that gives the group of a record, as text or number; "folder": the folder that the image file
               lies in; any other text: a regular expression searched in the file name (the id, for an image without a
               file), of which the first bracket, or else the whole match, names the group: r"^(patient\\d+)_".
    probs:     the share of images of each part; positive, sum 1. A mapping {"train": 0.8, ...} names the parts.
    seed:      the same seed gives the same parts for the same images.
    unmatched: what becomes of images in whose name the expression is not found: "error", or "alone", each by itself.

    Large groups are placed first and small ones fill up, each by a draw among the parts that it fits into.
    Raises ConfigError for bad shares or a bad expression; when called, DataError for fewer groups than parts and for
    unmatched names.
    """

    def __init__(
        self,
        key: GroupKey,
        probs: Sequence[float] | Mapping[str, float] = (0.8, 0.2),
        seed: int = 42,
        *,
        unmatched: Unmatched = "error",
    ) -> None:
        self.key = checked_key(key)
        self.names, self.probs = shares(probs)
        self.seed = seed
        self.unmatched = unmatched

    def __call__(self, records: Records) -> list[Records]:
        groups = group_indices(records, self.key, self.unmatched)
        names = list(groups)
        part_sizes(len(groups), self.probs, "groups")  # raises for too few
        # Tiers of doubling size: large groups find room first, and which of a tier comes first is left to chance.
        drawn = sorted(names, key=lambda name: (-len(groups[name]).bit_length(), digest(f"{self.seed}/{name}"), name))
        wanted = [len(records) * share for share in self.probs]
        parts: list[list[str]] = [[] for _ in self.probs]
        room = list(wanted)
        for name in drawn:
            size = len(groups[name])
            fits = [part for part, left in enumerate(room) if left >= size - 0.5]
            part = self._choose(name, fits, room) if fits else max(range(len(room)), key=room.__getitem__)
            parts[part].append(name)
            room[part] -= size
        for part in range(len(parts)):
            if not parts[part]:
                donor = max((other for other in parts if len(other) > 1), key=lambda other: len(other))
                smallest = min(donor, key=lambda name: (len(groups[name]), name))
                donor.remove(smallest)
                parts[part].append(smallest)
        return [in_id_order(records, [index for name in part for index in groups[name]]) for part in parts]

    def _choose(self, name: str, fits: Sequence[int], room: Sequence[float]) -> int:
        """One of `fits` by chance, with a likelihood in proportion to its room."""
        at = int.from_bytes(digest(f"{self.seed}/{name}/part")[:8], "big") / 2**64 * sum(room[part] for part in fits)
        for part in fits:
            at -= room[part]
            if at < 0:
                return part
        return fits[-1]


def checked_key(key: GroupKey) -> GroupKey:
    """`key` itself. Raises ConfigError for a bad regular expression."""
    if isinstance(key, str) and key != "folder":
        try:
            re.compile(key)
        except re.error as error:
            raise ConfigError(f"the group key {key!r} is not a regular expression: {error}.") from error
    return key


def group_indices(records: Records, key: GroupKey, unmatched: Unmatched = "error") -> dict[str, list[int]]:
    """Places of the records of each group, whatever the order of the records: groups by name, places by id.

    Raises ConfigError for an unknown `unmatched`, DataError for names in which the expression is not found.
    """
    if unmatched not in ("error", "alone"):
        raise ConfigError(f"unmatched={unmatched!r} is not known; choose 'error' or 'alone'.")
    groups: dict[str, list[int]] = {}
    lost = []
    for index, record in enumerate(records):
        name = _group(record, key)
        if name is None:
            lost.append(record.image_id)
            name = f"\0{draw(record.image_id, 0)}"  # no file name has this character
        groups.setdefault(name, []).append(index)
    if lost and unmatched == "error":
        raise DataError(
            f"the group key {key!r} is not found in the file names of {len(lost)} of {len(records)} images, the first "
            f"is {min(lost, key=id_order)!r}; correct it, or let them be groups by themselves: unmatched='alone'."
        )
    return {name: sorted(groups[name], key=lambda index: id_order(records[index].image_id)) for name in sorted(groups)}


def _group(record: Record, key: GroupKey) -> str | None:
    """The group's name; None if the expression is not found."""
    if callable(key):
        value = key(record)
        return f"{type(value).__name__} {value}"
    path = PurePosixPath(str(record.image_id)) if record.path is None else record.path
    if key == "folder":
        return path.parent.as_posix()
    match = re.search(key, path.name)
    if match is None:
        return None
    return next((part for part in match.groups() if part is not None), match.group(0))
