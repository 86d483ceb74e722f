"""Label files in: every parser makes records, one `Records` for each split."""

from __future__ import annotations

from contorno.parsers.coco import COCOBBoxParser, COCOMaskParser, COCOParser
from contorno.parsers.cvat import CVATParser
from contorno.parsers.found import FoundImage, FoundObject
from contorno.parsers.labelme import LabelMeParser
from contorno.parsers.mask_csv import MaskRow, read_mask_csv, write_mask_csv
from contorno.parsers.mask_folder import MaskFolderParser
from contorno.parsers.openimages import OpenImagesBBoxParser, OpenImagesParser
from contorno.parsers.parsing import Parser
from contorno.parsers.reading import Objects, ReadOptions, open_parser, parse, read
from contorno.parsers.recognise import recognise
from contorno.parsers.results import CocoIds, Predictions, coco_ids, read_results
from contorno.parsers.run_length_csv import RunLengthCSVParser
from contorno.parsers.sources import Recognised, Source
from contorno.parsers.via import VIABBoxParser, VIAParser, via
from contorno.parsers.voc import VOCBBoxParser, VOCMaskParser
from contorno.parsers.yolo import YOLOBBoxParser, YOLOSegParser
from contorno.records import Records

__all__ = [
    "COCOBBoxParser",
    "COCOMaskParser",
    "COCOParser",
    "CVATParser",
    "CocoIds",
    "FoundImage",
    "FoundObject",
    "LabelMeParser",
    "MaskFolderParser",
    "MaskRow",
    "Objects",
    "OpenImagesBBoxParser",
    "OpenImagesParser",
    "Parser",
    "Predictions",
    "ReadOptions",
    "Recognised",
    "Records",
    "RunLengthCSVParser",
    "Source",
    "VIABBoxParser",
    "VIAParser",
    "VOCBBoxParser",
    "VOCMaskParser",
    "YOLOBBoxParser",
    "YOLOSegParser",
    "coco_ids",
    "open_parser",
    "parse",
    "read",
    "read_mask_csv",
    "read_results",
    "recognise",
    "via",
    "write_mask_csv",
]
