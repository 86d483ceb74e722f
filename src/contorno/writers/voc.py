"""Write records as a PASCAL VOC data set: XML, palette pictures of objects and classes, and lists of images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from contorno import files, masks
from contorno.errors import ConfigError
from contorno.parsers.voc_pictures import VOID, write_indices
from contorno.progress import Progress, silent
from contorno.receipts import Receipt
from contorno.records import Record, Records
from contorno.writers.image_files import Placing, place_images, relative_names
from contorno.writers.split_names import check_splits
from contorno.writers.voc_xml import annotation_xml
from contorno.writers.written import Written

MOST_NUMBERS = VOID - 1
"""Objects in an image, and classes, that a mask picture holds: 0 is background and 255 void."""

_LISTS = {"train": "train", "validation": "val", "test": "test", None: "default"}


def write_voc(
    records: Records | Mapping[str, Records],
    folder: Path | str,
    *,
    img_dir: Path | None = None,
    images: Placing = "copy",
    progress: Progress = silent,
) -> Written:
    """Write `records` in VOC's layout into `folder`, which had better be empty.

    records: one set, whose records say their split, or a set for each split.
    img_dir: folder that the image names start in, if not the deepest that holds all of them.
    images:  "leave" writes no JPEGImages/; the XML files then name the images below `img_dir`.

    Annotations/*.xml, JPEGImages/ (in the files' own formats), SegmentationObject/ and SegmentationClass/ as palette
    PNGs in VOC's colours, ImageSets/Segmentation/ and ImageSets/Main/ with train.txt, val.txt, trainval.txt, test.txt
    (images of no split: default.txt), and labels.txt with a class in each line, the first being number 1 in class
    pictures. Files are called as their images, "/" becoming "_", with a number where two would be the same.
    Boxes are written as VOC does, from pixel 1 on and with their last pixel, fractions kept. Object number i of a
    picture is the i-th object of its XML; an object with a box alone has no pixels. Where objects overlap the later one
    is seen, crowd regions below all others; no void border is made. Objects beyond the 254th of an image have a box
    alone. Crowd regions are marked `difficult`, and `iscrowd`, which `VOCMaskParser` reads. Attributes become elements
    of their names.
    `Written.receipt` is the IoU of each mask with what is seen of it. Reads back with `VOCMaskParser(folder)`, and the
    boxes with `VOCBBoxParser(folder)`.
    Raises ConfigError for more than 254 classes, sets of different class maps, and images outside `img_dir`.
    """
    folder = Path(folder)
    together, splits, class_names = _together(records)
    check_splits({split for split in splits if split is not None})
    if len(class_names) > MOST_NUMBERS:
        raise ConfigError(
            f"VOC's class pictures hold {MOST_NUMBERS} classes and these records have {len(class_names)}; "
            "choose another format, or fewer classes."
        )
    names = relative_names(together, img_dir)
    stems = _stems(names)
    placed = (
        names if images == "leave" else [f"{stem}{Path(name).suffix}" for stem, name in zip(stems, names, strict=True)]
    )
    # Where nothing but boxes is known, images without objects are no sign of masks either.
    objects = sum(len(record.instances) for record in together)
    with_masks = not objects or any(shape is not None for record in together for shape in record.instances.geometries)
    place_images(together, placed, folder / "JPEGImages", images, progress)
    lost: Counter[str] = Counter()
    shares: list[float] = []
    lists: dict[str, dict[str, list[str]]] = {"Main": {}, "Segmentation": {}}
    for done, (record, split, stem, name) in enumerate(zip(together, splits, stems, placed, strict=True), start=1):
        has_picture = with_masks and (
            not len(record.instances) or any(shape is not None for shape in record.instances.geometries)
        )
        if has_picture:
            numbers = _paint(record, lost, shares)
            write_indices(folder / "SegmentationObject" / f"{stem}.png", numbers)
            of_number = np.zeros(256, dtype=np.uint8)
            labels = record.instances.labels[:MOST_NUMBERS]
            of_number[1 : len(labels) + 1] = labels
            write_indices(folder / "SegmentationClass" / f"{stem}.png", of_number[numbers])
        files.write_bytes(folder / "Annotations" / f"{stem}.xml", annotation_xml(record, class_names, name, lost))
        for kind in ("Main", "Segmentation") if has_picture else ("Main",):
            lists[kind].setdefault(_LISTS.get(split, split or "default"), []).append(stem)
        _count(record, stem, lost)
        progress("writing annotations", done, len(together))
    for kind, listed in lists.items():
        if "train" in listed and "val" in listed:
            listed["trainval"] = sorted([*listed["train"], *listed["val"]])
        for name, ids in listed.items():
            files.write_text(folder / "ImageSets" / kind / f"{name}.txt", "".join(f"{stem}\n" for stem in sorted(ids)))
    files.write_text(folder / "labels.txt", "".join(f"{name}\n" for name in class_names))
    return Written(
        path=folder,
        images=len(together),
        objects=objects,
        lost=dict(lost),
        receipt=Receipt(np.array(shares, dtype=np.float64)) if shares else None,
    )


def _together(
    records: Records | Mapping[str, Records],
) -> tuple[list[Record], list[str | None], Sequence[str]]:
    """All records, the split of each, and the classes. Sets may have images of the same id."""
    if isinstance(records, Records):
        return list(records), [record.split for record in records], records.class_map.names
    sets = list(records.values())
    if any(part.class_map != sets[0].class_map for part in sets):
        raise ConfigError("the sets of records have different class maps; read them with one class_map.")
    splits: list[str | None] = [split for split, part in records.items() for _ in part]
    return [record for part in sets for record in part], splits, sets[0].class_map.names if sets else ()


def _stems(names: list[str]) -> list[str]:
    """Names without folders and suffix, each once also where case does not count."""
    taken: set[str] = set()
    stems = []
    for name in names:
        plain = name.replace("/", "_")
        plain = plain.rpartition(".")[0] or plain
        stem, number = plain, 2
        while stem.casefold() in taken:
            stem, number = f"{plain}_{number}", number + 1
        taken.add(stem.casefold())
        stems.append(stem)
    return stems


def _paint(record: Record, lost: Counter[str], shares: list[float]) -> NDArray[np.uint8]:
    """The numbers of the objects, (H, W). The share of each mask that is seen is appended to `shares`."""
    instances = record.instances
    numbers = np.zeros(record.size_hw, dtype=np.uint8)
    areas: dict[int, int] = {}
    order = sorted(range(len(instances)), key=lambda index: not instances.is_crowd[index])
    for index in order:
        shape = instances.geometries[index]
        if shape is None:
            continue
        if index >= MOST_NUMBERS:
            lost[f"mask beyond the {MOST_NUMBERS} objects that a picture holds"] += 1
            shares.append(0.0)
            continue
        bitmap = masks.decode(masks.to_run_length(shape, record.size_hw)).view(bool)
        numbers[bitmap] = index + 1
        areas[index + 1] = int(bitmap.sum())
    seen = np.bincount(numbers.ravel(), minlength=256)
    for number, area in areas.items():
        shares.append(seen[number] / area if area else 1.0)
        if seen[number] < area:
            lost["pixel of an object below a later one"] += area - int(seen[number])
            lost["object hidden by later ones" if not seen[number] else "object in part below a later one"] += 1
    return numbers


def _count(record: Record, stem: str, lost: Counter[str]) -> None:
    """Count what is nowhere in VOC's files."""
    instances = record.instances
    kept = {
        "image id (images are known by their file names)": int(record.image_id != stem),
        "object id": 0 if instances.ids is None else len(instances),
        "stated area": int(np.isfinite(instances.areas).sum()),
        "polygon, which becomes pixels": sum(isinstance(shape, masks.Polygons) for shape in instances.geometries),
    }
    lost.update({what: count for what, count in kept.items() if count})
