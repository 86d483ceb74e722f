"""The classes of Open Images: names, MIDs, and which of them have masks."""

from __future__ import annotations

import csv
import difflib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from contorno.errors import ConfigError, DataError
from contorno.openimages.bucket import MetaFiles
from contorno.openimages.web import NotFoundError
from contorno.records import fold_name

_MID = re.compile(r"/[a-z]/[0-9a-z_]+")
_NEAR_NAMES = 5
_T = TypeVar("_T")


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
    """All boxable classes, found by name without regard to case and outer space."""

    def __init__(self, classes: Sequence[OpenImagesClass]) -> None:
        self.classes = tuple(classes)
        self._by_name = {fold_name(item.name): item for item in self.classes}

    def __len__(self) -> int:
        return len(self.classes)

    def find(self, name: str) -> OpenImagesClass:
        """The class of that name (or MID), which must have masks.

        Raises ConfigError that offers the nearest names, or says that the class has no masks.
        """
        found = self._by_name.get(fold_name(name)) or next((c for c in self.classes if c.mid == name.strip()), None)
        if found is None:
            near = self.near(name)
            hint = "; ".join(f"{c.name} ({'with' if c.has_masks else 'without'} masks)" for c in near)
            raise ConfigError(
                f"Open Images has no class {name!r}; "
                + (f"the nearest names are: {hint}." if near else "no name comes near it.")
            )
        if not found.has_masks:
            raise ConfigError(
                f"Open Images has boxes of {found.name!r} and no masks; "
                f"{sum(c.has_masks for c in self.classes)} of its {len(self)} classes have masks, choose one of those."
            )
        return found

    def near(self, text: str) -> list[OpenImagesClass]:
        """Classes whose names contain `text` or come near it, best first."""
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
        names = _read(meta, key, _parse_names)
    except NotFoundError:
        names = _read(meta, others[0], _parse_names)
    with_masks = _read(meta, meta.bucket.mask_classes_key, _parse_mids)
    return ClassList([OpenImagesClass(name, mid, mid in with_masks) for mid, name in names.items()])


def _read(meta: MetaFiles, key: str, parse: Callable[[str, str], _T]) -> _T:
    try:
        return parse(meta.read(key).decode("utf-8-sig"), key)
    except UnicodeDecodeError as error:
        meta.forget(key)
        raise DataError(f"{key} is not a text: byte {error.start} is not UTF-8.") from error
    except DataError:
        meta.forget(key)
        raise


def _parse_names(text: str, key: str) -> dict[str, str]:
    """{MID: name}."""
    names: dict[str, str] = {}
    for number, row in enumerate(csv.reader(text.splitlines()), start=1):
        if not row or (number == 1 and row[:2] == ["LabelName", "DisplayName"]):
            continue
        if len(row) != 2:
            raise DataError(f"{key}: line {number} has {len(row)} fields; expected two: MID and name.")
        mid = _check_mid(row[0].strip(), f"{key}, line {number}")
        names[mid] = row[1].strip()
    if not names:
        raise DataError(f"{key} lists no classes; fetch it anew.")
    return names


def _parse_mids(text: str, key: str) -> set[str]:
    return {_check_mid(line.strip(), key) for line in text.splitlines() if line.strip()}


def _check_mid(mid: str, where: str) -> str:
    # MIDs become parts of file names, so nothing else may pass.
    if not _MID.fullmatch(mid):
        raise DataError(
            f"{where}: {mid[:60]!r} is no class id like '/m/01b9xk'; the file is not the list it should be."
        )
    return mid
