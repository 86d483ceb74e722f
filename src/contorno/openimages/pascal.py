"""Fetched images with their objects as PASCAL VOC XML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from contorno import files
from contorno.masks import Size
from contorno.openimages.folder import Folder
from contorno.records import fold_name


@dataclass(frozen=True, slots=True)
class Thing:
    """One object of a photograph. box_xywh: pixels.   box_id, predicted_iou: as published."""

    label: str
    box_xywh: Sequence[float]
    box_id: str
    predicted_iou: float | None


@dataclass(frozen=True, slots=True)
class Photo:
    """An image with its objects, of all classes asked for, by the path of their masks."""

    path: Path
    size: Size
    things: dict[Path, Thing] = field(default_factory=dict)


def photos_of(fetched: Folder) -> dict[str, Photo]:
    """All fetched images by ImageID; one that is listed in two splits is one image with the objects of both."""
    photos: dict[str, Photo] = {}
    for split in fetched.splits:
        coco = files.read_json(fetched.annotations(split))
        names = {category["id"]: category["name"] for category in coco["categories"]}
        stems = {}
        for image in coco["images"]:
            path = fetched.images(split) / image["file_name"]
            stems[image["id"]] = path.stem
            photos.setdefault(path.stem, Photo(path, (image["height"], image["width"])))
        for annotation in coco["annotations"]:
            things = photos[stems[annotation["image_id"]]].things
            path = fetched.masks(split) / annotation["mask_path"]
            if any(path.name == other.name for other in things):
                continue
            things[path] = Thing(
                names[annotation["category_id"]],
                annotation["bbox"],
                annotation["box_id"],
                annotation["predicted_iou"],
            )
    return photos


def pascal_xml(photo: Photo, new_names: Mapping[str, str]) -> bytes:
    """PASCAL VOC XML of an image; its pixels count from 1 and its boxes include their last pixel.

    new_names: {folded class name: name to be written in its place}.
    """
    height, width = photo.size
    root = ElementTree.Element("annotation")
    ElementTree.SubElement(root, "folder").text = "images"
    ElementTree.SubElement(root, "filename").text = photo.path.name
    size = ElementTree.SubElement(root, "size")
    for tag, value in (("width", width), ("height", height), ("depth", 3)):
        ElementTree.SubElement(size, tag).text = str(value)
    ElementTree.SubElement(root, "segmented").text = "1" if photo.things else "0"
    for thing in photo.things.values():
        element = ElementTree.SubElement(root, "object")
        ElementTree.SubElement(element, "name").text = new_names.get(fold_name(thing.label), thing.label)
        for tag in ("truncated", "difficult"):
            ElementTree.SubElement(element, tag).text = "0"
        bounds = ElementTree.SubElement(element, "bndbox")
        x, y, w, h = thing.box_xywh
        for tag, edge in (("xmin", x + 1), ("ymin", y + 1), ("xmax", x + w), ("ymax", y + h)):
            ElementTree.SubElement(bounds, tag).text = str(round(edge))
    ElementTree.indent(root)
    text: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return text
