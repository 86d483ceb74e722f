"""The folder that the file names of a COCO file start in: looked for near the file, by its names."""

from __future__ import annotations

import json
import mmap
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from contorno.errors import DataError
from contorno.parsers.coco_names import FolderIndex, is_web_address, last_part
from contorno.parsers.image_files import missing_names, relative_name
from contorno.splits.words import SPLIT_WORDS

COCO_SPLIT_WORDS = {**SPLIT_WORDS, "minival": "validation"}
"""Words in names of files and folders that mean a split."""

_PLACES = ("images", "data", "JPEGImages", "imgs")
_LABEL_FOLDERS = ("annotations", "annotation", "labels", "label", "json", "jsons", "coco", "raw", "ann", "gt")
_NAMES_TRIED = 3
_TEXT = rb'"\s*:\s*"((?:[^"\\]|\\.){1,1000})"'
MOST_NEAR = 100_000
"""Files that are looked at near a label file, which may lie in a home folder."""
_LATE_BYTES = 1 << 26


def image_folder(path: Path, root: Path, images: Path | None = None) -> Path:
    """The folder that a COCO file's file names start in: the first likely one that has some of its images.

    root:    the folder of the data set.   images: look in this one and in its folders instead.
    Raises DataError, with the folders looked in, if there is none, or if the file names lead out of their folder to
    files that are not there.
    """
    names = [*first_file_names(path), *_last_file_names(path)]
    if not names:  # LVIS: http://images.cocodataset.org/train2017/000000391895.jpg
        urls = [url.split("/") for url in first_file_names(path, key="coco_url") if url.count("/") > 3]
        names = ["/".join(parts[-2:]) for parts in urls]
    found = find_image_folder(path, root, names, images)
    if found is not None:
        return found
    for name in names:
        relative_name(name, str(path))
    tried = ", ".join(str(place) for place in _likely(path, root, images) if place.is_dir())
    raise DataError(f"{path}: its first image {names[0]!r} is in none of {tried}; give the image folder with images=.")


def find_image_folder(path: Path, root: Path, names: Sequence[str], images: Path | None = None) -> Path | None:
    """The folder that has the most of some images of a COCO file, or None.

    names: as the file has them; without any, the folder given or that of the file.   root, images: as above.
    A folder is sought first that has the files as they are named, then one that has their last parts, as
    `coco_names.find_names` takes them.
    """
    places, near = _likely(path, root, images), folders_near(path, root, images)
    if not names:
        return images if images is not None else path.parent
    relative = [None if is_web_address(name) else _relative(name) for name in names]
    ends = [last_part(name) for name in names]
    best: tuple[int, Path] | None = None
    for wanted in (relative, ends):
        some = [name for name in wanted if name is not None]
        if wanted is ends:  # what a name only ends in is not sought beside the data set
            places = [place for place in places if any(place.is_relative_to(base) for base in near)]
        counts = [(len(some) - len(missing_names(place, some)), place) for place in places] if some else []
        most = max((count for count, _ in counts), default=0)
        if best is None and most:
            best = most, next(place for count, place in counts if count == most)
        if most == len(names):
            return next(place for count, place in counts if count == most)
    for base in near:
        deep = _deep(base, names, relative)
        if deep is not None and (best is None or deep[0] > best[0]):
            best = deep
    return None if best is None else best[1]


def first_file_names(path: Path, count: int = _NAMES_TRIED, key: str = "file_name") -> list[str]:
    """The `file_name` of the first images of a COCO file, without reading what stands before them into memory.

    Raises DataError if the file cannot be read.
    """
    return _file_names(path, count, key, late=False)


def _last_file_names(path: Path) -> list[str]:
    """Those of its last images, where the file is not long: names of one data set may lie in several folders."""
    return _file_names(path, _NAMES_TRIED, "file_name", late=True)


