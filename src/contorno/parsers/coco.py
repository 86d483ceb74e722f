"""Read COCO instances files: each image becomes a record, with or without objects."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import ClassVar, Literal

from contorno.errors import ConfigError, DataError
from contorno.parsers.coco_categories import found_class_map, read_categories
from contorno.parsers.coco_document import Document, read_document
from contorno.parsers.coco_plain import plain_records
from contorno.parsers.coco_quick import quick_records
from contorno.parsers.coco_reading import Reading
from contorno.parsers.coco_text import Refused, SplitDocument
from contorno.parsers.findings import Findings, collector_paused, divide, no_cache
from contorno.parsers.image_files import existing_folder
from contorno.progress import Progress, ProgressLine, silent
from contorno.records import ClassMap, ParseReport, Record, Records
from contorno.splits import Splitter


class _COCOParser:
    """What reading masks and reading boxes from a COCO file share."""

    _with_masks: ClassVar[bool | None]

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
                self._class_map = self._class_map_of(self._document)
        return self._class_map

    def parse(
        self,
        data_splitter: Splitter | None = None,
        autofix: bool = True,
        show_pbar: bool = False,
        cache_filepath: Path | str | None = None,
    ) -> list[Records]:
        """Read the file and divide its images.

        data_splitter:  if unset, the splits that the file names, else RandomSplitter((0.8, 0.2)).
        autofix:        mend or leave out bad objects and count them in `report`; if False the first one raises, and
                        boxes that reach over the image's edge stay as stated.
        show_pbar:      draw progress on stderr.
        cache_filepath: IceVision's; without effect, with a warning.
        Raises DataError for a file that is not COCO, objects of classes that a given class map lacks (unless
        `ignore_unknown`), missing image files (unless `missing_images="drop"`) and file names that climb out.
        """
        no_cache(cache_filepath)
        with collector_paused(), ProgressLine() as line:
            findings, records = self._read(autofix, line if show_pbar else silent)
            made = Records(records, self.class_map)
            _let_settle()
        self.report = findings.report(made)
        return divide(made, data_splitter, self.report)

    @property
    def _source(self) -> str:
        return str(self.annotations_filepath)

    def _read(self, autofix: bool, progress: Progress) -> tuple[Findings, list[Record]]:
        """All records: by columns if the file allows it, else object by object; with the same outcome."""
        document, self._document = self._document, None
        if document is None:
            document = read_document(self.annotations_filepath)
        self._class_map = self._class_map_of(document)
        if isinstance(document, SplitDocument):
            reading = self._reading(autofix, progress)
            try:
                return reading.findings, quick_records(reading, document)
            except Refused:
                pass
            except DataError:
                # The plain way meets faults in another order, and the first one is to be raised.
                if autofix:
                    raise
            document = read_document(self.annotations_filepath)
        reading = self._reading(autofix, progress)
        return reading.findings, plain_records(reading, document)

    def _reading(self, autofix: bool, progress: Progress) -> Reading:
        return Reading(
            path=self.annotations_filepath,
            img_dir=self.img_dir,
            class_map=self.class_map,
            with_masks=self._with_masks,
            vertex_offset=self.vertex_offset,
            ignore_unknown=self.ignore_unknown,
            missing_images=self.missing_images,
            findings=Findings(self._source, autofix),
            progress=progress,
        )

    def _class_map_of(self, document: Document) -> ClassMap:
        if self._class_map is not None:
            return self._class_map
        return found_class_map(read_categories(document, self._source))


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


class COCOParser(_COCOParser):
    """Reads each object of a COCO file as it is: the mask where it has one, as COCOMaskParser does, else its box."""

    _with_masks = None


def _let_settle() -> None:
    """Count all objects as old, so that the collector does not go over millions of new ones once it is on again."""
    if gc.get_freeze_count() == 0:  # else the caller has frozen some, which are to stay so
        gc.freeze()
        gc.unfreeze()
