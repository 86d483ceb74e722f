"""Where COCO files and their images lie: the layouts that tools write, told from names and the first bytes of files.

    Roboflow        train/_annotations.coco.json beside the images, valid/, test/
    CVAT            annotations/instances_default.json or instances_<subset>.json, images/ or images/<subset>/
    COCO            annotations/instances_train2017.json (captions_, person_keypoints_ beside it), train2017/
    MMDetection     annotations/train.json, train/ or images/
    contorno        annotations/train.json, images/train/
    Label Studio    result.json, images/
    FiftyOne        labels.json, data/
    labelme2coco    annotations.json, JPEGImages/

No file is read whole: a label file may have hundreds of megabytes.
"""

from __future__ import annotations

import json
import mmap
import os
import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from contorno.errors import DataError
from contorno.parsers.image_files import missing_names, relative_name
from contorno.parsers.json_head import read_head
from contorno.splits.words import SPLIT_WORDS

Part = tuple[Path, Path]
"""A COCO file and the folder that its file names start in."""

_WORDS = {**SPLIT_WORDS, "minival": "validation"}
# Files that COCO and others lay beside the instances, of the same images.
_OTHER_TASKS = ("captions", "stuff", "panoptic", "image_info", "keypoints", "person_keypoints", "densepose")
_MASKS_TOO = "person_keypoints"
_NOT_COCO = frozenset({"shapes", "imageData", "_via_settings", "_via_img_metadata", "items", "fingerprint", "asset"})
_PLACES = ("images", "data", "JPEGImages", "imgs")
_DEEPEST = 3
_PEEKED_IN_A_FOLDER = 24
_NAMES_TRIED = 3
_TEXT = rb'"\s*:\s*"((?:[^"\\]|\\.){1,1000})"'


def find_coco_parts(folder: Path, images: Path | None = None) -> dict[str, Part]:
    """The COCO files below a folder by split, as `find_coco_files` gives them, each with its image folder.

    images:  where the images are, if not below `folder`; a folder in it for each split is found too.
    An image folder is one that has the file's first images.
    Raises DataError as `find_coco_files` does, and if images are in none of the folders looked in.
    """
    files = find_coco_files(folder)
    return {split: (path, image_folder(path, Path(folder), images)) for split, path in files.items()}


def find_coco_files(folder: Path) -> dict[str, Path]:
    """The COCO files below a folder by split: "train", "validation", "test"; one named "" if it is not divided.

    A file is an instances file if its first keys are COCO's; captions and the like are passed over, and so are files
    of predictions.
    Raises DataError if there is no such file, if two are for one split, or if some are for splits and others are not.
    """
    folder = Path(folder)
    found: dict[str, list[Path]] = {}
    every = coco_files(folder)
    for path in _without_doubles(every):
        found.setdefault(split_named(path, folder), []).append(path)
    if not found and every:
        listed = ", ".join(path.relative_to(folder).as_posix() for path in every[:4])
        raise DataError(
            f"{folder} has COCO files of other tasks alone ({listed}); expected one with 'images', 'annotations' and "
            "'categories' of instances. If it is one, give the file itself."
        )
    if not found:
        raise DataError(f"{folder} has no COCO file with 'images', 'annotations' and 'categories' in it or below it.")
    doubled = {split: paths for split, paths in found.items() if len(paths) > 1}
    if doubled or ("" in found and len(found) > 1):
        several = [path for paths in (doubled or found).values() for path in paths]
        listed = ", ".join(path.relative_to(folder).as_posix() for path in several[:8])
        meant = "the same split" if doubled else "a split, and others for none"
        raise DataError(f"{folder} has COCO files for {meant}: {listed}; give the one that is meant, with its images.")
    return {split: found[split][0] for split in ("", "train", "validation", "test") if split in found}


def is_coco_file(path: Path) -> bool:
    """True if the first keys of a JSON file are those of a COCO instances file. Predictions, a list, are none."""
    try:
        head = read_head(path)
    except DataError:
        return False
    keys = set(head.keys)
    if head.kind != "object" or keys & _NOT_COCO:
        return False
    if head.whole:
        return {"images", "annotations"} <= keys
    # What comes after a long table is not seen.
    return "images" in keys or "annotations" in keys or ("categories" in keys and {"id", "name"} <= set(head.inner))


def coco_files(folder: Path) -> list[Path]:
    """All COCO instances files in a folder and three below, in order; hidden ones and folders are passed over."""
    found = []
    for place, folders, files in os.walk(folder):
        depth = len(Path(place).relative_to(folder).parts)
        folders[:] = sorted(name for name in folders if not name.startswith(".")) if depth < _DEEPEST else []
        names = sorted(name for name in files if name.lower().endswith(".json") and not name.startswith("."))
        if len(names) > _PEEKED_IN_A_FOLDER:
            # A folder of one label file an image, or with some COCO files among those: told by their names.
            names = [name for name in names if re.search(r"coco|instances|annotations|train|val|test", name.lower())]
            names = names[:_PEEKED_IN_A_FOLDER]
        found += [Path(place) / name for name in names if is_coco_file(Path(place) / name)]
    return found


def split_named(path: Path, root: Path) -> str:
    """The split that the name of a COCO file says, else that of the folders below `root` that it lies in; else ""."""
    names = [path.stem, *reversed(path.relative_to(root).parent.parts)] if path.is_relative_to(root) else [path.stem]
    for name in names:
        splits = {_WORDS[word] for word in _words(name) if word in _WORDS}
        if len(splits) == 1:
            return splits.pop()
    return ""


