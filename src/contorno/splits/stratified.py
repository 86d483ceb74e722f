"""Division that spreads the classes over the parts in proportion, and k folds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from contorno.errors import ConfigError
from contorno.records import Records
from contorno.splits.drawn import RandomSplitter, Splitter, digest, draw, in_id_order, part_sizes, shares
from contorno.splits.grouped import GroupedSplitter, GroupKey, Unmatched, checked_key, group_indices


class StratifiedSplitter:
    """Divide so that each part has its share of the images of every class; no part is empty.

    probs:     the share of each part; positive, sum 1. A mapping {"train": 0.8, ...} names the parts.
    seed:      the same seed gives the same parts for the same image ids and objects.
    key:       keep groups of images together; see GroupedSplitter.   unmatched: see there.

    The rarest class is placed first, image by image, each where most of the class's share is still missing, so that a
    class with as many images as there are parts is in all of them; then the next rarest. Images without objects count
    as a class. Within a class crowded images come first, in tiers of doubling counts, so that objects are spread too.
    The sizes of the parts come out near the shares.
    Source: iterative stratification, Sechidis, Tsoumakas and Vlahavas, "On the stratification of multi-label data"
    (2011), with what is missing measured as a fraction of what a part is due, since the absolute figure leaves classes
    of two or three images to the largest part.
    Raises ConfigError for bad shares; when called, DataError if there are fewer images, or groups, than parts.
    """

    def __init__(
        self,
        probs: Sequence[float] | Mapping[str, float] = (0.8, 0.2),
        seed: int = 42,
        *,
        key: GroupKey | None = None,
        unmatched: Unmatched = "error",
    ) -> None:
        self.names, self.probs = shares(probs)
        self.seed = seed
        self.key = None if key is None else checked_key(key)
        self.unmatched = unmatched

    def __call__(self, records: Records) -> list[Records]:
        units = self._units(records)
        part_sizes(len(units), self.probs, "images" if self.key is None else "groups")  # raises for too few
        part_of = _spread(units, self.probs)
        _fill_empty(part_of, units, len(self.probs))
        parts: list[list[int]] = [[] for _ in self.probs]
        for unit, part in zip(units, part_of, strict=True):
            parts[part] += unit.indices
        return [in_id_order(records, indices) for indices in parts]

    def _units(self, records: Records) -> list[_Unit]:
        """What is placed as a whole, images or groups of them, in the order of the draw."""
        if self.key is None:
            drawn = sorted((draw(record.image_id, self.seed), [index]) for index, record in enumerate(records))
            return [_unit(records, indices) for _, indices in drawn]
        groups = group_indices(records, self.key, self.unmatched)
        names = sorted(groups, key=lambda name: (digest(f"{self.seed}/{name}"), name))
        return [_unit(records, groups[name]) for name in names]


class KFoldSplitter:
    """Divide into k folds of about equal size, or into training and validation of one of them.

    folds:      how many, 2 or more.
    fold:       unset: all folds are given, each image in one. 0 to folds - 1: training (all others) and validation
                (this fold).
    seed:       the same seed gives the same folds for the same image ids.
    stratified: spread the classes; see StratifiedSplitter.   key, unmatched: keep groups together; see GroupedSplitter.
    Raises ConfigError for other numbers; when called, DataError if there are fewer images, or groups, than folds.
    """

    def __init__(
        self,
        folds: int = 5,
        fold: int | None = None,
        seed: int = 42,
        *,
        stratified: bool = False,
        key: GroupKey | None = None,
        unmatched: Unmatched = "error",
    ) -> None:
        if folds < 2:
            raise ConfigError(f"folds={folds}: expected 2 or more.")
        if fold is not None and not 0 <= fold < folds:
            raise ConfigError(f"fold={fold}: the {folds} folds are counted from 0 to {folds - 1}.")
        self.folds, self.fold = folds, fold
        self.names = tuple(f"fold_{number}" for number in range(folds)) if fold is None else ("train", "validation")
        probs = [1 / folds] * folds
        self._divide: Splitter
        if stratified:
            self._divide = StratifiedSplitter(probs, seed, key=key, unmatched=unmatched)
        elif key is not None:
            self._divide = GroupedSplitter(key, probs, seed, unmatched=unmatched)
        else:
            self._divide = RandomSplitter(probs, seed)

    def __call__(self, records: Records) -> list[Records]:
        folds = self._divide(records)
        if self.fold is None:
            return folds
        held_back = {record.image_id for record in folds[self.fold]}
        rest = [index for index, record in enumerate(records) if record.image_id not in held_back]
        return [in_id_order(records, rest), folds[self.fold]]


@dataclass(frozen=True, slots=True, eq=False)
class _Unit:
    """Images that are placed together.

    labels: how many images have each class in them; 0 stands for those without objects.   objects: in all of them.
    """

    indices: list[int]
    labels: Mapping[int, int]
    objects: int


def _unit(records: Records, indices: list[int]) -> _Unit:
    labels: dict[int, int] = {}
    objects = 0
    for index in indices:
        own = records[index].instances.labels.tolist()
        for label in set(own) or {0}:
            labels[label] = labels.get(label, 0) + 1
        objects += len(own)
    return _Unit(indices, labels, objects)


def _spread(units: Sequence[_Unit], probs: Sequence[float]) -> list[int]:
    """The part of each unit."""
    left: dict[int, int] = {}  # images not yet placed, by label
    with_label: dict[int, list[int]] = {}
    for index, unit in enumerate(units):
        for label, images in unit.labels.items():
            left[label] = left.get(label, 0) + images
            with_label.setdefault(label, []).append(index)
    due = [{label: share * count for label, count in left.items()} for share in probs]
    missing = [dict(own) for own in due]
    due_images = [share * sum(len(unit.indices) for unit in units) for share in probs]
    room = list(due_images)
    part_of = [-1] * len(units)
    parts = range(len(probs))
    while any(left.values()):
        # Of equally rare classes any will do; the first one is repeatable.
        label = min((label for label in left if left[label]), key=lambda label: (left[label], label))
        waiting = [index for index in with_label[label] if part_of[index] < 0]
        waiting.sort(key=lambda index: (-len(units[index].indices).bit_length(), -units[index].objects.bit_length()))
        for index in waiting:
            unit = units[index]
            size = len(unit.indices)
            best = None
            for part in parts:
                if room[part] <= size - 1 + 1e-9:
                    continue  # it is full
                # Rounded, since equal fractions differ in their last digits once some images are taken off.
                want = round(missing[part][label] / due[part][label], 9)
                rank = (want, round(room[part] / due_images[part], 9), probs[part], -part)
                if best is None or rank > best:
                    best = rank
            chosen = max(parts, key=room.__getitem__) if best is None else -best[-1]
            part_of[index] = chosen
            room[chosen] -= size
            for own, images in unit.labels.items():
                missing[chosen][own] -= images
                left[own] -= images
    return part_of


def _fill_empty(part_of: list[int], units: Sequence[_Unit], parts: int) -> None:
    """Give each part without images the smallest unit of the part that has the most."""
    for part in range(parts):
        if part in part_of:
            continue
        counts = [part_of.count(other) for other in range(parts)]
        donor = counts.index(max(counts))
        own = [index for index, chosen in enumerate(part_of) if chosen == donor]
        part_of[min(own, key=lambda index: (len(units[index].indices), index))] = part
