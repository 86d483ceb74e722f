"""Regions of VIA as objects: what their attributes say beside the class."""

from __future__ import annotations

import math

from contorno.geometry import Polygons
from contorno.parsers.coco_geometry import Box
from contorno.parsers.found import FoundObject
from contorno.parsers.via_classes import GROUP_ID, IS_CROWD, OBJECT_ID, SCORE
from contorno.parsers.via_document import ViaRegion


def made_object(
    region: ViaRegion, class_name: str, field: str | None, geometry: Polygons | None, box: Box | None
) -> tuple[str | None, FoundObject]:
    """A region as an object, or as a part of one, with the group that ties it to other parts or None.

    field: the attribute that names the class; the others are attributes of the object, as far as they say anything.
    """
    attributes = {key: value for key, value in region.attributes.items() if key != field and value not in ("", None)}
    group, crowd, object_id = (attributes.pop(key, None) for key in (GROUP_ID, IS_CROWD, OBJECT_ID))
    if isinstance(attributes.get(SCORE), str):
        attributes[SCORE] = _number(attributes[SCORE])
    return str(group) if isinstance(group, int | str) else None, FoundObject(
        class_name=class_name,
        geometry=geometry,
        box=box,
        where=region.where,
        object_id=object_id if isinstance(object_id, int | str) else None,
        is_crowd=crowd is True or crowd == "true",
        attributes=attributes,
    )


def _number(text: str) -> float | str:
    try:
        number = float(text)
    except ValueError:
        return text
    return number if math.isfinite(number) else text
