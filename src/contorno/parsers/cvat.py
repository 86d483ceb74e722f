"""Read the exports "CVAT for images 1.1" of the annotation tool CVAT."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

from contorno.errors import ConfigError, DataError
from contorno.images import image_size
from contorno.masks import Size
from contorno.parsers.coco_geometry import BadGeometry
from contorno.parsers.cvat_images import annotations_file, find_images, image_home, image_name, image_path
from contorno.parsers.cvat_shapes import box_of, geometry_of, is_closed, rotation_of
from contorno.parsers.findings import Findings
from contorno.parsers.found import FoundImage, FoundObject
from contorno.parsers.groups import join_groups
from contorno.parsers.parsing import Missing, Parser
from contorno.parsers.xml_file import XmlElement, iterate_xml
from contorno.progress import Progress
from contorno.records import ClassMap
from contorno.splits.words import SPLIT_WORDS

Boxes = Literal["box", "mask"]
Polylines = Literal["drop", "close"]

_AREAS = ("polygon", "box", "ellipse", "cuboid", "mask", "polyline")
_NO_AREAS = {
    "points": "points, which enclose nothing",
    "skeleton": "skeleton, which encloses nothing",
    "tag": "tag of a whole image",
}
_OWN = ("occluded", "source", "z_order", "group_id")
_LABELS_WITHOUT_AREA = ("points", "skeleton", "tag")


class CVATParser(Parser):
    """Reads an XML file of the format "CVAT for images 1.1".

    path:      the XML file, or the folder of an unpacked export with annotations.xml in it.
    img_dir:   the folder that image names start in; if unset images/ or data/ beside the file, else its folder.
    boxes:     what a rectangle that is not turned becomes: "box", an object with a box alone; "mask", its four corners
               as a polygon. One that is turned is a polygon always.
    polylines: "drop" lines, counted, save those that end where they begin, which are polygons; or "close" all of them.
    join_groups: join the outlines of one label that share a group (`group_id`) to one object of several parts.

    The other options are those of `Parser`. Polygons keep their vertices; ellipses become polygons (`shapes`), cuboids
    the convex hull of their corners, masks run-length code. Points, skeletons and tags are no objects and are counted.
    `occluded`, `source`, `z_order`, `group_id` and what people filled in are attributes; joined shapes have those of
    the first. Image ids are CVAT's where these are different, else the image names, after the split where a name
    repeats. The subset is the split. An image is looked for in the folder of its subset, under its name, and by the
    last part of its name, counted.
    Raises ConfigError for a folder without annotations.xml.
    """

    def __init__(
        self,
        path: Path | str,
        img_dir: Path | str | None = None,
        *,
        boxes: Boxes = "box",
        polylines: Polylines = "drop",
        join_groups: bool = True,
        class_map: ClassMap | None = None,
        ignore_unknown: bool = False,
        missing_images: Missing = "error",
        vertex_offset: float = 0.0,
    ) -> None:
        for name, value, known in (("boxes", boxes, Boxes), ("polylines", polylines, Polylines)):
            if value not in get_args(known):
                raise ConfigError(f"{name}={value!r} is not known; choose one of {', '.join(get_args(known))}.")
        self.annotations = annotations_file(Path(path))
        home = self.annotations.parent
        super().__init__(
            self.annotations,
            img_dir if img_dir is not None else image_home(home),
            class_map=class_map,
            ignore_unknown=ignore_unknown,
            missing_images=missing_images,
            vertex_offset=vertex_offset,
        )
        self.boxes = boxes
        self.polylines = polylines
        self.join_groups = join_groups
        self._labels_stated: list[str] = []

    def _declared_classes(self) -> Sequence[str]:
        return self._labels_stated

    def _read(self, findings: Findings, progress: Progress) -> Iterator[FoundImage]:
        self._labels_stated = []
        images: list[FoundImage] = []
        ids: list[str] = []
        count = 0
        parts = iterate_xml(self.annotations)
        outer = next(parts)
        if outer.tag != "annotations":
            raise DataError(
                f"{self.annotations} is XML, but its outer element is <{outer.tag}>; expected <annotations>, as CVAT "
                "for images 1.1 has it"
                + (" (one XML file for each image is PASCAL VOC)." * (outer.tag == "annotation"))
            )
        for element in parts:
            if element.tag == "meta":
                self._labels_stated = _labels(element)
            elif element.tag == "track":
                raise DataError(
                    f"{self.annotations} has tracks (line {element.line}), so it is CVAT for video 1.1; "
                    'export the task again as "CVAT for images 1.1", which writes the shapes of each frame.'
                )
            elif element.tag == "image":
                count += 1
                image = self._image(element, findings)
                if image is None:
                    continue
                ids.append(element.attributes.get("id", ""))
                images.append(image)
                if len(images) % 256 == 0:
                    progress("reading images", len(images), None)
        if not images:
            fault = f"has no usable file name in its {count} images" if count else "has no <image>"
            raise DataError(f"{self.annotations} {fault}; expected an export as CVAT for images 1.1.")
        self._name(images, ids)
        find_images(images, self.img_dir, findings)
        yield from images

    def _name(self, images: list[FoundImage], ids: list[str]) -> None:
        """Give images CVAT's ids, if all are different; else their names, with the subset where a name repeats."""
        if all(number.isascii() and number.isdigit() and len(number) < 19 for number in ids):
            numbers = [int(number) for number in ids]
            if len(set(numbers)) == len(numbers):
                for image, number in zip(images, numbers, strict=True):
                    image.image_id = number
                return
        # Tasks of a project count from 0 each, and may have images of one name in their own subsets.
        names = Counter(image.file_name for image in images)
        for image in images:
            if names[image.file_name] > 1 and image.split is not None:
                image.image_id = f"{image.split}/{image.file_name}"

    def _image(self, element: XmlElement, findings: Findings) -> FoundImage | None:
        where = f"image {element.attributes.get('id', '?')} (line {element.line})"
        stated = element.attributes.get("name", "")
        name = image_name(stated, self.img_dir, self.missing_images, self.annotations, where, findings)
        if name is None:
            findings.leave_out("shape of an image that is left out for its name", len(element.children))
            return None
        subset = element.attributes.get("subset", "").strip()
        image = FoundImage(file_name=name, where=f"{where} {name}", size=_size(element))
        image.split = SPLIT_WORDS.get(subset.lower(), subset if subset.lower() != "default" else None) or None
        if image.size is None:
            image.path = image_path(name, subset, self.img_dir)
            if image.path is not None:
                findings.mend("image without a size, read from its file", image.where)
                image.size = image_size(image.path)
        parts: list[tuple[str | None, FoundObject]] = []
        for number, shape in enumerate(element.children, start=1):
            made = self._shape(shape, number, image, findings)
            if made is not None:
                group = str(made.attributes.get("group_id") or "")
                parts.append((group if self.join_groups and group and made.geometry is not None else None, made))
        image.objects = join_groups(parts, image.size, findings, image.where)
        return image

    def _shape(self, shape: XmlElement, number: int, image: FoundImage, findings: Findings) -> FoundObject | None:
        """One shape as an object, or None if it is none; that is counted."""
        where = f"{shape.tag} {number} (line {shape.line})"
        if shape.tag not in _AREAS:
            reason = _NO_AREAS.get(shape.tag, f"<{shape.tag[:40]}>, which is no shape that is known")
            findings.leave_out(reason, 1, f"{image.where}, {where}")
            return None
        made = FoundObject(class_name=shape.attributes.get("label", ""), where=where, attributes=_attributes(shape))
        try:
            if shape.tag == "polyline" and self.polylines == "drop" and not is_closed(shape):
                findings.leave_out("line, which encloses nothing", 1, f"{image.where}, {where}")
                return None
            if shape.tag == "box" and self.boxes == "box" and not rotation_of(shape):
                left, top, right, bottom = box_of(shape)
                if left > right or top > bottom:
                    findings.mend("box with its corners exchanged", f"{image.where}, {where}")
                made.box = (min(left, right), min(top, bottom), max(left, right), max(top, bottom))
            else:
                made.geometry = geometry_of(shape, image.size)
        except BadGeometry as fault:
            findings.drop(fault.reason, f"{image.where}, {where}", fault.detail)
            return None
        return made


def _labels(meta: XmlElement) -> list[str]:
    """Labels in their order, without those that no shape with an area can have and without the points of skeletons."""
    names = []
    for owner in meta.children:
        labels = owner.first("labels")
        for label in labels.every("label") if labels is not None else ():
            if label.value("type") not in _LABELS_WITHOUT_AREA and not label.value("parent"):
                names.append(label.value("name"))
    return names


def _size(image: XmlElement) -> Size | None:
    try:
        height, width = (int(image.attributes.get(name, "0")) for name in ("height", "width"))
    except ValueError:
        return None
    return (height, width) if 0 < height < 10**6 and 0 < width < 10**6 else None


def _attributes(shape: XmlElement) -> dict[str, Any]:
    """CVAT's own fields, numbers as int; then what people filled in, as texts under the names of the label."""
    found: dict[str, Any] = {}
    for name in _OWN:
        text = shape.attributes.get(name)
        if text is not None:
            digits = text.removeprefix("-")
            found[name] = int(text) if digits.isascii() and digits.isdigit() and len(digits) < 19 else text
    found |= {child.attributes.get("name", ""): child.text for child in shape.every("attribute")}
    return found
