"""Read COCO instances files: each image becomes a record, with or without objects."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any, ClassVar, Literal

from contorno.errors import ConfigError, DataError
from contorno.images import image_size
from contorno.masks import Geometry, Size
from contorno.parsers.coco_document import (
    Annotation,
    Categories,
    Document,
    ImageEntry,
    found_class_map,
    read_annotations,
    read_categories,
    read_document,
    read_images,
    repeated_names,
    unknown_classes,
)
from contorno.parsers.coco_geometry import BadGeometry, Box, clip_box, mask_box, read_box, read_mask
from contorno.parsers.findings import Findings, collector_paused, divide
from contorno.parsers.image_files import existing_folder, missing_message, missing_names
from contorno.progress import ProgressLine
from contorno.records import ClassMap, ImageId, Instances, ParseReport, Record, Records
from contorno.splits import Splitter


class _COCOParser:
    """What reading masks and reading boxes from a COCO file share."""

    _with_masks: ClassVar[bool]

    def __init__(
        self,
        annotations_filepath: Path | str,
        img_dir: Path | str,
        *,
        class_map: ClassMap | None = None,
        vertex_offset: float = 0.0,
        ignore_unknown: bool = False,
        missing_images: Literal["error", "drop"] = "error",
    ) -> None:
        if missing_images not in ("error", "drop"):
            raise ConfigError(f"missing_images={missing_images!r} is not known; choose 'error' or 'drop'.")
        self.annotations_filepath = Path(annotations_filepath)
        self.img_dir = existing_folder(Path(img_dir), "the image folder img_dir")
        self.vertex_offset = float(vertex_offset)
        self.ignore_unknown = ignore_unknown
        self.missing_images = missing_images
        self.report = ParseReport()
        self._class_map = class_map
        self._document: Document | None = None

    @property
    def class_map(self) -> ClassMap:
        """The class map given, else the file's categories in the order of their ids.

        Raises DataError if the file has to be read for it and is not COCO.
        """
        if self._class_map is None:
            with collector_paused():
                self._document = read_document(self.annotations_filepath)
            self._class_map = found_class_map(read_categories(self._document, self._source))
        return self._class_map

    def parse(
        self, data_splitter: Splitter | None = None, autofix: bool = True, show_pbar: bool = False
    ) -> list[Records]:
        """Read the file and divide its images.

        data_splitter:  if unset, the splits that the file names, else RandomSplitter((0.8, 0.2)).
        autofix:        mend or leave out bad objects and count them in `report`; if False the first one raises, and
                        boxes that reach over the image's edge stay as stated.
        show_pbar:      draw progress on stderr.
        Raises DataError for a file that is not COCO, objects of classes that a given class map lacks (unless
        `ignore_unknown`), missing image files (unless `missing_images="drop"`) and file names that climb out.
        """
        with collector_paused(), ProgressLine() as line:
            findings = Findings(self._source, autofix)
            records = []
            tables = self._tables(findings)
            for done, (image, annotations, labels) in enumerate(tables, start=1):
                records.append(self._record(image, annotations, labels, findings))
                if show_pbar and (done % 256 == 0 or done == len(tables)):
                    line("reading images", done, len(tables))
            made = Records(records, self.class_map)
        self.report = findings.report(made)
        return divide(made, data_splitter, self.report)

    @property
    def _source(self) -> str:
        return str(self.annotations_filepath)

    def _take_document(self) -> Document:
        """The document that `class_map` has read, or a new reading; not kept, since it is large."""
        document, self._document = self._document, None
        return document if document is not None else read_document(self.annotations_filepath)

    def _tables(self, findings: Findings) -> list[tuple[ImageEntry, list[Annotation], dict[ImageId, int]]]:
        """Each image whose file is there, its annotations of known classes, and the labels of the categories."""
        class_map = self.class_map
        document = self._take_document()
        categories = read_categories(document, self._source)
        images = read_images(document, findings)
        annotations = list(read_annotations(document, images, categories, findings))
        labels = self._labels(categories, class_map, annotations, findings)

        grouped: dict[ImageId, list[Annotation]] = defaultdict(list)
        for annotation in annotations:
            if annotation.category in labels:
                grouped[annotation.image].append(annotation)

        gone = set(missing_names(self.img_dir, [image.file_name for image in images.values()]))
        if gone and self.missing_images == "error":
            missing = [image.file_name for image in images.values() if image.file_name in gone]
            raise DataError(missing_message(self._source, self.img_dir, missing, len(images)))
        present = [image for image in images.values() if image.file_name not in gone]
        lost = sum(len(grouped[image.key]) for image in images.values() if image.file_name in gone)
        findings.leave_out("image whose file is missing", len(images) - len(present))
        findings.leave_out("object of an image whose file is missing", lost)
        return [(image, grouped[image.key], labels) for image in present]

    def _labels(
        self, categories: Categories, class_map: ClassMap, annotations: list[Annotation], findings: Findings
    ) -> dict[ImageId, int]:
        """The label of each category that has one; objects of the others are counted here."""
        counts = Counter(annotation.category for annotation in annotations)
        labels = {key: class_map.get_by_name(name) for key, name in categories.items() if name in class_map}
        unknown = {key: name for key, name in categories.items() if key not in labels and counts[key]}
        if unknown and not self.ignore_unknown:
            raise DataError(unknown_classes(self._source, list(unknown.values()), categories, class_map))
        for key, name in unknown.items():
            findings.leave_out(f"object of the class {name!r}, which is not in the class map", counts[key])
        for name in repeated_names(categories):
            findings.mend(f"category {name!r} that repeats the name of another, taken for the same class", "categories")
        for key in [key for key, label in labels.items() if label == 0]:
            # Some tools list background as a category; it has no objects, or none that could be learnt.
            for _ in range(counts[key]):
                findings.drop(f"object of the class {categories[key]!r}, which is never stored", "categories")
            del labels[key]
        return labels

    def _record(
        self, image: ImageEntry, annotations: list[Annotation], labels: dict[ImageId, int], findings: Findings
    ) -> Record:
        path = self.img_dir / image.file_name
        size = image.size if image.size is not None else image_size(path)
        kept: list[Annotation] = []
        geometries: list[Geometry | None] = []
        boxes: list[Box] = []
        for annotation in annotations:
            where = f"image {image.file_name!r}, annotation {annotation.shown_id!r}"
            try:
                geometry, box = self._object(annotation.entry, size, findings, where)
            except BadGeometry as fault:
                findings.drop(fault.reason, where, fault.detail)
                continue
            kept.append(annotation)
            geometries.append(geometry)
            boxes.append(box)
        instances = Instances.build(
            size,
            labels=[labels[annotation.category] for annotation in kept],
            geometries=geometries,
            boxes=boxes,
            is_crowd=[_number(annotation.entry.get("iscrowd"), 0.0) != 0 for annotation in kept],
            areas=[_number(annotation.entry.get("area"), math.nan) for annotation in kept],
            ids=[annotation.shown_id for annotation in kept],
        )
        return Record(image_id=image.shown_id, path=path, size_hw=size, instances=instances, split=image.split)

    def _object(self, entry: dict[str, Any], size: Size, findings: Findings, where: str) -> tuple[Geometry | None, Box]:
        """Geometry and xyxy box of one object. Raises BadGeometry if it cannot be used."""
        stated = read_box(entry.get("bbox"))
        box = None if stated is None else clip_box(stated, size)
        segmentation = entry.get("segmentation")
        geometry = None
        if self._with_masks or (box is None and segmentation):
            geometry = read_mask(segmentation, size, self.vertex_offset, findings, where)
        if box is None and geometry is None:
            raise BadGeometry("box without area inside the image", f"bbox {entry.get('bbox')!r}")
        if box is None and geometry is not None:
            box = mask_box(geometry, size)
            if "bbox" in entry:
                findings.mend("box without area inside the image, taken from the mask", where)
        elif box != stated and stated is not None:
            if findings.autofix:
                findings.mend("box beyond the image, clipped", where)
            else:
                box = stated
        assert box is not None
        return geometry if self._with_masks else None, box


class COCOMaskParser(_COCOParser):
    """Reads the masks of a COCO file: polygons, compressed and uncompressed run lengths, kept as they came.

    annotations_filepath:  the JSON file.
    img_dir:         the folder that its file names start in.
    class_map:       fixes the labels; names match without regard to case and outer space. If unset, labels are 1..K in
                     the order of the category ids, whatever those are.
    vertex_offset:   pixels added to x and y of polygon vertices; 0.5 where a tool counts from pixel centres.
    ignore_unknown:  leave out, and count, objects of classes that `class_map` lacks.
    missing_images:  "error", or "drop" to leave out, and count, images whose file is not there.

    `iscrowd` 1 marks a group region and nothing else, whatever form the mask has. Boxes are the stated ones, or the
    tight box of the mask. Objects with a box only are bad objects here.
    Raises ConfigError if `img_dir` is no folder.
    """

    _with_masks = True


class COCOBBoxParser(_COCOParser):
    """Reads the boxes of a COCO file, as COCOMaskParser reads its masks; masks are passed over.

    An object without a box gets the tight box of its mask.
    """

    _with_masks = False


def _number(value: Any, otherwise: float) -> float:
    """A finite number, or `otherwise`."""
    if isinstance(value, bool | int | float):
        try:
            return float(value) if math.isfinite(value) else otherwise
        except OverflowError:
            return otherwise
    return otherwise
