"""The classes of Open Images: names, MIDs, and which of them have masks."""

from __future__ import annotations

import csv
import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from contorno.errors import ConfigError, DataError
from contorno.openimages.bucket import MetaFiles
from contorno.openimages.hierarchy import Hierarchy, check_mid, read_checked
from contorno.openimages.web import NotFoundError
from contorno.records import fold_name

_NEAR_NAMES = 5


@dataclass(frozen=True, slots=True)
class OpenImagesClass:
    """One class: its name as Open Images spells it, its machine id ("/m/01b9xk"), and whether it has masks."""

    name: str
    mid: str
    has_masks: bool

    @property
    def slug(self) -> str:
        """The MID without slashes, as it stands in names of mask files."""
        return self.mid.replace("/", "")


class ClassList:
    """All boxable classes, found by name without regard to case and outer space, or by MID."""

    def __init__(self, classes: Sequence[OpenImagesClass]) -> None:
        self.classes = tuple(classes)
        self._by_name = {fold_name(item.name): item for item in self.classes}
        self._by_mid = {item.mid: item for item in self.classes}

    def __len__(self) -> int:
        return len(self.classes)

    def lookup(self, name: str) -> OpenImagesClass | None:
        """The class of that name or MID, or None."""
        return self._by_name.get(fold_name(name)) or self._by_mid.get(name.strip())

    def get(self, name: str) -> OpenImagesClass:
        """The class of that name or MID, with masks or without. Raises ConfigError that offers the nearest names."""
        found = self.lookup(name)
        if found is None:
            near = self.near(name)
            hint = "; ".join(f"{c.name} ({'with' if c.has_masks else 'without'} masks)" for c in near)
            raise ConfigError(
                f"Open Images has no class {name!r}; "
                + (f"the nearest names are: {hint}." if near else "no name comes near it.")
            )
        return found

    def find(self, name: str, hierarchy: Hierarchy | None = None) -> OpenImagesClass:
        """The class of that name or MID, which must have masks.

        hierarchy: lets the error say how many of the classes below have masks.
        Raises ConfigError that offers the nearest names, or says that the class has no masks.
        """
        found = self.get(name)
        if found.has_masks:
            return found
        below = self.below(found, hierarchy) if hierarchy is not None else ()
        num_with_masks = sum(c.has_masks for c in below)
        if num_with_masks:
            raise ConfigError(
                f"Open Images has boxes of {found.name!r} and no masks of its own; {num_with_masks} of the "
                f"{len(below)} classes below it have masks: take them with --expand (in Python expand=True)."
            )
        raise ConfigError(
            f"Open Images has boxes of {found.name!r} and no masks; "
            f"{sum(c.has_masks for c in self.classes)} of its {len(self)} classes have masks, choose one of those."
        )

    def expand(self, name: str, hierarchy: Hierarchy) -> tuple[OpenImagesClass, ...]:
        """The class of that name or MID and all classes below it, those that have masks, each once.

        The class itself comes first, the others in the order of the hierarchy. Raises ConfigError if none has masks.
        """
        found = self.get(name)
        below = self.below(found, hierarchy)
        with_masks = tuple(c for c in (found, *below) if c.has_masks)
        if not with_masks:
            raise ConfigError(
                f"Open Images has no masks of {found.name!r}, nor of any class below it; choose another class."
            )
        return with_masks

    def below(self, item: OpenImagesClass, hierarchy: Hierarchy) -> tuple[OpenImagesClass, ...]:
        """All classes below one, each once, in the order of the hierarchy."""
        return self.with_mids(hierarchy.descendants(item.mid))

    def with_mids(self, mids: Iterable[str]) -> tuple[OpenImagesClass, ...]:
        """The classes with these MIDs; the top of the hierarchy is no class, and is left out."""
        return tuple(self._by_mid[mid] for mid in mids if mid in self._by_mid)

    def search(self, text: str) -> list[OpenImagesClass]:
        """Classes that `text` may mean, best first: of that name or MID, with it in their names, with names near it."""
        folded = fold_name(text)
        exact = self.lookup(text)
        # "car" means "Race car" sooner than "Carnivore".
        inside = sorted(
            (name for name in self._by_name if folded and folded in name),
            key=lambda name: (f" {folded} " not in f" {name} ", len(name), name),
        )
        found = [self._by_name[name] for name in inside]
        return list(dict.fromkeys([*([exact] if exact is not None else []), *found, *self.near(text)]))

    def near(self, text: str) -> list[OpenImagesClass]:
        """A few classes whose names contain `text` or come near it, best first."""
        folded = fold_name(text)
        inside = sorted((name for name in self._by_name if folded and folded in name), key=len)
        close = difflib.get_close_matches(folded, list(self._by_name), n=_NEAR_NAMES, cutoff=0.6)
        words = [name for name in self._by_name if difflib.get_close_matches(folded, name.split(), n=1, cutoff=0.75)]
        ordered = dict.fromkeys([*close, *inside, *words])
        return [self._by_name[name] for name in list(ordered)[:_NEAR_NAMES]]


def read_classes(meta: MetaFiles) -> ClassList:
    """Read the list of names and the list of classes with masks.

    Both forms of the list of names are read: v5, without a header, and v7, with one.
    Raises DataError for a file that is neither, DownloadError if a list cannot be had.
    """
    first, *others = meta.bucket.class_keys
    key = next((k for k in meta.bucket.class_keys if meta.local(k) is not None), first)
    try:
        names = read_checked(meta, key, _parse_names)
    except NotFoundError:
        names = read_checked(meta, others[0], _parse_names)
    with_masks = read_checked(meta, meta.bucket.mask_classes_key, _parse_mids)
    return ClassList([OpenImagesClass(name, mid, mid in with_masks) for mid, name in names.items()])


def _parse_names(text: str, key: str) -> dict[str, str]:
    """{MID: name}."""
    names: dict[str, str] = {}
    for number, row in enumerate(csv.reader(text.splitlines()), start=1):
        if not row or (number == 1 and row[:2] == ["LabelName", "DisplayName"]):
            continue
        if len(row) != 2:
            raise DataError(f"{key}: line {number} has {len(row)} fields; expected two: MID and name.")
        mid = check_mid(row[0].strip(), f"{key}, line {number}")
        names[mid] = row[1].strip()
    if not names:
        raise DataError(f"{key} lists no classes; fetch it anew.")
    return names


def _parse_mids(text: str, key: str) -> set[str]:
    return {check_mid(line.strip(), key) for line in text.splitlines() if line.strip()}
