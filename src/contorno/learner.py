"""A fastai Learner for detection models: each loss named, and validation losses and detections from one forward pass."""

from __future__ import annotations

import math
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn

from contorno.errors import ConfigError, DataError
from contorno.metrics import COCOMetric
from contorno.models.torchvision import mask_rcnn
from contorno.records import SampleInfo

with warnings.catch_warnings():
    # fastai's own imports warn of things that a user of contorno can do nothing about.
    warnings.simplefilter("ignore")
    from fastai.callback.core import Callback, TrainEvalCallback
    from fastai.callback.fp16 import MixedPrecision
    from fastai.callback.progress import ProgressCallback
    from fastai.callback.schedule import ParamScheduler  # noqa: F401  (adds fine_tune and fit_one_cycle to Learner)
    from fastai.callback.training import GradientClip
    from fastai.data.core import DataLoaders
    from fastai.learner import Learner, Recorder
    from fastai.optimizer import OptimWrapper

from contorno.callbacks import (
    BestWeights,
    Checkpoint,
    CpuBfloat16,
    EpochLines,
    History,
    TimeBudget,
    ValidationPass,
)
from contorno.runs import Run

ENDLESS_EPOCHS = 1_000_000
"""Epochs of a fit that the clock ends."""

CLIP_NORM = 10.0
"""Gradients are scaled down to this norm at most; a step of an untrained detector can be far larger."""


class DetectionLearner(Learner):  # type: ignore[misc]
    """A fastai Learner whose batches are (images, targets, infos) and whose model gives a dict of losses.

    After each batch `named_losses` has every loss by name and `infos` says where each image came from. In validation
    `pred` is the list of detections, made in the same forward pass as the losses.
    """

    model_type: ModuleType
    named_losses: dict[str, torch.Tensor]
    infos: list[SampleInfo]
    is_skipping = False

    def _split(self, batch: tuple[list[Any], list[Any], list[SampleInfo]]) -> None:
        images, targets, self.infos = batch
        self.xb, self.yb = (images, targets), (targets,)

    def _do_one_batch(self) -> None:
        if self.training:
            super()._do_one_batch()
            return
        self.named_losses, self.pred = self.model_type.losses_and_detections(self.model, *self.xb)
        self("after_pred")
        self.loss_grad = self.loss = sum_losses(self.named_losses)
        self("after_loss")

    def _backward(self) -> None:
        if not math.isfinite(float(self.loss.detach())):
            found = ", ".join(f"{name} {float(value):.3g}" for name, value in self.named_losses.items())
            ids = ", ".join(str(info.record.image_id) for info in self.infos)
            raise DataError(
                f"the training loss is no longer a number ({found}) at epoch {self.epoch + 1}, step {self.iter + 1}, "
                f"images {ids}; lower the learning rate, or look at those images with `contorno data check`."
            )
        super()._backward()

    def fit_for(self, minutes: float, lr: float, *, freeze_epochs: int = 0, lr_mult: float = 100.0) -> None:
        """Train for this long, validation included: the one-cycle schedule follows the clock instead of the steps.

        lr:            peak rate, reached after a quarter of the time.
        freeze_epochs: first train only the heads for so many epochs, within the time; then the rate is halved and falls
                       to `lr / 2 / lr_mult` towards the image, as in `fine_tune`.
        """
        began = time.monotonic()
        rate: float | slice = lr
        if freeze_epochs:
            self.freeze()
            self.fit_one_cycle(freeze_epochs, slice(lr), pct_start=0.99)
            self.unfreeze()
            rate = slice(lr / 2 / lr_mult, lr / 2)
        left = minutes * 60 - (time.monotonic() - began)
        self.fit_one_cycle(ENDLESS_EPOCHS, rate, cbs=[TimeBudget(max(left, 0.0))])

    def to_parallel(self, *args: Any, **kwargs: Any) -> DetectionLearner:
        """Do nothing on one GPU or none; on more, say how to start one process for each.

        nn.DataParallel, which fastai would use, cuts lists of images along their channels.
        Raises ConfigError if there is more than one GPU.
        """
        if torch.cuda.device_count() > 1:
            raise ConfigError(
                "a detection model cannot be trained with nn.DataParallel; start one process for each GPU with "
                f"`torchrun --nproc-per-node {torch.cuda.device_count()} your_script.py`."
            )
        return self


@contextmanager
def recorded(learn: DetectionLearner, run: Run) -> Iterator[None]:
    """While the block trains `learn`, keep everything in the run folder, so that a stop at any moment loses little.

    After each epoch: `history.csv`, `model.pth` if the watched figure is the best so far (mask AP, else box AP, else
    the validation loss), and a checkpoint, from which a run that resumes goes on. When the block ends the best weights
    are in the model. After Ctrl-C too, and the folder is usable; KeyboardInterrupt goes on to the caller.
    """
    pass_ = learn.validation_pass
    watch = f"{pass_.coco_metrics[0].metric_type.prefix}_ap" if pass_.coco_metrics else "valid_loss"
    learn.history.file = run.history_path
    best = BestWeights(run.weights_path, watch)
    callbacks = [best, Checkpoint(run.checkpoint_path, resume=run.resumes), EpochLines(run.progress, run.say)]
    with learn.added_cbs(callbacks):
        try:
            yield
        except KeyboardInterrupt:
            if best.best is None:
                best.write()
            best.restore()
            run.say(
                f"stopped by Ctrl-C in epoch {len(learn.history.rows) + 1}: {run.weights_path} has "
                + (
                    f"the best weights, of epoch {best.best_epoch}"
                    if best.best is not None
                    else "the weights of this moment"
                )
                + f"; go on with `contorno run {run.recipe} --out {run.folder} --resume`."
            )
            raise
        if best.best is not None:
            run.say(f"best epoch {best.best_epoch}: {watch} {best.best:.3f}")


