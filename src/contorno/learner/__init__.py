"""A fastai Learner for detection models: every loss named, validation losses and detections from one forward pass."""

from __future__ import annotations

from contorno.learner.loop import CLIP_NORM
from contorno.learner.making import learner, sum_losses
from contorno.learner.precision import best_device
from contorno.learner.recording import recorded
from contorno.learner.verbs import ENDLESS_EPOCHS, DetectionLearner

__all__ = [
    "CLIP_NORM",
    "ENDLESS_EPOCHS",
    "DetectionLearner",
    "best_device",
    "learner",
    "recorded",
    "sum_losses",
]
