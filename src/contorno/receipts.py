"""What masks lose on the way through polygons: the receipt that every form that is not lossless has to print."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contorno import masks
from contorno.masks import Polygons, RunLength

_SHOWN = 3


@dataclass(frozen=True, slots=True, eq=False)
class Receipt:
    """The round trip of some masks.

    ious: (N,) float64, 0..1: IoU of each mask with the one that pycocotools draws from its polygons; 1 where nothing is
          lost, and for an empty mask that comes back empty.
    """

    ious: NDArray[np.float64]

    @property
    def lossless(self) -> int:
        """How many masks come back as they were."""
        return int((self.ious == 1.0).sum())

    @property
    def minimum(self) -> float:
        """The least IoU; NaN without masks."""
        return float(self.ious.min()) if len(self.ious) else float("nan")

    @property
    def median(self) -> float:
        """The median IoU; NaN without masks."""
        return float(np.median(self.ious)) if len(self.ious) else float("nan")

    @property
    def worst(self) -> tuple[int, ...]:
        """Positions of the masks that lost something, the one that lost most first."""
        order = np.argsort(self.ious, kind="stable")
        return tuple(int(i) for i in order if self.ious[i] < 1.0)

    def __str__(self) -> str:
        text = (
            f"{len(self.ious)} masks, {self.lossless} come back as they were; "
            f"round-trip IoU min {_down(self.minimum)}, median {_down(self.median)}"
        )
        worst = ", ".join(f"mask {i} ({_down(float(self.ious[i]))})" for i in self.worst[:_SHOWN])
        return f"{text}; worst: {worst}" if worst else text


def round_trip_receipt(codes: Sequence[RunLength], polygons: Sequence[Polygons]) -> Receipt:
    """Draw the polygons of N masks with pycocotools and compare. polygons: one item for each mask, in order."""
    ious = np.ones(len(codes), dtype=np.float64)
    for index, (code, made) in enumerate(zip(codes, polygons, strict=True)):
        back = masks.to_run_length(made, code.size)
        # Two empty masks are the same mask, which IoU cannot say.
        if back != code:
            ious[index] = masks.iou([back], [code])[0, 0]
    return Receipt(ious)


def _down(iou: float) -> str:
    """Three digits, never rounded up to 1."""
    return f"{np.floor(iou * 1000) / 1000:.3f}"
