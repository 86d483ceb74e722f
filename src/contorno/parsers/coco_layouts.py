"""Where COCO files and their images lie: the layouts that tools write, told from names and the first bytes of files.

    Roboflow        train/_annotations.coco.json beside the images, valid/, test/
    CVAT            annotations/instances_default.json or instances_<subset>.json, images/ or images/<subset>/
    COCO            annotations/instances_train2017.json (captions_, person_keypoints_ beside it), train2017/
    MMDetection     annotations/train.json, train/ or images/
    contorno        annotations/train.json, images/train/
    Label Studio    result.json, images/
    FiftyOne        labels.json, data/; or train/labels.json, train/data/ (and raw/, which is passed over)
    Supervisely     train/annotations/instances.json, train/images/
    Tiny PASCAL     pascal_train.json, train_images/
    labelme2coco    annotations.json, JPEGImages/

No file is read whole: a label file may have hundreds of megabytes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from contorno.errors import DataError
from contorno.parsers.broken_json import broken_json
from contorno.parsers.coco_image_folder import COCO_SPLIT_WORDS, first_file_names, image_folder, split_words
from contorno.parsers.json_head import read_head

__all__ = [
    "coco_files",
    "drop_supercategory",
    "find_coco_files",
    "find_coco_parts",
    "first_file_names",
    "image_folder",
    "is_coco_file",
    "split_named",
]

Part = tuple[Path, Path]
"""A COCO file and the folder that its file names start in."""

# Files that COCO and others lay beside the instances, of the same images.
_OTHER_TASKS = ("captions", "stuff", "panoptic", "image_info", "keypoints", "person_keypoints", "densepose")
_MASKS_TOO = "person_keypoints"
_NOT_COCO = frozenset({"shapes", "imageData", "_via_settings", "_via_img_metadata", "items", "fingerprint", "asset"})
_DEEPEST = 3
_PEEKED_IN_A_FOLDER = 24


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
    for path in _without_raw(_without_doubles(every), folder):
        found.setdefault(split_named(path, folder), []).append(path)
    if not found and every:
        listed = ", ".join(path.relative_to(folder).as_posix() for path in every[:4])
        raise DataError(
            f"{folder} has COCO files of other tasks alone ({listed}); expected one with 'images', 'annotations' and "
            "'categories' of instances. If it is one, give the file itself."
        )
    if not found:
        raise DataError(f"{folder} has no COCO file with 'images', 'annotations' and 'categories' in it or below it.")
    broken = broken_siblings(folder, [path for paths in found.values() for path in paths], every)
    if broken:
        listed = "; ".join(f"{path.relative_to(folder).as_posix()} is {what}" for path, what in broken.items())
        raise DataError(
            f"{folder} has label files that cannot be read beside others that can: {listed}; mend them or take them "
            "away, so that no part of the data is missing unseen."
        )
    doubled = {split: paths for split, paths in found.items() if len(paths) > 1}
    if doubled or ("" in found and len(found) > 1):
        several = [path for paths in (doubled or found).values() for path in paths]
        listed = ", ".join(path.relative_to(folder).as_posix() for path in several[:8])
        meant = "the same split" if doubled else "a split, and others for none"
        raise DataError(f"{folder} has COCO files for {meant}: {listed}; give the one that is meant, with its images.")
    return {split: found[split][0] for split in ("", "train", "validation", "test") if split in found}


def broken_siblings(folder: Path, found: Sequence[Path], every: Sequence[Path]) -> dict[Path, str]:
    """JSON files named as COCO files beside them are but for the split, that are none; with what is wrong with each.

    found: the COCO files that are read.   every: all that are there.   Lists of test images are passed over.
    """
    likes = {_without_split(path) for path in found}
    broken: dict[Path, str] = {}
    for path in _json_files(folder):
        if path in every or _without_split(path) not in likes or not split_named(path, folder):
            continue
        told = broken_json(path)
        if told is not None:
            broken[path] = told[0]
            continue
        head = read_head(path)
        if head.kind != "object" or (head.whole and "annotations" not in head.keys):
            is_list = split_named(path, folder) == "test" and "images" in head.keys
            if not is_list:
                broken[path] = "no COCO file" if head.kind != "object" else "without the key 'annotations'"
    return broken


def _without_split(path: Path) -> tuple[str, ...]:
    """What a file is called beside the words that mean its split: ("instances", "2017")."""
    words = re.findall(r"[a-z]+|[0-9]+", path.stem.lower())
    return tuple(word for word in words if word not in COCO_SPLIT_WORDS)


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
    return [path for path in _json_files(folder) if is_coco_file(path)]


def _json_files(folder: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        depth = len(Path(place).relative_to(folder).parts)
        folders[:] = sorted(name for name in folders if not name.startswith(".")) if depth < _DEEPEST else []
        names = sorted(name for name in files if name.lower().endswith(".json") and not name.startswith("."))
        if len(names) > _PEEKED_IN_A_FOLDER:
            # A folder of one label file an image, or with some COCO files among those: told by their names.
            names = [name for name in names if re.search(r"coco|instances|annotations|train|val|test", name.lower())]
            names = names[:_PEEKED_IN_A_FOLDER]
        yield from (Path(place) / name for name in names)


def split_named(path: Path, root: Path) -> str:
    """The split that the name of a COCO file says, else that of the folders below `root` that it lies in; else ""."""
    names = [path.stem, *reversed(path.relative_to(root).parent.parts)] if path.is_relative_to(root) else [path.stem]
    for name in names:
        splits = {COCO_SPLIT_WORDS[word] for word in split_words(name) if word in COCO_SPLIT_WORDS}
        if len(splits) == 1:
            return splits.pop()
    return ""


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


def _without_raw(paths: Sequence[Path], folder: Path) -> list[Path]:
    """Leave out what FiftyOne fetched into raw/, where it has written the same anew into a folder for each split."""
    raw = [path for path in paths if path.parent == folder / "raw"]
    others = [path for path in paths if path not in raw]
    return others if raw and all(path.name == "labels.json" for path in others) and others else list(paths)


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
