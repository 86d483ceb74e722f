"""Where images, masks and tables of Open Images lie below a folder, whoever fetched them."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from contorno.parsers.openimages_tables import TableKind, table_kind
from contorno.splits.words import SPLIT_WORDS

Layout = Literal["contorno", "tutorial", "tables"]

PICTURES = frozenset({".jpg", ".jpeg", ".png"})
_MASK_FOLDER = re.compile(r"(.*[-_])?(masks?|segmentations?)([-_].*)?", re.IGNORECASE)
_MASK_NAME = re.compile(r".+_[mgt]\w+_[0-9a-fA-F]+\.png", re.IGNORECASE)
_DEEPEST = 6


@dataclass(slots=True, kw_only=True)
class OpenImagesFolder:
    """What lies below a root.

    tables:  files by what they are.   images: by ImageID.   mask_folders: folders of mask files, not listed, since an
    archive of masks unpacks to hundreds of thousands.   loose_masks: mask files elsewhere, by name.
    """

    root: Path
    tables: dict[TableKind, list[Path]] = field(default_factory=dict)
    images: dict[str, list[Path]] = field(default_factory=dict)
    mask_folders: list[Path] = field(default_factory=list)
    loose_masks: dict[str, Path] = field(default_factory=dict)

    def mask(self, name: str) -> Path | None:
        """The file of a mask; None if there is none."""
        base = name.replace("\\", "/").rpartition("/")[2]
        if base in ("", ".", ".."):
            return None
        # Sixteen archives by the first digit of the ImageID; FiftyOne unpacks each into a folder called so.
        for folder in self.mask_folders:
            for place in (folder / base, folder / base[0].upper() / base, folder / base[0].lower() / base):
                if place.is_file():
                    return place
        return self.loose_masks.get(base)


def layout_of(root: Path) -> Layout | None:
    """How a folder of Open Images is laid out; None if it is none.

    "contorno": manifest.json and annotations/<split>.json, as `contorno openimages fetch` leaves it.
    "tutorial": <class>/images and <class>/segmentations, or one such class.   "tables": the published CSV files.
    """
    if (root / "manifest.json").is_file() and any((root / "annotations").glob("*.json")):
        return "contorno"
    if class_folders(root):
        return "tutorial"
    tables = survey(root, pictures=False).tables
    return "tables" if tables.keys() & {"masks", "boxes"} else None


def class_folders(root: Path) -> list[Path]:
    """Folders of one class each in the tutorial's layout: `root` itself, or those in it."""
    places = [root, *sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))]
    found = [place for place in places if (place / "images").is_dir() and (place / "segmentations").is_dir()]
    return found[:1] if found[:1] == [root] else found


def survey(root: Path, img_dir: Path | None = None, *, pictures: bool = True) -> OpenImagesFolder:
    """Find tables, and images and masks unless `pictures` is False, below `root`; images below `img_dir` if given.

    Hidden folders are passed over, and links to folders not followed.
    """
    found = OpenImagesFolder(root=root)
    for place, folders, files in os.walk(root):
        depth = len(Path(place).relative_to(root).parts)
        folders[:] = sorted(name for name in folders if not name.startswith(".")) if depth < _DEEPEST else []
        for name in list(folders):
            if _MASK_FOLDER.fullmatch(name):
                inner = Path(place) / name
                found.mask_folders += [inner, *(sub for sub in sorted(inner.iterdir()) if sub.is_dir())]
                folders.remove(name)
        for name in sorted(files):
            path = Path(place) / name
            if name.lower().endswith(".csv"):
                kind = table_kind(path)
                if kind is not None:
                    found.tables.setdefault(kind, []).append(path)
            elif pictures and path.suffix.lower() in PICTURES and not name.startswith("."):
                if _MASK_NAME.fullmatch(name):
                    found.loose_masks.setdefault(name, path)
                elif img_dir is None:
                    found.images.setdefault(path.stem, []).append(path)
    if img_dir is not None and pictures:
        found.images = survey(img_dir).images
    return found


def split_of(path: Path, root: Path) -> str | None:
    """The split that a file's folders or its name say: `validation/data/x.jpg`, `oidv6-train-annotations-bbox.csv`."""
    folders = path.relative_to(root).parent.parts if path.is_relative_to(root) else path.parent.parts
    for name in (*reversed(folders), root.name):
        if name.lower() in SPLIT_WORDS:
            return SPLIT_WORDS[name.lower()]
    for word in re.split(r"[-_.]", path.name.lower()) if path.suffix.lower() == ".csv" else ():
        if word in SPLIT_WORDS:
            return SPLIT_WORDS[word]
    return None
