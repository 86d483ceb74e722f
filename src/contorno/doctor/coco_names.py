"""File names of a COCO file that lead nowhere, and the files in the image folder that they mean."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from contorno.doctor.coco_tables import ImageRow
from contorno.doctor.report import Faults, Place
from contorno.parsers.coco_image_folder import MOST_NEAR, find_image_folder, folders_near
from contorno.parsers.coco_names import ASTRAY, OTHER_ACCENTS, OTHER_CASE, QUOTED, FolderIndex, find_names
from contorno.parsers.coco_names import last_part as last_part
from contorno.parsers.image_files import missing_names
from contorno.records import ImageId

_LOOKED_AT = 50
_CAUSES = {
    OTHER_CASE: "only some systems take one for the other",
    OTHER_ACCENTS: "zips made on a Mac write accents as signs of their own",
    QUOTED: "%20 stands for a blank in web addresses alone",
}


@dataclass(frozen=True, slots=True)
class FoundRow:
    """An entry of `images` and the file that it means. name: in the image folder.   why: the kind of fault."""

    row: ImageRow
    name: str
    why: str


def names_to_find(images: Mapping[ImageId, ImageRow]) -> list[str]:
    """The names of all entries, as `find_images` takes them."""
    return [name for row in images.values() if (name := _name(row)) is not None]


def doubtful_names(table: list[Any], path: Path, given: Path | None = None) -> frozenset[str]:
    """File names that several entries of `images` have, and several files too, so that nobody knows which is which."""
    counts = Counter(entry.get("file_name") for entry in table if isinstance(entry, dict) and _is_text(entry))
    twice = [name for name, count in counts.items() if name is not None and count > 1]
    if not twice:
        return frozenset()
    folder = find_images(path, twice, given)
    gone = twice if folder is None else missing_names(folder, [name for name in twice if ".." not in name])
    several: set[str] = set()
    for base in folders_near(path, path.parent, given) if gone else ():
        index = FolderIndex(base, most=MOST_NEAR)
        several |= {name for name in gone if len(index.files(name)) > 1}
    return frozenset(several)


def other_suffix(name: str, path: Path, given: Path | None = None) -> str | None:
    """A picture near the label file that is called as this one but for its suffix."""
    stem = last_part(name)
    for base in folders_near(path, path.parent, given) if stem is not None else ():
        index = FolderIndex(base, most=MOST_NEAR)
        for suffix in (".jpg", ".png", ".jpeg", ".tif", ".bmp", ".webp"):
            files = index.files(str(PurePosixPath(stem or "").with_suffix(suffix)))
            if files:
                return files[0]
    return None


def find_images(path: Path, names: list[str], given: Path | None = None) -> Path | None:
    """The folder that has the most of some of these files: the given one, or one near the label file."""
    step = max(1, len(names) // _LOOKED_AT)
    some = names[::step][:_LOOKED_AT]
    if given is not None and (not some or len(missing_names(given, some)) < len(some)):
        return given
    return find_image_folder(path, path.parent, some, given) if some else None


def found_names(images: Mapping[ImageId, ImageRow], folder: Path | None) -> list[FoundRow]:
    """The entries whose name leads nowhere, and whose file is in the image folder all the same."""
    if folder is None:
        return []
    found = find_names(names_to_find(images), folder)
    named = [(row, found.get(_name(row) or "")) for row in images.values()]
    return [FoundRow(row, one.name, one.why) for row, one in named if one is not None]


def check_names(images: Mapping[ImageId, ImageRow], folder: Path | None, faults: Faults) -> None:
    """Report names that lead nowhere; rows whose file is found get that as `file_name`."""
    found = {id(one.row): one for one in found_names(images, folder)}
    for row in images.values():
        one = found.get(id(row))
        if one is None and row.bad_name is None:
            continue
        place: Place = replace(row.place, field="file_name")
        kind, cause, mend = row.bad_name or (ASTRAY, f"its file name is {row.file_name!r}.", "")
        if one is not None and "file_name" not in row.entry:
            row.file_name = one.name  # named by an address, which is told already
            continue
        if one is not None:
            why = _CAUSES.get(one.why)
            kind = one.why
            cause = f"{cause.removesuffix('.')}; {one.name!r} is in {folder}{'' if why is None else f': {why}'}."
            mend = f"write {one.name!r}."
            row.file_name = one.name
        faults.add("error", kind, place, cause, mend, fixable=one is not None)


def _name(row: ImageRow) -> str | None:
    """The name as `find_names` takes it: as the file has it where it leads out, else relative."""
    if row.file_name is not None:
        return row.file_name
    name = row.entry.get("file_name")
    return name if isinstance(name, str) and row.bad_name is not None else None


def _is_text(entry: dict[str, Any]) -> bool:
    return isinstance(entry.get("file_name"), str)
