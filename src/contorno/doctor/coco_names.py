"""File names of a COCO file that lead nowhere, and the files in the image folder that they may mean.

Tools write names as they see them: with the folders of a server (Label Studio), whole paths of the machine that the
labels were made on (labelme2coco), web addresses. Where the last part of such a name is a file of the image folder, and
that of no other entry, it is that file. Nothing outside of the image folder is ever looked at.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from contorno.doctor.coco_tables import ImageRow
from contorno.doctor.report import Faults, Place
from contorno.parsers.image_files import missing_names
from contorno.records import ImageId

ASTRAY = "file name with folders that are not there"
_LOOKED_AT = 50
_LONGEST = 255  # bytes of a name that file systems take


@dataclass(frozen=True, slots=True)
class FoundName:
    """A file that an entry of `images` may mean. name: in the image folder.   why: the kind of fault."""

    row: ImageRow
    name: str
    why: str


def last_part(name: object) -> str | None:
    """The file at the end of a path of any system or a web address; None if there is none that can be."""
    if not isinstance(name, str) or "\0" in name:
        return None
    text = name.strip()
    if "://" in text:
        text = unquote(text.partition("?")[0].partition("#")[0])
    base = PurePosixPath(text.replace("\\", "/")).name
    if base in ("", "..") or ":" in base or len(base.encode("utf-8", "replace")) > _LONGEST:
        return None
    return base


def names_to_find(images: Mapping[ImageId, ImageRow]) -> list[str]:
    """The names by which to look for the image folder: of names that lead out, their last part."""
    names = (
        last_part(row.entry.get("file_name")) if row.file_name is None else row.file_name for row in images.values()
    )
    return [name for name in names if name is not None]


def find_images(path: Path, names: list[str], given: Path | None = None) -> Path | None:
    """The folder that has the most of the first of these files: the given one, or one near the label file.

    Where none has any, the last parts of the names are looked for.
    """
    ends = [PurePosixPath(name).name for name in names]
    if given is not None:
        return (
            given if not names or any(len(missing_names(given, some)) < len(some) for some in (names, ends)) else None
        )
    here = path.parent
    near = [here / "images", here, here / path.stem, here.parent / "images", here.parent]
    for parent in (here, here.parent):
        try:
            near += sorted(folder for folder in parent.iterdir() if folder.is_dir() and not folder.name.startswith("."))
        except OSError:
            continue
    for some in (names[:_LOOKED_AT], ends[:_LOOKED_AT]):
        best, most = None, 0
        for folder in near:
            found = len(some) - len(missing_names(folder, some))
            if found > most:
                best, most = folder, found
        if best is not None:
            return best
    return None


def found_names(images: Mapping[ImageId, ImageRow], folder: Path | None) -> list[FoundName]:
    """The entries whose name leads nowhere, and whose file is in the image folder all the same."""
    if folder is None:
        return []
    gone = set(missing_names(folder, [row.file_name for row in images.values() if row.file_name is not None]))
    taken = {row.file_name for row in images.values() if row.file_name not in gone}
    wanted: list[FoundName] = []
    for row in images.values():
        if row.bad_name is None and (row.file_name not in gone or "/" not in str(row.file_name)):
            continue
        base = last_part(row.entry.get("file_name") if row.file_name is None else row.file_name)
        if base is not None and base not in taken:
            wanted.append(FoundName(row, base, ASTRAY if row.bad_name is None else row.bad_name[0]))
    claims = Counter(found.name for found in wanted)
    there = set(claims) - set(missing_names(folder, claims))
    return [found for found in wanted if found.name in there and claims[found.name] == 1]


def check_names(images: Mapping[ImageId, ImageRow], folder: Path | None, faults: Faults) -> None:
    """Report names that lead nowhere; rows whose file is found by its last part get that as `file_name`."""
    found = {id(one.row): one for one in found_names(images, folder)}
    for row in images.values():
        one = found.get(id(row))
        if one is None and row.bad_name is None:
            continue
        place: Place = replace(row.place, field="file_name")
        kind, cause, mend = row.bad_name or (ASTRAY, f"its file name is {row.file_name!r}.", "")
        if one is not None:
            cause = f"{cause.removesuffix('.')}; {one.name!r} is in {folder}."
            mend = f"write {one.name!r}."
            row.file_name = one.name
        faults.add("error", kind, place, cause, mend, fixable=one is not None)
