"""What a writer says of its work: what is where, what the format could not hold, and what masks lost on the way."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from contorno.receipts import Receipt


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """The product of one writer.

    path:    the file, or the folder of the files.   images, objects: how many were written.
    lost:    what the format cannot hold: {what: how often}; nothing here and a lossless receipt means that the data
             read back to the same records.
    receipt: the round trip of the masks whose form was changed; None where none was.
    """

    path: Path
    images: int
    objects: int
    lost: dict[str, int] = field(default_factory=dict)
    receipt: Receipt | None = None

    @property
    def lossless(self) -> bool:
        """True if nothing was left out and every mask reads back to the same pixels."""
        return not self.lost and (self.receipt is None or self.receipt.lossless == len(self.receipt.ious))

    def __str__(self) -> str:
        lines = [f"{self.path}: {self.images} images, {self.objects} objects"]
        if self.receipt is not None and len(self.receipt.ious):
            lines.append(f"masks written in another form: {self.receipt}")
        lines += [f"not held by this format: {count} × {what}" for what, count in self.lost.items()]
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """The same as a value for JSON."""
        receipt = self.receipt
        trip = None
        if receipt is not None and len(receipt.ious):
            trip = {
                "masks": len(receipt.ious),
                "lossless": receipt.lossless,
                "min": float(np.min(receipt.ious)),
                "median": receipt.median,
            }
        return {
            "path": str(self.path),
            "images": self.images,
            "objects": self.objects,
            "lossless": self.lossless,
            "lost": self.lost,
            "round_trip_iou": trip,
        }
