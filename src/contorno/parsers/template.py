"""Parsers of one's own, in IceVision's way: go over the data, say which image each piece is of, fill its record.

    class MyParser(Parser):
        def __init__(self, template_record, data_dir):
            super().__init__(template_record=template_record)
            self.rows = ...
            self.class_map = ClassMap(["crater"])

        def __iter__(self):
            yield from self.rows

        def record_id(self, o):
            return o.file_name

        def parse_fields(self, o, record, is_new):
            if is_new:
                record.set_filepath(data_dir / o.file_name)
                record.set_img_size(ImgSize(width=o.width, height=o.height))
                record.detection.set_class_map(self.class_map)
            record.detection.add_bboxes([BBox.from_xyxy(o.x_min, o.y_min, o.x_max, o.y_max)])
            record.detection.add_labels([o.name])

`contorno.parsers.Parser` is the shorter way: one method that yields images with their objects. Either way images and
objects go through the same checks.
"""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from contorno.errors import ConfigError, DataError
from contorno.parsers import parsing
from contorno.parsers.drafts import BaseRecord, DraftObjects, image_id_of
from contorno.parsers.findings import Findings
from contorno.parsers.found import FoundImage
from contorno.parsers.image_files import is_there
from contorno.progress import Progress
from contorno.records import ClassMap, ImageId, ParseReport

TEMPLATE = """class MyParser(Parser):
    def __init__(self, template_record):
        super().__init__(template_record=template_record)

    def __iter__(self) -> Any:
    def __len__(self) -> int:
    def record_id(self, o: Any) -> Hashable:
    def parse_fields(self, o: Any, record: BaseRecord, is_new: bool):
        record.set_filepath(<Union[str, Path]>)
        record.set_img_size(<ImgSize>)
        record.detection.set_class_map(<ClassMap>)
        record.detection.add_labels(<Sequence[Hashable]>)
        record.detection.add_bboxes(<Sequence[BBox]>)"""

MASKS_TOO = "\n        record.detection.add_masks(<Sequence[Mask]>)"


class AbortParseRecord(Exception):  # noqa: N818 - IceVision's word
    """Raised by a parser's own `parse_fields` to leave this piece of its data out; it is counted."""


class Text(str):
    """Text that a notebook shows as lines."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


class DetectionRecord(BaseRecord):
    """A record of boxes, to be given to a parser as its template: IceVision's `ObjectDetectionRecord`."""


class MaskRecord(BaseRecord):
    """A record of boxes and masks, to be given to a parser as its template: `InstanceSegmentationRecord`."""


