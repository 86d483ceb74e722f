"""Which callbacks a detection learner takes: all that can work, and one sentence for each that cannot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from contorno.callbacks import BestWeights, Checkpoint, TensorBoardCallback
from contorno.callbacks.door import Callback, CSVLogger, ShowGraphCallback, TrackerCallback
from contorno.errors import ConfigError

REFUSED = {
    "fastai.callback.mixup": (
        "{name} blends whole images and their labels, and boxes and masks have no such mean; put augmentation into the "
        "transforms of the training data, tfms.A."
    ),
    "fastai.callback.tensorboard": (
        "fastai's {name} traces the model on one tensor, and a detector takes a list of images; use "
        "contorno.callbacks.TensorBoardCallback(log_dir)."
    ),
    "fastai.callback.rnn": "{name} is for recurrent models, and the model is a detector; leave it out.",
    "fastai.distributed": (
        "{name} cuts or wraps batches of one tensor, and a detector takes a list of images; leave it out, and start "
        "the same program with torchrun to train on several GPUs."
    ),
    "fastai.callback.fp16.ModelToHalf": "{name} makes the weights themselves float16; use learn.to_fp16().",
    "fastai.callback.fp16.NonNativeMixedPrecision": (
        "{name} makes the weights themselves float16; use learn.to_fp16()."
    ),
    "fastai.callback.core.GatherPredsCallback": (
        "{name} joins the outputs of batches to one tensor, and detections differ in number from image to image; use "
        "learn.get_preds()."
    ),
    "fastai.callback.captum": "{name} explains classes of whole images; look at learn.show_results() instead.",
}
"""By the module (or the module and class) that a callback or a class that it derives from stands in."""

ICEVISION_MONITOR = "COCOMetric"
"""What IceVision calls the column of the first COCO metric."""

FOR_TRAINING = (TrackerCallback, CSVLogger, TensorBoardCallback, Checkpoint, BestWeights)
"""Callbacks that rest while a learner validates or looks for a rate: those passes are no epochs of the training."""


def check_callback(callback: Callback, *, columns: Sequence[str], headline: str | None, has_progress: bool) -> None:
    """Raise ConfigError, one sentence, for a callback that cannot work on a detection learner.

    columns:  what may be monitored.   headline: the AP of the first metric, which IceVision's name for it is turned to.
    has_progress: whether the learner draws fastai's progress bar.
    """
    name = type(callback).__name__
    for parent in type(callback).__mro__:
        for place in (parent.__module__, f"{parent.__module__}.{parent.__name__}"):
            if place in REFUSED:
                raise ConfigError(REFUSED[place].format(name=name))
    if isinstance(callback, TrackerCallback):
        if callback.monitor == ICEVISION_MONITOR and headline is not None:
            callback.monitor = headline
        if callback.monitor not in columns:
            raise ConfigError(
                f"{name} monitors {callback.monitor!r}, and this learner has no such column; take one of "
                f"{', '.join(columns)}."
            )
    if isinstance(callback, ShowGraphCallback) and not has_progress:
        raise ConfigError(
            "ShowGraphCallback draws into fastai's progress bar, and this learner has none; make the learner with "
            "show_progress=True, or use learn.recorder.plot_loss() after the training."
        )


def resting(callbacks: Sequence[Any]) -> list[Callback]:
    """Those of a learner's callbacks that are for training alone."""
    return [callback for callback in callbacks if isinstance(callback, FOR_TRAINING)]
