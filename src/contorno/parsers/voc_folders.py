"""Where the parts of a PASCAL VOC data set lie, and which image is in which split."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from contorno.errors import ConfigError, DataError
from contorno.parsers.image_files import existing_folder, relative_name
from contorno.splits.words import SPLIT_WORDS

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".gif", ".jfif", ".mpo"})
"""Suffixes, in lower case, by which an image is found beside an annotation that does not name it."""

_ANNOTATIONS = ("annotations", "annotation", "xmls", "xml", "labels")
_IMAGES = ("jpegimages", "images", "imgs", "pngimages", "image", "data")
_OBJECTS = ("segmentationobject", "segmentationobjectpng")
_CLASSES = ("segmentationclass", "segmentationclasspng")
_SETS = ("imagesets",)


@dataclass(frozen=True, slots=True, kw_only=True)
class VocFolders:
    """The folders of one data set; None for what it does not have. root: where its lists of classes are looked for."""

    root: Path
    annotations: Path | None
    images: Path
    masks: Path | None
    class_masks: Path | None
    imagesets: Path | None


def find_folders(
    annotations_dir: Path | str,
    images_dir: Path | str | None = None,
    masks_dir: Path | str | None = None,
    class_masks_dir: Path | str | None = None,
    imagesets_dir: Path | str | None = None,
) -> VocFolders:
    """The folders given, or those that the root folder of a data set has under VOC's names.

    annotations_dir: the folder of XML files, or the root alone: a folder with Annotations/ or SegmentationObject/ in
                     it, or one with VOCdevkit/VOC2012/ or VOC2012/ in it. Without images_dir and these, the images are
                     beside their XML files, or in JPEGImages/ or images/ beside Annotations/.
    Raises ConfigError for a folder that is not there, and where several years lie beside each other.
    """
    given = existing_folder(Path(annotations_dir), "the folder annotations_dir")
    root = _root(given)
    own = root is not None and images_dir is None

    def place(folder: Path | str | None, what: str, names: tuple[str, ...]) -> Path | None:
        if folder is not None:
            return existing_folder(Path(folder), what)
        return named_folder(root, names) if own and root is not None else None

    annotations: Path | None = given
    if root is not None:
        annotations = named_folder(root, _ANNOTATIONS)
    images = place(images_dir, "the folder images_dir", _IMAGES)
    if images is None and root is None and given.name.lower() in _ANNOTATIONS and not _holds_images(given):
        images = named_folder(given.parent, _IMAGES)  # the folder of XML files out of a whole data set
    return VocFolders(
        root=root if root is not None else given.parent,
        annotations=annotations,
        images=images if images is not None else annotations or given,
        masks=place(masks_dir, "the folder masks_dir", _OBJECTS),
        class_masks=place(class_masks_dir, "the folder class_masks_dir", _CLASSES),
        imagesets=place(imagesets_dir, "the folder imagesets_dir", _SETS),
    )


def _holds_images(folder: Path) -> bool:
    return any(Path(name).suffix.lower() in IMAGE_SUFFIXES for name in files(folder))


def _root(folder: Path) -> Path | None:
    """The folder that holds the parts, if `folder` is it or leads to it, and is no folder of XML files."""
    places = [folder, *filter(None, [named_folder(folder, ("vocdevkit",))])]
    for place in places:
        if named_folder(place, _ANNOTATIONS + _OBJECTS) is not None:
            return place
    for place in reversed(places):
        found = [inner for inner in _folders(place) if named_folder(inner, _ANNOTATIONS + _OBJECTS) is not None]
        years = [inner for inner in found if inner.name.lower().startswith("voc")]
        if len(years) > 1:
            names = ", ".join(year.name for year in years)
            raise ConfigError(f"{place} holds several data sets ({names}); give the folder of one, as {years[0]}.")
        if years or len(found) == 1:
            return (years or found)[0]
    return None


class Images:
    """Finds image files by name or by stem; each folder is listed once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._listed: dict[str, tuple[frozenset[str], dict[str, str]]] = {}

    def has(self, name: str) -> bool:
        """True if there is a file `name` below the folder."""
        folder, _, base = name.rpartition("/")
        return base in self._list(folder)[0] or (self.folder / name).is_file()

    def of_stem(self, folder: str, stem: str) -> str | None:
        """The name of the image called `stem` with any suffix.

        folder: where its XML file lies; the image is looked for there, beside it (as images/ lies beside annotations/)
                and in the image folder itself.
        """
        for place in self._places(folder):
            base = self._list(place)[1].get(stem)
            if base is not None:
                return f"{place}/{base}" if place else base
        return None

    def _places(self, folder: str) -> Iterator[str]:
        yield folder
        parent, _, last = folder.rpartition("/")
        if last.lower() in _ANNOTATIONS:
            home = named_folder(self.folder / parent, _IMAGES)
            if home is not None:
                yield home.relative_to(self.folder).as_posix()
        if folder:
            yield ""

    def stems(self) -> list[str]:
        """The stems of all images that lie in the folder itself, in order."""
        return sorted(self._list("")[1])

    def _list(self, folder: str) -> tuple[frozenset[str], dict[str, str]]:
        if folder not in self._listed:
            names = sorted(files(self.folder / folder))
            stems: dict[str, str] = {}
            for name in names:
                stem = without_suffix(name)
                if stem != name:
                    stems.setdefault(stem, name)
            self._listed[folder] = (frozenset(names), stems)
        return self._listed[folder]


def files(folder: Path) -> Iterator[str]:
    """Names of the files in a folder, without hidden ones; none if there is no such folder."""
    try:
        with os.scandir(folder) as entries:
            yield from (entry.name for entry in entries if not entry.name.startswith(".") and entry.is_file())
    except OSError:
        return


def xml_files(folder: Path) -> list[tuple[str, str]]:
    """All XML files below a folder as (folder below it, name), in order; links to folders are not followed."""
    found = []
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__MACOSX")))
        below = Path(place).relative_to(folder).as_posix()
        found += [
            ("" if below == "." else below, name)
            for name in names
            if name.lower().endswith(".xml") and not name.startswith(".")
        ]
    return sorted(found)


def without_suffix(name: str) -> str:
    """A name without the suffix of an image; other suffixes belong to the name."""
    stem, dot, suffix = name.rpartition(".")
    return stem if dot and f".{suffix.lower()}" in IMAGE_SUFFIXES else name


def is_lossy(name: str) -> bool:
    """True for the name of a JPEG, in which the numbers of a mask picture are not exact."""
    return name.lower().endswith((".jpg", ".jpeg", ".jfif"))


def split_of_folder(folder: str) -> str | None:
    """The split that one of the folders in a path is named for."""
    return next((SPLIT_WORDS[part] for part in folder.lower().split("/") if part in SPLIT_WORDS), None)


def safe_name(name: str, where: str) -> str | None:
    """A file name from an XML file as a relative path, or None if it is none or leads elsewhere."""
    try:
        return relative_name(name, where)
    except DataError:
        return None


def named_folder(folder: Path | None, names: tuple[str, ...]) -> Path | None:
    """The first folder in `folder` that is called one of `names`, without regard to case."""
    if folder is None:
        return None
    below = {place.name.lower(): place for place in _folders(folder)}
    return next((below[name.lower()] for name in names if name.lower() in below), None)


def _folders(folder: Path) -> list[Path]:
    try:
        return sorted(place for place in folder.iterdir() if place.is_dir() and not place.name.startswith("."))
    except OSError:
        return []
