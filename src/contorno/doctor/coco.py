"""One COCO file from its JSON to records: every fault is met, and what can be read goes on to the other checks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from contorno.doctor.coco_checks import check_objects_of_file
from contorno.doctor.coco_names import check_names, doubtful_names, find_images, names_to_find, other_suffix
from contorno.doctor.coco_objects import ObjectRow, Objects, read_objects
from contorno.doctor.coco_tables import ImageRow, Tables, read_tables
from contorno.doctor.json_source import read_document
from contorno.doctor.repeats import repeats
from contorno.doctor.report import Faults, Place
from contorno.errors import DataError
from contorno.images import image_size
from contorno.masks import RunLength, Size
from contorno.parsers.coco_categories import unknown_classes
from contorno.parsers.coco_document import clean_id
from contorno.parsers.findings import collector_paused
from contorno.progress import Progress, silent
from contorno.records import ClassMap, ImageId, Instances, Record, Records, fold_name


@dataclass(frozen=True, slots=True)
class Checked:
    """What was read of a COCO file. has_images: its image folder was found.   repeats: ids that mending removes."""

    records: Records
    has_images: bool = False
    repeats: frozenset[ImageId] = frozenset()


def check_coco(
    path: Path,
    split: str,
    faults: Faults,
    *,
    class_map: ClassMap,
    is_given: bool = False,
    ignore_unknown: bool = False,
    images: Path | None = None,
    progress: Progress = silent,
) -> Checked:
    """Check a COCO file, and make records of what can be read.

    class_map: the classes of the records; those of the file are added unless `is_given`, in which case objects of
               others are faults, but for `ignore_unknown`.
    images:    the image folder; looked for near the file if unset.
    """
    place = Place(split=split, label_file=str(path))
    with collector_paused(), faults.inside(str(path)):
        progress("reading the label file", 0, 1)
        document = read_document(path, place, faults)
        progress("reading the label file", 1, 1)
        if document is None:
            return Checked(Records([], class_map))
        doubtful = doubtful_names(document["images"], path, images)
        tables = read_tables(document, place, faults, doubtful)
        names = names_to_find(tables.images)
        folder = find_images(path, names, images)
        if folder is None and names:
            looked = (
                f"in {images} or below it"
                if images is not None
                else "beside the file, in images/, or in another folder there"
            )
            cause = f"none of its {len(names)} images is {looked}; the first is {names[0]!r}."
            like = other_suffix(names[0], path, images)
            cause += f" {like} is there: look whether it is meant." if like is not None else ""
            faults.add("error", "image folder not found", place, cause, "give the image folder with --images.")
        check_names(tables.images, folder, faults)
        sizes = known_sizes(tables, folder)
        objects = read_objects(tables, sizes, faults, progress)
        check_objects_of_file(objects, place, faults, progress)
        labels = _labels(tables, objects, class_map, is_given, place, Faults() if ignore_unknown else faults)
        records = _records(tables, objects, sizes, labels, folder or path.parent, class_map)
        again = repeats(row.entry for row in objects.rows if row.image.key not in tables.unsure)
        repeated = frozenset(key for entry in again if (key := clean_id(entry.get("id"))) is not None)
    return Checked(records, folder is not None, repeated)


def known_sizes(tables: Tables, folder: Path | None) -> dict[ImageId, Size]:
    """(height, width) of each image: as stated, else that of its file, else that of its first run lengths."""
    sizes = {key: row.size for key, row in tables.images.items() if row.size is not None}
    if folder is not None:
        for key, row in tables.images.items():
            if key not in sizes and row.file_name is not None:
                found = _size_of_file(folder / row.file_name)
                if found is not None:
                    sizes[key] = found
    if len(sizes) < len(tables.images):
        for _, entry, image, _ in tables.annotations:
            if image.key not in sizes and (stated := _run_length_size(entry.get("segmentation"))) is not None:
                sizes[image.key] = stated
    return sizes


def _size_of_file(path: Path) -> Size | None:
    try:
        return image_size(path)
    except DataError:
        return None


def _run_length_size(segmentation: Any) -> Size | None:
    stated = segmentation.get("size") if isinstance(segmentation, dict) else None
    if (
        isinstance(stated, list)
        and len(stated) == 2
        and all(type(side) is int and 0 < side < 1 << 16 for side in stated)
    ):
        return stated[0], stated[1]
    return None


def _labels(
    tables: Tables, objects: Objects, class_map: ClassMap, is_given: bool, place: Place, faults: Faults
) -> dict[ImageId, int]:
    """The label of each category that has one."""
    names = {key: name for key, name in tables.categories.items() if name.strip()}
    used = {row.category for row in objects.rows}
    if is_given:
        unknown = [name for key, name in names.items() if name not in class_map and key in used]
        if unknown:
            cause = unknown_classes(Path(str(place.label_file)).name, unknown, names, class_map)
            mend = "correct the names in the file or in the class map."
            count = sum(row.category in names and names[row.category] in set(unknown) for row in objects.rows)
            faults.add("error", "object of a class that the class map lacks", place, cause, mend, count=count)
    labels = {}
    for key, name in names.items():
        if fold_name(name) == fold_name(class_map.background):
            if key in used:
                cause = f"the category {name!r} has objects; background is what no object covers."
                faults.add("warning", "objects of the class background", place, cause, "name the class otherwise.")
            continue
        if name not in class_map:
            if is_given:
                continue
            class_map.add_name(name)
        labels[key] = class_map.get_by_name(name)
    return labels


def _records(
    tables: Tables,
    objects: Objects,
    sizes: dict[ImageId, Size],
    labels: dict[ImageId, int],
    folder: Path,
    class_map: ClassMap,
) -> Records:
    grouped: dict[ImageId, list[int]] = {key: [] for key in tables.images}
    measured = objects.measured
    for i, row in enumerate(objects.rows):
        # Two entries of one id: the first counts, and the objects go to it.
        if row.category in labels and (measured.areas[i] > 0 or _has_box(row)):
            grouped[row.image.key].append(i)
    records = []
    for key, image in tables.images.items():
        size = sizes.get(key)
        if size is None or image.file_name is None:
            continue
        records.append(
            _record(image, size, [objects.rows[i] for i in grouped[key]], grouped[key], objects, labels, folder)
        )
    return Records(records, class_map)


def _has_box(row: ObjectRow) -> bool:
    if row.box is None or row.size is None:
        return False
    x, y, w, h = row.box
    return w > 0 and h > 0 and x < row.size[1] and y < row.size[0] and x + w > 0 and y + h > 0


def _record(
    image: ImageRow,
    size: Size,
    rows: list[ObjectRow],
    at: list[int],
    objects: Objects,
    labels: dict[ImageId, int],
    folder: Path,
) -> Record:
    assert image.file_name is not None
    codes: list[RunLength | None] = [objects.measured.codes[i] for i in at]
    boxes = objects.measured.boxes[at].astype(np.float32).reshape(-1, 4)
    for position, row in enumerate(rows):
        if not objects.measured.areas[at[position]] > 0:
            codes[position] = None
            x, y, w, h = row.box or (0.0, 0.0, 0.0, 0.0)
            boxes[position] = max(x, 0.0), max(y, 0.0), min(x + w, size[1]), min(y + h, size[0])
    ids = [row.key for row in rows]
    instances = Instances(
        size_hw=size,
        labels=np.array([labels[row.category] for row in rows], dtype=np.int64),
        boxes=boxes,
        geometries=tuple(
            row.shape.geometry if code is not None else None for row, code in zip(rows, codes, strict=True)
        ),
        is_crowd=np.array([row.is_crowd for row in rows], dtype=bool),
        areas=np.array([math.nan if row.area is None else row.area for row in rows], dtype=np.float64),
        ids=tuple(key for key in ids if key is not None) if None not in ids else None,
        _run_lengths=codes,
    )
    split = image.entry.get("split")
    return Record(
        image_id=image.key,
        path=folder / image.file_name,
        size_hw=size,
        instances=instances,
        split=split if isinstance(split, str) and split else None,
    )
