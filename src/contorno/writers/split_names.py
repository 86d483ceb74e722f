"""Names of splits as folders and files are called for them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath, PureWindowsPath

from contorno.errors import ConfigError
from contorno.splits.words import SPLIT_WORDS

USUAL_SPLITS = ("train", "validation", "test")


def usual_name(split: str) -> str:
    """ "train", "validation" or "test" for what these are called elsewhere; another name as it is."""
    return SPLIT_WORDS.get(split.lower(), split)


def check_splits(splits: Iterable[str]) -> None:
    """Raise ConfigError for a name that cannot be that of one folder: they come from data, and might lead elsewhere."""
    for split in splits:
        plain = PurePosixPath(split).name == split == PureWindowsPath(split).name
        if split and (not plain or split.startswith(".") or not split.isprintable() or len(split.encode()) > 100):
            raise ConfigError(f"the split {split!r} cannot be the name of a folder; call it otherwise.")
