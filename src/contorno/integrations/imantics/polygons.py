"""Polygons as the real imantics traces them, with a receipt for what they lose.

imantics stores contours through pixel centres, so the outermost pixels fall outside (imantics issue 43), and has no
holes. Its polygons are a choice for tools that expect them; `contorno.masks.to_polygons` is the lossless way.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from types import ModuleType

import numpy as np

from contorno import masks
from contorno.errors import MissingExtraError
from contorno.masks import Polygons, RunLength

__all__ = ["ImanticsPolygons", "imantics_package", "to_polygons_imantics"]


@dataclass(frozen=True, slots=True)
class ImanticsPolygons:
    """What imantics makes of one mask, and the receipt of its round trip through pycocotools.

    polygons:       its contours, vertices at pixel centres counted as whole numbers; holes are parts like any other.
    iou:            of the mask that pycocotools draws from `polygons` with the mask given, 0..1; 1 means nothing lost.
    dropped_parts:  contours of one or two points (a single pixel, a line), which no COCO reader takes as a polygon.
    """

    polygons: Polygons
    iou: float
    dropped_parts: int

    def __str__(self) -> str:
        lines = f", {self.dropped_parts} parts of under 3 points dropped" if self.dropped_parts else ""
        return f"{len(self.polygons.parts)} polygons by imantics, round-trip IoU {self.iou:.3f}{lines}"


def to_polygons_imantics(rle: RunLength) -> ImanticsPolygons:
    """Trace a mask with imantics, and measure what comes back.

    Raises MissingExtraError if imantics is not installed.
    """
    traced = imantics_package().Mask(masks.decode(rle)).polygons().segmentation
    contours = [np.array(contour, dtype=np.float64).reshape(-1, 2) for contour in traced]
    polygons = Polygons(tuple(contour for contour in contours if len(contour) >= 3))
    back = masks.to_run_length(polygons, rle.size)
    # Two empty masks are the same mask, which IoU cannot say.
    iou = float(masks.iou([back], [rle])[0, 0]) if masks.area(rle) else 1.0
    return ImanticsPolygons(polygons, iou, len(contours) - len(polygons.parts))


def imantics_package() -> ModuleType:
    """The package, imported. Raises MissingExtraError if it is not installed."""
    try:
        return importlib.import_module("imantics")
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"the package {error.name!r} is not installed; run pip install 'contorno[interop]'."
        ) from error
