"""The tables of a COCO file: each entry of images and annotations checked and tied to the others."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contorno.errors import DataError
from contorno.files import read_json
from contorno.masks import Size
from contorno.parsers.coco_names import is_web_address, name_of_address
from contorno.parsers.coco_names import name_in_url as name_in_url
from contorno.parsers.coco_tasks import other_task
from contorno.parsers.coco_text import split_document
from contorno.parsers.coco_values import Lookup as Lookup
from contorno.parsers.coco_values import clean_id as clean_id
from contorno.parsers.coco_values import number as number
from contorno.parsers.findings import Findings
from contorno.parsers.image_files import relative_name
from contorno.records import ImageId

Document = Mapping[str, Any]
_LONGEST_NAME = 200
_PART = r"(?!\.{1,2}(?:/|\Z))(?=[^/]*\S)[^/\\:\0]+"
_CLEAN_NAME = re.compile(rf"{_PART}(?:/{_PART})*")

TABLES = ("images", "annotations", "categories")

MOST_PIXELS = 1 << 31
"""A stated size of more pixels is none that can be: run lengths could not count them."""


@dataclass(slots=True, kw_only=True)
class ImageEntry:
    """One entry of `images`.

    key: the id in the file.   shown_id: the id of the record.   file_name: relative, with forward slashes.
    size: (height, width), or None where the file states none that can be.
    refused: why the name may not be followed, "" if it may; `file_name` is then as the file has it.
    """

    key: ImageId
    shown_id: ImageId
    file_name: str
    size: Size | None
    split: str | None
    refused: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """One entry of `annotations`, tied to its image and category.

    shown_id: the id of the object.   image, category: keys of the image and the category.   entry: as in the file.
    """

    shown_id: ImageId
    image: ImageId
    category: ImageId
    entry: dict[str, Any]


def read_document(path: Path) -> Document:
    """Read a COCO file; its tables are decoded when they are asked for, if the file allows.

    Raises DataError that names the file and the table or key that is not as it must be.
    """
    split = split_document(path)
    if split is not None and all(table in split and split.is_list(table) for table in TABLES):
        return _of_instances(split, path)
    document = read_json(path)
    if isinstance(document, list):
        raise DataError(
            f"{path} holds a list, as files of predictions do; expected a COCO file with {', '.join(TABLES)}."
        )
    if not isinstance(document, dict):
        raise DataError(f"{path} holds {type(document).__name__}; expected an object with {', '.join(TABLES)}.")
    for table in TABLES:
        if table not in document:
            found = ", ".join(map(repr, itertools.islice(document, 8))) or "none"
            raise DataError(f"{path} is not a COCO instances file: the key {table!r} is missing; its keys are {found}.")
        if not isinstance(document[table], list):
            raise DataError(f"{path}: {table!r} is {type(document[table]).__name__}; expected a list.")
    return _of_instances(document, path)


def _of_instances(document: Document, path: Path) -> Document:
    what = other_task(document)
    if what is not None:
        raise DataError(f"{path} is {what}; give the COCO file of instances that belongs to it.")
    return document


def read_images(
    document: Document, findings: Findings, folder: Path | None = None, *, with_refused: bool = False
) -> dict[ImageId, ImageEntry]:
    """The images by their id in the file.

    folder: of the images. Images of LVIS have a `coco_url` for a file name: its folder and file, or the file alone if
            that folder is not in `folder`.
    with_refused: keep entries whose file name leads out of the image folder, marked as such.
    Raises DataError for an entry without a usable id or file name.
    """
    images: dict[ImageId, ImageEntry] = {}
    for where, key, entry in entries(document, "images", findings.source):
        name = entry["file_name"] if "file_name" in entry else name_of_address(entry, folder)
        if name is None and "file_name" not in entry:
            raise DataError(f"{where}: the key 'file_name' is missing; expected the path of the image.")
        refused = ""
        try:
            name = _file_name(name, where)
        except DataError as error:
            if not with_refused or not isinstance(name, str) or not name.strip():
                raise
            refused = str(error)
        shown, split = clean_id(entry.get("contorno_id")), entry.get("split")
        image = ImageEntry(
            key=key,
            shown_id=key if shown is None else shown,
            file_name=name,
            refused=refused,
            size=_size(entry.get("height"), entry.get("width")),
            split=split if isinstance(split, str) and split else None,
        )
        if key not in images:
            images[key] = image
        elif images[key].file_name == image.file_name:
            findings.drop("image entry that repeats another", where)
        else:
            raise DataError(
                f"{where}: the id is that of {images[key].file_name!r} already, now of {image.file_name!r}, so their "
                "objects cannot be told apart; give every image an id of its own."
            )
    return images


def read_annotations(
    document: Document, images: Iterable[ImageId], categories: Iterable[ImageId], findings: Findings
) -> Iterator[Annotation]:
    """The annotations whose image and category are known, in the order of the file.

    An annotation that repeats another, id and all, is dropped; one with another's id or none gets a free number.
    """
    image_of, category_of = Lookup(images, "image"), Lookup(categories, "category")
    seen: dict[ImageId, dict[str, Any]] = {}
    free: Iterator[int] | None = None
    for index, entry in enumerate(document["annotations"]):
        if not isinstance(entry, dict):
            raise DataError(
                f"{findings.source}: annotations[{index}] is {type(entry).__name__}; expected an object with "
                "image_id and category_id."
            )
        key = clean_id(entry.get("id"))
        where = f"annotations[{index}], id {key!r}"
        image = image_of.find(entry.get("image_id"), findings, where)
        category = None if image is None else category_of.find(entry.get("category_id"), findings, where)
        if image is None or category is None:
            continue
        if key is None or key in seen:
            if key is not None and seen[key] == entry:
                findings.drop("annotation that repeats another", where)
                continue
            findings.mend("annotation without an id, numbered" if key is None else "annotation id used twice", where)
            if free is None:
                free = _free_numbers(document["annotations"])
            key = next(free)
        seen[key] = entry
        shown = clean_id(entry.get("contorno_id"))
        yield Annotation(shown_id=key if shown is None else shown, image=image, category=category, entry=entry)


def object_attributes(attributes: object, score: object) -> dict[str, Any]:
    """What else an annotation says of its object: the member `attributes`, as CVAT writes it, and a `score`."""
    found = dict(attributes) if isinstance(attributes, dict) else {}
    if isinstance(score, int | float) and not isinstance(score, bool):
        found["score"] = score
    return found


def entries(document: Document, table: str, source: str) -> Iterator[tuple[str, ImageId, dict[str, Any]]]:
    """Where it is, its id, and itself, of each entry of a table. Raises DataError for one without a usable id."""
    for index, entry in enumerate(document[table]):
        where = f"{source}: {table}[{index}]"
        if not isinstance(entry, dict):
            raise DataError(f"{where} is {type(entry).__name__}; expected an object with an id.")
        key = clean_id(entry.get("id"))
        if key is None:
            raise DataError(f"{where}: its id is {entry.get('id')!r}; expected a whole number or a text.")
        yield f"{where}, id {key!r}", key, entry


def _file_name(name: object, where: str) -> str:
    if is_web_address(name):
        shown = repr(name)[:_LONGEST_NAME]
        raise DataError(f"{where}: the file name {shown} is a web address; fetch the images, and name the files.")
    # Most names are their own clean form, which a pattern tells ten times sooner.
    return name if isinstance(name, str) and _CLEAN_NAME.fullmatch(name) else relative_name(name, where)


def _size(height: object, width: object) -> Size | None:
    sides = clean_id(height), clean_id(width)
    if isinstance(sides[0], int) and isinstance(sides[1], int) and min(sides[0], sides[1]) > 0:
        if sides[0] * sides[1] > MOST_PIXELS:
            return None
        return sides[0], sides[1]
    return None


def _free_numbers(entries: list[dict[str, Any]]) -> Iterator[int]:
    taken = (clean_id(entry.get("id")) for entry in entries if isinstance(entry, dict))
    return itertools.count(max((key for key in taken if isinstance(key, int)), default=0) + 1)
