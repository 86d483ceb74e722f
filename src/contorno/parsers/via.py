"""Read label files of the VGG Image Annotator, versions 1 to 3, JSON and CSV."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from contorno.errors import ConfigError, DataError
from contorno.geometry import Polygons
from contorno.images import image_size
from contorno.parsers import via_three
from contorno.parsers.coco_geometry import BadGeometry, Box
from contorno.parsers.findings import Findings
from contorno.parsers.found import FoundImage, FoundObject
from contorno.parsers.groups import join_groups
from contorno.parsers.image_files import is_there
from contorno.parsers.parsing import Missing, Parser
from contorno.parsers.via_classes import (
    class_names,
    find_field,
    option_names,
)
from contorno.parsers.via_document import (
    ViaDocument,
    ViaImage,
    ViaRegion,
    read_csv,
    read_entries,
    read_json_document,
    read_text,
    via_form,
)
from contorno.parsers.via_images import image_home, images_by_name
from contorno.parsers.via_objects import made_object
from contorno.parsers.via_shapes import Rectangles, read_shape
from contorno.progress import Progress
from contorno.records import ClassMap

__all__ = ["VIABBoxParser", "VIAParser", "csv_form", "via", "via_form"]

DEFAULT_CLASS = "object"
"""What regions are that say nothing of their class, as in folders of masks."""

_IMAGE_ID, _SPLIT = "contorno_id", "split"  # file attributes that `writers.via` puts ids and splits in


class VIAParser(Parser):
    """Reads a label file of VIA 1 (JSON, CSV), 2 (annotations, whole project, CSV) or 3 (project, CSV).

    annotations_filepath: the file.   img_dir: the folder that its file names start in; if unset that of the file, or
                   images/ and the like beside it, where its images are (see `via_images.image_home`).
    label_field:   the region attribute that names the class: text, dropdown, radio or checkbox. If unset, the only one
                   that fits (see `via_classes`).
    class_name:    without `label_field`, the class of all regions, whatever attributes they have; with it, that of the
                   regions that name none. If no region has any attribute and this is unset, they are of the only class
                   of `class_map`, else "object"; counted.
    rect:          "box": a rectangle is an object of which only the box is known; "mask": its mask is the rectangle.

    Polygons keep their vertices. Circles and ellipses become polygons (see `shapes`), open lines of three points or
    more are closed, and regions with one `group_id` in an image are parts of one object. Points, shorter lines,
    regions without a class and with two classes ticked are left out. All of this is counted in `report`. Other region
    attributes are kept as attributes of the object. The id of an image is its file name. A file that is named by a URL
    or by a path out of `img_dir` is looked for by its base name.
    Options of `Parser` and what it raises as there; DataError also if it has to be told which attribute is the class.
    """

    def __init__(
        self,
        annotations_filepath: Path | str,
        img_dir: Path | str | None = None,
        *,
        class_map: ClassMap | None = None,
        label_field: str | None = None,
        class_name: str | None = None,
        rect: Rectangles = "box",
        ignore_unknown: bool = False,
        missing_images: Missing = "error",
        vertex_offset: float = 0.0,
    ) -> None:
        super().__init__(
            annotations_filepath,
            img_dir,
            class_map=class_map,
            ignore_unknown=ignore_unknown,
            missing_images=missing_images,
            vertex_offset=vertex_offset,
        )
        if self.path.is_dir():
            raise ConfigError(f"{self.path} is a folder; give the JSON or CSV file of the VGG Image Annotator.")
        if rect not in ("box", "mask"):
            raise ConfigError(f"rect={rect!r} is not known; choose 'box' or 'mask'.")
        self._looks_for_images = img_dir is None
        self.label_field = label_field
        self.class_name = class_name
        self._nameless = class_name
        self.rect: Rectangles = rect
        self._declared: tuple[str, ...] = ()

    def _declared_classes(self) -> Sequence[str]:
        return self._declared

    def _read(self, findings: Findings, progress: Progress) -> Iterator[FoundImage]:
        document = self._document(findings)
        if self._looks_for_images:
            self.img_dir = image_home(document.images, self.path)
        field = self._field(document, findings)
        names = option_names(document.options.get(field, {}), self._given) if field is not None else {}
        self._declared = tuple(dict.fromkeys(name for name in names.values() if name.strip()))
        entries = images_by_name(document.images, self.img_dir, self.missing_images, self.path, findings)
        for done, (name, images) in enumerate(entries.items(), start=1):
            if len(images) > 1:
                findings.mend("image that stands twice, its regions put together", images[0].where)
            path = self.img_dir / name
            size = None
            if is_there(path):
                try:
                    size = image_size(path)
                except DataError as error:
                    findings.drop("image file that cannot be read", images[0].where, str(error))
                    continue
            parts = [part for image in images for part in self._parts(image, field, names, findings)]
            own = {key: value for image in images for key, value in image.attributes.items()}
            image_id, split = own.pop(_IMAGE_ID, None), own.pop(_SPLIT, None)
            for attribute, value in own.items():
                if value not in ("", None, {}):
                    reason = f"file attribute {attribute!r}, which records do not hold"
                    findings.leave_out(reason, 1, images[0].where)
            yield FoundImage(
                file_name=name,
                where=images[0].where,
                image_id=image_id if isinstance(image_id, int | str) and image_id != "" else None,
                size=size,
                objects=join_groups(parts, size, findings, images[0].where),
                split=split if isinstance(split, str) and split else None,
            )
            if done % 64 == 0 or done == len(entries):
                progress("reading images", done, len(entries))

    def _document(self, findings: Findings) -> ViaDocument:
        if self.path.suffix.lower() == ".csv":
            text = read_text(self.path)
            reader = via_three.read_csv if via_three.is_csv(text) else read_csv
            return reader(self.path, text, findings)
        document, form = read_json_document(self.path)
        if form == "VIA 3 project":
            made = via_three.read_project(document, findings)
            if document["file"] and not made.images:
                raise DataError(f"{self.path}: none of its {len(document['file'])} files is an image.")
            return made
        return read_entries(document, form, findings)

    def _field(self, document: ViaDocument, findings: Findings) -> str | None:
        """The attribute that names the class; None if all regions are of one class, which `_nameless` then is."""
        self._nameless = self.class_name
        if self.class_name is not None and self.label_field is None:
            return None
        field = find_field(document, self.label_field, self._given, str(self.path))
        if field is None and self.class_name is None:
            # As people outline things of one kind, and name the kind in their code.
            known = () if self._given is None else self._given.names
            self._nameless = known[0] if len(known) == 1 else DEFAULT_CLASS
            for image in document.images:
                for _ in image.regions:
                    reason = f"region without any attribute for its class, taken for {self._nameless!r}"
                    findings.mend(reason, image.where, "class_name= (--class-name) says what they are")
        return field

    def _parts(
        self, image: ViaImage, field: str | None, names: dict[str, str], findings: Findings
    ) -> Iterator[tuple[str | None, FoundObject]]:
        """The regions that are objects or parts of one, each with its group or None."""
        for region in image.regions:
            where = f"{image.where}, {region.where}"
            class_name = self._class_of(region, field, names, findings, where)
            if class_name is None:
                continue
            try:
                geometry, box = read_shape(region.shape, self.rect, partial(findings.mend, where=where))
            except BadGeometry as fault:
                findings.drop(fault.reason, where, fault.detail)
                continue
            yield self._part(region, class_name, field, geometry, box)

    def _class_of(
        self, region: ViaRegion, field: str | None, names: dict[str, str], findings: Findings, where: str
    ) -> str | None:
        found = class_names(region.attributes.get(field)) if field is not None else []
        if len(found) > 1:
            findings.drop("region with two classes ticked", where, ", ".join(found))
            return None
        if found:
            return names.get(found[0], found[0])
        if self._nameless is None:
            findings.drop("region without a class", where, f"its attribute {field!r} is empty")
        return self._nameless

    def _part(
        self, region: ViaRegion, class_name: str, field: str | None, geometry: Polygons | None, box: Box | None
    ) -> tuple[str | None, FoundObject]:
        return made_object(region, class_name, field, geometry, box)


class VIABBoxParser(VIAParser):
    """Boxes only, as icevision's parser of this name gives them: polygons become the box around their vertices."""

    with_masks = False

    def _part(
        self, region: ViaRegion, class_name: str, field: str | None, geometry: Polygons | None, box: Box | None
    ) -> tuple[str | None, FoundObject]:
        group, found = super()._part(region, class_name, field, geometry, box)
        if geometry is not None and box is None:
            points = geometry.parts[0] + self.vertex_offset
            (left, top), (right, bottom) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
            found.box = (left, top, right, bottom)
        return group, found


def via(
    annotations_file: Path | str, img_dir: Path | str, class_map: ClassMap | None = None, label_field: str = "label"
) -> VIABBoxParser:
    """icevision's word for a parser of boxes; regions of classes that `class_map` lacks are left out, as there."""
    known = class_map is not None
    return VIABBoxParser(annotations_file, img_dir, class_map=class_map, label_field=label_field, ignore_unknown=known)


def csv_form(text: str) -> str | None:
    """Which form of VIA the beginning of a CSV has, some lines of it; None if it is not of VIA."""
    if via_three.is_csv(text):
        return "VIA 3 CSV"
    return "VIA CSV" if "region_shape_attributes" in text.partition("\n")[0] else None
