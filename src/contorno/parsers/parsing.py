"""What parsers share: a reader of one format finds images with their objects, and the rest is the same for all.

A format of one's own is a class with one method:

    class CraterParser(Parser):
        def _read(self, findings, progress):
            for line in self.path.read_text().splitlines():
                name, x, y, radius = line.split(",")
                ...
                yield FoundImage(file_name=name, where=name, objects=[FoundObject(class_name="crater", geometry=...)])
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from contorno.errors import ConfigError, DataError
from contorno.images import image_size
from contorno.masks import Geometry
from contorno.parsers.coco_categories import unknown_classes
from contorno.parsers.coco_geometry import BadGeometry, Box
from contorno.parsers.findings import Findings, collector_paused, divide, no_cache
from contorno.parsers.found import FoundImage, FoundObject
from contorno.parsers.found_objects import ids_of, usable
from contorno.parsers.image_files import existing_folder, missing_message, missing_names
from contorno.progress import Progress, ProgressLine, silent
from contorno.records import ClassMap, ImageId, Instances, ParseReport, Record, Records
from contorno.splits import SingleSplitter, Splitter

Missing = Literal["error", "drop"]


class Parser(ABC):
    """Reads label files of one format into records.

    path:            the label file or the folder of the data set.
    img_dir:         the folder that the file names start in.
    class_map:       fixes the labels; names match without regard to case and outer space. If unset, labels are 1..K in
                     the order that the source declares its classes in, else in the order of their names.
    ignore_unknown:  leave out, and count, objects of classes that `class_map` lacks.
    missing_images:  "error", or "drop" to leave out, and count, images whose file is not there.
    vertex_offset:   pixels added to x and y of polygon vertices; 0.5 where a tool counts from pixel centres.

    After `parse`, `report` says what was kept, mended and dropped.
    Raises ConfigError if `img_dir` is no folder.
    """

    with_masks: bool | None = None
    """True: objects with a box only are bad objects. False: masks are passed over. None: each object as it is."""
    how: str = ""
    """How masks were read, where that had to be found out; a parser says it while it reads, and the report keeps it."""

    def __init__(
        self,
        path: Path | str,
        img_dir: Path | str | None = None,
        *,
        class_map: ClassMap | None = None,
        ignore_unknown: bool = False,
        missing_images: Missing = "error",
        vertex_offset: float = 0.0,
    ) -> None:
        if missing_images not in ("error", "drop"):
            raise ConfigError(f"missing_images={missing_images!r} is not known; choose 'error' or 'drop'.")
        self.path = Path(path)
        if not self.path.exists():
            raise ConfigError(f"{self.path} does not exist; give the label file or folder that is meant.")
        home = self.path if self.path.is_dir() else self.path.parent
        self.img_dir = home if img_dir is None else existing_folder(Path(img_dir), "the image folder img_dir")
        self.ignore_unknown = ignore_unknown
        self.missing_images = missing_images
        self.vertex_offset = float(vertex_offset)
        self.report = ParseReport()
        self._given = class_map
        self._found: ClassMap | None = None

    @abstractmethod
    def _read(self, findings: Findings, progress: Progress) -> Iterable[FoundImage]:
        """Find all images in a repeatable order. What is bad goes to `findings`; a file that is not of the format at
        all is a DataError. `progress(what, done, total)` is for reading that may take over two seconds."""

    def _declared_classes(self) -> Sequence[str]:
        """Classes that the source lists, in its order; asked for after `_read` has been run through."""
        return ()

    @property
    def class_map(self) -> ClassMap:
        """The class map given, else the classes that the source has; reads it unless `parse` has."""
        if self._given is not None:
            return self._given
        if self._found is None:
            report = self.report
            self.parse(SingleSplitter())
            self.report = report
        assert self._found is not None
        return self._found

    def parse(
        self,
        data_splitter: Splitter | None = None,
        autofix: bool = True,
        show_pbar: bool = False,
        cache_filepath: Path | str | None = None,
    ) -> list[Records]:
        """Read everything and divide the images.

        data_splitter:  if unset, the splits that the source names, else RandomSplitter((0.8, 0.2)).
        autofix:        mend or leave out bad objects and count them in `report`; if False the first one raises.
        show_pbar:      draw progress on stderr.
        cache_filepath: IceVision's; without effect, with a warning.
        Raises DataError for files that are not of the format, objects of classes that a given class map lacks (unless
        `ignore_unknown`), missing image files (unless `missing_images="drop"`) and file names that climb out.
        """
        no_cache(cache_filepath)
        with collector_paused(), ProgressLine() as line:
            progress: Progress = line if show_pbar else silent
            findings = Findings(str(self.path), autofix)
            images = list(self._read(findings, progress))
            if not images:
                left_out = findings.most_dropped
                raise DataError(
                    f"{self.path} names no images{' that can be used' if left_out else ''}{left_out}; "
                    "check that it is the file or folder that is meant."
                )
            labels = self._labels(images, findings)
            records = []
            present = list(self._present(images, findings))
            for done, image in enumerate(present, start=1):
                records.append(self._record(image, labels, findings))
                if done % 64 == 0 or done == len(present):
                    progress("making records", done, len(present))
            if not records:
                raise DataError(f"{self.path}: none of its {len(images)} images can be used{findings.most_dropped}.")
            made = Records(records, self.class_map)
        self.report = findings.report(made)
        if self.how:
            details = {**self.report.details, "how masks were read": self.how}
            self.report = replace(self.report, details=details)
        return divide(made, data_splitter, self.report)

    def _labels(self, images: list[FoundImage], findings: Findings) -> dict[str, int]:
        """The label of each class name that has one; objects of the others are counted here."""
        counts = Counter(found.class_name for image in images for found in image.objects)
        declared = list(self._declared_classes())
        everything = [*declared, *sorted(counts.keys() - set(declared), key=lambda name: (name.casefold(), name))]
        if self._given is None:
            self._found = ClassMap()
            for name in everything:
                if name.strip() and name not in self._found:
                    self._found.add_name(name)
        class_map = self._given if self._given is not None else self._found
        assert class_map is not None
        labels = {name: class_map.get_by_name(name) for name in counts if name in class_map}
        unknown = sorted(name for name in counts if name not in labels and name.strip())
        if unknown and not self.ignore_unknown:
            known: dict[ImageId, str] = dict(enumerate(everything))
            raise DataError(unknown_classes(str(self.path), unknown, known, class_map))
        for name in unknown:
            findings.leave_out(f"object of the class {name!r}, which is not in the class map", counts[name])
        return {name: label for name, label in labels.items() if label}

    def _present(self, images: list[FoundImage], findings: Findings) -> Iterator[FoundImage]:
        """The images whose file is there, each id once."""
        files = [image for image in images if image.image is None]
        gone = set(missing_names(self.img_dir, [image.file_name for image in files if image.path is None]))
        lost = [
            image for image in files if (image.file_name in gone if image.path is None else not image.path.is_file())
        ]
        if lost and self.missing_images == "error":
            names = [image.file_name for image in lost]
            raise DataError(missing_message(str(self.path), self.img_dir, names, len(images)))
        findings.leave_out("image whose file is missing", len(lost), lost[0].where if lost else "")
        findings.leave_out("object of an image whose file is missing", sum(len(image.objects) for image in lost))
        left_out = set(map(id, lost))
        seen: set[ImageId] = set()
        for image in images:
            if id(image) in left_out:
                continue
            image_id = _image_id(image)
            if image_id in seen:
                findings.drop("image that stands twice", image.where or image.file_name, f"id {image_id!r}")
                continue
            seen.add(image_id)
            yield image

    def _record(self, image: FoundImage, labels: dict[str, int], findings: Findings) -> Record:
        path = image.path if image.path is not None else self.img_dir / image.file_name
        size = image.size
        if size is None:
            size = image_size(path) if image.image is None else (image.image.shape[0], image.image.shape[1])
        kept: list[FoundObject] = []
        geometries: list[Geometry | None] = []
        boxes: list[Box] = []
        for found in image.objects:
            where = ", ".join(part for part in (image.where or image.file_name, found.where) if part)
            if found.class_name not in labels:
                # Classes that the class map lacks are counted already.
                if not found.class_name.strip() or found.class_name in self.class_map:
                    reason = f"object of the class {found.class_name!r}, which is never stored"
                    findings.drop("object without a class" if not found.class_name.strip() else reason, where)
                continue
            try:
                geometry, box = usable(
                    found,
                    size,
                    findings,
                    where,
                    with_masks=self.with_masks,
                    vertex_offset=self.vertex_offset,
                )
            except BadGeometry as fault:
                findings.drop(fault.reason, where, fault.detail)
                continue
            kept.append(found)
            geometries.append(geometry)
            boxes.append(box)
        instances = Instances.build(
            size,
            labels=[labels[found.class_name] for found in kept],
            geometries=geometries,
            boxes=boxes,
            is_crowd=[found.is_crowd for found in kept],
            areas=[found.area for found in kept],
            ids=ids_of(kept),
            attributes=[found.attributes for found in kept] if any(found.attributes for found in kept) else None,
        )
        return Record(
            image_id=_image_id(image),
            path=path if image.image is None else None,
            size_hw=size,
            instances=instances,
            image=image.image,
            split=image.split,
        )


def _image_id(image: FoundImage) -> ImageId:
    return image.file_name if image.image_id is None else image.image_id
