"""Objects of several parts, in formats that draw one outline at a time and tie those of one object by a group id."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

from contorno import masks
from contorno.geometry import Geometry, Polygons
from contorno.masks import Size
from contorno.parsers import shapes
from contorno.parsers.attribute_values import writable
from contorno.parsers.findings import Findings
from contorno.parsers.found import FoundObject


def join_groups(
    parts: Iterable[tuple[Hashable | None, FoundObject]], size: Size | None, findings: Findings, where: str
) -> list[FoundObject]:
    """One object for each group of one class, where its first part stands; parts without a group as they are.

    parts: each with its group's id, or None.   size: of the image; needed where masks of pixels are in groups.
    Polygons become one object of several polygons. With a mask of pixels among them the object is their union as run
    lengths. A box beside outlines counts as its rectangle; boxes alone become the box around them. Attributes of the
    first part win; others that differ are counted, and so are those that cannot be written as JSON.
    """
    groups: dict[Hashable, list[FoundObject]] = {}
    for number, (group, part) in enumerate(parts):
        if part.attributes:
            place = ", ".join(text for text in (where, part.where) if text)
            part.attributes = writable(part.attributes, findings, place)
        key: Hashable = ("alone", number) if group is None else ("group", group, part.class_name)
        groups.setdefault(key, []).append(part)
    return [_joined(group, size, findings, where) if len(group) > 1 else group[0] for group in groups.values()]


def _joined(parts: list[FoundObject], size: Size | None, findings: Findings, where: str) -> FoundObject:
    first = parts[0]
    attributes = dict(first.attributes)
    for part in parts[1:]:
        if any(attributes.get(key, value) != value for key, value in part.attributes.items()):
            place = ", ".join(text for text in (where, part.where) if text)
            findings.mend("parts of one object with different attributes, those of the first kept", place)
        attributes = {**part.attributes, **attributes}
    boxes = [part.box for part in parts if part.box is not None]
    outlined = any(part.geometry is not None for part in parts)
    around = None
    if len(boxes) == len(parts):
        left, top, right, bottom = zip(*boxes, strict=True)
        around = (min(left), min(top), max(right), max(bottom))
    return FoundObject(
        class_name=first.class_name,
        geometry=_union([_outline(part) for part in parts], size) if outlined else None,
        box=around,
        where=first.where,
        object_id=first.object_id,
        is_crowd=any(part.is_crowd for part in parts),
        attributes=attributes,
    )


def _outline(part: FoundObject) -> Geometry:
    if part.geometry is not None:
        return part.geometry
    assert part.box is not None
    return shapes.rectangle(*part.box)


def _union(geometries: list[Geometry], size: Size | None) -> Geometry:
    polygons = [geometry for geometry in geometries if isinstance(geometry, Polygons)]
    if len(polygons) == len(geometries):
        return Polygons(tuple(points for geometry in polygons for points in geometry.parts))
    assert size is not None
    return masks.union([masks.to_run_length(geometry, size) for geometry in geometries])
