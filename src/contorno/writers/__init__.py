"""Records out to label files, one writer for each format."""

from __future__ import annotations

from contorno.writers.coco import write_coco
from contorno.writers.formats import Format, write_as
from contorno.writers.image_files import Placing
from contorno.writers.labelme import write_labelme
from contorno.writers.mask_folder import write_mask_folder
from contorno.writers.polygon_forms import PolygonForm
from contorno.writers.results import write_results
from contorno.writers.via import write_via
from contorno.writers.voc import write_voc
from contorno.writers.written import Written
from contorno.writers.yolo import write_yolo

__all__ = [
    "Format",
    "Placing",
    "PolygonForm",
    "Written",
    "write_as",
    "write_coco",
    "write_labelme",
    "write_mask_folder",
    "write_results",
    "write_via",
    "write_voc",
    "write_yolo",
]
