"""Label files in: every parser makes records, one `Records` for each split."""

from __future__ import annotations

from contorno.parsers.coco import COCOBBoxParser, COCOMaskParser
from contorno.parsers.found import FoundImage, FoundObject
from contorno.parsers.mask_folder import MaskFolderParser
from contorno.parsers.parsing import Parser
from contorno.parsers.recognise import Recognised, Source, parse, recognise
from contorno.records import Records

__all__ = [
    "COCOBBoxParser",
    "COCOMaskParser",
    "FoundImage",
    "FoundObject",
    "MaskFolderParser",
    "Parser",
    "Recognised",
    "Records",
    "Source",
    "parse",
    "recognise",
]