class TemplateParser(parsing.Parser):
    """A parser that fills records piece by piece, as IceVision's `Parser` does.

    template_record: what a new record begins as; unset: one that holds whatever is added.
    class_map:       fixes the labels; `self.class_map = ...` in the parser's own `__init__` does the same. If unset,
                     and no record has one, the classes are those found, in the order of their names.
    idmap:           IceVision's; ids of images are what `record_id` gives.
    ignore_unknown:  leave out, and count, objects of classes that the class map lacks.
    missing_images:  "error", or "drop" to leave out, and count, images whose file is not there, as IceVision does; also
                     where `parse_fields` itself fails on the file, once it has called `record.set_filepath`.
    """

    def __init__(
        self,
        template_record: BaseRecord | None = None,
        class_map: ClassMap | None = None,
        idmap: Any = None,
        *,
        ignore_unknown: bool = False,
        missing_images: parsing.Missing = "error",
    ) -> None:
        if missing_images not in ("error", "drop"):
            raise ConfigError(f"missing_images={missing_images!r} is not known; choose 'error' or 'drop'.")
        self.template_record = template_record
        self.idmap = idmap
        # Notebooks have attributes of these names too, often set before they call this: theirs stay.
        vars(self).setdefault("path", Path(type(self).__name__))
        vars(self).setdefault("img_dir", Path())
        self.ignore_unknown = ignore_unknown
        self.missing_images = missing_images
        self.vertex_offset = 0.0
        self.report = ParseReport()
        # A parser may have set its class map before it called this.
        self._given = class_map if class_map is not None else getattr(self, "_given", None)
        self._found: ClassMap | None = None

    @property
    def class_map(self) -> ClassMap:
        """The class map given, else the classes found; reads the data for it unless `parse` has."""
        return super().class_map

    @class_map.setter
    def class_map(self, class_map: ClassMap | None) -> None:
        self._given = class_map

    @abstractmethod
    def __iter__(self) -> Iterator[Any]:
        """Go over the data, piece by piece."""

    @abstractmethod
    def record_id(self, o: Any) -> Any:
        """Which image a piece is of."""

    @abstractmethod
    def parse_fields(self, o: Any, record: BaseRecord, is_new: bool) -> None:
        """Put what a piece says into the record of its image; `is_new`: the image was not met before."""

    def prepare(self, o: Any) -> None:
        """Do what is needed before `record_id` and `parse_fields` are asked."""

    def create_record(self) -> BaseRecord:
        """A new record, for an image not met before."""
        return BaseRecord() if self.template_record is None else copy.deepcopy(self.template_record)

    @classmethod
    def generate_template(cls, record: BaseRecord) -> Text:
        """What a parser for such records must have, as text to begin from."""
        return Text(TEMPLATE + (MASKS_TOO if isinstance(record, MaskRecord) else ""))

    def _read(self, findings: Findings, progress: Progress) -> Iterator[FoundImage]:
        drafts: dict[ImageId, BaseRecord] = {}
        lost: set[ImageId] = set()
        total = len(self) if hasattr(self, "__len__") else None
        for done, piece in enumerate(self, start=1):
            image_id: ImageId | None = None
            try:
                self.prepare(piece)
                image_id = image_id_of(self.record_id(piece))
                if image_id not in lost and self._fill(drafts, image_id, piece):
                    lost.add(image_id)
            except AbortParseRecord as reason:
                findings.drop("piece that the parser leaves out", f"record {image_id!r}", str(reason))
            progress("parsing", done, total)
        self._take_class_map(drafts)
        for image_id, draft in drafts.items():
            yield draft.found_image(image_id)

    def _fill(self, drafts: dict[ImageId, BaseRecord], image_id: ImageId, piece: Any) -> bool:
        """Put a piece into the record of its image, whole or not at all; True if its file is missing and may be."""
        draft = drafts.get(image_id)
        if draft is None:
            draft = self.create_record()
            draft.set_record_id(image_id)
        go_back = draft.mark()
        try:
            self.parse_fields(piece, record=draft, is_new=draft.is_new)
        except AbortParseRecord:
            go_back()
            raise
        except (DataError, FileNotFoundError):
            # A notebook asks the file for its size, `get_img_size(path)`, which fails before `_present` can look.
            if self.missing_images != "drop" or draft.filepath is None or is_there(draft.filepath):
                raise
            draft.detection = DraftObjects()
            drafts[image_id] = draft
            return True
        draft.is_new = False
        drafts[image_id] = draft
        return False

    def _present(self, images: list[FoundImage], findings: Findings) -> Iterator[FoundImage]:
        if self.missing_images == "error":
            lost = [image.path for image in images if image.path is not None and not is_there(image.path)]
            if lost:
                raise DataError(
                    f"{self.path}: {len(lost)} of {len(images)} image files are missing, the first is {lost[0]}; "
                    "correct record.set_filepath(path), or leave them out: "
                    "super().__init__(..., missing_images='drop')."
                )
        return super()._present(images, findings)

    def _take_class_map(self, drafts: dict[ImageId, BaseRecord]) -> None:
        maps = [draft.detection.class_map for draft in drafts.values() if draft.detection.class_map is not None]
        if self._given is None and maps:
            self._given = maps[0]
        if self._given is None:
            return
        if any(given != self._given for given in maps):
            raise DataError(f"{self.path}: its records have class maps that differ; give all of them self.class_map.")
        if not self._given.is_locked:
            for draft in drafts.values():
                for name in draft.detection.labels:
                    self._given.get_by_name(name)
