"""The image files that VIA files name: as URLs, as paths of other machines, and as names."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

from contorno.errors import DataError
from contorno.parsers.findings import Findings
from contorno.parsers.image_files import is_there, relative_name
from contorno.parsers.parsing import Missing
from contorno.parsers.via_document import ViaImage
from contorno.splits.words import SPLIT_FOLDERS, SPLIT_WORDS

_URL = re.compile(r"[a-z][a-z0-9+.-]+:/", re.IGNORECASE)
_PLACES = ("images", "image", "imgs", "img", "data", "JPEGImages", "photos")
_LABEL_FOLDERS = ("annotations", "annotation", "labels", "json", "csv", "via")
_LOOKED_AT = 3


def image_home(images: list[ViaImage], file: Path) -> Path:
    """The folder that the file names of a label file start in: the file's own, else images/ beside it or the folder of
    the split that the file is named for, if the first images are there. One folder up too, where the file lies in
    annotations/ or the like."""
    home = file.parent
    bases = [home, *([home.parent] if home.name.lower() in _LABEL_FOLDERS else [])]
    said = {SPLIT_WORDS[word] for word in re.split(r"[^a-z]+", file.stem.lower()) if word in SPLIT_WORDS}
    splits = [name for split in said for name in SPLIT_FOLDERS[split]] if len(said) == 1 else []
    places = [home]
    for base in bases:
        own = [base / place / split for split in splits for place in _PLACES]
        own += [base / split / place for split in splits for place in _PLACES]
        places += [*own, *(base / split for split in splits), *(base / place for place in _PLACES), base]
    first = [image.names for image in images[:_LOOKED_AT]]
    there = [sum(any(_is_at(place, name) for name in names) for names in first) for place in places]
    return places[there.index(max(there))]


def _is_at(place: Path, name: str) -> bool:
    """True if the file of a name, or of its last part, is in a folder; names that lead out of it are not looked for."""
    parts = [] if _URL.match(name) else [name.replace("\\", "/")]
    parts.append(_base(name))
    return any(
        part not in ("", ".", "..")
        and ".." not in part.split("/")
        and not part.startswith("/")
        and "\0" not in part
        and is_there(place / part)
        for part in parts
    )


def _base(name: str) -> str:
    """The last part of a path or URL, without what follows a question mark in the latter."""
    if _URL.match(name):
        name = unquote(re.split(r"[?#]", name)[0])
    return re.split(r"[/\\]", name.rstrip("/\\"))[-1]


class LeftOut(Exception):  # noqa: N818
    """An image is left out, and counted. Says why."""


def images_by_name(
    images: list[ViaImage], img_dir: Path, missing_images: Missing, source: Path, findings: Findings
) -> dict[str, list[ViaImage]]:
    """The entries of each image, by its name below `img_dir`.

    source: the label file, for messages.
    Raises DataError if no entry can be used, and for a name that leads out of `img_dir` unless those may be dropped.
    """
    found: dict[str, list[ViaImage]] = {}
    why = ""
    for image in images:
        try:
            found.setdefault(_name(image, img_dir, missing_images, source, findings), []).append(image)
        except LeftOut as fault:
            why = why or f"{image.where}: {fault}"
    if images and not found:
        raise DataError(f"{source}: none of its {len(images)} images can be used; the first is {why}.")
    return found


def _name(image: ViaImage, img_dir: Path, missing_images: Missing, source: Path, findings: Findings) -> str:
    """The name of an image below `img_dir`. Raises LeftOut for one that cannot be used."""
    fault: DataError | None = None
    safe = []
    for name in image.names:
        try:
            if not _URL.match(name):
                safe.append(relative_name(name, f"{source}: {image.where}"))
        except DataError as error:
            fault = error
    for name in safe:
        if is_there(img_dir / name):
            return name
    bases = [_base(name) for name in image.names]
    for base in bases:
        if base not in ("", ".", "..") and "\0" not in base and is_there(img_dir / base):
            kind = "named by a URL" if _URL.match(image.names[0]) else "whose path is of another place"
            findings.mend(f"image {kind}, found by its base name", image.where)
            return base
    if safe:
        return safe[0]
    if not any(name.strip() for name in image.names):
        kind, why = "without a file name", "it has no file name"
    elif fault is None:
        kind, why = "named by a URL", "no file of its base name is in the image folder"
    elif missing_images == "drop":
        kind, why = "whose file name leads out of the image folder", "its file name leads out of the image folder"
    else:
        raise fault
    findings.leave_out(f"region of an image {kind}", len(image.regions))
    if fault is not None and image.names[0].strip():
        findings.leave_out(f"image {kind}", 1, image.where)  # the caller has asked for it
    else:
        findings.drop(f"image {kind}", image.where, why)
    raise LeftOut(why)
