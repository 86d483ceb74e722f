"""Tell from one file which format it is of."""

from __future__ import annotations

import codecs
import math
from pathlib import Path

from contorno.errors import DataError
from contorno.parsers.coco_layouts import is_coco_file
from contorno.parsers.json_head import read_head
from contorno.parsers.mask_walk import PICTURE_SUFFIXES
from contorno.parsers.run_length_csv import is_run_length_csv
from contorno.parsers.sources import Kind, Source
from contorno.parsers.unread import ARCHIVES, archive_message, foreign_json, table_message
from contorno.parsers.via import csv_form

_HEAD = 4096
_COCO_KEYS = {"images", "annotations", "categories"}


def recognise_file(path: Path, images: Path | None) -> tuple[Source, str]:
    """What one label file is, and why. Raises DataError for a file of no known kind."""
    where = f"images {'below ' + str(images) if images is not None else 'looked for beside it'}"
    suffix = path.suffix.lower()
    if suffix in ARCHIVES:
        raise DataError(archive_message(path))
    if suffix == ".xml":
        head = text_head(path)
        if "<annotations" in head:
            return Source(kind="CVAT file", path=path, images=images), f"CVAT's XML for images, {where}"
        if "<annotation" in head:
            return Source(kind="VOC folder", path=path.parent, images=images), "PASCAL VOC's XML, one of its folder"
        raise DataError(f"{path} is XML, and neither CVAT's (<annotations>) nor PASCAL VOC's (<annotation>).")
    if suffix in (".yaml", ".yml"):
        return Source(kind="YOLO folder", path=path, images=images), "YOLO's yaml"
    if suffix == ".data":
        return Source(kind="YOLO folder", path=path, images=images), "Darknet's data file"
    if suffix == ".txt":
        if looks_like_yolo(path):
            raise DataError(f"{path} is the label file of one image, as of YOLO; give the folder of the data set.")
        return Source(kind="YOLO folder", path=path, images=images), "a list of images, as of YOLO"
    if suffix in PICTURE_SUFFIXES:
        raise DataError(f"{path} is a picture; give a label file, or the folder of the data set.")
    if suffix == ".csv":
        table = csv_kind(path)
        if table == "VIA file":
            return Source(kind=table, path=path, images=images), f"VIA's CSV, {where}"
        if table == "mask folder":
            return Source(kind=table, path=path, images=images), "a CSV of images and their masks"
        if table == "run-length table":
            return Source(kind=table, path=path, images=images), f"a CSV of masks as run-length code, {where}"
        first = next(iter(text_head(path).splitlines()), "")[:80]
        raise DataError(table_message(path, first))
    foreign = foreign_json(path)
    if foreign:
        raise DataError(foreign)
    kind, why = _json(path)
    if kind == "LabelMe folder" and path.is_file():
        where = "one image"
    return Source(kind=kind, path=path, images=images), f"{why}, {where}"


def _json(path: Path) -> tuple[Kind, str]:
    head = read_head(path)
    keys, inner = set(head.keys), set(head.inner)
    if head.kind == "list":
        what = "a list, as files of predictions do" if "image_id" in inner else "a list"
        raise DataError(
            f"{path} holds {what}; expected a label file with its images: COCO, VIA or LabelMe. "
            "Predictions are read beside their ground truth, by parsers.read_results."
        )
    # Long lists of shapes, and images inside, leave but one of LabelMe's own keys in the head.
    if keys & {"shapes", "imagePath", "imageData"} and not keys & _COCO_KEYS:
        return "LabelMe folder", "a LabelMe file"
    if keys & {"_via_img_metadata", "_via_settings"} or {"project", "file"} <= keys or {"project", "config"} <= keys:
        return "VIA file", "a project of VIA"
    if inner & {"filename", "regions"} and not keys & _COCO_KEYS:
        return "VIA file", "annotations exported from VIA"
    # COCO last, for it may have any keys before its own, and its parser says best what is missing.
    return "COCO file", "COCO file"


def csv_kind(path: Path) -> Kind | None:
    """What a CSV is; None for one of neither VIA nor masks nor run-length codes."""
    head = text_head(path).splitlines()
    first = head[0] if head else ""
    columns = {name.strip().strip('"').casefold() for name in first.split(max(",;\t", key=first.count))}
    if csv_form("\n".join(head)) is not None:
        return "VIA file"
    if {"images", "masks"} <= columns:
        return "mask folder"
    return "run-length table" if is_run_length_csv("\n".join(head)) else None


def json_kind(file: Path) -> Kind | None:
    """What a JSON file among others is; None for what is no label file."""
    try:
        kind = _json(file)[0]
    except DataError:
        return None
    # Any JSON object passes for COCO where it is asked for by name; among other files it has to show it.
    return None if kind == "COCO file" and not is_coco_file(file) else kind


def text_head(file: Path) -> str:
    """The first kilobytes of a text."""
    with file.open("rb") as data:
        head = data.read(_HEAD)
    is_wide = head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return head.decode("utf-16" if is_wide else "utf-8-sig", "replace")


def looks_like_yolo(file: Path) -> bool:
    """True if the first line of a text is a class index with four numbers or more."""
    words = text_head(file).partition("\n")[0].split()
    try:
        return len(words) > 4 and words[0].isdigit() and all(map(math.isfinite, map(float, words)))
    except ValueError:
        return False