def _file_names(path: Path, count: int, key: str, late: bool) -> list[str]:
    names: list[str] = []
    mark = b'"' + key.encode()
    pattern = re.compile(mark + _TEXT)
    if not path.is_file():
        return []  # a pipe would be waited for
    try:
        with path.open("rb") as file:
            length = os.fstat(file.fileno()).st_size
            if not length or (late and length > _LATE_BYTES):
                return []
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
                at = text.rfind(mark + b'"') if late else text.find(mark + b'"')
                while at >= 0 and len(names) < count:
                    match = pattern.match(text, at)
                    if match is not None:
                        names += _unquoted(match.group(1))
                    at = text.rfind(mark + b'"', 0, at) if late else text.find(mark + b'"', at + 1)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}.") from error
    return names


def _likely(path: Path, root: Path, images: Path | None) -> list[Path]:
    """Likely image folders of a file, the likeliest first."""
    if images is not None:
        return list(dict.fromkeys(_places_below(images, path)))
    here = path.parent
    bases = dict.fromkeys((here, *(up for up in here.parents if up.is_relative_to(root)), here.parent))
    return list(dict.fromkeys(place for base in bases for place in _places_below(base, path)))


def folders_near(path: Path, root: Path, images: Path | None = None) -> list[Path]:
    """Folders below which every folder may hold the images: never those of a neighbour of the data set."""
    if images is not None:
        return [images]
    here = path.parent
    outer = [here.parent] if here.name.lower() in _LABEL_FOLDERS or here.name.lower() in COCO_SPLIT_WORDS else []
    return list(dict.fromkeys([here, *(up for up in here.parents if up.is_relative_to(root)), *outer]))


def _deep(base: Path, names: Sequence[str], relative: Sequence[str | None]) -> tuple[int, Path] | None:
    """How many of the names mean files below a folder, and the innermost folder that they start in."""
    index = FolderIndex(base, most=MOST_NEAR)
    starts: list[PurePosixPath] = []
    for name, own in zip(names, relative, strict=True):
        found = index.find(name)
        if found is None:
            continue
        whole = f"/{found}"
        is_named = own is not None and whole.endswith(f"/{own}")
        starts.append(PurePosixPath(whole[: -len(own)] if is_named and own else whole).relative_to("/"))
        if not (is_named and own):
            starts[-1] = starts[-1].parent
    if not starts:
        return None
    return len(starts), base / os.path.commonpath([f"/{start}" for start in starts])[1:]


def _places_below(base: Path, path: Path) -> Iterator[Path]:
    for subset in _subsets(path):
        for place in _PLACES:
            yield base / place / subset
            yield base / subset / place
        yield base / subset
    for place in _PLACES:
        yield base / place
    yield base


def _subsets(path: Path) -> list[str]:
    """Names that a folder of a file's images may have: of instances_train2017.json, train2017, then train."""
    stem = re.sub(r"^(instances|person_keypoints|annotations?|coco|labels)[_-]+", "", path.stem)
    stem = re.sub(r"[._-](annotations?|coco|labels)$", "", stem)
    words = [word for word in (*split_words(stem), path.parent.name.lower()) if word in COCO_SPLIT_WORDS]
    same = [other for word in words for other, split in COCO_SPLIT_WORDS.items() if split == COCO_SPLIT_WORDS[word]]
    folders = list(dict.fromkeys([stem, *words, *same]))
    return [*folders, *(f"{name}_images" for name in folders)]  # Tiny PASCAL: pascal_train.json, train_images/


def split_words(name: str) -> list[str]:
    """The words of a name, in small letters."""
    return [word for word in re.split(r"[^a-z]+", name.lower()) if word]


def _relative(name: str) -> str | None:
    try:
        return relative_name(name, "")
    except DataError:
        return None


def _unquoted(text: bytes) -> list[str]:
    try:
        return [str(json.loads(b'"' + text + b'"'))]
    except ValueError:
        return []
