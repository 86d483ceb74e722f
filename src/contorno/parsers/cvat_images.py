"""Where the files of a CVAT export lie: the XML, and its images."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from contorno.errors import ConfigError, DataError
from contorno.parsers.findings import Findings
from contorno.parsers.found import FoundImage
from contorno.parsers.image_files import is_there, relative_name
from contorno.parsers.parsing import Missing
from contorno.parsers.unread import archive_message
from contorno.parsers.xml_file import root_tag
from contorno.splits.words import SPLIT_WORDS

_BY_LAST_PART = "image found by the last part of its name, without its folders"


def annotations_file(path: Path) -> Path:
    """The XML file at `path`. Raises ConfigError if a folder has none, or several and none called annotations.xml."""
    if path.is_file() and path.suffix.lower() == ".zip":
        raise ConfigError(archive_message(path))
    if not path.is_dir():
        return path
    if (path / "annotations.xml").is_file():
        return path / "annotations.xml"
    found = [file for file in sorted(path.glob("*.xml")) if root_tag(file) == "annotations"]
    if len(found) != 1:
        names = ", ".join(file.name for file in found[:3]) or "none"
        raise ConfigError(f"{path} has no annotations.xml and not one CVAT file ({names}); give the XML file itself.")
    return found[0]


def image_home(folder: Path) -> Path:
    """The folder of the images of an export: images/ as CVAT has it, data/ as FiftyOne, else the export's own."""
    places = (folder / name for name in ("images", "data", "JPEGImages"))
    return next((place for place in places if place.is_dir()), folder)


def image_name(
    name: str, img_dir: Path, missing_images: Missing, source: Path, where: str, findings: Findings
) -> str | None:
    """The name of an image below `img_dir`, or None if it has none, or one that leads out and is dropped; counted.

    name: as the XML states it.   source: the XML file, for messages.
    Raises DataError for a name that leads out, unless a file of its last part is there or `missing_images` is "drop".
    """
    try:
        return relative_name(name, f"{source}: {where}")
    except DataError:
        base = re.split(r"[/\\]", name)[-1]
        if base not in ("", ".", "..") and "\0" not in base and is_there(img_dir / base):
            findings.mend(_BY_LAST_PART, where, name[:80])
            return base
        if not name.strip():
            findings.drop("image without a name", where)
            return None
        if missing_images == "error":
            raise
        findings.leave_out("image whose file name leads out of the image folder", 1, where)
        return None


def find_images(images: list[FoundImage], img_dir: Path, findings: Findings) -> None:
    """Set the paths of images that are not right under their names."""
    base_names = Counter(image.file_name.rpartition("/")[2] for image in images)
    for image in images:
        if image.path is None:
            image.path = image_path(image.file_name, image.split or "", img_dir)
        base = image.file_name.rpartition("/")[2]
        if image.path is None and base != image.file_name and base_names[base] == 1:
            place = img_dir / base
            if is_there(place):
                findings.mend(_BY_LAST_PART, image.where)
                image.path = place


def image_path(name: str, subset: str, img_dir: Path) -> Path | None:
    """The file of an image: under its name, or in a folder of its subset, as exports of projects lay them out."""
    names = [subset, *(known for known, split in SPLIT_WORDS.items() if split == subset or known == subset.lower())]
    folders = [*(img_dir / folder for below in names if below for folder in _spellings(below)), img_dir]
    # "default" is the subset of images that are in none.
    for folder in (*folders, img_dir / "default"):
        for place in (folder, folder / "images"):
            if is_there(place / name):
                return place / name
    return None


def _spellings(folder: str) -> tuple[str, ...]:
    # A subset's name is any text; as part of a path only what stays below the image folder is tried.
    if "/" in folder or "\\" in folder or folder.startswith("."):
        return ()
    return folder, folder.lower(), folder.capitalize()
