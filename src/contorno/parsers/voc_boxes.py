"""Read the XML files of PASCAL VOC data sets: boxes, and all that other readers of them share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal, get_args

from contorno.errors import ConfigError, DataError
from contorno.masks import Geometry
from contorno.parsers.coco_geometry import Box
from contorno.parsers.findings import Findings
from contorno.parsers.found import FoundImage, FoundObject
from contorno.parsers.parsing import Missing, Parser
from contorno.parsers.voc_classes import NO_CLASSES, read_class_table
from contorno.parsers.voc_folders import (
    Images,
    VocFolders,
    files,
    find_folders,
    is_lossy,
    split_of_folder,
    xml_files,
)
from contorno.parsers.voc_images import file_name, image_size_of, name_of
from contorno.parsers.voc_sets import read_image_sets
from contorno.parsers.voc_xml import NotVocError, VocAnnotation, VocObject, edges, read_voc, starts_below_one
from contorno.progress import Progress
from contorno.records import ClassMap

Difficult = Literal["keep", "ignore", "drop"]
Unlisted = Literal["drop", "keep"]


class VOCBBoxParser(Parser):
    """Reads the boxes of PASCAL VOC's XML files.

    annotations_dir: the folder of XML files, with those in folders below it; or the root of a data set alone, with
                     Annotations/, JPEGImages/ and ImageSets/ in it (VOCdevkit/VOC2012/ too).
    images_dir:      the image folder; unset with a folder of XML files, the images lie beside them.
    imagesets_dir:   ImageSets/ or a folder of lists; its Main/ is read, see `voc_folders.read_image_sets` for the
                     rules. Found by itself when the root is given alone.
    unlisted:        images in none of the lists: "drop" to leave them out, as VOC means it, counted; or "keep".
    one_based:       True: boxes count pixels from 1 and include the last, edges (xmin - 1, ymin - 1, xmax, ymax), as
                     VOC writes them. False: they are edges from 0 as they stand, as labelImg and CVAT write them, and
                     as IceVision takes all. If unset, told for each file by its source: as VOC's where it names VOC or
                     none; less 1 each where it names Roboflow, which counts edges from 1; else as they stand. A box
                     that starts below 1 shows that all files of its kind are to be taken as they stand.
    difficult:       objects marked as difficult: "keep"; "ignore" as crowd regions, which evaluation passes over, as
                     VOC's own measure does with them; "drop" to leave them out, counted.

    The other options are those of `Parser`. Image ids are the names of XML files without suffix (with their folder
    where a name stands twice); splits come from the lists, else from folders called train, val or test. An image is
    found by the stated file name; where that is not the XML's own name and an image with that name is there, or where
    it is missing, by the XML's name, counted. Labels are in the order of labelmap.txt, labels.txt,
    class_names.txt or classes.txt in the root, if that has all classes, else of their names. Parts of objects are no
    objects. `difficult`, `truncated`, `pose`, parts
    and all else that is said of an object are its attributes. Images without an XML file are left out and counted.
    Raises ConfigError for folders that are not there.
    """

    with_masks = False
    every_list = False
    """True: images of the lists of boxes and of those of masks count, not only of the first of these that there are."""

    _set_kinds: tuple[str, ...] = ("Main", "Layout", "Segmentation")
    _needs_xml = True

    def __init__(
        self,
        annotations_dir: Path | str,
        images_dir: Path | str | None = None,
        *,
        imagesets_dir: Path | str | None = None,
        unlisted: Unlisted = "drop",
        one_based: bool | None = None,
        difficult: Difficult = "keep",
        class_map: ClassMap | None = None,
        ignore_unknown: bool = False,
        missing_images: Missing = "error",
        vertex_offset: float = 0.0,
    ) -> None:
        for name, value, known in (("difficult", difficult, Difficult), ("unlisted", unlisted, Unlisted)):
            if value not in get_args(known):
                raise ConfigError(f"{name}={value!r} is not known; choose one of {', '.join(get_args(known))}.")
        self.folders = self._find(annotations_dir, images_dir, imagesets_dir)
        super().__init__(
            annotations_dir,
            self.folders.images,
            class_map=class_map,
            ignore_unknown=ignore_unknown,
            missing_images=missing_images,
            vertex_offset=vertex_offset,
        )
        self.unlisted = unlisted
        self.one_based = one_based
        self.difficult = difficult
        self._images = Images(self.folders.images)
        self._table = NO_CLASSES

    def _find(
        self, annotations_dir: Path | str, images_dir: Path | str | None, imagesets_dir: Path | str | None
    ) -> VocFolders:
        return find_folders(annotations_dir, images_dir, imagesets_dir=imagesets_dir)

    def _read(self, findings: Findings, progress: Progress) -> Iterator[FoundImage]:
        self._images = Images(self.folders.images)
        annotations = self._annotations(findings, progress)
        self._prepare(annotations)
        imagesets = self.folders.imagesets
        stems = Counter(annotation.stem for annotation in annotations)
        listed = {*stems, *self._images.stems()}
        splits = None if imagesets is None else read_image_sets(imagesets, self._set_kinds, findings, listed)
        if imagesets is not None and splits is not None and self.every_list:
            for kind in self._set_kinds[1:]:
                splits = {**(read_image_sets(imagesets, (kind,), findings, listed) or {}), **splits}
        self._settle_counting(annotations)
        unlisted: list[str] = []
        known = set(stems)
        for annotation in annotations:
            if self._is_listed(annotation.stem, splits):
                found = self._image(annotation, findings)
                if found is not None:
                    twice = stems[annotation.stem] > 1 and annotation.folder
                    found.image_id = f"{annotation.folder}/{annotation.stem}" if twice else annotation.stem
                    found.split = split_of_folder(annotation.folder) if splits is None else splits.get(annotation.stem)
                    yield found
            else:
                unlisted.append(name_of(annotation))
        for found in self._without_xml(set(stems), findings):
            stem = str(found.image_id)
            known.add(stem)
            if self._is_listed(stem, splits):
                found.split = None if splits is None else splits.get(stem)
                yield found
            else:
                unlisted.append(found.where)
        lossy = [name for name in sorted(files(self.folders.masks)) if is_lossy(name)] if self.folders.masks else []
        findings.leave_out("mask picture that is a JPEG, whose numbers are not exact", len(lossy), (lossy or [""])[0])
        findings.leave_out("image in none of the lists of ImageSets", len(unlisted), (unlisted or [""])[0])
        bare = [stem for stem in self._images.stems() if stem not in known]
        findings.leave_out("image without an annotation file", len(bare), (bare or [""])[0])
        gone = sorted(set(splits or ()) - known - set(bare))
        findings.leave_out("image of a list that has neither file nor annotation", len(gone), (gone or [""])[0])

    def _is_listed(self, stem: str, splits: dict[str, str | None] | None) -> bool:
        return splits is None or self.unlisted == "keep" or stem in splits

    def _annotations(self, findings: Findings, progress: Progress) -> list[VocAnnotation]:
        folder = self.folders.annotations
        if folder is None:
            return []
        annotations: list[VocAnnotation] = []
        names = xml_files(folder)
        strange: DataError | None = None
        for done, (below, name) in enumerate(names, start=1):
            where = f"{below}/{name}" if below else name
            try:
                annotations.append(read_voc(folder / where, below))
            except NotVocError as error:
                strange = error
                findings.drop("XML file that is no VOC annotation", where, str(error))
            except DataError as error:
                strange = error
                findings.drop("label file that cannot be read", where, str(error))
            if done % 256 == 0 or done == len(names):
                progress("reading annotations", done, len(names))
        if not annotations and self._needs_xml:
            found = f"of {len(names)} XML files none can be used, the last: {strange}" if strange else "no XML file"
            raise DataError(f"{folder} has no PASCAL VOC annotation ({found}); expected one <annotation> an image.")
        return annotations

    def _prepare(self, annotations: list[VocAnnotation]) -> None:
        """Look at all annotations before images are made of them."""
        table = read_class_table(self.folders.root)
        names = {found.name for annotation in annotations for found in annotation.objects}
        self._table = table if table.covers(names) else NO_CLASSES

    def _declared_classes(self) -> Sequence[str]:
        return tuple(self._table.names.values()) if self._table.stated else ()

    def _without_xml(self, known: set[str], findings: Findings) -> Iterable[FoundImage]:
        """Images that are annotated without an XML file."""
        return ()

    def _settle_counting(self, annotations: list[VocAnnotation]) -> None:
        """Settle how the boxes of each annotation count, by the option or by what all files together show."""
        refuted = {
            counting
            for counting in {annotation.counting for annotation in annotations}
            if starts_below_one([annotation for annotation in annotations if annotation.counting == counting])
        }
        for annotation in annotations:
            if self.one_based is not None:
                annotation.counting = "voc" if self.one_based else "edges"
            elif annotation.counting in refuted:
                annotation.counting = "edges"

    def _image(self, annotation: VocAnnotation, findings: Findings) -> FoundImage | None:
        """One image, or None if it cannot be used, which is counted."""
        name = file_name(annotation, self._images, findings)
        try:
            size = image_size_of(annotation, name, self._images, findings)
        except DataError as error:
            findings.drop("image file that cannot be read", name_of(annotation), str(error))
            return None
        image = FoundImage(file_name=name, where=name_of(annotation), size=size)
        for found in self._wanted(annotation, findings):
            box = self._box(found, annotation, findings)
            if box is None and found.polygons is None:
                findings.drop("object without a box", f"{name_of(annotation)}, {found.where}")
            else:
                image.objects.append(self._object_of(found, box, found.polygons))
        return image

    def _object_of(self, found: VocObject, box: Box | None, geometry: Geometry | None) -> FoundObject:
        return FoundObject(
            class_name=found.name,
            geometry=geometry,
            box=box,
            where=found.where,
            is_crowd=found.is_crowd or (self.difficult == "ignore" and found.is_difficult),
            attributes=found.attributes,
        )

    def _wanted(self, annotation: VocAnnotation, findings: Findings) -> list[VocObject]:
        if self.difficult != "drop":
            return annotation.objects
        wanted = [found for found in annotation.objects if not found.is_difficult]
        findings.leave_out("difficult object", len(annotation.objects) - len(wanted), name_of(annotation))
        return wanted

    def _box(self, found: VocObject, annotation: VocAnnotation, findings: Findings) -> Box | None:
        if found.box is None:
            return None
        left, top, right, bottom = found.box
        if left > right or top > bottom:
            findings.mend("box with its corners exchanged", f"{name_of(annotation)}, {found.where}", f"{found.box}")
            left, right, top, bottom = min(left, right), max(left, right), min(top, bottom), max(top, bottom)
        return edges((left, top, right, bottom), annotation.counting)
