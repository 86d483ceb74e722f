"""Read COCO instances files: each image becomes a record, with or without objects."""

from __future__ import annotations

import difflib
import itertools
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from contorno import masks
from contorno.errors import ConfigError, DataError
from contorno.files import read_json
from contorno.images import image_size
from contorno.masks import Geometry, Polygons, RunLength, Size
from contorno.parsers.findings import Findings, collector_paused, divide
from contorno.parsers.image_files import existing_folder, missing_message, missing_names, relative_name
from contorno.progress import ProgressLine, silent
from contorno.records import ClassMap, ImageId, Instances, ParseReport, Record, Records, fold_name
from contorno.splits import RandomSplitter, Splitter

Document = dict[str, Any]
Box = tuple[float, float, float, float]

_NEITHER = "segmentation that is neither polygons nor run lengths"
_FEW_POINTS = "polygon with fewer than 3 points"


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
        """The class map given, else the file's categories in the order of their ids; background needs no entry."""
        if self._class_map is None:
            self._document = self._read()
            self._class_map = _found_class_map(_categories(self._document, self._name))
        return self._class_map

    def parse(
        self, data_splitter: Splitter | None = None, autofix: bool = True, show_pbar: bool = False
    ) -> list[Records]:
        """Read the file and divide its images.

        data_splitter:  RandomSplitter((0.8, 0.2)) if unset.
        autofix:        mend or leave out bad objects and count them in `report`; if False the first one raises.
        show_pbar:      draw progress on stderr.
        Raises DataError for a file that is not COCO, objects of classes that a given class map lacks (unless
        `ignore_unknown`), missing image files (unless `missing_images="drop"`) and file names that climb out.
        """
        with collector_paused():
            records, findings = self._records(autofix, show_pbar)
        self.report = findings.report(records)
        return divide(records, data_splitter if data_splitter is not None else RandomSplitter(), self.report)

    @property
    def _name(self) -> str:
        return self.annotations_filepath.name

    def _read(self) -> Document:
        if self._document is None:
            return _read_document(self.annotations_filepath)
        document, self._document = self._document, None
        return document

    def _records(self, autofix: bool, show_pbar: bool) -> tuple[Records, Findings]:
        findings = Findings(self._name, autofix)
        class_map = self.class_map
        document = self._read()
        categories = _categories(document, self._name)
        images = self._images(document, findings)
        annotations = _Annotations(document.pop("annotations"), [image.key for image in images], findings)
        labels = self._labels(categories, class_map, annotations, findings)
        present = self._present(images, annotations, findings)

        records = []
        with ProgressLine() as line:
            progress = line if show_pbar else silent
            for done, image in enumerate(present, start=1):
                records.append(self._record(image, annotations.take(image.key), labels, findings))
                if done % 256 == 0 or done == len(present):
                    progress("reading images", done, len(present))
        return Records(records, class_map), findings

    def _images(self, document: Document, findings: Findings) -> list[_Image]:
        images: dict[ImageId, _Image] = {}
        for index, entry in enumerate(document["images"]):
            where = f"{self._name}: images[{index}]"
            if not isinstance(entry, dict):
                raise DataError(f"{where} is {type(entry).__name__}; expected an object with id and file_name.")
            key = _clean_id(entry.get("id"))
            if key is None:
                raise DataError(f"{where}: its id is {entry.get('id')!r}; expected a whole number or a text.")
            if "file_name" not in entry:
                raise DataError(f"{where}, id {key!r}: the key file_name is missing; expected the path of its image.")
            image = _Image.read(key, entry, relative_name(entry["file_name"], f"{where}, id {key!r}"))
            if key not in images:
                images[key] = image
            elif images[key].file_name == image.file_name:
                findings.drop("image entry that repeats another", f"image {key!r}")
            else:
                raise DataError(
                    f"{where}: the id {key!r} belongs to {images[key].file_name!r} already and now to "
                    f"{image.file_name!r}, so its objects cannot be told apart; give every image an id of its own."
                )
        return list(images.values())

    def _present(self, images: list[_Image], annotations: _Annotations, findings: Findings) -> list[_Image]:
        missing = missing_names(self.img_dir, [image.file_name for image in images])
        if not missing:
            return images
        if self.missing_images == "error":
            raise DataError(missing_message(self._name, self.img_dir, missing, len(images)))
        gone = set(missing)
        lost = sum(len(annotations.take(image.key)) for image in images if image.file_name in gone)
        present = [image for image in images if image.file_name not in gone]
        findings.leave_out("image whose file is missing", len(images) - len(present))
        findings.leave_out("object of an image whose file is missing", lost)
        return present

    def _labels(
        self, categories: dict[ImageId, str], class_map: ClassMap, annotations: _Annotations, findings: Findings
    ) -> dict[ImageId, int]:
        """Label of each category id; categories without a label are not in it and their objects are out already."""
        counts = annotations.resolve_categories(list(categories), findings)
        background = [key for key, name in categories.items() if fold_name(name) == fold_name(class_map.background)]
        for key in background:
            annotations.drop_category(key, f"object of the class {categories[key]!r}, which is never stored", findings)
        known = {key: class_map.get_by_name(name) for key, name in categories.items() if name in class_map}
        unknown = [key for key in categories if key not in known and counts[key]]
        if unknown and not self.ignore_unknown:
            raise DataError(_unknown_classes(self._name, [categories[key] for key in unknown], categories, class_map))
        for key in unknown:
            count = annotations.remove_category(key)
            findings.leave_out(f"object of the class {categories[key]!r}, which is not in the class map", count)
        for key, name in _repeated_names(categories):
            findings.mend(f"category {name!r} that repeats another's name, taken for the same class", f"category {key!r}")
        return {key: label for key, label in known.items() if label > 0}

    def _record(
        self, image: _Image, annotations: list[_Annotation], labels: dict[ImageId, int], findings: Findings
    ) -> Record:
        path = self.img_dir / image.file_name
        size = image.size if image.size is not None else image_size(path)
        kept: list[tuple[int, Geometry | None, Box, bool, float, ImageId]] = []
        for annotation in annotations:
            found = self._object(annotation, size, findings, image.file_name)
            if found is not None:
                entry = annotation.entry
                is_crowd = bool(_number(entry.get("iscrowd"), 0.0))
                area = _number(entry.get("area"), math.nan)
                kept.append((labels[annotation.category], *found, is_crowd, area, annotation.shown_id))
        columns = list(zip(*kept, strict=True)) or [()] * 6
        instances = Instances.build(
            size,
            labels=columns[0],
            geometries=columns[1],
            boxes=columns[2],
            is_crowd=columns[3],
            areas=columns[4],
            ids=columns[5],
        )
        return Record(image_id=image.shown_id, path=path, size_hw=size, instances=instances, split=image.split)

    def _object(
        self, annotation: _Annotation, size: Size, findings: Findings, file_name: str
    ) -> tuple[Geometry | None, Box] | None:
        """Geometry and xyxy box of one object, or None if it is left out."""
        where = f"image {file_name}, annotation {annotation.key!r}"
        stated = _stated_box(annotation.entry.get("bbox"))
        box = None if stated is None else self._fit_box(stated, size, findings, where)
        if not self._with_masks and box is not None:
            return None, box
        geometry = self._geometry(annotation.entry.get("segmentation"), size, findings, where)
        if geometry is None:
            return None
        if box is None:
            left, top, right, bottom = masks.box(masks.to_run_length(geometry, size)).tolist()
            box = (left, top, right, bottom)
            if stated is not None:
                findings.mend("box without area inside the image, taken from the mask", where)
        return (geometry if self._with_masks else None), box

    def _fit_box(self, stated: Box, size: Size, findings: Findings, where: str) -> Box | None:
        """The stated box inside the image, or None if nothing of it is."""
        height, width = size
        left, top, right, bottom = stated
        clipped = (max(left, 0.0), max(top, 0.0), min(right, width), min(bottom, height))
        if np.float32(clipped[2]) <= np.float32(clipped[0]) or np.float32(clipped[3]) <= np.float32(clipped[1]):
            return None
        if clipped == stated or not findings.autofix:
            return stated
        findings.mend("box beyond the image, clipped", where)
        return clipped

    def _geometry(self, segmentation: Any, size: Size, findings: Findings, where: str) -> Geometry | None:
        """The mask as it came, or None if it is missing, bad or empty (which is then counted)."""
        try:
            geometry = self._read_geometry(segmentation, size, findings, where)
            if _may_be_empty(geometry, size) and not masks.area(masks.to_run_length(geometry, size)):
                raise DataError("empty mask")
        except DataError as error:
            if not findings.autofix:
                raise
            findings.drop(str(error), where)
            return None
        return geometry
