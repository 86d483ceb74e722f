"""Class names of YOLO data sets, in lists and mappings and files, and the texts that hold them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from contorno.errors import DataError

CLASS_FILES = ("classes.txt", "obj.names", "_darknet.labels", "labels.txt", "classes.names", "predefined_classes.txt")
"""Files with a class name a line, in the order in which they are believed: labelImg's, Darknet's and others."""


MOST_BYTES = 1_000_000  # 3 s of reading YAML


def read_class_file(path: Path) -> dict[int, str]:
    """Class names by index from a file with one a line; empty lines at the end do not count."""
    lines = read_text(path).rstrip().splitlines()
    return {index: line.strip() for index, line in enumerate(lines) if line.strip()}


def class_file_beside(folders: Sequence[Path]) -> Path | None:
    """The first file of class names in any of the folders."""
    for folder in folders:
        for name in CLASS_FILES:
            if (folder / name).is_file():
                return folder / name
        names = sorted(folder.glob("*.names"))
        if len(names) == 1:
            return names[0]
    return None


def names_from(value: object, where: str) -> dict[int, str]:
    """Class names by index from a list, or from a mapping of indices, which may have gaps.

    Raises DataError for anything else, an index that is no whole number from 0 on, and an empty name.
    """
    if isinstance(value, Mapping):
        pairs = [(_index(key, where), name) for key, name in value.items()]
    elif isinstance(value, Sequence) and not isinstance(value, str):
        pairs = list(enumerate(value))
    else:
        raise DataError(f"{where}: 'names' is {short(value)}; expected a list of names, or a name for each index.")
    names: dict[int, str] = {}
    for index, name in pairs:
        if not isinstance(name, str | int | float) or not str(name).strip():
            raise DataError(f"{where}: the name of class {index} is {short(name)}; expected a text.")
        names[index] = str(name).strip()
    return dict(sorted(names.items()))


def read_text(path: Path, most_bytes: int = MOST_BYTES) -> str:
    """A text file: UTF-8 with or without a byte-order mark, or UTF-16 with one.

    Raises DataError if it cannot be read, is longer than `most_bytes` or is no text.
    """
    try:
        length = path.stat().st_size
        if length > most_bytes:
            raise DataError(f"{path} has {length / 1e6:.0f} MB; expected a text of at most {most_bytes / 1e6:.0f} MB.")
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error
    try:
        return data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not a text: byte {error.start} is not UTF-8.") from error


def _index(key: object, where: str) -> int:
    try:
        index = int(str(key))
    except ValueError:
        index = -1
    if index < 0:
        raise DataError(f"{where}: 'names' has the index {short(key)}; expected whole numbers from 0 on.")
    return index


def short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
