"""Objects of an image in IceVision's words: a list of boxes with corners by name, labels, scores, masks.

Records and predictions keep arrays; these views of them are what code written for IceVision reads.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contorno.class_map import ClassMap
from contorno.errors import DataError
from contorno.geometry import RunLength, Size


class ImageWords:
    """IceVision's names for what a record and a prediction say of their image, `image_id` and `size_hw`."""

    __slots__ = ()

    image_id: Any
    size_hw: Size

    @property
    def record_id(self) -> Any:
        """`image_id`."""
        return self.image_id

    @property
    def height(self) -> int:
        """Pixels."""
        return self.size_hw[0]

    @property
    def width(self) -> int:
        """Pixels."""
        return self.size_hw[1]


@dataclass(frozen=True, slots=True)
class BBox:
    """A box, xyxy, pixels from the upper left corner; edges lie between pixels.

    It need not lie in an image, nor have an area: the parser that takes it looks after that.
    Raises DataError for a corner that is no finite number.
    """

    xmin: float
    ymin: float
    xmax: float
    ymax: float

    def __post_init__(self) -> None:
        if not all(math.isfinite(float(corner)) for corner in self.xyxy):
            raise DataError(f"the box {self.xyxy} has a corner that is no finite number.")

    @classmethod
    def from_xyxy(cls, xl: float, yu: float, xr: float, yb: float) -> BBox:
        """A box of its left, upper, right and lower edge."""
        return cls(xl, yu, xr, yb)

    @classmethod
    def from_xywh(cls, x: float, y: float, w: float, h: float) -> BBox:
        """A box of its upper left corner, width and height."""
        return cls(x, y, x + w, y + h)

    @classmethod
    def from_relative_xcycwh(
        cls, xc: float, yc: float, bw: float, bh: float, img_width: float, img_height: float
    ) -> BBox:
        """A box of its centre and size as fractions of the image's, as YOLO has them; not rounded to whole pixels."""
        return cls(
            (xc - bw / 2) * img_width, (yc - bh / 2) * img_height, (xc + bw / 2) * img_width, (yc + bh / 2) * img_height
        )

    @property
    def width(self) -> float:
        """Pixels."""
        return self.xmax - self.xmin

    @property
    def height(self) -> float:
        """Pixels."""
        return self.ymax - self.ymin

    @property
    def area(self) -> float:
        """Pixels squared."""
        return self.width * self.height

    @property
    def xyxy(self) -> tuple[float, float, float, float]:
        """Left, upper, right and lower edge."""
        return self.xmin, self.ymin, self.xmax, self.ymax

    @property
    def xywh(self) -> tuple[float, float, float, float]:
        """Upper left corner, width and height."""
        return self.xmin, self.ymin, self.width, self.height


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """The objects of a record or of a prediction; one entry each.

    bboxes:     in pixels of the image.   label_ids: 1..K.
    scores:     float32 (N,), or None for annotations.
    masks:      run-length codes, or None where there are only boxes; `contorno.masks.decode` makes pixels of one.
    iscrowds:   whether each is a crowd region.
    class_map:  None where the record does not know it: `Records` and `Dataset` hold it.
    """

    bboxes: list[BBox]
    label_ids: list[int]
    scores: NDArray[np.float32] | None
    masks: tuple[RunLength | None, ...] | None
    iscrowds: list[bool]
    class_map: ClassMap | None

    @property
    def labels(self) -> list[str]:
        """Names of the classes. Raises DataError where the class map is not known."""
        if self.class_map is None:
            raise DataError(
                "a record does not know the names of its classes; take class_map.get_by_id(label) for each of "
                "record.detection.label_ids, with the class_map of the records or of the parser."
            )
        return [self.class_map.get_by_id(label) for label in self.label_ids]

    def as_dict(self) -> dict[str, Any]:
        """IceVision's dict: labels (where their names are known), label_ids, bboxes, scores, masks, iscrowds."""
        found: dict[str, Any] = {"label_ids": self.label_ids, "bboxes": self.bboxes, "iscrowds": self.iscrowds}
        if self.class_map is not None:
            found["labels"] = self.labels
        if self.scores is not None:
            found["scores"] = self.scores
        if self.masks is not None:
            found["masks"] = self.masks
        return found


def boxes_of(boxes: NDArray[np.float32] | Sequence[Sequence[float]]) -> list[BBox]:
    """A BBox for each row of xyxy boxes (N, 4)."""
    return [BBox(*row) for row in np.asarray(boxes, dtype=np.float64).reshape(-1, 4).tolist()]
