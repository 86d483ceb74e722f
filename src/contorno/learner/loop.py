"""The training loop of a detector: how a batch goes through it, and what its callbacks may be."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import ModuleType
from typing import Any

import torch
from torch import nn

from contorno import processes
from contorno.callbacks.door import (
    CancelFitException,
    CSVLogger,
    L,
    Learner,
    OptimWrapper,
    TrackerCallback,
)
from contorno.errors import ConfigError, ContornoError, DataError
from contorno.learner import sharing
from contorno.learner.accepted import check_callback
from contorno.learner.optimizer import SteeredOptimizer
from contorno.loaders import Target
from contorno.metrics import COCOMetric
from contorno.samples import SampleInfo

CLIP_NORM = 10.0
"""Gradients are scaled down to this norm at most; a step of an untrained detector can be far larger."""


class BatchTargets(Sequence[Target]):
    """The targets of a batch, which fastai counts by images: it asks the first thing it finds for its `shape`."""

    def __init__(self, targets: Sequence[Target]) -> None:
        self._targets = targets
        self.shape = (len(targets),)

    def __len__(self) -> int:
        return len(self._targets)

    def __getitem__(self, index: Any) -> Any:
        return self._targets[index]


class LossLearner(Learner):  # type: ignore[misc]
    """A fastai Learner whose batches are (images, targets, infos) and whose model gives a dict of losses.

    After each batch `named_losses` has every loss by name and `infos` says where each image came from. In validation
    `pred` is the list of detections, made in the same forward pass as the losses.
    """

    model_type: ModuleType
    named_losses: dict[str, torch.Tensor]
    infos: list[SampleInfo]
    opt: Any
    cpu_dtype: torch.dtype | None = None
    """The type of a CPU's forward passes; None is that of the weights."""
    shares: int = 1
    """In how many processes the images of the present pass are shared."""

    @property
    def metrics(self) -> Any:
        """The columns of the table; set COCOMetrics to measure others."""
        return self._metrics

    @metrics.setter
    def metrics(self, given: Any) -> None:
        if self._is_made():
            self.validation_pass.coco_metrics = coco_metrics(given)
            given = self.validation_pass.fastai_metrics()
        self._metrics = L(given)

    def add_cb(self, cb: Any) -> LossLearner:
        """Add a callback. Raises ConfigError for one that cannot work on a detector, and says what to use."""
        callback = cb() if isinstance(cb, type) else cb
        kinds = [metric.metric_type.prefix for metric in self.validation_pass.coco_metrics] if self._is_made() else []
        check_callback(
            callback,
            columns=["train_loss", "valid_loss", *(metric.name for metric in self.metrics)],
            headline=f"{kinds[0]}_ap" if kinds else None,
            has_progress=any(other.name == "progress" for other in self.cbs),
        )
        super().add_cb(callback)
        return self

    def _is_made(self) -> bool:
        return "validation_pass" in vars(self)

    def _call_one(self, event_name: str) -> None:
        if event_name == "before_fit":
            self._before_fit()
        if processes.count() > 1:
            sharing.keep_event(self, event_name)
        try:
            with self._trackers_rest() if event_name == "after_epoch" else nullcontext():
                super()._call_one(event_name)
        except ContornoError as error:
            bare_sentence(error)
            raise

    def _before_fit(self) -> None:
        refuse_data_parallel(self.model)
        processes.start()
        processes.release()
        if any(isinstance(callback, CSVLogger) for callback in self.cbs):
            self.path.mkdir(parents=True, exist_ok=True)  # fastai makes the folder above it only

    @contextmanager
    def _trackers_rest(self) -> Iterator[None]:
        """Keep fastai's trackers from an epoch that has nothing to track: passed over, or not validated."""
        was_trained, was_validated = self.history.has_row, not self.recorder.cancel_valid
        resting = [
            callback
            for callback in self.cbs
            if isinstance(callback, TrackerCallback)
            and callback.run
            and not (was_trained and (was_validated or getattr(callback, "every_epoch", False)))
        ]
        for callback in resting:
            callback.run = False
        try:
            yield
        finally:
            for callback in resting:
                callback.run = True

    def _do_epoch_train(self) -> None:
        with sharing.shared(self, self.dls.train, is_even=True):
            super()._do_epoch_train()

    def _do_epoch_validate(self, ds_idx: int = 1, dl: Any = None) -> None:
        loader = self.dls[ds_idx] if dl is None else dl
        with sharing.shared(self, loader, is_even=False):
            super()._do_epoch_validate(ds_idx, loader)

    def create_opt(self) -> None:
        """Make the optimizer; a torch one takes settings by fastai's names, set in its `hypers` too."""
        super().create_opt()
        if isinstance(self.opt, OptimWrapper):
            self.opt = SteeredOptimizer.around(self.opt)

    def _split(self, batch: tuple[list[Any], list[Any], list[SampleInfo]]) -> None:
        images, targets, self.infos = batch
        self.xb, self.yb = (images, targets), (BatchTargets(targets),)

    def _forward_type(self) -> AbstractContextManager[Any]:
        return nullcontext() if self.cpu_dtype is None else torch.autocast("cpu", dtype=self.cpu_dtype)

    def _do_one_batch(self) -> None:
        with self._forward_type():
            if self.training:
                self.pred = losses = self.model(*self.xb)
            else:
                losses, self.pred = self.model_type.losses_and_detections(self.model, *self.xb)
            self("after_pred")
            self.named_losses = {name: value.detach() for name, value in losses.items()}
            self.loss_grad = self.loss_func(losses)
            self.loss = self.loss_grad.clone()
        if self.training and self.shares > 1:
            sharing.average_losses(self)
        self("after_loss")
        if self.training:
            self._do_grad_opt()

    def _backward(self) -> None:
        if not math.isfinite(float(self.loss.detach())):
            if hasattr(self, "lr_finder"):
                raise CancelFitException  # the rate is too high by now, which is what it was to find
            found, ids = sharing.bad_step(self)
            raise DataError(
                f"the training loss is no longer a number ({found}) at epoch {len(self.history.rows) + 1}, "
                f"step {self.iter + 1}, images {ids}; lower the learning rate, or look at "
                "the boxes and masks of those images."
            )
        super()._backward()


def bare_sentence(error: ContornoError) -> None:
    """Take away the "Exception occured in ..." that fastai puts before the sentence of whatever a callback raises."""
    if str(error).startswith("Exception occured in"):
        error.args = (str(error).partition(":\n\t")[2],)


def coco_metrics(given: COCOMetric | Iterable[COCOMetric] | None) -> tuple[COCOMetric, ...]:
    """A metric, or several, as a tuple. Raises ConfigError for what is no COCOMetric."""
    items: tuple[Any, ...] = ()
    if given is not None:
        items = (given,) if isinstance(given, COCOMetric) or callable(given) else tuple(given)
    for item in items:
        if not isinstance(item, COCOMetric):
            name = getattr(item, "__name__", type(item).__name__)
            raise ConfigError(
                f"metrics has {name}, which fastai would call with one tensor of predictions; a detector is measured "
                "by COCOMetric(COCOMetricType.mask) or COCOMetric(COCOMetricType.bbox)."
            )
    return items


def refuse_data_parallel(model: nn.Module) -> None:
    """Raise ConfigError for a model that is wrapped in nn.DataParallel."""
    if isinstance(model, nn.DataParallel):
        raise ConfigError(
            "the model is wrapped in nn.DataParallel, which cuts lists of images along their channels; give the "
            "learner the model itself, model.module."
        )
