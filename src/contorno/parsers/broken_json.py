"""What a file that should be JSON is instead, from its first bytes: packed, a picture, a web page, UTF-16."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

_HEAD = 64
_PAGE = ("a web page, as servers give instead of a file", "fetch it again; the address may need a login")
_PICTURE = ("a picture", "give the label file")
_FIRST_BYTES = {
    b"\x1f\x8b": ("packed with gzip", "unpack it"),
    b"PK\x03\x04": ("a zip", "unpack it"),
    b"version https://git-lfs": (
        "a pointer of Git LFS, which stands for the file",
        "fetch the file itself with `git lfs pull`",
    ),
    b"\x89PNG": _PICTURE,
    b"\xff\xd8\xff": _PICTURE,
    b"<!DOCTYPE": _PAGE,
    b"<!doctype": _PAGE,
    b"<html": _PAGE,
    b"\xff\xfe": ("UTF-16, as some Windows programs save", "save it as UTF-8"),
    b"\xfe\xff": ("UTF-16, as some Windows programs save", "save it as UTF-8"),
}
_NAMED = 4


def broken_json(path: Path) -> tuple[str, str] | None:
    """What the file is, and what to do about it; None for what may be JSON, or cannot be read."""
    if not path.is_file():
        return None  # a pipe would be waited for
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError:
        return None
    if not head:
        return "empty", "fetch or write it again"
    for begin, told in _FIRST_BYTES.items():
        if head.startswith(begin):
            return told
    if len(head) > 3 and (head[1:4:2] == b"\0\0" or head[0:3:2] == b"\0\0"):
        return _FIRST_BYTES[b"\xff\xfe"]
    return None


def named_json_files(folder: Path, names: Sequence[str]) -> str:
    """The JSON files of a folder in words, each with what is wrong with it."""
    told = []
    for name in names[:_NAMED]:
        broken = broken_json(folder / name)
        told.append(name if broken is None else f"{name}, which is {broken[0]}: {broken[1]}")
    return f"{len(names)} JSON file{'' if len(names) == 1 else 's'} ({', '.join(told)})"
