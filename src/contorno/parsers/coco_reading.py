"""What both ways of reading a COCO file share: labels of the categories, images that are there, a look at an object."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from contorno.errors import DataError
from contorno.masks import Geometry, Size
from contorno.parsers.coco_categories import Categories, repeated_names, unknown_classes
from contorno.parsers.coco_document import ImageEntry
from contorno.parsers.coco_forms import BOX_TEXTS, numbers_in_texts
from contorno.parsers.coco_geometry import BadGeometry, Box, clip_box, is_no_mask, mask_box, read_box, read_mask
from contorno.parsers.coco_names import find_names
from contorno.parsers.findings import Findings
from contorno.parsers.image_files import missing_message, missing_names
from contorno.progress import Progress
from contorno.records import ClassMap, ImageId, Record

_SHOWN = 200  # characters of a name in messages


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One reading of one file: what was asked for, as the parsers say it, and what was met.

    with_masks: True: objects with a box only are bad objects. False: masks are passed over. None: each as it is.
    """

    path: Path
    img_dir: Path
    class_map: ClassMap
    with_masks: bool | None
    vertex_offset: float
    ignore_unknown: bool
    missing_images: Literal["error", "drop"]
    findings: Findings
    progress: Progress

    def labels(self, categories: Categories, counts: Mapping[ImageId, int]) -> dict[ImageId, int]:
        """The label of each category that has one; objects of the others are counted here. counts: of objects."""
        class_map, findings = self.class_map, self.findings
        labels = {key: class_map.get_by_name(name) for key, name in categories.items() if name in class_map}
        unknown = {key: name for key, name in categories.items() if key not in labels and counts[key]}
        if unknown and not self.ignore_unknown:
            raise DataError(unknown_classes(findings.source, list(unknown.values()), categories, class_map))
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

    def gone(self, images: Sequence[ImageEntry]) -> frozenset[str]:
        """File names of which there is no file; names that lead astray are mended first.

        Raises DataError for a name that leads out of the image folder to a file that is not in it.
        """
        refused = [image for image in images if image.refused]
        gone = frozenset(missing_names(self.img_dir, [image.file_name for image in images if not image.refused]))
        if not gone and not refused:
            return gone
        found = find_names([image.file_name for image in images], self.img_dir)
        mended = [image for image in images if image.file_name in found]
        for image in mended:
            one = found[image.file_name]
            self.findings.mend(one.why, f"image {image.file_name[:_SHOWN]!r}", f"{one.name!r} is there")
            image.file_name, image.refused = one.name, ""
        for image in refused:
            if image.refused:
                raise DataError(image.refused)
        return gone - found.keys()

    def present(self, images: Sequence[ImageEntry], gone: frozenset[str], objects: Sequence[int]) -> list[ImageEntry]:
        """The images whose file is there. objects: how many each image has."""
        missing = [image.file_name for image in images if image.file_name in gone]
        if missing and self.missing_images == "error":
            raise DataError(missing_message(self.findings.source, self.img_dir, missing, len(images)))
        lost = sum(count for image, count in zip(images, objects, strict=True) if image.file_name in gone)
        self.findings.leave_out("image whose file is missing", len(missing))
        self.findings.leave_out("object of an image whose file is missing", lost)
        return [image for image in images if image.file_name not in gone]

    def look(self, entry: Mapping[str, Any], size: Size, where: str) -> tuple[Geometry | None, Box]:
        """Geometry and xyxy box of one object. Raises BadGeometry if it cannot be used."""
        findings = self.findings
        bbox = entry.get("bbox")
        stated = read_box(bbox)
        if stated is None and (numbers := numbers_in_texts(bbox)) is not None:
            stated = read_box(numbers)
            findings.mend(BOX_TEXTS, where)
        box = None if stated is None else clip_box(stated, size)
        segmentation = entry.get("segmentation")
        geometry = None
        if self.with_masks or (not is_no_mask(segmentation) and (self.with_masks is None or box is None)):
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
        return None if self.with_masks is False else geometry, box

    def reported(self, records: Iterable[Record], total: int) -> Iterator[Record]:
        """The same records, with progress."""
        for done, record in enumerate(records, start=1):
            yield record
            if done % 256 == 0 or done == total:
                self.progress("reading images", done, total)
