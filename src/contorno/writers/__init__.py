"""Records out to label files, one writer for each format."""

from __future__ import annotations

from contorno.writers.coco import write_coco

__all__ = ["write_coco"]
