"""contorno's records as an `imantics.Dataset`, and the other way round.

What imantics has no place for (crowd flags, stated areas and boxes, ids that are not whole numbers, attributes, splits,
the order of classes) goes into the `metadata` of its objects, under one key, and comes back from there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from contorno import images as image_files
from contorno import masks
from contorno.errors import ConfigError, DataError
from contorno.integrations.imantics.polygons import imantics_package
from contorno.masks import Geometry, Polygons, Size
from contorno.records import ClassMap, ImageId, Instances, Record, Records

KEY = "contorno"
"""The key of what is kept in `metadata`."""


def to_imantics(records: Records, *, name: str = "contorno") -> Any:
    """Make an `imantics.Dataset`: its images in order, categories 1..K, an annotation for each object.

    Polygons keep their vertices and run-length codes become `imantics.Mask` arrays, so that `from_imantics` gives the
    very same records; what imantics itself then makes of a mask (`polygons`, `export`) loses its outermost pixels.
    Raises ConfigError for an image that is no file, since imantics keeps a path only; MissingExtraError if imantics is
    not installed.
    """
    imantics = imantics_package()
    made = imantics.Dataset(name, metadata={KEY: {"background": records.class_map.background}})
    # imantics shares one dict of each among all its data sets.
    made.images, made.annotations, made.categories = {}, {}, {}
    categories = [
        imantics.Category(class_name, id=label, metadata={}, color=None)
        for label, class_name in enumerate(records.class_map.names, start=1)
    ]
    for category in categories:
        made.categories[category.name.lower()] = category
    number = 0
    for record in records:
        if record.path is None or record.image is not None:
            raise ConfigError(
                f"image {record.image_id}: its pixels are in memory, and imantics keeps a path only; write it to a "
                "file first, as with contorno.images.write_image."
            )
        height, width = record.size_hw
        image = imantics.Image(
            path=str(record.path),
            id=record.image_id,
            width=width,
            height=height,
            dataset=made,
            metadata={KEY: {"split": record.split}},
        )
        for index in range(len(record.instances)):
            number += 1
            annotation = _annotation(imantics, record, index, number, image, categories)
            image.annotations[number] = annotation
            image.categories[annotation.category.name.lower()] = annotation.category
            made.annotations[number] = annotation
        made.images[record.image_id] = image
    return made


def _annotation(imantics: Any, record: Record, index: int, number: int, image: Any, categories: Sequence[Any]) -> Any:
    instances = record.instances
    area = float(instances.areas[index])
    box = [float(value) for value in instances.boxes[index]]
    kept = {
        "id": None if instances.ids is None else instances.ids[index],
        "bbox": box,
        "area": None if np.isnan(area) else area,
        "is_crowd": bool(instances.is_crowd[index]),
        "attributes": None if instances.attributes is None else dict(instances.attributes[index]),
    }
    geometry = instances.geometries[index]
    shape: dict[str, Any] = {}
    if geometry is None:
        shape["bbox"] = imantics.BBox(box)
    elif isinstance(geometry, Polygons) and geometry.parts:
        shape["polygons"] = imantics.Polygons(geometry.to_coco())
    else:
        shape["mask"] = imantics.Mask(masks.decode(masks.to_run_length(geometry, record.size_hw)))
    category = categories[int(instances.labels[index]) - 1]
    return imantics.Annotation(image=image, category=category, id=number, metadata={KEY: kept}, **shape)


def from_imantics(data: Any, class_map: ClassMap | None = None, *, img_dir: Path | str | None = None) -> Records:
    """Make records of an `imantics.Dataset`, an `imantics.Image`, or several images.

    class_map: None takes the categories in the order in which imantics has them.
    img_dir:   the folder that paths which are not absolute begin in, such as those of `Dataset.from_coco`.
    A mask becomes run-length code of its very pixels and its box the tight one (imantics's own is short by a pixel each
    way); a polygon keeps its vertices; a box alone stays one. Images without annotations stay.
    Raises DataError, naming the image, for a polygon of under three points, a class that `class_map` lacks, an image
    without a path or whose size is nowhere to be had, and a mask of another size than its image.
    """
    dataset_images = list(data.iter_images()) if hasattr(data, "iter_images") else None
    if dataset_images is not None:
        categories = [category.name for category in data.iter_categories()]
    else:
        dataset_images = [data] if hasattr(data, "iter_annotations") else list(data)
        categories = []
    names = dict.fromkeys(categories)
    for image in dataset_images:
        names.update(dict.fromkeys(annotation.category.name for annotation in image.iter_annotations()))
    stated = (getattr(data, "metadata", None) or {}).get(KEY, {})
    chosen = ClassMap(_differing(names), stated.get("background", "background")) if class_map is None else class_map
    folder = None if img_dir is None else Path(img_dir)
    return Records([_record(image, chosen, folder) for image in dataset_images], chosen)


def _differing(names: Iterable[str]) -> list[str]:
    """Names without those that differ by case only, which imantics itself takes for one."""
    return list({name.strip().casefold(): name for name in reversed(list(names))}.values())[::-1]


def _record(image: Any, class_map: ClassMap, folder: Path | None) -> Record:
    if not image.path:
        raise DataError(f"image {image.id}: imantics has no path of it; set the image's `path`.")
    path = Path(image.path) if folder is None else folder / image.path
    size: Size = (int(image.height), int(image.width))
    if not all(size):
        size = image_files.image_size(path)
    annotations = list(image.iter_annotations())
    notes = [(annotation.metadata or {}).get(KEY, {}) for annotation in annotations]
    kept = (image.metadata or {}).get(KEY, {})
    image_id: ImageId = image.id if isinstance(image.id, int | str) else str(image.id)
    geometries = [_geometry(annotation, size, image_id) for annotation in annotations]
    boxes = [
        note.get("bbox") or _box(annotation, geometry, size)
        for annotation, note, geometry in zip(annotations, notes, geometries, strict=True)
    ]
    ids = [note.get("id", annotation.id) for annotation, note in zip(annotations, notes, strict=True)]
    attributes = [note.get("attributes") for note in notes]
    instances = Instances.build(
        size,
        [class_map.get_by_name(annotation.category.name) for annotation in annotations],
        geometries,
        boxes=np.array(boxes, dtype=np.float32).reshape(-1, 4),
        is_crowd=[bool(note.get("is_crowd")) for note in notes],
        areas=[np.nan if note.get("area") is None else note["area"] for note in notes],
        ids=None if not ids or None in ids else ids,
        attributes=None if not notes or None in attributes else [dict(one) for one in attributes if one is not None],
    )
    return Record(image_id=image_id, size_hw=size, instances=instances, path=path, split=kept.get("split"))


def _geometry(annotation: Any, size: Size, image_id: ImageId) -> Geometry | None:
    # What the annotation was made with; all else imantics derives from it, with losses.
    if annotation._init_with_mask:
        array = np.asarray(annotation.mask.array)
        if array.shape != size:
            raise DataError(
                f"image {image_id}: the mask of annotation {annotation.id} is {array.shape} (height, width) and the "
                f"image {size}; make the mask of the image's size."
            )
        return masks.encode(array)
    if annotation._init_with_polygons:
        parts = [np.asarray(part, dtype=np.float64) for part in annotation.polygons.polygons]
        for part in parts:
            if len(part) % 2 or len(part) < 6:
                raise DataError(
                    f"image {image_id}: a polygon of annotation {annotation.id} has {len(part)} numbers; expected x, y "
                    "of three points or more."
                )
        return Polygons(tuple(part.reshape(-1, 2) for part in parts))
    return None


def _box(annotation: Any, geometry: Geometry | None, size: Size) -> list[float]:
    if geometry is None:
        return [float(value) for value in annotation.bbox.bbox(style=annotation.bbox.MIN_MAX)]
    tight: list[float] = masks.box(masks.to_run_length(geometry, size)).tolist()
    return tight
