"""fastai callbacks for detection models: figures of the validation pass, history, best weights, time budget, resume.

A learner takes these and fastai's own; `contorno.learner.accepted` says which of fastai's cannot work, and why.
"""

from __future__ import annotations

from contorno.callbacks.best_weights import BestWeights
from contorno.callbacks.checkpoint import CHECKPOINT_SECONDS, Checkpoint
from contorno.callbacks.clock import MAX_VALIDATION_SHARE, TimeBudget
from contorno.callbacks.door import (
    Callback,
    CSVLogger,
    EarlyStoppingCallback,
    GradientAccumulation,
    GradientClip,
    ReduceLROnPlateau,
    SaveModelCallback,
    ShowGraphCallback,
)
from contorno.callbacks.history import EpochLines, History
from contorno.callbacks.recorder import EpochRecorder
from contorno.callbacks.shared import SharedTraining
from contorno.callbacks.tensorboard import TensorBoardCallback
from contorno.callbacks.validation import FigureMetric, ValidationPass

__all__ = [
    "CHECKPOINT_SECONDS",
    "MAX_VALIDATION_SHARE",
    "BestWeights",
    "CSVLogger",
    "Callback",
    "Checkpoint",
    "EarlyStoppingCallback",
    "EpochLines",
    "EpochRecorder",
    "FigureMetric",
    "GradientAccumulation",
    "GradientClip",
    "History",
    "ReduceLROnPlateau",
    "SaveModelCallback",
    "SharedTraining",
    "ShowGraphCallback",
    "TensorBoardCallback",
    "TimeBudget",
    "ValidationPass",
]
