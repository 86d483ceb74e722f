"""The masks of records as COCO's segmentations, in the form asked for, with an account of what that costs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from contorno import masks as mask_codes
from contorno.masks import Geometry, Polygons, Size
from contorno.receipts import Receipt, round_trip_receipt
from contorno.simplify import count_vertices, simplified

MaskForm = Literal["as-given", "rle", "pixel-edges", "simplified"]

VERTICES_LOST = "vertices of a polygon, whose mask went out in another form"
NO_OUTLINE = "mask without a pixel, which has no polygon"


@dataclass(slots=True)
class MaskForms:
    """Puts masks into the form asked for, and keeps account of what that costs."""

    form: MaskForm
    min_iou: float
    lost: Counter[str] = field(default_factory=Counter)
    ious: list[float] = field(default_factory=list)

    def segmentation(self, geometry: Geometry, size: Size) -> Any:
        """The value of an annotation's "segmentation"."""
        if self.form == "as-given":
            return geometry.to_coco()
        code = mask_codes.to_run_length(geometry, size)
        if self.form == "rle":
            self.lost[VERTICES_LOST] += isinstance(geometry, Polygons)
            return code.to_coco()
        made = mask_codes.to_polygons(code) if self.form == "pixel-edges" else simplified(code, self.min_iou)
        if isinstance(geometry, Polygons):
            if self.form == "simplified" and 0 < count_vertices(geometry) <= count_vertices(made):
                return geometry.to_coco()
            self.lost[VERTICES_LOST] += geometry != made
        self.lost[NO_OUTLINE] += not made.parts
        self.ious.append(float(round_trip_receipt([code], [made]).ious[0]))
        return made.to_coco()

    def receipt(self) -> Receipt | None:
        """The round trip of the masks that became polygons; None where none did."""
        return Receipt(np.array(self.ious)) if self.ious else None


def area_of(stated: float, geometry: Geometry | None, size: Size, box_xywh: Sequence[float]) -> float:
    """The area that an annotation states, px²: as the source said it, else that of the mask, else of the box."""
    if np.isfinite(stated):
        return stated
    if geometry is None:
        return box_xywh[2] * box_xywh[3]
    return int(mask_codes.area(mask_codes.to_run_length(geometry, size)))
