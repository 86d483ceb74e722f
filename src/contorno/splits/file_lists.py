"""Text files that list images, and the images that their lines mean."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from contorno.errors import ConfigError, DataError
from contorno.records import Records

_FLAGS = ("1", "0", "-1")


def read_list(path: Path) -> list[str]:
    """The lines of a list without blank ones and comments ("#"). Raises DataError for what is no UTF-8 text."""
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not a text file: byte {error.start} is not UTF-8; expected image names.") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error
    lines = (line.strip() for line in text.replace("\0", "").splitlines())
    return [line for line in lines if line and not line.startswith("#")]


class FileNames:
    """Finds the records that names mean: ids, or paths with or without folders and suffix."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._by_id = {_normal(str(record.image_id)): index for index, record in enumerate(records)}
        paths = [str(record.image_id) if record.path is None else record.path.as_posix() for record in records]
        self._paths = [PurePosixPath(_normal(path)).parts for path in paths]
        self._tails: dict[tuple[int, bool], dict[tuple[str, ...], list[int]]] = {}

    def find(self, names: Sequence[str], source: Path) -> tuple[list[int], list[str]]:
        """Places of the records that the names mean, each once, and the names that mean none.

        Raises ConfigError for a name that fits several images.
        """
        found: dict[int, None] = {}
        unknown = []
        for name in names:
            hits = self._hits(name)
            words = name.rsplit(None, 1)
            if not hits and words[-1] in _FLAGS and len(words) == 2:
                hits = self._hits(words[0])
            if len(hits) > 1:
                ids = ", ".join(repr(self._records[index].image_id) for index in hits[:3])
                raise ConfigError(
                    f"{source}: {name!r} fits {len(hits)} images (ids {ids}{', ...' if len(hits) > 3 else ''}); "
                    "write more of the path, or the id."
                )
            if hits:
                found[hits[0]] = None
            else:
                unknown.append(name)
        return list(found), unknown

    def example(self) -> str:
        """A file name and an id that would be found, for messages."""
        if not len(self._records):
            return ""
        return f"; there are names such as {self._paths[0][-1]!r} and ids such as {self._records[0].image_id!r}"

    def _hits(self, name: str) -> list[int]:
        name = _normal(name)
        if name in self._by_id:
            return [self._by_id[name]]
        parts = tuple(part for part in PurePosixPath(name.replace("\\", "/")).parts if part not in ("/", "."))
        for length in range(len(parts), 0, -1):
            for with_suffix in (True, False):
                hits = self._tail(length, with_suffix).get(parts[-length:], [])
                if hits:
                    return hits
        return []

    def _tail(self, length: int, with_suffix: bool) -> dict[tuple[str, ...], list[int]]:
        """Places of records by the last `length` parts of their paths; made on first use."""
        key = (length, with_suffix)
        if key not in self._tails:
            table: dict[tuple[str, ...], list[int]] = {}
            for index, path in enumerate(self._paths):
                last = path[-1] if with_suffix else PurePosixPath(path[-1]).stem
                if len(path) >= length:
                    table.setdefault((*path[-length:-1], last), []).append(index)
            self._tails[key] = table
        return self._tails[key]


def _normal(name: str) -> str:
    # macOS lists accents decomposed, other systems composed: the same name to a person.
    return unicodedata.normalize("NFC", name)
