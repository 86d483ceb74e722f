"""One image's XML as PASCAL VOC has it."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree

from contorno.parsers.voc_xml import SHAPES, plain_value
from contorno.records import Record

_TAG = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,100}")
_ILLEGAL = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_USUAL: dict[str, Any] = {"pose": "Unspecified", "truncated": 0, "difficult": 0}
"""Elements that readers of VOC expect of every object, in its order, with what they say where nothing is known."""


def annotation_xml(record: Record, class_names: Sequence[str], file_name: str, lost: Counter[str]) -> bytes:
    """The XML of an image. What it cannot hold is counted in `lost`.

    file_name: as the XML names the image.   class_names: `class_names[i]` has label i + 1.
    """
    height, width = record.size_hw
    instances = record.instances
    root = ElementTree.Element("annotation")
    _add(root, "folder", "JPEGImages")
    _add(root, "filename", file_name)
    source = ElementTree.SubElement(root, "source")
    _add(source, "database", "Unknown")
    # Says that boxes count from 1, to people and to `VOCMaskParser`.
    _add(source, "annotation", "PASCAL VOC")
    size = ElementTree.SubElement(root, "size")
    for tag, value in (("width", width), ("height", height), ("depth", 3)):
        _add(size, tag, value)
    _add(root, "segmented", int(any(shape is not None for shape in instances.geometries)))
    for index in range(len(instances)):
        element = ElementTree.SubElement(root, "object")
        _add(element, "name", class_names[int(instances.labels[index]) - 1])
        given = {} if instances.attributes is None else dict(instances.attributes[index])
        is_crowd = bool(instances.is_crowd[index])
        if is_crowd and "difficult" not in given:
            given["difficult"] = 1
        for tag, value in {**_USUAL, **given}.items():
            _add_attribute(element, tag, value, lost)
        if is_crowd:
            _add(element, "iscrowd", 1)
        bounds = ElementTree.SubElement(element, "bndbox")
        left, top, right, bottom = (float(edge) for edge in instances.boxes[index])
        for tag, edge in (("xmin", left + 1), ("ymin", top + 1), ("xmax", right), ("ymax", bottom)):
            _add(bounds, tag, int(edge) if edge == int(edge) else repr(edge))
    ElementTree.indent(root)
    text: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return text + b"\n"


def _add(parent: ElementTree.Element, tag: str, value: object) -> None:
    ElementTree.SubElement(parent, tag).text = _ILLEGAL.sub("", str(value))


def _add_attribute(parent: ElementTree.Element, tag: str, value: Any, lost: Counter[str]) -> None:
    if not _TAG.fullmatch(tag) or tag in SHAPES:
        lost["attribute whose name no element can have"] += 1
    elif _is_held(value):
        _put(parent, tag, value)
    else:
        lost["attribute kept as a text"] += 1
        _add(parent, tag, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _put(parent: ElementTree.Element, tag: str, value: Any) -> None:
    if isinstance(value, list):
        for item in value:
            _put(parent, tag, item)
    elif isinstance(value, dict):
        element = ElementTree.SubElement(parent, tag)
        for key, item in value.items():
            _put(element, key, item)
    else:
        _add(parent, tag, int(value) if isinstance(value, bool) else value)


def _is_held(value: Any) -> bool:
    """True if the value reads back as itself: whole numbers, most texts, dicts of these and lists of two or more."""
    if isinstance(value, dict):
        return bool(value) and all(
            isinstance(key, str) and _TAG.fullmatch(key) is not None and _is_held(item) for key, item in value.items()
        )
    if isinstance(value, list):
        return len(value) > 1 and all(_is_held(item) and not isinstance(item, list) for item in value)
    if isinstance(value, bool | int):
        return plain_value(str(int(value))) == int(value)
    # A line of its own in a text becomes a space in some readers, "\r" in all.
    return isinstance(value, str) and plain_value(value) == value == value.strip() and not _ILLEGAL.search(value)
