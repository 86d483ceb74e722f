"""Records of a COCO file made object by object: slower and larger than by columns, for files of any kind."""

from __future__ import annotations

import math
from collections import Counter, defaultdict

from contorno.images import image_size
from contorno.masks import Geometry
from contorno.parsers.coco_categories import read_categories
from contorno.parsers.coco_document import (
    Annotation,
    Document,
    ImageEntry,
    number,
    object_attributes,
    read_annotations,
    read_images,
)
from contorno.parsers.coco_geometry import BadGeometry, Box
from contorno.parsers.coco_reading import Reading
from contorno.records import ImageId, Instances, Record


def plain_records(reading: Reading, document: Document) -> list[Record]:
    """The records of all images. Raises DataError as the parsers say."""
    findings = reading.findings
    categories = read_categories(document, findings.source, findings)
    images = read_images(document, findings, reading.img_dir, with_refused=True)
    annotations = list(read_annotations(document, images, categories, findings))
    labels = reading.labels(categories, Counter(annotation.category for annotation in annotations))
    grouped: dict[ImageId, list[Annotation]] = defaultdict(list)
    for annotation in annotations:
        if annotation.category in labels:
            grouped[annotation.image].append(annotation)
    every = list(images.values())
    present = reading.present(every, reading.gone(every), [len(grouped[image.key]) for image in every])
    made = (_record(reading, image, grouped[image.key], labels) for image in present)
    return list(reading.reported(made, len(present)))


def _record(reading: Reading, image: ImageEntry, annotations: list[Annotation], labels: dict[ImageId, int]) -> Record:
    path = reading.img_dir / image.file_name
    size = image.size if image.size is not None else image_size(path)
    kept: list[Annotation] = []
    geometries: list[Geometry | None] = []
    boxes: list[Box] = []
    for annotation in annotations:
        where = f"image {image.file_name!r}, annotation {annotation.shown_id!r}"
        try:
            geometry, box = reading.look(annotation.entry, size, where)
        except BadGeometry as fault:
            reading.findings.drop(fault.reason, where, fault.detail)
            continue
        kept.append(annotation)
        geometries.append(geometry)
        boxes.append(box)
    entries = [annotation.entry for annotation in kept]
    attributes = [object_attributes(entry.get("attributes"), entry.get("score")) for entry in entries]
    instances = Instances.build(
        size,
        labels=[labels[annotation.category] for annotation in kept],
        geometries=geometries,
        boxes=boxes,
        is_crowd=[number(entry.get("iscrowd"), 0.0) != 0 for entry in entries],
        areas=[number(entry.get("area"), math.nan) for entry in entries],
        ids=[annotation.shown_id for annotation in kept],
        attributes=attributes if any(attributes) else None,
    )
    return Record(image_id=image.shown_id, path=path, size_hw=size, instances=instances, split=image.split)
