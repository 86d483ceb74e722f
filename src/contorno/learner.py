"""A fastai Learner for detection models: every loss named, validation losses and detections from one forward pass."""

from __future__ import annotations

import math
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn

from contorno.errors import ConfigError, ContornoError, DataError
from contorno.metrics import COCOMetric
from contorno.models.torchvision import mask_rcnn
from contorno.records import ClassMap, fold_name
from contorno.samples import SampleInfo

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
    CHECKPOINT_SECONDS,
    BestWeights,
    Checkpoint,
    EpochLines,
    FigureMetric,
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
    cpu_dtype: torch.dtype | None = None
    """The type of a CPU's forward passes; None is that of the weights."""

    def _call_one(self, event_name: str) -> None:
        try:
            super()._call_one(event_name)
        except ContornoError as error:
            # fastai puts "Exception occured in ..." before the sentence of whatever a callback raises.
            if str(error).startswith("Exception occured in"):
                error.args = (str(error).partition(":\n\t")[2],)
            raise

    def _split(self, batch: tuple[list[Any], list[Any], list[SampleInfo]]) -> None:
        images, targets, self.infos = batch
        self.xb, self.yb = (images, targets), (targets,)

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
        self("after_loss")
        if self.training:
            self._do_grad_opt()

    def _backward(self) -> None:
        if not math.isfinite(float(self.loss.detach())):
            found = ", ".join(f"{name} {float(value):.3g}" for name, value in self.named_losses.items())
            ids = ", ".join(str(info.record.image_id) for info in self.infos)
            raise DataError(
                f"the training loss is no longer a number ({found}) at epoch {len(self.history.rows) + 1}, "
                f"step {self.iter + 1}, images {ids}; lower the learning rate, or look at "
                "the boxes and masks of those images."
            )
        super()._backward()

    def fit_for(self, minutes: float, lr: float, *, freeze_epochs: int = 0, lr_mult: float = 100.0) -> None:
        """Train for this long, validation included: the one-cycle schedule follows the clock instead of the steps.

        lr:            peak rate, reached after a quarter of the time.
        freeze_epochs: first train only the heads for so many epochs, within the time; then the rate is halved and falls
                       to `lr / 2 / lr_mult` towards the image, as in `fine_tune`.
        """
        began, rows_before = time.monotonic(), len(self.history.rows)
        rate: float | slice = lr
        if freeze_epochs:
            self.freeze()
            self.fit_one_cycle(freeze_epochs, slice(lr), pct_start=0.99)
            self.unfreeze()
            rate = slice(lr / 2 / lr_mult, lr / 2)
        # A resumed training may have done these epochs in another process: its clock does not know them, its rows do.
        used = max(time.monotonic() - began, sum(row["seconds"] for row in self.history.rows[rows_before:]))
        self.fit_one_cycle(ENDLESS_EPOCHS, rate, cbs=[TimeBudget(max(minutes * 60 - used, 0.0))])

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
def recorded(learn: DetectionLearner, run: Run, *, checkpoint_seconds: float = CHECKPOINT_SECONDS) -> Iterator[None]:
    """While the block trains `learn`, keep everything in the run folder, so that a stop at any moment loses little.

    After each epoch: `history.csv`, `model.pth` if the watched figure is the best so far (mask AP, else box AP, else
    the validation loss), and, if the last one is `checkpoint_seconds` old or the training is at its end, a checkpoint,
    from which a run that resumes goes on. When the block ends the best weights are in the model. After Ctrl-C too, and
    the folder is usable; KeyboardInterrupt goes on to the caller.
    """
    kinds = [metric.metric_type.prefix for metric in learn.validation_pass.coco_metrics]
    watch = "mask_ap" if "mask" in kinds else f"{kinds[0]}_ap" if kinds else "valid_loss"
    learn.history.file = run.history_path
    best = BestWeights(run.weights_path, watch)
    checkpoint = Checkpoint(run.checkpoint_path, resume=run.resumes, every_seconds=checkpoint_seconds)
    callbacks = [best, checkpoint, EpochLines(run.progress, run.say)]
    with learn.added_cbs(callbacks):
        try:
            yield
        except KeyboardInterrupt:
            if best.best is None:
                best.write()
            learn.history.write()
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
        best.restore()
        # Its state belongs to the last weights, not to the best ones, and takes twice their memory.
        learn.opt = None
        if best.best is not None:
            run.say(f"best epoch {best.best_epoch}: {watch} {best.best:.3f}")


