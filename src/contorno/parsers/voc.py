"""Read PASCAL VOC data sets: masks from palette pictures or from polygons in the XML; boxes from the XML."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from contorno.errors import DataError
from contorno.images import image_size
from contorno.parsers.coco_geometry import Box
from contorno.parsers.findings import Findings
from contorno.parsers.found import FoundImage, FoundObject
from contorno.parsers.parsing import Missing
from contorno.parsers.voc_boxes import Difficult, Unlisted, VOCBBoxParser
from contorno.parsers.voc_classes import same_class
from contorno.parsers.voc_folders import VocFolders, find_folders
from contorno.parsers.voc_images import file_name, image_size_of, name_of, true_size
from contorno.parsers.voc_masks import NumberedMask, numbered_masks, pair
from contorno.parsers.voc_outlines import has_outlines, mask_pictures
from contorno.parsers.voc_pictures import IndexPicture, read_indices
from contorno.parsers.voc_xml import VocAnnotation, VocObject
from contorno.records import ClassMap

__all__ = ["VOCBBoxParser", "VOCMaskParser", "has_outlines"]


class VOCMaskParser(VOCBBoxParser):
    """Reads PASCAL VOC with the masks of its SegmentationObject pictures, or with polygons in the XML.

    annotations_dir: as for VOCBBoxParser; the root alone may also lack Annotations/, as exports of labelme and
                     of CVAT's segmentation masks do.
    masks_dir:       SegmentationObject/: a palette PNG an image, each number an object, 0 background, 255 void.
    class_masks_dir: SegmentationClass/. Both are found by themselves when the root is given alone.
    imagesets_dir:   as for VOCBBoxParser; its Segmentation/ is read.

    Numbers of a palette picture are read, never its colours; pictures saved in the palette's colours or their greys are
    mapped back, counted. Void pixels belong to no object. Which object of the XML a mask is: see `voc_masks.pair`; it
    keeps the XML's box, which in VOC reaches over the void border.
    The class of an object is what most of its pixels are in the class picture, if all classes of the XML files are in
    the data set's list (labelmap.txt, labels.txt, class_names.txt) or among VOC's twenty; else what the XML says.
    Disagreements are counted. A mask without an object in the XML has its class from the class picture, or is dropped.
    Objects of the XML that have neither mask nor polygon are dropped, and so are images with objects and without a
    mask picture: all counted; with `with_masks` None both stay, as boxes. Polygons keep the vertices of the XML,
    whatever `one_based` says of the boxes; `vertex_offset=-1` puts those of tools that count from 1 in place.
    Raises ConfigError for folders that are not there.
    """

    with_masks = True
    _set_kinds = ("Segmentation", "Main", "Layout")

    def __init__(
        self,
        annotations_dir: Path | str,
        images_dir: Path | str | None = None,
        masks_dir: Path | str | None = None,
        *,
        class_masks_dir: Path | str | None = None,
        imagesets_dir: Path | str | None = None,
        unlisted: Unlisted = "drop",
        one_based: bool | None = None,
        difficult: Difficult = "keep",
        class_map: ClassMap | None = None,
        ignore_unknown: bool = False,
        missing_images: Missing = "error",
        vertex_offset: float = 0.0,
    ) -> None:
        self._masks_dir, self._class_masks_dir = masks_dir, class_masks_dir
        super().__init__(
            annotations_dir,
            images_dir,
            imagesets_dir=imagesets_dir,
            unlisted=unlisted,
            one_based=one_based,
            difficult=difficult,
            class_map=class_map,
            ignore_unknown=ignore_unknown,
            missing_images=missing_images,
            vertex_offset=vertex_offset,
        )
        self._needs_xml = self.folders.masks is None
        self._pictures: dict[str, Path] = {}
        self._class_pictures: dict[str, Path] = {}

    def _find(
        self, annotations_dir: Path | str, images_dir: Path | str | None, imagesets_dir: Path | str | None
    ) -> VocFolders:
        return find_folders(annotations_dir, images_dir, self._masks_dir, self._class_masks_dir, imagesets_dir)

    def _prepare(self, annotations: list[VocAnnotation]) -> None:
        self._pictures = mask_pictures(self.folders.masks)
        self._class_pictures = mask_pictures(self.folders.class_masks)
        super()._prepare(annotations)
        objects = [found for annotation in annotations for found in annotation.objects]
        if self.with_masks and objects and not self._pictures and not any(found.polygons for found in objects):
            place = self.folders.masks if self.folders.masks is not None else f"{self.path}, SegmentationObject/,"
            raise DataError(
                f"{place} has no mask pictures and the XML files no polygons; give masks_dir, "
                "or read boxes with VOCBBoxParser."
            )

    def _image(self, annotation: VocAnnotation, findings: Findings) -> FoundImage | None:
        where = name_of(annotation)
        wanted = self._wanted(annotation, findings)
        path = self._pictures.get(annotation.stem)
        outlined = any(found.polygons or found.fault for found in wanted)
        if self.with_masks and path is None and wanted and not outlined:
            findings.leave_out("image without a mask picture", 1, where)
            findings.leave_out("object of an image without a mask picture", len(wanted))
            return None
        name = file_name(annotation, self._images, findings)
        try:
            size = image_size_of(annotation, name, self._images, findings)
            picture = None if path is None else self._read_picture(path, findings, where)
            if picture is not None and size is not None and picture.indices.shape != size:
                size = true_size(annotation, size, name, self._images, findings)
        except DataError as error:
            findings.drop("image or mask picture that cannot be read", where, str(error))
            return None
        if picture is not None and size is not None and picture.indices.shape != size:
            detail = f"{list(picture.indices.shape)}, the image has {list(size)} (height, width)"
            findings.drop("mask picture of another size than its image", where, detail)
            return None
        image = FoundImage(file_name=name, where=where, size=size)
        if picture is None:
            image.objects = [
                self._outlined(found, self._box(found, annotation, findings), where, findings) for found in wanted
            ]
        else:
            self._fill(image, annotation, picture, findings)
        return image

    def _fill(self, image: FoundImage, annotation: VocAnnotation, picture: IndexPicture, findings: Findings) -> None:
        """Put the masks of a picture and the objects of the XML together."""
        where = image.where
        boxes = [self._box(found, annotation, findings) for found in annotation.objects]
        found_masks = self._masks(picture, annotation.stem, findings, where)
        names = [self._table.names.get(mask.class_number or 0, "") for mask in found_masks]
        agree = np.array(
            [[not name or same_class(name, found.name) for found in annotation.objects] for name in names], dtype=bool
        ).reshape(len(found_masks), len(boxes))
        pairing = pair(found_masks, boxes, agree)
        for number in pairing.moved:
            findings.mend(
                "mask that is not the object in its place, found by its box", _mask(where, found_masks[number])
            )
        for number in pairing.doubtful:
            findings.mend("mask whose box is not that of its object in the XML", _mask(where, found_masks[number]))
        mask_of = {position: number for number, position in enumerate(pairing.object_of) if position is not None}
        for position, (found, box) in enumerate(zip(annotation.objects, boxes, strict=True)):
            if self.difficult == "drop" and found.is_difficult:
                continue
            if position not in mask_of:
                if self.with_masks and found.polygons is None and found.fault is None:
                    findings.drop("object in the XML without a mask", f"{where}, {found.where}")
                else:
                    image.objects.append(self._outlined(found, box, where, findings))
                continue
            number = mask_of[position]
            made = self._object_of(found, box, found_masks[number].code)
            if not agree[number, position]:
                detail = f"{found.name!r}, the picture has {names[number]!r}"
                findings.mend("class in the XML that is not the class picture's", f"{where}, {found.where}", detail)
                made.class_name = names[number]
            image.objects.append(made)
        for number, home in enumerate(pairing.object_of):
            if home is None:
                self._add_alone(image, found_masks[number], names[number], findings)

    def _add_alone(self, image: FoundImage, mask: NumberedMask, name: str, findings: Findings) -> None:
        """A mask without an object in the XML."""
        if not name:
            findings.drop("mask without an object in the XML and without a class", _mask(image.where, mask))
            return
        if self.folders.annotations is not None:
            findings.mend("mask without an object in the XML, class from the class picture", _mask(image.where, mask))
        image.objects.append(FoundObject(class_name=name, geometry=mask.code, where=f"mask {mask.number}"))

    def _outlined(self, found: VocObject, box: Box | None, where: str, findings: Findings) -> FoundObject:
        if found.fault is not None:
            findings.mend(f"{found.fault.reason}, left out", f"{where}, {found.where}", found.fault.detail)
        return self._object_of(found, box, found.polygons)

    def _masks(self, picture: IndexPicture, stem: str, findings: Findings, where: str) -> list[NumberedMask]:
        """The masks of a picture, each with its class if there is a class picture that can be used."""
        path = self._class_pictures.get(stem) if self._table.names else None
        classes = None
        if path is not None:
            try:
                read = read_indices(path, self._table.colours)
            except DataError as error:
                findings.mend("class picture that cannot be read, left out", where, str(error))
            else:
                if read.mended:
                    findings.mend(f"class picture with {read.mended}", where)
                if read.indices.shape == picture.indices.shape:
                    classes = read.indices
                else:
                    findings.mend("class picture of another size than the mask picture, left out", where)
        found = numbered_masks(picture.indices, classes)
        for mask in found:
            if mask.mixed:
                findings.mend("mask of several classes in the class picture, the largest taken", _mask(where, mask))
        return found

    def _read_picture(self, path: Path, findings: Findings, where: str) -> IndexPicture:
        picture = read_indices(path)
        if picture.mended:
            findings.mend(f"mask picture with {picture.mended}", where)
        return picture

    def _without_xml(self, known: set[str], findings: Findings) -> Iterator[FoundImage]:
        for stem, path in self._pictures.items():
            if stem in known:
                continue
            where = path.name
            name = self._images.of_stem("", stem)
            if name is None:
                findings.drop("mask picture without an image and without an XML file", where)
                continue
            if not self._table.names or stem not in self._class_pictures:
                findings.drop("mask picture without an XML file and without classes", where)
                continue
            try:
                picture = self._read_picture(path, findings, where)
                size = image_size(self.folders.images / name)
            except DataError as error:
                findings.drop("image or mask picture that cannot be read", where, str(error))
                continue
            if picture.indices.shape != size:
                detail = f"{list(picture.indices.shape)}, the image has {list(size)} (height, width)"
                findings.drop("mask picture of another size than its image", where, detail)
                continue
            image = FoundImage(file_name=name, where=where, image_id=stem, size=size)
            for mask in self._masks(picture, stem, findings, where):
                self._add_alone(image, mask, self._table.names.get(mask.class_number or 0, ""), findings)
            yield image


def _mask(where: str, mask: NumberedMask) -> str:
    return f"{where}, mask {mask.number}"
