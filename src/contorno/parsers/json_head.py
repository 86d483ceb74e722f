"""What a JSON file is, from its first kilobytes: label files of whole data sets are too long to be read twice."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from contorno.errors import DataError

Kind = Literal["object", "list", "other"]

_HEAD_BYTES = 1 << 16
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonHead:
    """The beginning of a JSON text.

    kind:    what the text is as a whole.
    keys:    keys of the object itself that lie in the head, in order; of a list none.
    inner:   keys of the first object in it, that is of the first value or entry that is an object.
    whole:   True if the head is the whole text, so that no further key can follow.
    """

    kind: Kind
    keys: tuple[str, ...]
    inner: tuple[str, ...]
    whole: bool


def read_head(path: Path, length: int = _HEAD_BYTES) -> JsonHead:
    """Read the first `length` bytes of a JSON file and list the keys in them.

    Keys beyond the head are not seen: those after a long list are missing from `keys`.
    Raises DataError if the file cannot be read or does not begin as JSON does.
    """
    path = Path(path)
    try:
        if path.exists() and not path.is_file():
            raise DataError(f"{path} is no file; expected JSON.")  # a pipe would be waited for
        with path.open("rb") as file:
            data = file.read(length + 1)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error
    text = data[:length].decode("utf-8-sig", "replace").lstrip()
    if not text:
        raise DataError(f"{path} is empty; expected JSON.")
    if text[0] not in "{[":
        return JsonHead(kind="other", keys=(), inner=(), whole=len(data) <= length)
    return _scan(text, whole=len(data) <= length)


def _scan(text: str, whole: bool) -> JsonHead:
    """Follow the brackets: a string before a colon is a key, of the outer object at depth 1."""
    keys: list[str] = []
    inner: list[str] = []
    opened: list[str] = []
    inner_depth = 0
    last = ""
    for match in _TOKEN.finditer(text):
        token = match.group()
        if token in "{[":
            opened.append(token)
            if token == "{" and len(opened) > 1 and not inner_depth:
                inner_depth = len(opened)
        elif token in "}]":
            if not opened:
                break
            if len(opened) == inner_depth:
                inner_depth = -1  # only the first one
            opened.pop()
        elif token == ":" and last.startswith('"'):
            if len(opened) == 1 and opened[0] == "{":
                keys.append(_unquoted(last))
            elif len(opened) == inner_depth:
                inner.append(_unquoted(last))
        last = token
    return JsonHead(
        kind="object" if text[0] == "{" else "list", keys=tuple(keys), inner=tuple(inner), whole=whole and not opened
    )


def _unquoted(token: str) -> str:
    try:
        return str(json.loads(token))
    except ValueError:
        return token[1:-1]
