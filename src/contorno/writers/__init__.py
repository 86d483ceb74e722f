"""Records out to label files, one writer for each format."""

from __future__ import annotations

from contorno.writers.coco import write_coco
from contorno.writers.written import Written

__all__ = ["Written", "write_coco"]
