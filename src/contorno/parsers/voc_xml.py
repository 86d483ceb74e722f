"""PASCAL VOC's XML: what one annotation file says, as it stands there.

Tools disagree on where a box begins. VOC counts pixels from 1 and includes the last one, so the edges of a box are
(xmin - 1, ymin - 1, xmax, ymax). labelImg, CVAT, Label Studio and most scripts write the edges themselves, counted from
0; labelImg writes 1 where it means 0. Roboflow and its supervision write edges counted from 1, so that a box over the
last column ends at width + 1 (roboflow/supervision issue 144).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from contorno.errors import DataError
from contorno.masks import Polygons, Size
from contorno.parsers import shapes
from contorno.parsers.coco_geometry import BadGeometry, Box
from contorno.parsers.xml_file import XmlElement, read_xml

MOST_VOC_BYTES = 1 << 25
"""An annotation of one image may have so many bytes, 32 MiB."""

SHAPES = frozenset({"name", "bndbox", "polygon", "robndbox", "iscrowd", "deleted"})
"""Elements of an object that are not kept as attributes."""
_YES = frozenset({"1", "true", "yes"})
_VOC = re.compile(r"\bvoc|pascal", re.IGNORECASE)

Counting = Literal["voc", "edges", "edges from 1"]
"""How boxes are written: pixels from 1 with the last included; edges from 0 as they stand; edges, the first being 1."""
_CORNERS = ("xmin", "ymin", "xmax", "ymax")


@dataclass(slots=True, kw_only=True)
class VocObject:
    """One object. name: as spelled; "" if there is none.   where: for messages.

    box:        xmin, ymin, xmax, ymax as written; None if it is not four finite numbers.
    polygons:   its outline, as written, or a turned box; None if it has none.
    fault:      why the outline cannot be read.
    is_crowd:   a group region, as contorno writes it.
    attributes: all else under its own names: whole numbers as int, lists of elements as lists or dicts.
    """

    name: str
    where: str
    box: Box | None
    polygons: Polygons | None = None
    fault: BadGeometry | None = None
    is_crowd: bool = False
    attributes: dict[str, Any] = field(default_factory=dict)

    @property
    def is_difficult(self) -> bool:
        """True for objects that VOC's own measure passes over."""
        return str(self.attributes.get("difficult", "")).strip().lower() in _YES


@dataclass(slots=True, kw_only=True)
class VocAnnotation:
    """One file. path: the file.   stem: its name without suffix.   folder: where it lies below the annotations ("").

    file_name: as stated, "" if it is not.
    size:      (height, width) as stated; None if missing or without pixels.
    counting:  how its boxes are written, as far as its source tells: that of VOC where VOC is named or none is stated.
    """

    path: Path
    stem: str
    folder: str
    file_name: str
    size: Size | None
    counting: Counting
    objects: list[VocObject]


class NotVocError(DataError):
    """An XML file that is something else than a VOC annotation."""


def read_voc(path: Path, folder: str = "") -> VocAnnotation:
    """Read one annotation. Raises DataError for XML that cannot be read, NotVocError for XML of another kind."""
    root = read_xml(path, most_bytes=MOST_VOC_BYTES)
    if root.tag.lower() != "annotation":
        raise NotVocError(f"{path} is XML, but its outer element is <{root.tag}>; expected <annotation>.")
    source = root.first("source")
    stated = "" if source is None else f"{source.value('database')} {source.value('annotation')}".strip()
    elements = [child for child in root.children if child.tag == "object"]
    return VocAnnotation(
        path=path,
        stem=path.stem,
        folder=folder,
        file_name=root.value("filename"),
        size=_size(root),
        counting=_counting(stated),
        objects=[
            _object(element, number) for number, element in enumerate(elements, 1) if element.value("deleted") != "1"
        ],
    )


def edges(box: Box, counting: Counting) -> Box:
    """A box as written as xyxy edges from 0."""
    left, top, right, bottom = box
    if counting == "edges":
        return box
    last = 1 if counting == "edges from 1" else 0
    return left - 1, top - 1, right - last, bottom - last


