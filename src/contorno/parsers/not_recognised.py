"""What is said of a folder that is of no kind that is read: the likeliest cause, and what to give instead."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

from contorno.errors import DataError
from contorno.parsers.broken_json import named_json_files
from contorno.parsers.file_kinds import looks_like_yolo
from contorno.parsers.findings import Findings
from contorno.parsers.mask_folder_names import has_picture, image_folder, mask_folders, subfolders
from contorno.parsers.mask_layouts import find_masked_images
from contorno.parsers.mask_walk import Walk
from contorno.parsers.unread import hint_below

_LOOKED_AT = 200
_NAMED = 4
_FEW = 8


def several(path: Path, files: list[Path]) -> str:
    """What is said of a folder with several label files."""
    names = ", ".join(file.name for file in files[:4])
    return (
        f"{path} has {len(files)} label files ({names}); give the one that is meant, or put them together "
        "with `contorno data merge`."
    )


def not_recognised(path: Path, is_known: Callable[[Path], bool]) -> str:
    """What is to be said of a folder that is of no known kind. is_known: whether a folder in it is of one."""
    labels = [file.name for file in sorted(path.glob("*.json")) if not file.name.startswith(".")]
    texts = len([file for file in path.glob("*.txt") if looks_like_yolo(file)])
    if texts:
        return (
            f"{path} has {texts} text files as YOLO's labels are and none of their images; give the folder of the "
            "images with images= (--images), or the folder that holds both."
        )
    try:
        if image_folder(path) is not None and mask_folders(path):
            find_masked_images(Walk(root=path, findings=Findings(str(path), autofix=True)))
    except DataError as error:
        return str(error)
    parts = sorted(subfolders(path)[:_LOOKED_AT], key=lambda folder: "train" not in folder.name.lower())
    below = list(itertools.islice(filter(is_known, parts), _NAMED))
    if len(below) > 1:
        names = ", ".join(folder.name for folder in below)
        return (
            f"{path} is not recognised, but its folders {names} are, each as a data set of its own; give one of them, "
            "or put them together with `contorno data merge`."
        )
    if below:
        return f"{path} is not recognised, but its folder {below[0].name} is; give {below[0]}."
    hint = hint_below(path)
    if hint:
        return f"{path} is not recognised: {hint}"
    for folder in parts:
        texts = len([file for file in folder.glob("*.txt") if looks_like_yolo(file)])
        if texts:
            return (
                f"{path} is not recognised: its folder {folder.name} has {texts} text files as YOLO's labels are, and "
                f"no folder of that kind has their images; give {folder} with the folder of the images (--images)."
            )
    found = named_json_files(path, labels) if labels else "no JSON file"
    pictured = [folder.name for folder in parts[:_FEW] if has_picture(folder)]
    if len(pictured) > 1 and not labels:
        return (
            f"{path} is not recognised: its folders {', '.join(pictured[:_NAMED])} hold pictures and none is called as "
            "one of masks; if one is, give it, with the folder of its images (--images)."
        )
    return (
        f"{path} is not recognised: it has {found}, no train/ folder, no <id>/images/ folders, no images beside masks/ "
        "and no files of LabelMe, YOLO, PASCAL VOC, CVAT or Open Images; give the label file with images=, or the "
        "folder of all."
    )
