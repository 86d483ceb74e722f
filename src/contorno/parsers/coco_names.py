"""File names of a COCO file that lead nowhere, and the files in the image folder that they mean.

Tools write names as they see them: with the folders of a server or its web address (Label Studio), whole paths of the
machine that the labels were made on (labelme2coco), %20 for a blank; zips made on a Mac write accents as signs of
their own, and some systems do not tell A from a. Such a name means the file of the image folder, or of a folder in it,
that its last part names, if there is one such file alone, or one alone that lies in the folders of the name too, and
no other name means it. Nothing outside of the image folder is ever looked at.
"""

from __future__ import annotations

import os
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote

from contorno.errors import DataError
from contorno.parsers.image_files import missing_names, relative_name

LEADS_OUT = "file name that leads out of the image folder"
WEB_ADDRESS = "file name that is a web address"
ASTRAY = "file name with folders that are not there"
QUOTED = "file name with signs written as %20 and the like"
OTHER_CASE = "image file named in another case"
OTHER_ACCENTS = "file name whose accents are written in another way"
DEEPER = "file name without the folder that the file lies in"

ADDRESSES = ("coco_url", "flickr_url")
"""Keys of an entry of `images` with a web address; LVIS has no other name of the file."""

_WEB = ("http://", "https://", "s3://", "gs://", "ftp://", "file://")
_LOCAL_FILES = "/local-files/?d="  # Label Studio serves files of its machine as /data/local-files/?d=<path>
_LONGEST = 255  # bytes of a name that file systems take
MOST_FILES = 500_000
_DEEPEST = 5


@dataclass(frozen=True, slots=True)
class FoundName:
    """The file that a name means. name: below the image folder, with forward slashes.   why: the kind of fault."""

    name: str
    why: str


def is_web_address(name: object) -> bool:
    """True for a name that begins as addresses do."""
    return isinstance(name, str) and name.startswith(_WEB)


def last_part(name: object) -> str | None:
    """The file at the end of a path of any system or a web address; None if there is none that can be."""
    parts = _parts(name, unquoted=isinstance(name, str) and "://" in name)
    return parts[-1] if parts else None


def name_of_address(entry: Mapping[str, Any], folder: Path | None = None) -> str | None:
    """What an entry of `images` without a file name is called by its web addresses; else None."""
    names = (name_in_url(entry.get(key), folder) for key in ADDRESSES)
    return next((name for name in names if name is not None), None)


def name_in_url(url: object, folder: Path | None = None) -> str | None:
    """The folder and file that a web address ends in, or its file alone if `folder` has no such folder; else None."""
    if not isinstance(url, str) or "://" not in url:
        return None
    parts = PurePosixPath(unquote(url.partition("://")[2].partition("?")[0].partition("#")[0])).parts[1:]
    if not parts or ".." in parts or "\0" in url:
        return None
    if len(parts) > 1 and (folder is None or (folder / parts[-2]).is_dir()):
        return f"{parts[-2]}/{parts[-1]}"
    return parts[-1]


def find_names(names: Iterable[str], folder: Path) -> dict[str, FoundName]:
    """The files in `folder` that names mean which lead nowhere, by name.

    names: all of the label file, as it has them: a file that is named as it should be is meant by that name alone.
    """
    every = dict.fromkeys(names)
    clean = {name: _relative(name) for name in every}
    gone = set(missing_names(folder, [name for name in clean.values() if name is not None]))
    wanted = [name for name, relative in clean.items() if relative is None or relative in gone]
    if not wanted:
        return {}
    taken = {relative for relative in clean.values() if relative is not None and relative not in gone}
    index = FolderIndex(folder, taken)
    found = {name: one for name in wanted if (one := index.find(name)) is not None}
    claims = Counter(found.values())
    return {name: FoundName(one, _why(name, clean[name], one)) for name, one in found.items() if claims[one] == 1}


class FolderIndex:
    """The files of a folder and those below it, by their last part without regard to case and form of accents.

    but: files that are passed over.   most: so many files are looked at, and hardly more.
    """

    def __init__(self, folder: Path, but: Collection[str] = (), most: int = MOST_FILES) -> None:
        self._files: dict[str, list[str]] = defaultdict(list)
        count = 0
        for place, folders, files in os.walk(folder):
            below = Path(place).relative_to(folder)
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            if len(below.parts) >= _DEEPEST:
                folders.clear()
            for file in sorted(files):
                path = (below / file).as_posix()
                if path not in but:
                    self._files[_folded(file)].append(path)
            count += len(files)
            if count > most:
                break

    def files(self, name: str) -> list[str]:
        """All files that the last part of a name is, without regard to case and form of accents."""
        parts = _parts(name, unquoted=False)
        return self._files.get(_folded(parts[-1]), []) if parts else []

    def find(self, name: str) -> str | None:
        """The one file that a name means, or None."""
        for unquoted in (False, True):
            parts = _parts(name, unquoted)
            if not parts:
                continue
            files = self._files.get(_folded(parts[-1]), [])
            if len(files) == 1:
                return files[0]
            ranked = sorted(((_likeness(parts, file), file) for file in files), reverse=True)
            if len(ranked) > 1 and ranked[0][0] > ranked[1][0]:
                return ranked[0][1]
        return None


def _relative(name: str) -> str | None:
    if is_web_address(name):
        return None
    try:
        return relative_name(name, "")
    except DataError:
        return None


def _parts(name: object, unquoted: bool) -> list[str]:
    """The folders and the file of a path of any system or a web address; none if the last is no file."""
    if not isinstance(name, str) or "\0" in name:
        return []
    text = name.strip()
    if _LOCAL_FILES in text:
        text = text.partition(_LOCAL_FILES)[2]
    elif "://" in text:
        text = text.partition("://")[2].partition("?")[0].partition("#")[0]
    if unquoted:
        text = unquote(text)
    path = PurePosixPath(text.replace("\\", "/"))
    base = path.name
    if base in ("", "..") or ":" in base or "\0" in base or len(base.encode("utf-8", "replace")) > _LONGEST:
        return []
    if "://" in name and len(path.parts) < 2:
        return []  # the host alone
    return list(path.parts)


def _likeness(parts: Sequence[str], file: str) -> tuple[int, bool, bool]:
    """How much of the end of a name a file has: of parts alike, then in case, then by lying in no folder at all."""
    own = PurePosixPath(file).parts
    alike = 0
    for one, other in zip(reversed(parts), reversed(own), strict=False):
        if _folded(one) != _folded(other):
            break
        alike += 1
    return alike, own[-1] == parts[-1], len(own) == 1


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _why(name: str, relative: str | None, found: str) -> str:
    """What is wrong with a name."""
    if relative is None:
        return WEB_ADDRESS if is_web_address(name) else LEADS_OUT
    base, own = PurePosixPath(relative).name, PurePosixPath(found).name
    if _folded(base) != _folded(own):
        return QUOTED
    if _folded(relative) == _folded(found):
        same_accents = unicodedata.normalize("NFC", relative) != unicodedata.normalize("NFC", found)
        return OTHER_CASE if same_accents else OTHER_ACCENTS
    return DEEPER if "/" not in relative else ASTRAY
