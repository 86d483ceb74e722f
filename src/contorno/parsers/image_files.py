"""Image files as label files name them: safe names, and whether the files are there."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path, PurePosixPath, PureWindowsPath

from contorno.errors import ConfigError, DataError

_SHOWN = 200  # characters of a name in messages


def relative_name(name: object, where: str) -> str:
    """A file name from a label file as a relative path with forward slashes.

    where: the place in the label file, for messages.
    Raises DataError if it is not a text, is empty, is absolute or climbs out of its folder with "..".
    """
    if not isinstance(name, str) or not name.strip() or "\0" in name:
        raise DataError(
            f"{where}: the file name is {repr(name)[:_SHOWN]}; expected the path of an image below the image folder."
        )
    # Files made on Windows have backslashes; no data set is known that means them as part of a name.
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or PureWindowsPath(name).drive or ".." in path.parts:
        raise DataError(
            f"{where}: the file name {repr(name)[:_SHOWN]} leads out of the image folder; "
            "expected a path below it, without '..' and not absolute."
        )
    return str(path)


def existing_folder(folder: Path, what: str) -> Path:
    """`folder` as a Path. Raises ConfigError that names it if there is no such folder."""
    folder = Path(folder)
    if not folder.is_dir():
        raise ConfigError(f"{what} {folder} is not a folder; give the folder that is meant.")
    return folder


def is_there(file: Path) -> bool:
    """Whether there is such a file; False also for names that no file can have, such as those of 300 letters."""
    try:
        return file.is_file()
    except (OSError, ValueError):
        return False


def missing_names(folder: Path, names: Iterable[str]) -> list[str]:
    """The `names`, relative to `folder`, of which there is no file; in the order given.

    Each folder is listed once, which for many files is far quicker than asking for each.
    """
    listed: dict[str, frozenset[str]] = {}
    missing = []
    for name in names:
        parent, _, base = name.rpartition("/")
        if parent not in listed:
            listed[parent] = _list_files(folder / parent)
        # Asked for by itself where not listed: file systems that ignore case, or write accents otherwise, open it.
        if base not in listed[parent] and not is_there(folder / name):
            missing.append(name)
    return missing


def missing_message(source: str, folder: Path, missing: list[str], total: int) -> str:
    """One sentence or two about missing image files, with a guess at the cause."""
    first = missing[0]
    hint = (
        "give the folder that the file names start in as img_dir (--images, images=), or leave them out: "
        "missing_images='drop' (--missing-images drop)."
    )
    base = PurePosixPath(first).name
    if "/" in first and is_there(folder / base):
        hint = f"{folder} has {base} itself: give its parent as img_dir, or take the folder out of the file names."
    shown = repr(first)[:_SHOWN]
    return f"{source}: {len(missing)} of {total} image files are not in {folder}, the first is {shown}; {hint}"


def _list_files(folder: Path) -> frozenset[str]:
    try:
        with os.scandir(folder) as entries:
            return frozenset(entry.name for entry in entries if entry.is_file())
    except OSError:
        return frozenset()