def sum_losses(losses: dict[str, torch.Tensor], *targets: Any) -> torch.Tensor:
    """Add up a model's named losses."""
    return torch.stack([value.float() for value in losses.values()]).sum()


class _TrainingLoss:
    """The learner's loss function: remembers each loss by name, returns their sum."""

    def __init__(self) -> None:
        self.learn: DetectionLearner | None = None

    def __call__(self, losses: dict[str, torch.Tensor], *targets: Any) -> torch.Tensor:
        if self.learn is not None:
            self.learn.named_losses = {name: value.detach() for name, value in losses.items()}
        return sum_losses(losses)


def learner(
    dls: Sequence[Any],
    model: nn.Module,
    metrics: Sequence[COCOMetric] = (),
    *,
    cbs: Sequence[Callback] = (),
    lr: float = 1e-3,
    wd: float = 0.01,
    opt_func: Callable[..., Any] | None = None,
    precision: str = "auto",
    path: Path | str = ".",
    model_type: ModuleType = mask_rcnn,
    show_progress: bool | None = None,
    **learner_kwargs: Any,
) -> DetectionLearner:
    """Make a fastai learner of a training loader, a validation loader and a model.

    dls:           [train_dl, valid_dl] of `contorno.loaders`.
    metrics:       COCOMetrics; measured in original pixels in the pass that also gives the validation losses.
    opt_func:      a fastai optimizer; default AdamW, with betas and decay set by fastai's schedules.
    precision:     "float32"; "bfloat16" or "float16" (GPU only) run the forward pass in that type where torch holds it
                   safe; "auto" is float16 on a GPU, bfloat16 on a CPU that computes in it, else float32. Weights,
                   gradients and the final measurement are float32.
    show_progress: fastai's progress bar; default only in a notebook or a terminal.
    Parameters that the model holds fixed stay so through freeze and unfreeze.
    """
    if len(dls) != 2:
        raise ConfigError(f"the learner takes [train_dl, valid_dl]; got {len(dls)} loaders.")
    train_dl, valid_dl = dls
    groups = [[p for p in group if p.requires_grad] for group in model_type.param_groups(model)]
    groups = [group for group in groups if group]
    class_map = valid_dl.dataset.class_map
    validation_pass = ValidationPass(metrics, class_map, model_type.LOSS_NAMES)
    loaders = DataLoaders(train_dl, valid_dl, path=path)
    # fastai asks its loaders for a device; torch's loaders have none, so it is kept beside them.
    loaders._device = best_device()
    loss = _TrainingLoss()
    shows = _is_interactive() if show_progress is None else show_progress
    learn = DetectionLearner(
        loaders,
        model,
        loss_func=loss,
        opt_func=opt_func or partial(OptimWrapper, opt=torch.optim.AdamW),
        lr=lr,
        wd=wd,
        splitter=lambda _: groups,
        metrics=validation_pass.fastai_metrics(),
        path=Path(path),
        cbs=[
            TrainEvalCallback(),
            Recorder(),
            *([ProgressCallback()] if shows else []),
            validation_pass,
            History(),
            GradientClip(CLIP_NORM),
            *_precision_callbacks(precision, loaders._device),
            *cbs,
        ],
        default_cbs=False,
        **learner_kwargs,
    )
    learn.model_type = model_type
    if not shows:
        learn.logger = _silent
    loss.learn = learn
    return learn


def best_device() -> torch.device:
    """The first GPU if there is one, else the CPU. (Apple's MPS is left out: mask models give NaN there.)"""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _precision_callbacks(precision: str, device: torch.device) -> list[Callback]:
    known = ("auto", "float32", "bfloat16", "float16")
    if precision not in known:
        raise ConfigError(f"precision is {precision!r}; expected one of {', '.join(known)}.")
    if precision == "float32" or (precision == "auto" and device.type == "cpu" and not _cpu_has_bfloat16()):
        return []
    if device.type == "cpu":
        if precision == "float16":
            raise ConfigError("precision float16 needs a GPU; on a CPU use bfloat16 or float32.")
        return [CpuBfloat16()]
    return [MixedPrecision(amp_mode="bf16" if precision == "bfloat16" else "fp16")]


def _cpu_has_bfloat16() -> bool:
    # Without these instructions torch emulates bfloat16, which is slower than float32.
    found = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return bool(found.get("avx512_bf16") or found.get("amx_bf16"))


def _is_interactive() -> bool:
    if "IPython" in sys.modules and sys.modules["IPython"].get_ipython() is not None:
        return True
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def _silent(*_: Any) -> None:
    return None
