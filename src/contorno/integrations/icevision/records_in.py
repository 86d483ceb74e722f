"""Records of the real icevision as contorno's records, with nothing lost; icevision itself is not imported."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contorno import masks
from contorno.errors import ConfigError, DataError
from contorno.images import image_size
from contorno.integrations.icevision.classes import Labels, class_map_of
from contorno.masks import Geometry, Polygons, Size
from contorno.records import ClassMap, ImageId, Instances, Record, Records


def from_icevision(records: Iterable[Any], class_map: ClassMap | Any | None = None) -> Records:
    """Make contorno's records of icevision's: of a parser, a Dataset's `records`, or loaded samples.

    class_map: contorno's or icevision's; classes are matched by name. None is the class map of the records, without
               the gaps that icevision leaves for unused ids; labels are then 1..K in its order.

    Masks keep their form: polygons their vertices, encoded and plain run lengths, arrays and mask files become
    run-length code of the very same pixels. Scores, and keypoints as [x, y, visible, ...], become the attributes
    "score" and "keypoints" of the object. Images without objects stay. An image that is loaded is taken as
    it is in memory, beside its path.
    Raises DataError, naming the record, for a record that has no objects to detect or outline in its make-up, labels
    without a class map, another number of masks than labels, a mask that icevision cannot draw either, and an image
    that is normalized already; ConfigError for predictions, which `predictions_from_icevision` takes.
    """
    given = list(records)
    if any(hasattr(record, "pred") for record in given):
        raise ConfigError("from_icevision takes records and got predictions; give them to predictions_from_icevision.")
    chosen = class_map_of(given, class_map)
    labels = Labels(chosen)
    return Records([_record(record, labels, position) for position, record in enumerate(given)], chosen)


def _record(record: Any, labels: Labels, position: int) -> Record:
    image_id = image_id_of(record, position)
    path, image, size = _place(record, image_id)
    source = getattr(record, "split", None)
    detection = getattr(record, "detection", None)
    if detection is None:
        raise DataError(
            f"image {image_id}: the record of icevision is not one of detection or instance segmentation; it has: "
            f"{', '.join(getattr(record, 'task_composites', {}))}."
        )
    return Record(
        image_id=image_id,
        size_hw=size,
        instances=_instances(detection, size, labels, image_id),
        path=path,
        image=image,
        split=source if isinstance(source, str) else None,
    )


def image_id_of(record: Any, position: int) -> ImageId:
    """The id of a record of icevision; its position if it was given none."""
    found = getattr(record, "record_id", None)
    if found is None:
        return position
    return int(found) if isinstance(found, int | np.integer) else str(found)


def _place(record: Any, image_id: ImageId) -> tuple[Path | None, NDArray[np.uint8] | None, Size]:
    """Path, pixels and size of the image."""
    component = _component(record, "common", "set_filepath")
    stated_path = getattr(record, "source_path", None) if component is None else component.filepath
    path = None if stated_path is None else Path(stated_path)
    shown = getattr(record, "img", None)
    image = None if shown is None else np.asarray(shown)
    if image is not None:
        if image.ndim == 2:
            image = np.repeat(image[:, :, None], 3, axis=2)
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] not in (3, 4):
            raise DataError(
                f"image {image_id}: its pixels are {image.dtype} of shape {image.shape}; expected uint8 (H, W, 3) RGB: "
                "take the records rather than samples that are normalized."
            )
        height, width = image.shape[:2]
        return path, np.ascontiguousarray(image[:, :, :3]), (int(height), int(width))
    stated = getattr(record, "img_size", None)
    if stated is not None:
        return path, None, (int(stated.height), int(stated.width))
    if path is None:
        raise DataError(f"image {image_id}: the record of icevision has neither a file nor pixels.")
    return path, None, image_size(path)


def _component(record: Any, task: str, method: str) -> Any:
    """The part of a record that has a method; attributes alone would be found in any part."""
    parts = getattr(record.task_composites.get(task), "components", ())
    return next((part for part in parts if hasattr(type(part), method)), None)


def _instances(detection: Any, size: Size, labels: Labels, image_id: ImageId) -> Instances:
    ids = list(getattr(detection, "label_ids", ()))
    count = len(ids)
    if hasattr(detection, "masks") or getattr(detection, "mask_array", None) is not None:
        geometries: Sequence[Geometry | None] = _geometries(detection, count, size, image_id)
    else:
        geometries = [None] * count
    boxes = [list(box.xyxy) for box in getattr(detection, "bboxes", ())]
    notes = list(getattr(detection, "notes", ()))
    areas = np.array(_each(getattr(detection, "areas", None), count, np.nan), dtype=np.float64)
    if len(notes) == count:
        areas[[not note.has_area for note in notes]] = np.nan
    for what, found in (("boxes", boxes), ("areas", areas)):
        if len(found) not in (0, count):
            raise DataError(f"image {image_id}: the record of icevision has {len(found)} {what} for {count} labels.")
    attributes = _attributes(detection, notes, count)
    numbered = len(notes) == count and count > 0 and all(note.annotation_id is not None for note in notes)
    return Instances.build(
        size,
        labels.of(getattr(detection, "class_map", None), ids, image_id),
        geometries,
        boxes=np.array(boxes, dtype=np.float32).reshape(-1, 4) if boxes or not count else None,
        is_crowd=[bool(flag) for flag in _each(getattr(detection, "iscrowds", None), count, False)],
        areas=areas,
        ids=[note.annotation_id for note in notes] if numbered else None,
        attributes=attributes,
    )


def _each(values: Any, count: int, default: Any) -> list[Any]:
    return [default] * count if values is None or (len(values) == 0 and count) else list(values)


def _attributes(detection: Any, notes: Sequence[Any], count: int) -> list[dict[str, Any]] | None:
    scores = getattr(detection, "scores", None)
    keypoints = getattr(detection, "keypoints", None)
    has_notes = len(notes) == count and any(note.attributes is not None for note in notes)
    if not count or (scores is None and not keypoints and not has_notes):
        return None
    made = [dict(note.attributes or {}) for note in notes] if has_notes else [{} for _ in range(count)]
    for index, one in enumerate(made):
        if scores is not None:
            one["score"] = float(scores[index])
        if keypoints and index < len(keypoints):
            one["keypoints"] = np.asarray(keypoints[index].keypoints).tolist()
    return made


def _geometries(detection: Any, count: int, size: Size, image_id: ImageId) -> list[Geometry]:
    parts = list(getattr(detection, "masks", ()))
    found = [geometry for part in parts for geometry in of_mask(part, size, image_id)]
    if len(found) == count:
        return found
    array = getattr(detection, "mask_array", None)
    if array is not None and len(array.data) == count:
        return list(masks.encode_stack(np.asarray(array.data)))
    raise DataError(
        f"image {image_id}: the record of icevision has {len(found)} masks for {count} labels; give each object one."
    )


def of_mask(mask: Any, size: Size, image_id: ImageId) -> list[Geometry]:
    """The masks in one of icevision's, which may hold several. Raises DataError for one that cannot be drawn."""
    if hasattr(mask, "erles"):
        return [masks.to_run_length(masks.from_coco(dict(code), size), size) for code in mask.erles]
    kept = _polygons(mask.points) if hasattr(mask, "points") else None
    if kept is not None:
        return [kept]
    if isinstance(getattr(mask, "counts", None), list):
        return [_of_counts(mask.counts, size)]
    try:
        drawn = mask.to_mask(h=size[0], w=size[1]).data
    except (TypeError, ValueError, IndexError, OSError) as error:
        raise DataError(
            f"image {image_id}: a {type(mask).__name__} of the record of icevision cannot be drawn ({error}); correct "
            "the annotation, or read its file with contorno.parsers."
        ) from error
    return list(masks.encode_stack(np.asarray(drawn)))


def _of_counts(counts: Sequence[int], size: Size) -> Geometry:
    """Runs of which the last, outside, may be left out, as in Kaggle's form; pycocotools would read on in memory."""
    short = size[0] * size[1] - sum(counts)
    filled = [*counts, *([0] if len(counts) % 2 == 0 else [])]
    return masks.from_counts([*filled[:-1], filled[-1] + short] if short > 0 else counts, size)


def _polygons(points: Any) -> Polygons | None:
    """Polygons with the vertices given; None if they are not lists of three points or more."""
    try:
        parts = tuple(np.asarray(part, dtype=np.float64).reshape(-1, 2) for part in points)
        return Polygons(parts) if parts else None
    except (ValueError, TypeError, DataError):
        return None
