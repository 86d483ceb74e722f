"""Read the exports "CVAT for images 1.1" of the annotation tool CVAT."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

from contorno import masks
from contorno.errors import ConfigError, DataError
from contorno.images import image_size
from contorno.masks import Geometry, Polygons, Size
from contorno.parsers.coco_geometry import BadGeometry
from contorno.parsers.cvat_shapes import box_of, geometry_of, is_closed, rotation_of
from contorno.parsers.findings import Findings
from contorno.parsers.found import FoundImage, FoundObject
from contorno.parsers.image_files import relative_name
from contorno.parsers.parsing import Missing, Parser
from contorno.parsers.voc_folders import SPLITS
from contorno.parsers.xml_file import XmlElement, iterate_xml, root_tag
from contorno.progress import Progress
from contorno.records import ClassMap

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
    img_dir:   the folder that image names start in; images/ beside the file, else the file's folder, if unset.
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
        self.annotations = _file(Path(path))
        home = self.annotations.parent
        super().__init__(
            self.annotations,
            img_dir if img_dir is not None else next((place for place in (home / "images",) if place.is_dir()), home),
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
        base_names = Counter(image.file_name.rpartition("/")[2] for image in images)
        for image in images:
            self._find(image, base_names, findings)
            yield image

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
        name = self._file_name(element, where, findings)
        if name is None:
            return None
        subset = element.attributes.get("subset", "").strip()
        image = FoundImage(file_name=name, where=f"{where} {name}", size=_size(element))
        image.split = SPLITS.get(subset.lower(), subset if subset.lower() != "default" else None) or None
        if image.size is None:
            image.path = self._path(name, subset)
            if image.path is not None:
                findings.mend("image without a size, read from its file", image.where)
                image.size = image_size(image.path)
        groups: dict[tuple[str, str], FoundObject] = {}
        for number, shape in enumerate(element.children, start=1):
            made = self._shape(shape, number, image, findings)
            if made is None:
                continue
            key = (made.class_name, str(made.attributes.get("group_id") or ""))
            first = groups.get(key) if self.join_groups and key[1] and made.geometry is not None else None
            if first is not None and first.geometry is not None and made.geometry is not None:
                first.geometry = _joined(first.geometry, made.geometry, image.size)
                continue
            if made.geometry is not None and key[1]:
                groups[key] = made
            image.objects.append(made)
        return image

    def _file_name(self, element: XmlElement, where: str, findings: Findings) -> str | None:
        """The name of an image, or None if it has none, or one that leads out and is to be dropped; that is counted."""
        name = element.attributes.get("name", "")
        try:
            return relative_name(name, f"{self.annotations}: {where}")
        except DataError:
            base = re.split(r"[/\\]", name)[-1]
            if base not in ("", ".", "..") and "\0" not in base and (self.img_dir / base).is_file():
                findings.mend("image found by the last part of its name, without its folders", where)
                return base
            reason = "image whose file name leads out of the image folder" if name.strip() else "image without a name"
            if name.strip() and self.missing_images == "error":
                raise
            findings.drop(reason, where, name[:80])
            findings.leave_out(f"shape of an {reason}", len(element.children))
            return None

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

    def _find(self, image: FoundImage, base_names: Counter[str], findings: Findings) -> None:
        """Set the path of an image that is not right under its name, or of one in the folder of its subset."""
        if image.path is None:
            image.path = self._path(image.file_name, image.split or "")
        base = image.file_name.rpartition("/")[2]
        if image.path is None and base != image.file_name and base_names[base] == 1:
            place = self.img_dir / base
            if place.is_file():
                findings.mend("image found by the last part of its name, without its folders", image.where)
                image.path = place

    def _path(self, name: str, subset: str) -> Path | None:
        """The file of an image: under its name, or in a folder of its subset, as exports of projects lay them out."""
        names = [subset, *(known for known, split in SPLITS.items() if split == subset or known == subset.lower())]
        folders = [*(self.img_dir / folder for below in names if below for folder in _spellings(below)), self.img_dir]
        # The subset that CVAT means where none is named.
        folders.append(self.img_dir / "default")
        for folder in folders:
            for place in (folder, folder / "images"):
                if (place / name).is_file():
                    return place / name
        return None


def _file(path: Path) -> Path:
    """The XML file at `path`. Raises ConfigError if a folder has none, or several and none called annotations.xml."""
    if path.is_file() and path.suffix.lower() == ".zip":
        raise ConfigError(f"{path} is a zip; unpack it and give the folder.")
    if not path.is_dir():
        return path
    if (path / "annotations.xml").is_file():
        return path / "annotations.xml"
    found = [file for file in sorted(path.glob("*.xml")) if root_tag(file) == "annotations"]
    if len(found) != 1:
        names = ", ".join(file.name for file in found[:3]) or "none"
        raise ConfigError(f"{path} has no annotations.xml and not one CVAT file ({names}); give the XML file itself.")
    return found[0]


def _spellings(folder: str) -> tuple[str, ...]:
    # A subset's name is any text; as part of a path only what stays below the image folder is tried.
    if "/" in folder or "\\" in folder or folder.startswith("."):
        return ()
    return folder, folder.lower(), folder.capitalize()


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


def _joined(first: Geometry, second: Geometry, size: Size | None) -> Geometry:
    if isinstance(first, Polygons) and isinstance(second, Polygons):
        return Polygons((*first.parts, *second.parts))
    assert size is not None  # a mask cannot be read without it
    return masks.union([masks.to_run_length(first, size), masks.to_run_length(second, size)])