def image_folder(path: Path, root: Path, images: Path | None = None) -> Path:
    """The folder that a COCO file's file names start in: the first likely one that has its first images.

    root:    the folder of the data set.   images: look in this one and in its folders instead.
    Raises DataError, with the folders looked in, if there is none; also if the file names lead out of their folder.
    """
    names = [relative_name(name, f"{path}: images[{index}]") for index, name in enumerate(first_file_names(path))]
    if not names:  # LVIS: http://images.cocodataset.org/train2017/000000391895.jpg
        urls = [url.split("/") for url in first_file_names(path, key="coco_url") if url.count("/") > 3]
        names = [relative_name("/".join(parts[-2:]), f"{path}: a coco_url") for parts in urls]
        ends = [parts[-1] for parts in urls]
    else:
        ends = []
    places = list(dict.fromkeys(_places(path, root) if images is None else _places_below(images, path)))
    for place in places:
        if place.is_dir() and not missing_names(place, names):
            return place
    for place in places if ends else ():
        if place.is_dir() and not missing_names(place, ends):
            return place
    # Some of its files may be gone, which is for the parser to say.
    for place in places:
        if place.is_dir() and len(missing_names(place, names)) < len(names):
            return place
    if not names and (images is not None or places):
        return images if images is not None else path.parent
    tried = ", ".join(str(place) for place in places if place.is_dir())
    raise DataError(f"{path}: its first image {names[0]!r} is in none of {tried}; give the image folder with images=.")


def first_file_names(path: Path, count: int = _NAMES_TRIED, key: str = "file_name") -> list[str]:
    """The `file_name` of the first images of a COCO file, without reading what stands before them into memory.

    Raises DataError if the file cannot be read.
    """
    names: list[str] = []
    mark = b'"' + key.encode()
    pattern = re.compile(mark + _TEXT)
    if not path.is_file():
        return []  # a pipe would be waited for
    try:
        with path.open("rb") as file:
            if not os.fstat(file.fileno()).st_size:
                return []
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
                at = text.find(mark + b'"')
                while at >= 0 and len(names) < count:
                    match = pattern.match(text, at)
                    if match is not None:
                        names += _unquoted(match.group(1))
                    at = text.find(mark + b'"', at + 1)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}.") from error
    return names


def drop_supercategory(
    categories: Sequence[Mapping[str, Any]], used: Container[Any]
) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
    """Part the categories of a COCO file into real ones and the row that stands for the project, as (kept, dropped).

    used: category ids that annotations have.
    Roboflow puts a row before the classes whose name is the `supercategory` of all others (the project's, or that of a
    class of the same name), with id 0 and no objects; taken for a class it would get label 1 and move all others.
    A row is dropped if it has no object, every other row names it as its `supercategory`, and it does not name itself.
    """
    above = [row.get("supercategory") for row in categories[:3]]
    # Of three rows two at least name the project, or there is none; so no more than two names are looked for.
    for name in {name for name in above if isinstance(name, str)}:
        others = [row for row in categories if row.get("supercategory") == name]
        if others and len(others) == len(categories) - 1:
            (row,) = (row for row in categories if row.get("supercategory") != name)
            if row.get("name") == name and row.get("id") not in used:
                return others, [row]
    return list(categories), []


def _without_doubles(paths: Iterable[Path]) -> list[Path]:
    """Leave out files of other tasks, but keypoints, which have masks too, where no instances file lies beside them."""
    paths = list(paths)
    kept = []
    for path in paths:
        task = next((task for task in sorted(_OTHER_TASKS, key=len, reverse=True) if path.stem.startswith(task)), None)
        if task is None:
            kept.append(path)
        elif task == _MASKS_TOO:
            split = path.stem.removeprefix(f"{_MASKS_TOO}_")
            if not any(other.stem == f"instances_{split}" for other in paths):
                kept.append(path)
    return kept


def _words(name: str) -> list[str]:
    return [word for word in re.split(r"[^a-z]+", name.lower()) if word]


def _subsets(path: Path) -> list[str]:
    """Names that a folder of a file's images may have: of instances_train2017.json, train2017, then train."""
    stem = re.sub(r"^(instances|person_keypoints|annotations?|coco|labels)[_-]+", "", path.stem)
    stem = re.sub(r"[._-](annotations?|coco|labels)$", "", stem)
    words = [word for word in (*_words(stem), path.parent.name.lower()) if word in _WORDS]
    same = [other for word in words for other, split in _WORDS.items() if split == _WORDS[word]]
    return list(dict.fromkeys([stem, *words, *same]))


def _places(path: Path, root: Path) -> Iterator[Path]:
    """Likely image folders of a file, the likeliest first."""
    here = path.parent
    for base in dict.fromkeys((here, *(up for up in here.parents if up.is_relative_to(root)), here.parent)):
        yield from _places_below(base, path)


def _places_below(base: Path, path: Path) -> Iterator[Path]:
    for subset in _subsets(path):
        for place in _PLACES:
            yield base / place / subset
            yield base / subset / place
        yield base / subset
    for place in _PLACES:
        yield base / place
    yield base


def _unquoted(text: bytes) -> list[str]:
    try:
        return [str(json.loads(b'"' + text + b'"'))]
    except ValueError:
        return []