def starts_below_one(annotations: list[VocAnnotation]) -> bool:
    """True if a box begins left of or above pixel 1, which no file that counts from 1 has."""
    return any(
        min(found.box) < 1 for annotation in annotations for found in annotation.objects if found.box is not None
    )


def _counting(source: str) -> Counting:
    if "roboflow" in source.lower():
        return "edges from 1"
    return "voc" if not source or _VOC.search(source) else "edges"


def _object(element: XmlElement, number: int) -> VocObject:
    found = VocObject(
        name=element.value("name"),
        where=f"object {number} (line {element.line})",
        box=_box(element.first("bndbox")),
        is_crowd=element.value("iscrowd").lower() in _YES,
        attributes={tag: value for tag, value in _plain(element).items() if tag not in SHAPES},
    )
    try:
        found.polygons = _outline(element)
    except BadGeometry as fault:
        found.fault = fault
    return found


def _size(root: XmlElement) -> Size | None:
    for tag, height_tag, width_tag in (("size", "height", "width"), ("imagesize", "nrows", "ncols")):
        size = root.first(tag)
        if size is not None:
            height, width = _number(size.value(height_tag)), _number(size.value(width_tag))
            if min(height, width) >= 1 and height == int(height) and width == int(width):
                return int(height), int(width)
    return None


def _box(element: XmlElement | None) -> Box | None:
    if element is None:
        return None
    left, top, right, bottom = (_number(element.value(corner)) for corner in _CORNERS)
    return (left, top, right, bottom) if not math.isnan(left + top + right + bottom) else None


def _number(text: str) -> float:
    """A finite number below a billion, else NaN."""
    try:
        value = float(text)
    except ValueError:
        return math.nan
    return value if abs(value) < 1e9 else math.nan


def _outline(element: XmlElement) -> Polygons | None:
    """All polygons of an object as one mask, or its turned box; None if it has neither."""
    parts = [part for child in element.every("polygon") if (part := _points(child))]
    if parts:
        return Polygons(tuple(shapes.polygon(part).parts[0] for part in parts))
    turned = element.first("robndbox")
    if turned is not None:
        x, y, width, height, angle = (_number(turned.value(tag)) for tag in ("cx", "cy", "w", "h", "angle"))
        return shapes.rectangle(x - width / 2, y - height / 2, x + width / 2, y + height / 2, rotation=angle)
    return None


def _points(polygon: XmlElement) -> list[tuple[float, float]]:
    """Points of one polygon, written as x1, y1, x2, y2 ... or as points (pt) of an x and a y each."""
    pairs = [(_number(x), _number(y)) for x, y in _pairs(polygon)]
    bad = next((pair for pair in pairs if math.isnan(sum(pair))), None)
    if bad is not None:
        raise BadGeometry("polygon with points that are not numbers", f"line {polygon.line}")
    return pairs


def _pairs(polygon: XmlElement) -> Iterator[tuple[str, str]]:
    numbered = {child.tag: child.text for child in polygon.children if not child.children}
    count = sum(tag[0] == "x" and tag[1:].isdigit() for tag in numbered)
    if count:
        names = sorted(int(tag[1:]) for tag in numbered if tag[0] == "x" and tag[1:].isdigit())
        yield from ((numbered[f"x{name}"], numbered.get(f"y{name}", "")) for name in names)
        return
    for child in polygon.children:
        if child.tag in ("pt", "point") or (child.children and child.tag.startswith("point")):
            yield child.value("x"), child.value("y")
        elif child.tag.startswith("point") and "," in child.text:
            x, _, y = child.text.partition(",")
            yield x, y


def _plain(element: XmlElement) -> dict[str, Any]:
    """Children as values for JSON; a tag that stands several times becomes a list."""
    plain: dict[str, Any] = {}
    repeated: set[str] = set()
    for child in element.children:
        value = _plain(child) if child.children else plain_value(child.text)
        if child.tag in repeated:
            plain[child.tag].append(value)
        elif child.tag in plain:
            plain[child.tag] = [plain[child.tag], value]
            repeated.add(child.tag)
        else:
            plain[child.tag] = value
    return plain


def plain_value(text: str) -> int | str:
    """What a text is as an attribute: a whole number written as such, else the text itself."""
    return int(text) if re.fullmatch(r"-?(0|[1-9]\d{0,8})", text) else text
