"""The validation pass: every named loss and the AP, gathered batch by batch from one forward pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import zip_longest

from contorno import inference, processes
from contorno.callbacks.door import Callback, Metric
from contorno.errors import DataError
from contorno.metrics import COCOMetric, COCOResult
from contorno.records import ClassMap, ImageId
from contorno.samples import Prediction, SampleInfo


class FigureMetric(Metric):  # type: ignore[misc]
    """Show one named figure of the validation pass as a column of fastai's table."""

    def __init__(self, name: str, read: Callable[[], float]) -> None:
        self._name, self._read = name, read

    @property
    def value(self) -> float:
        return self._read()

    @property
    def name(self) -> str:
        return self._name


class ValidationPass(Callback):  # type: ignore[misc]
    """Gather every named loss of both passes and the AP of the validation pass, batch by batch.

    The learner hands over losses and detections of one forward pass; masks become run-length code at once, so memory
    does not grow with the pixels of the data set. Figures are measured in original pixels. Several processes that share
    the validation images send what they found to the first one, which measures all of it, in the order of one process.
    """

    order = 40  # before fastai's Recorder (50), which reads the figures

    def __init__(self, metrics: Sequence[COCOMetric], class_map: ClassMap, loss_names: Sequence[str]) -> None:
        super().__init__()
        self.coco_metrics, self.class_map, self.loss_names = tuple(metrics), class_map, tuple(loss_names)
        self.figures: dict[str, float] = {}
        self.results: list[COCOResult] = []
        self._sums: dict[str, float] = {}
        self._images = 0
        self._found: list[tuple[ImageId, Prediction]] = []

    def fastai_metrics(self) -> list[FigureMetric]:
        """A column for each validation loss and for the two headline figures of each metric."""
        names = [f"valid_{name}" for name in self.loss_names]
        for metric in self.coco_metrics:
            names += [f"{metric.metric_type.prefix}_ap", f"{metric.metric_type.prefix}_ap50"]
        return [FigureMetric(name, partial(self.figure, name)) for name in names]

    def figure(self, name: str) -> float:
        """A figure of the current epoch; NaN if it has none of that name."""
        return self.figures.get(name, float("nan"))

    def before_train(self) -> None:
        self._begin()
        self.figures = {}

    def before_validate(self) -> None:
        self._begin()
        for metric in self.coco_metrics:
            metric.reset()

    def _begin(self) -> None:
        self._sums, self._images = dict.fromkeys(self.loss_names, 0.0), 0
        self._found = []

    def after_batch(self) -> None:
        count = len(self.learn.infos)
        for name, value in self.learn.named_losses.items():
            self._sums[name] = self._sums.get(name, 0.0) + float(value) * count
        self._images += count
        if self.learn.training or not self.coco_metrics:
            return
        predictions = inference.to_predictions(
            self.learn.pred, self.learn.infos, detection_threshold=0.0, class_map=self.class_map
        )
        for info, prediction in zip(self.learn.infos, predictions, strict=True):
            _check_frame(info)
            if self.learn.shares > 1:
                self._found.append((info.record.image_id, replace(prediction, record=None, image=None)))
                continue
            for metric in self.coco_metrics:
                metric.accumulate(info.record, prediction)

    def after_train(self) -> None:
        self.figures |= self._means("train")
        # Validation may be left out of this epoch; the sums of training are not its figures.
        self._begin()

    def after_validate(self) -> None:
        if self.learn.shares > 1:
            self._gather()
        elif self._images:
            self._measure()

    def _measure(self) -> None:
        self.figures |= self._means("valid")
        self.results = [metric.finalize(self.class_map) for metric in self.coco_metrics]
        for result in self.results:
            self.figures |= result.figures

    def _gather(self) -> None:
        """Measure in the first process what all have found, and tell the figures to all."""
        parts = processes.gathered_by_first((self._sums, self._images, self._found))
        if parts is not None and any(images for _, images, _ in parts):
            names = dict.fromkeys(name for sums, _, _ in parts for name in sums)
            self._sums = {name: sum(sums.get(name, 0.0) for sums, _, _ in parts) for name in names}
            self._images = sum(images for _, images, _ in parts)
            for round_of_images in zip_longest(*(found for _, _, found in parts)):
                for item in round_of_images:
                    if item is not None:
                        for metric in self.coco_metrics:
                            metric.accumulate(self.learn.dl.record_of(item[0]), item[1])
            self._measure()
        self.figures, self.results = processes.agreed((self.figures, self.results))
        self._found = []

    def _means(self, split: str) -> dict[str, float]:
        # No batch at all (all of them cancelled) has no mean.
        count = self._images or float("nan")
        means = {f"{split}_{name}": total / count for name, total in self._sums.items()}
        return {f"{split}_loss": sum(means.values()), **means}


def _check_frame(info: SampleInfo) -> None:
    if info.frame is None:
        raise DataError(
            f"image {info.record.image_id}: the validation transforms cannot be undone, so detections cannot be held "
            "against its annotations; give the validation data set transforms like tfms.A.resize_and_pad."
        )
