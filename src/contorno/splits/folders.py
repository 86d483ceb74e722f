"""Division by what the source says already: the split of each image, or the folder that it lies in."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from contorno.errors import ConfigError, DataError
from contorno.records import Records
from contorno.splits.listed import some
from contorno.splits.words import SPLIT_FOLDERS

_FOLDERS = {
    "train": (*SPLIT_FOLDERS["train"], "trainset"),
    "validation": (*SPLIT_FOLDERS["validation"], "dev", "valset"),
    "test": (*SPLIT_FOLDERS["test"], "testset"),
}
_SPLIT_OF_FOLDER = {folder: split for split, folders in _FOLDERS.items() for folder in folders}
_RANK = {split: rank for rank, split in enumerate(_FOLDERS)}


class FolderSplitter:
    """Divide by the folder that each image file lies in.

    folders: names of folders for each part, as in {"train": ["site_a", "site_b"], "test": "site_c"}. Unset: the
             folders named as splits are (train, train2017, val, valid, dev, test, ...), and if no image lies in such a
             one, the first folder below the one that holds all images.

    The first fitting folder counts, from the common folder of all images downwards; names match without regard to case.
    Parts stand as in `folders`; if unset train, validation, test, then others by name.
    Raises ConfigError for a folder in two parts; when called, DataError if an image lies in no such folder, and
    ConfigError if a part of `folders` has no image.
    """

    def __init__(self, folders: Mapping[str, str | Sequence[str]] | None = None) -> None:
        self._part_of: dict[str, str] | None = None
        self.folders = folders
        if folders is not None:
            self._part_of = {}
            for part, given in folders.items():
                for folder in [given] if isinstance(given, str) else given:
                    if self._part_of.setdefault(folder.casefold(), part) != part:
                        raise ConfigError(f"the folder {folder!r} is given to two parts; an image is in one part only.")

    def by_name(self, records: Records) -> dict[str, Records]:
        """The parts by their names."""
        common, below = _folders(records)
        part_of = self._part_of
        found = [next((part for part in map(self._part, folders) if part is not None), None) for folders in below]
        if not any(found) and common is not None and self._part(common) is not None:
            found = [self._part(common)] * len(found)  # all images lie in one folder
        elif part_of is None and not any(found):
            found = [folders[0] if folders else None for folders in below]
        lost = [record.image_id for record, part in zip(records, found, strict=True) if part is None]
        if lost or not found:
            wanted = "train, val or test" if part_of is None else ", ".join(part_of)
            raise DataError(
                f"{some(lost)} lie in no folder that names a part ({wanted}); move them, or divide in another way."
                if found
                else "there are no images to divide; check the images and the label file."
            )
        indices: dict[str, list[int]] = {}
        for index, part in enumerate(found):
            assert part is not None
            indices.setdefault(part, []).append(index)
        order = list(self.folders) if self.folders is not None else _by_rank(indices)
        for part in order:
            if part not in indices:
                raise ConfigError(f"no image lies in a folder of the part {part!r}; every part needs at least one.")
        return {part: records.select(indices[part]) for part in order}

    def __call__(self, records: Records) -> list[Records]:
        return list(self.by_name(records).values())

    def _part(self, folder: str) -> str | None:
        if self._part_of is not None:
            return self._part_of.get(folder.casefold())
        # train2017, val_2: the year or number says nothing of the part.
        return _SPLIT_OF_FOLDER.get(re.sub(r"[-_ .]*\d+$", "", folder.casefold()))


class BySplitFolder:
    """Divide by `record.split`, the split that the source put each image in: train, validation, test, others by name.

    Raises DataError, when called, if there are no records or one has no split.
    """

    def by_name(self, records: Records) -> dict[str, Records]:
        """The parts by the names of their splits."""
        indices: dict[str, list[int]] = {}
        for index, record in enumerate(records):
            if record.split is None:
                raise DataError(f"image {record.image_id}: its source put it in no split; use RandomSplitter instead.")
            indices.setdefault(record.split, []).append(index)
        if not indices:
            raise DataError("there are no images to divide; check the images and the label file.")
        return {name: records.select(indices[name]) for name in _by_rank(indices)}

    def __call__(self, records: Records) -> list[Records]:
        return list(self.by_name(records).values())


def _by_rank(names: Mapping[str, object]) -> list[str]:
    return sorted(names, key=lambda name: (_RANK.get(name, len(_RANK)), name))


def _folders(records: Records) -> tuple[str | None, list[tuple[str, ...]]]:
    """Name of the folder that holds all images, and those of each image below it; for images in memory those in ids."""
    parents = [
        PurePosixPath(str(record.image_id)).parent if record.path is None else record.path.absolute().parent
        for record in records
    ]
    absolute = [parent for parent in parents if parent.is_absolute()]
    common = Path(os.path.commonpath(absolute)) if absolute else Path()
    depth = len(common.parts)
    return common.name or None, [parent.parts[depth:] if parent.is_absolute() else parent.parts for parent in parents]
