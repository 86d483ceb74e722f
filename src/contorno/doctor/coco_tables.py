"""The tables of a COCO document, entry by entry: every fault is met, and what is sound goes on."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from contorno.doctor.coco_fields import read_file_name, read_size
from contorno.doctor.coco_references import Known
from contorno.doctor.report import Faults, Place
from contorno.masks import Size
from contorno.parsers.coco_categories import (
    BACKGROUND_ROW,
    NUMBER_NAME,
    PROJECT_ROW,
    background_category,
    is_number_name,
    project_category,
)
from contorno.parsers.coco_document import clean_id
from contorno.parsers.coco_names import name_of_address
from contorno.records import ImageId, fold_name


@dataclass(slots=True, kw_only=True)
class ImageRow:
    """A usable entry of `images`. file_name: relative, or None if it leads nowhere.   size: as stated, or None.

    bad_name: kind, cause and mend where the name leads out of the image folder; told once the folder is known.
    """

    index: int
    key: ImageId
    entry: dict[str, Any]
    file_name: str | None
    size: Size | None
    place: Place
    bad_name: tuple[str, str, str] | None = None


@dataclass(slots=True)
class Tables:
    """What is sound of a document. categories: names by id, in the order of the file.

    annotations: (index, entry, image, category id) of those that belong to a known image and category.
    unsure: image ids that stand for several files, so that nobody knows whose objects they have.
    """

    images: dict[ImageId, ImageRow] = field(default_factory=dict)
    categories: dict[ImageId, str] = field(default_factory=dict)
    annotations: list[tuple[int, dict[str, Any], ImageRow, ImageId]] = field(default_factory=list)
    unsure: set[ImageId] = field(default_factory=set)


def read_tables(
    document: dict[str, Any], place: Place, faults: Faults, doubtful: Collection[str] = frozenset()
) -> Tables:
    """Look through images, categories and annotations in turn. doubtful: file names that several files have."""
    tables = Tables()
    _images(document["images"], tables, place, faults, doubtful)
    project = project_category(document["categories"], lambda: _used(document["annotations"]))
    background = background_category(document["categories"], lambda: _used(document["annotations"]))
    _categories(document["categories"], (project, background), tables, place, faults)
    _annotations(document["annotations"], tables, place, faults)
    return tables


def _entries(
    table: list[Any], name: str, place: Place, faults: Faults, first: int = 0
) -> Iterable[tuple[int, dict[str, Any], Place]]:
    for index, entry in enumerate(table, start=first):
        where = replace(place, field=f"{name}[{index}]")
        if isinstance(entry, dict):
            yield index, entry, where
        else:
            cause = f"{name}[{index}] is {type(entry).__name__}; expected an object with an id."
            mend = "remove it, or write it again."
            faults.add("error", f"entry of {name!r} that is no object", where, cause, mend, fixable=True)


def _images(table: list[Any], tables: Tables, place: Place, faults: Faults, doubtful: Collection[str]) -> None:
    names: dict[str, ImageId] = {}
    for index, entry, where in _entries(table, "images", place, faults):
        key = clean_id(entry.get("id"))
        name = entry.get("file_name")
        shown = name if isinstance(name, str) else name_of_address(entry)
        here = replace(where, file=shown, image_id=key, field=None)
        if key is None:
            cause = f"images[{index}] ({shown!r}): its id is {entry.get('id')!r}; expected a whole number."
            faults.add("error", "image without a usable id", where, cause, "give every image an id of its own.")
            continue
        file_name, bad_name = read_file_name(entry, here, faults)
        row = ImageRow(
            index=index,
            key=key,
            entry=entry,
            file_name=file_name,
            size=read_size(entry, here, faults),
            place=here,
            bad_name=bad_name,
        )
        other = tables.images.setdefault(key, row)
        if other is not row:
            same = other.file_name == row.file_name
            cause = f"the id {key!r} stands for {other.entry.get('file_name')!r} and for {name!r}."
            if same:
                mend = "keep one of the two."
                faults.add("error", "image entry that repeats another", here, cause, mend, fixable=True)
            else:
                mend = "give every image an id of its own; whose the annotations are cannot be told."
                faults.add("error", "image id used for two files", here, cause, mend)
                tables.unsure.add(key)
        elif row.file_name is not None:
            first = names.setdefault(row.file_name, key)
            if first != key:
                cause = f"{row.file_name!r} has the ids {first!r} and {key!r}."
                if name in doubtful:
                    mend = "name each file with its folder."
                    cause += " Several folders have a file of that name."
                    faults.add("error", "file name that several images have", here, cause, mend)
                    continue
                mend = "keep one entry, and put all its annotations there."
                same_size = tables.images[first].size == row.size
                faults.add("error", "image file under two ids", here, cause, mend, fixable=same_size)


def _used(table: list[Any]) -> Iterable[object]:
    """The category ids that annotations have."""
    return (entry.get("category_id") for entry in table if isinstance(entry, dict))


def _categories(
    table: list[Any], no_classes: tuple[ImageId | None, ImageId | None], tables: Tables, place: Place, faults: Faults
) -> None:
    project, background = no_classes
    folded: dict[str, str] = {}
    for index, entry, where in _entries(table, "categories", place, faults):
        key, name = clean_id(entry.get("id")), entry.get("name")
        if project is not None and key == project:
            here = replace(where, class_name=str(name), field=None)
            cause = f"{name!r} (id {key!r}) has no objects, and all others name it as their supercategory."
            faults.add("note", PROJECT_ROW, here, cause, "none needed: it gets no label.")
            continue
        if background is not None and key == background:
            here = replace(where, class_name=str(name), field=None)
            cause = f"{name!r} (id {key!r}) has no objects, and is LabelMe's mark of the background."
            faults.add("note", BACKGROUND_ROW, here, cause, "none needed: it gets no label.")
            continue
        if key is None:
            cause = f"categories[{index}] ({name!r}): its id is {entry.get('id')!r}; expected a whole number."
            faults.add("error", "category without a usable id", where, cause, "give every category an id of its own.")
            continue
        if is_number_name(name):
            cause = f"the category with the id {key!r} has the name {name!r}, a number."
            faults.add("error", NUMBER_NAME, where, cause, "write it as a text.", fixable=True)
            name = str(name)
        if not isinstance(name, str) or not name.strip():
            here = replace(where, field=f"categories[{index}].name")
            cause = f"the category with the id {key!r} has the name {name!r}."
            faults.add("error", "category without a name", here, cause, "name it, or remove it if it has no objects.")
            tables.categories.setdefault(key, "")
            continue
        here = replace(where, class_name=name, field=None)
        first = tables.categories.setdefault(key, name)
        if key in tables.categories and first is not name:
            same = fold_name(first) == fold_name(name)
            cause = f"the category id {key!r} stands for {first!r} and for {name!r}."
            mend = "keep one of the two." if same else "give every category an id of its own."
            faults.add("error", "category id used twice", here, cause, mend, fixable=same)
            continue
        if name != name.strip():
            cause = f"{name!r} has outer blanks."
            faults.add("warning", "category name with outer blanks", here, cause, "trim it.", fixable=True)
        other = folded.setdefault(fold_name(name), name)
        if other is not name:
            if other == name:
                kind, cause = "category name that stands twice", f"{name!r} stands under two ids."
            else:
                kind, cause = "category names that differ in case or blanks only", f"{other!r} and {name!r}."
            faults.add("error", kind, here, cause, "make them one category.", fixable=True)


def _annotations(table: list[Any], tables: Tables, place: Place, faults: Faults) -> None:
    images, categories = Known(tables.images, "image"), Known(tables.categories, "category")
    seen: dict[ImageId, dict[str, Any]] = {}
    for index, entry in enumerate(table):
        if isinstance(entry, dict):
            # The sound ones first and quickly: a place for each of a million would take longer than all else here.
            key = clean_id(entry.get("id"))
            image_key, category = images.known(entry.get("image_id")), categories.known(entry.get("category_id"))
            if key and key not in seen and image_key is not None and category is not None:
                seen[key] = entry
                tables.annotations.append((index, entry, tables.images[image_key], category))
                continue
        for _, faulty, where in _entries(table[index : index + 1], "annotations", place, faults, first=index):
            key = clean_id(faulty.get("id"))
            here = replace(where, annotation_id=key, field=None) if key is not None else where
            meant = images.meant(faulty.get("image_id"))
            image = None if meant is None else tables.images.get(meant)
            if image is not None:
                here = replace(here, file=image.place.file, image_id=image.key)
            _check_id(faulty, key, seen, here, faults)
            image_key = images.find(faulty.get("image_id"), here, faults, "image_id" in faulty)
            category = categories.find(faulty.get("category_id"), here, faults, "category_id" in faulty)
            if image_key is not None and category is not None:
                tables.annotations.append((index, faulty, tables.images[image_key], category))
    images.tell(place, faults, len(table))
    categories.tell(place, faults, len(table))


def _check_id(
    entry: dict[str, Any], key: ImageId | None, seen: dict[ImageId, dict[str, Any]], place: Place, faults: Faults
) -> None:
    if key is None:
        cause = f"its id is {entry.get('id')!r}." if "id" in entry else "the key 'id' is missing."
        mend = "number the annotations."
        faults.add("error", "annotation without a usable id", replace(place, field="id"), cause, mend, fixable=True)
        return
    first = seen.setdefault(key, entry)
    if first is entry:
        if key == 0:
            cause = "pycocotools takes a match with the annotation of id 0 for none."
            mend = "number the annotations from 1."
            faults.add("warning", "annotation with the id 0", replace(place, field="id"), cause, mend, fixable=True)
        return
    cause = f"the id {key!r} stands for two annotations" + (" that are the very same." if first == entry else ".")
    mend = "number the annotations anew; pycocotools keeps only the last of an id."
    faults.add("error", "annotation id used twice", replace(place, field="id"), cause, mend, fixable=True)
