"""Write records as a COCO instances file that reads back to the very same records.

What COCO has no place for goes into keys that other readers pass over: `contorno_id` holds an id that COCO's integers
cannot, `split` the split that the record came from, `attributes` what else the source says of an object, as CVAT does.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, get_args

import numpy as np

from contorno.errors import ConfigError, DataError
from contorno.files import atomic_file
from contorno.progress import Progress, silent
from contorno.records import Record, Records
from contorno.writers.coco_masks import NO_OUTLINE, VERTICES_LOST, MaskForm, MaskForms, area_of
from contorno.writers.image_files import relative_names
from contorno.writers.written import Written

__all__ = [
    "ATTRIBUTES_LOST",
    "NO_OUTLINE",
    "VERTICES_LOST",
    "MaskForm",
    "can_be_numbers",
    "image_ids_of",
    "object_ids_of",
    "write_coco",
]

_OWN_KEYS = ("images", "annotations", "categories")
_SCORE = "score"
_TOLD_EVERY = 256  # images

ATTRIBUTES_LOST = "attributes of an object, left out as asked"


def write_coco(
    records: Records,
    path: Path,
    *,
    img_dir: Path | None = None,
    masks: MaskForm = "as-given",
    min_iou: float = 0.98,
    attributes: bool = True,
    first_image_id: int | None = None,
    first_annotation_id: int | None = None,
    extras: Mapping[str, Any] | None = None,
    object_extras: Mapping[int | str, Mapping[str, Any]] | None = None,
    progress: Progress = silent,
) -> Written:
    """Write `records` to the COCO file `path`, whole or not at all.

    img_dir:  folder that holds the image files; `file_name` is relative to it, with forward slashes. If unset, the
              deepest folder that holds them all.
    masks:    "as-given" keeps polygons to the last bit and writes run lengths compressed; "rle" writes every mask as
              compressed run lengths; "pixel-edges" as polygons that decode to the very same mask; "simplified" as
              polygons of few vertices (`contorno.simplify`), where a polygon that has no more keeps its own.
    min_iou:  the least IoU of a simplified mask with the one it stands for.
    attributes: write what `Instances.attributes` says of an object as the member "attributes", as CVAT does; a number
              called "score" stands beside it as "score", as in COCO's results.
    first_image_id, first_annotation_id: number all images, all annotations from here on, whatever their own ids are:
              for files that are to share no number.
    extras:   more top-level members of the file, such as "info" and "licenses".
    object_extras: more members of single annotations, by the id of the object in its record (`Instances.ids`).

    Image ids and annotation ids are kept where all are different whole numbers (annotation ids: above 0, since
    pycocotools takes a match with id 0 for none); otherwise they are numbered from 1, with the id of the record in
    `contorno_id`. `area` is the stated one, else that of the mask, else that of the box.
    Raises ConfigError for a record without a file or with its file outside `img_dir`, and for bad `masks`, `min_iou` or
    `extras`; DataError for an attribute that does not fit JSON.
    """
    path = Path(path)
    if masks not in get_args(MaskForm):
        raise ConfigError(f"masks={masks!r} is not a form of masks; choose one of {', '.join(get_args(MaskForm))}.")
    if not 0 < min_iou <= 1:
        raise ConfigError(f"min_iou={min_iou!r} is no bound for an IoU; choose one above 0 and up to 1, such as 0.98.")
    head = _extra_members(extras)
    image_ids = _numbers(image_ids_of(records), None, first_image_id)
    annotation_ids = iter(_numbers(object_ids_of(records), 1, first_annotation_id))
    for record in records:
        if record.path is None:
            raise ConfigError(
                f"image {record.image_id}: it has pixels and no file to name in COCO; "
                f"write the image to {'a folder' if img_dir is None else img_dir} first."
            )
    file_names = relative_names(records, img_dir)

    forms = MaskForms(masks, min_iou)
    categories = [{"id": label, "name": name} for label, name in enumerate(records.class_map.names, start=1)]
    images = (
        _image(record, image_id, file_name)
        for record, image_id, file_name in zip(records, image_ids, file_names, strict=True)
    )

    def annotations() -> Iterator[dict[str, Any]]:
        for done, (record, image_id) in enumerate(zip(records, image_ids, strict=True), start=1):
            yield from _annotations(record, image_id, annotation_ids, forms, object_extras or {}, attributes)
            if done % _TOLD_EVERY == 0 or done == len(records):
                progress("writing annotations", done, len(records))

    with atomic_file(path, "w") as file:
        file.write("{" + "".join(f"{json.dumps(key)}: {text},\n" for key, text in head.items()))
        _write_list(file, "images", images)
        file.write(",\n")
        # One annotation a line, made as it is written: a whole data set of polygons is never held twice.
        _write_list(file, "annotations", annotations())
        file.write(",\n")
        _write_list(file, "categories", categories)
        file.write("}\n")
    return Written(
        path=path,
        images=len(records),
        objects=records.num_objects,
        lost={what: count for what, count in forms.lost.items() if count},
        receipt=forms.receipt(),
    )


def _extra_members(extras: Mapping[str, Any] | None) -> dict[str, str]:
    members = {}
    for key, value in (extras or {}).items():
        if key in _OWN_KEYS:
            raise ConfigError(f"extras has the key {key!r}, which the records fill; leave it out.")
        try:
            members[key] = json.dumps(value, ensure_ascii=False, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise ConfigError(f"extras[{key!r}] cannot be written as JSON: {error}.") from error
    return members


def image_ids_of(records: Records) -> list[int | str | None]:
    """The ids of the images."""
    return [record.image_id for record in records]


def object_ids_of(records: Records) -> list[int | str | None]:
    """The ids of the objects, None for those without one."""
    return [own for record in records for own in record.instances.ids or [None] * len(record.instances)]


def can_be_numbers(ids: Sequence[int | str | None], least: int | None = None) -> bool:
    """True for different whole numbers, none below `least`."""
    kept = [int(own) for own in ids if isinstance(own, int | np.integer) and not isinstance(own, bool)]
    return len(set(kept)) == len(ids) and (least is None or min(kept, default=least) >= least)


def _numbers(ids: Sequence[int | str | None], least: int | None, first: int | None) -> list[int]:
    """The ids themselves where COCO can have them, else 1..N; numbers from `first` on where that is given."""
    if first is None and can_be_numbers(ids, least):
        return [int(own) for own in ids if own is not None]
    start = 1 if first is None else first
    return list(range(start, start + len(ids)))


def _image(record: Record, image_id: int, file_name: str) -> dict[str, Any]:
    height, width = record.size_hw
    image: dict[str, Any] = {"id": image_id, "file_name": file_name, "width": int(width), "height": int(height)}
    if record.image_id != image_id:
        image["contorno_id"] = record.image_id
    if record.split is not None:
        image["split"] = record.split
    return image


def _annotations(
    record: Record,
    image_id: int,
    new_ids: Iterator[int],
    forms: MaskForms,
    extras: Mapping[int | str, Mapping[str, Any]],
    with_attributes: bool,
) -> Iterator[dict[str, Any]]:
    instances = record.instances
    # float64 first: the difference of two float32 is then exact, so x + width gives the very same x_max again.
    boxes_xywh = instances.boxes.astype(np.float64)
    boxes_xywh[:, 2:] -= boxes_xywh[:, :2]
    for index in range(len(instances)):
        geometry, box = instances.geometries[index], [float(value) for value in boxes_xywh[index]]
        annotation_id = next(new_ids)
        annotation: dict[str, Any] = {
            "id": annotation_id,
            "image_id": image_id,
            "category_id": int(instances.labels[index]),
            "bbox": box,
            "area": area_of(float(instances.areas[index]), geometry, record.size_hw, box),
            "iscrowd": int(instances.is_crowd[index]),
            # An object with a box only has an empty list, as box data sets in COCO's form do.
            "segmentation": [] if geometry is None else forms.segmentation(geometry, record.size_hw),
        }
        if instances.ids is not None and instances.ids[index] != annotation_id:
            annotation["contorno_id"] = instances.ids[index]
        told = {} if instances.attributes is None else instances.attributes[index]
        if told and with_attributes:
            annotation |= _attribute_members(told, f"image {record.image_id!r}, annotation {annotation_id}")
        elif told:
            forms.lost[ATTRIBUTES_LOST] += 1
        if extras and instances.ids is not None:
            # What the record says itself comes first: an extra cannot overwrite it.
            annotation = {**extras.get(instances.ids[index], {}), **annotation}
        yield annotation


def _attribute_members(told: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The members "score" and "attributes" of an annotation."""
    for name, value in told.items():
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise DataError(f"{where}: the attribute {name!r} cannot be written as JSON: {error}.") from error
    score = told.get(_SCORE)
    if not isinstance(score, int | float) or isinstance(score, bool):
        return {"attributes": dict(told)}
    rest = {name: value for name, value in told.items() if name != _SCORE}
    return {_SCORE: score, **({"attributes": rest} if rest else {})}


def _write_list(file: IO[str], key: str, items: Iterable[Mapping[str, Any]]) -> None:
    file.write(f'"{key}": [')
    for index, item in enumerate(items):
        file.write((",\n" if index else "\n") + json.dumps(item, ensure_ascii=False, allow_nan=False))
    file.write("]")