def sum_losses(losses: dict[str, torch.Tensor]) -> torch.Tensor:
    """Add up a model's named losses."""
    return torch.stack([value.float() for value in losses.values()]).sum()


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
    Raises ConfigError for anything but two loaders, classes that do not go together, and an unknown precision.
    """
    train_dl, valid_dl = _two_loaders(dls)
    class_map = valid_dl.dataset.class_map
    _check_classes(model, train_dl.dataset.class_map, class_map)
    groups = [[p for p in group if p.requires_grad] for group in model_type.param_groups(model)]
    groups = [group for group in groups if group]
    validation_pass = ValidationPass(metrics, class_map, model_type.LOSS_NAMES)
    loaders = DataLoaders(train_dl, valid_dl, path=path)
    # fastai asks its loaders for a device; torch's loaders have none, so it is kept beside them.
    loaders._device = best_device()
    device = loaders._device
    recorder = Recorder()
    # fastai would weigh each batch by the boxes in its first image.
    recorder.loss = FigureMetric("valid_loss", partial(validation_pass.figure, "valid_loss"))
    shows = _is_interactive() if show_progress is None else show_progress
    learn = DetectionLearner(
        loaders,
        model,
        loss_func=sum_losses,
        opt_func=opt_func or partial(OptimWrapper, opt=torch.optim.AdamW),
        lr=lr,
        wd=wd,
        splitter=lambda _: groups,
        metrics=validation_pass.fastai_metrics(),
        path=Path(path),
        cbs=[
            TrainEvalCallback(),
            recorder,
            *([ProgressCallback()] if shows else []),
            validation_pass,
            History(),
            GradientClip(CLIP_NORM),
            *_precision_callbacks(precision, device),
            *cbs,
        ],
        default_cbs=False,
        **learner_kwargs,
    )
    learn.model_type = model_type
    if device.type == "cpu" and (precision == "bfloat16" or (precision == "auto" and _cpu_has_bfloat16())):
        learn.cpu_dtype = torch.bfloat16
    if not shows:
        learn.logger = _silent
    return learn


def _two_loaders(dls: Any) -> tuple[Any, Any]:
    items = list(dls) if isinstance(dls, Sequence | DataLoaders) else [dls]
    if len(items) != 2 or not all(hasattr(getattr(item, "dataset", None), "class_map") for item in items):
        found = ", ".join(type(item).__name__ for item in items)
        raise ConfigError(
            f"dls takes two loaders, [train_dl, valid_dl], made by model_type.train_dl and valid_dl; got [{found}]."
        )
    return items[0], items[1]


def _check_classes(model: nn.Module, train: ClassMap, valid: ClassMap) -> None:
    if [fold_name(name) for name in train.names] != [fold_name(name) for name in valid.names]:
        raise ConfigError(
            f"the training data have the classes {', '.join(train.names)} and the validation data "
            f"{', '.join(valid.names)}; give both parsers the same class_map."
        )
    predictor = getattr(getattr(model, "roi_heads", None), "box_predictor", None)
    if predictor is not None and predictor.cls_score.out_features != len(valid):
        raise ConfigError(
            f"the model has {predictor.cls_score.out_features} classes and the data {len(valid)}, background counted "
            "in both; make the model with num_classes=len(class_map)."
        )


def best_device() -> torch.device:
    """The first GPU if there is one, else the CPU. (Apple's MPS is left out: mask models give NaN there.)"""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _precision_callbacks(precision: str, device: torch.device) -> list[Callback]:
    known = ("auto", "float32", "bfloat16", "float16")
    if precision not in known:
        raise ConfigError(f"precision is {precision!r}; expected one of {', '.join(known)}.")
    if device.type == "cpu":
        if precision == "float16":
            raise ConfigError("precision float16 needs a GPU; on a CPU use bfloat16 or float32.")
        return []
    if precision == "float32":
        return []
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
