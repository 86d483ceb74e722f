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
    """One object of a photograph.

    box_xywh:  pixels.   box_id, predicted_iou: as published.
    mask_path: its mask, or None for a region that is to be ignored, as an object whose mask cannot be used.
    """

    label: str
    box_xywh: Sequence[float]
    mask_path: Path | None
    box_id: str = ""
    predicted_iou: float | None = None


@dataclass(frozen=True, slots=True)
class Photo:
    """An image with its objects, of all classes asked for."""

    path: Path
    size: Size
    things: list[Thing] = field(default_factory=list)


def photos_of(fetched: Folder) -> dict[str, Photo]:
    """All fetched images by ImageID; one that is listed in two splits is one image with the objects of both."""
    photos: dict[str, Photo] = {}
    seen: set[tuple[str, str]] = set()
    for split in fetched.splits:
        coco = files.read_json(fetched.annotations(split))
        names = {category["id"]: category["name"] for category in coco["categories"]}
        stems = {}
        for image in coco["images"]:
            path = fetched.images(split) / image["file_name"]
            stems[image["id"]] = path.stem
            photos.setdefault(path.stem, Photo(path, (image["height"], image["width"])))
        for annotation in coco["annotations"]:
            image_id, name = stems[annotation["image_id"]], annotation.get("mask_path")
            if (image_id, name) in seen:
                continue
            if name is not None:
                seen.add((image_id, name))
            thing = Thing(
                names[annotation["category_id"]],
                annotation["bbox"],
                None if annotation["iscrowd"] or name is None else fetched.masks(split) / name,
                annotation.get("box_id", ""),
                annotation.get("predicted_iou"),
            )
            photos[image_id].things.append(thing)
    return photos


def pascal_xml(photo: Photo, new_names: Mapping[str, str]) -> bytes:
    """PASCAL VOC XML of an image; its pixels count from 1 and its boxes include their last pixel.

    A region to be ignored is an object marked as difficult, which evaluation by PASCAL's rules passes over.
    new_names: {folded class name: name to be written in its place}.
    """
    height, width = photo.size
    root = ElementTree.Element("annotation")
    ElementTree.SubElement(root, "folder").text = "images"
    ElementTree.SubElement(root, "filename").text = photo.path.name
    size = ElementTree.SubElement(root, "size")
    for tag, value in (("width", width), ("height", height), ("depth", 3)):
        ElementTree.SubElement(size, tag).text = str(value)
    ElementTree.SubElement(root, "segmented").text = "1" if any(thing.mask_path for thing in photo.things) else "0"
    for thing in photo.things:
        element = ElementTree.SubElement(root, "object")
        ElementTree.SubElement(element, "name").text = new_names.get(fold_name(thing.label), thing.label)
        ElementTree.SubElement(element, "truncated").text = "0"
        ElementTree.SubElement(element, "difficult").text = "0" if thing.mask_path else "1"
        bounds = ElementTree.SubElement(element, "bndbox")
        x, y, w, h = thing.box_xywh
        for tag, edge in (("xmin", x + 1), ("ymin", y + 1), ("xmax", x + w), ("ymax", y + h)):
            ElementTree.SubElement(bounds, tag).text = str(round(edge))
    ElementTree.indent(root)
    text: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return text
