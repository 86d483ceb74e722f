"""contorno's records as records of the real icevision, with nothing lost."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from contorno import masks
from contorno.errors import ConfigError
from contorno.integrations.icevision.components import NotesComponent, ObjectNote, SourceComponent
from contorno.integrations.icevision.mending import imported
from contorno.masks import Geometry, Polygons
from contorno.records import Instances, Record, Records


def to_icevision(records: Records) -> list[Any]:
    """Make icevision's records, which its Dataset, `show_records` and COCOMetric take; `from_icevision` goes back.

    Polygons keep their vertices, run-length codes become EncodedRLEs. Images without objects stay. A box-only object
    becomes one of an object-detection record. Stated areas are kept; an area that the source does not state is that of
    the mask, else of the box, since icevision's metric needs one. Annotation ids, attributes, splits and which areas
    were stated travel along in components of contorno's own, unseen by icevision.
    Imports icevision, mended, if that is not done yet.
    Raises ConfigError for an image of which some objects have masks and some do not: icevision's record has masks for
    all or none.
    """
    ice = imported()
    class_map = ice.ClassMap(list(records.class_map.names), background=records.class_map.background)
    is_masked = any(record.instances.has_masks and len(record.instances) for record in records)
    only_empty = not records.num_objects
    return [_record(ice, record, class_map, masked_if_empty=is_masked or only_empty) for record in records]


def _record(ice: Any, record: Record, class_map: Any, *, masked_if_empty: bool) -> Any:
    instances = record.instances
    has_masks = instances.has_masks if len(instances) else masked_if_empty
    if not has_masks and any(geometry is not None for geometry in instances.geometries):
        raise ConfigError(
            f"image {record.image_id}: some of its objects have a mask and some a box only; icevision takes masks for "
            "all or none: leave those without out with Instances.select, or give them masks."
        )
    tasks = sys.modules["icevision.core.tasks"]
    parts = [
        # One with a path would read the file anew, whatever its pixels are.
        ice.FilepathRecordComponent() if record.image is None else ice.ImageRecordComponent(),
        ice.InstancesLabelsRecordComponent(),
        ice.BBoxesRecordComponent(),
        ice.AreasRecordComponent(),
        ice.IsCrowdsRecordComponent(),
        SourceComponent(tasks.common, record),
        NotesComponent(tasks.detection, _notes(instances)),
        *([ice.InstanceMasksRecordComponent()] if has_masks else []),
    ]
    made = ice.BaseRecord(parts)
    made.set_record_id(record.image_id)
    if record.image is None:
        made.set_filepath(record.path)
    else:
        made.set_img(record.image)
    height, width = record.size_hw
    made.set_img_size(ice.ImgSize(width=width, height=height), original=True)
    made.detection.set_class_map(class_map)
    made.detection.set_labels_by_id(instances.labels.tolist())
    made.detection.set_bboxes([ice.BBox.from_xyxy(*box) for box in instances.boxes.tolist()])
    made.detection.set_areas(_areas(instances))
    made.detection.set_iscrowds([int(flag) for flag in instances.is_crowd])
    if has_masks:
        # has_masks says that there is one of each.
        shapes = [geometry for geometry in instances.geometries if geometry is not None]
        made.detection.set_masks([_mask(ice, shape, record) for shape in shapes])
    return made


def _mask(ice: Any, geometry: Geometry, record: Record) -> Any:
    if isinstance(geometry, Polygons) and geometry.parts:
        return ice.Polygon(geometry.to_coco())
    code = masks.to_run_length(geometry, record.size_hw)
    return ice.EncodedRLEs([{"size": list(code.size), "counts": code.counts}])


def _areas(instances: Instances) -> list[float]:
    sides = instances.boxes[:, 2:] - instances.boxes[:, :2]
    own = masks.areas(instances.run_lengths()) if instances.has_masks else sides.prod(axis=1)
    found: list[float] = np.where(np.isnan(instances.areas), own, instances.areas).tolist()
    return found


def _notes(instances: Instances) -> list[ObjectNote]:
    return [
        ObjectNote(
            annotation_id=None if instances.ids is None else instances.ids[index],
            attributes=None if instances.attributes is None else dict(instances.attributes[index]),
            has_area=not np.isnan(instances.areas[index]),
        )
        for index in range(len(instances))
    ]
