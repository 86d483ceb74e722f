"""The folder that `contorno openimages fetch` leaves: COCO files by split, with all that is known of each object."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from contorno.parsers.coco_categories import read_categories
from contorno.parsers.coco_document import Annotation, read_annotations, read_document, read_images
from contorno.parsers.coco_geometry import BadGeometry, read_box, read_mask
from contorno.parsers.findings import Findings
from contorno.parsers.found import FoundImage, FoundObject
from contorno.parsers.openimages_joined import Reading
from contorno.progress import Progress
from contorno.records import fold_name

_COCO_KEYS = frozenset(
    {"id", "image_id", "category_id", "bbox", "area", "iscrowd", "segmentation", "contorno_id", "attributes"}
)
_SPLITS = ("train", "validation", "test")


def read_fetched(reading: Reading, findings: Findings, progress: Progress) -> Iterator[FoundImage]:
    """The images of all COCO files with their objects. Masks are those of the files, at the size of their image."""
    folder = reading.root / "annotations"
    files = {path.stem: path for path in sorted(folder.glob("*.json")) if not path.name.startswith(".")}
    known = [split for split in _SPLITS if split in files]
    for done, split in enumerate([*known, *sorted(files.keys() - set(known))], start=1):
        yield from _read_split(files[split], split, reading, findings)
        progress("reading annotations", done, len(files))


def _read_split(path: Path, split: str, reading: Reading, findings: Findings) -> Iterator[FoundImage]:
    document = read_document(path)
    categories = read_categories(document, str(path))
    reading.declared += [name for name in categories.values() if name not in reading.declared and reading.wants(name)]
    images = read_images(document, findings)
    of_image: dict[int | str, list[Annotation]] = defaultdict(list)
    for annotation in read_annotations(document, images, categories, findings):
        if reading.wants(categories[annotation.category]):
            of_image[annotation.image].append(annotation)
    for key, image in images.items():
        name = PurePosixPath("images", split, image.file_name)
        size = image.size
        objects = []
        for annotation in of_image[key]:
            where = f"annotation {annotation.shown_id!r}"
            entry = annotation.entry
            geometry = None
            if entry.get("segmentation") and size is not None:
                try:
                    geometry = read_mask(entry["segmentation"], size, 0.0, findings, where)
                except BadGeometry as fault:
                    findings.drop(fault.reason, f"{name}, {where}", fault.detail)
                    continue
            area = entry.get("area")
            objects.append(
                FoundObject(
                    class_name=categories[annotation.category],
                    geometry=geometry,
                    box=read_box(entry.get("bbox")),
                    where=where,
                    object_id=annotation.shown_id,
                    is_crowd=entry.get("iscrowd") in (1, True),
                    area=float(area) if isinstance(area, int | float) else math.nan,
                    # None stands for "not stated" there.
                    attributes={k: v for k, v in entry.items() if k not in _COCO_KEYS and v is not None},
                )
            )
        yield FoundImage(
            file_name=str(name),
            where=str(name),
            image_id=PurePosixPath(image.file_name).stem,
            size=size,
            objects=objects,
            path=reading.root / name,
            split=fold_name(split),
        )
