"""The figures of a training by icevision's learner, where contorno's recording callbacks look for them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from contorno.callbacks import Callback
from contorno.errors import DataError
from contorno.metrics import COCOMetric, COCOMetricType

COLUMNS = {
    "AP (IoU=0.50:0.95) area=all": "ap",
    "AP (IoU=0.50) area=all": "ap50",
    "AP (IoU=0.75) area=all": "ap75",
}
"""What icevision's COCOMetric measures, and how contorno's history calls it after "mask_" or "box_"."""


class EngineFigures(Callback):  # type: ignore[misc]
    """Losses and AP of each epoch, as `callbacks.ValidationPass` has them for contorno's own learner.

    metrics: icevision's COCOMetrics by what they measure; what they finalize is noted.
    figures: train_loss and valid_loss, means over images; mask_ap, mask_ap50, mask_ap75 and the same of boxes, as
             icevision measures them: in pixels of the sample, on images with objects. NaN where icevision says -1, an
             undefined figure.
    Raises DataError that names the images where the training loss is no longer a number.
    """

    name = "validation_pass"
    order = 52  # after Recorder, which finalizes the metrics, and before History, which asks for the figures

    def __init__(self, metrics: Mapping[COCOMetricType, Any]) -> None:
        super().__init__()
        self.coco_metrics = tuple(COCOMetric(kind) for kind in metrics)
        self.figures: dict[str, float] = {}
        self._noted: dict[str, float] = {}
        self._sum, self._images = 0.0, 0
        for kind, metric in metrics.items():
            metric.finalize = self._noting(metric.finalize, kind.prefix)

    def _noting(self, finalize: Callable[[], dict[str, float]], prefix: str) -> Callable[[], dict[str, float]]:
        def finalize_and_note() -> dict[str, float]:
            logs = finalize()
            for theirs, ours in COLUMNS.items():
                value = float(logs[theirs])
                self._noted[f"{prefix}_{ours}"] = math.nan if value < 0 else value
            return logs

        return finalize_and_note

    def before_train(self) -> None:
        self.figures, self._noted = {}, {}
        self._sum, self._images = 0.0, 0

    def before_validate(self) -> None:
        self._sum, self._images = 0.0, 0

    def after_batch(self) -> None:
        count, loss = len(self.learn.records), float(self.learn.loss.detach())
        if self.learn.training and not math.isfinite(loss):
            ids = ", ".join(str(record.record_id) for record in self.learn.records)
            raise DataError(
                f"the training loss is no longer a number at epoch {self.learn.epoch + 1}, step {self.learn.iter + 1}, "
                f"images {ids}; lower the learning rate, or look at the boxes and masks of those images."
            )
        self._sum += loss * count
        self._images += count

    def after_train(self) -> None:
        self.figures["train_loss"] = self._mean()
        # Validation may be left out of this epoch, before `before_validate` is asked; these sums are not its figures.
        self._sum, self._images = 0.0, 0

    def after_validate(self) -> None:
        if self._images:
            self.figures |= {"valid_loss": self._mean(), **self._noted}

    def _mean(self) -> float:
        return self._sum / self._images if self._images else math.nan
