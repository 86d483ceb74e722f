"""The one place where fastai is imported: its parts under their own names, without the warnings of its imports.

Importing the callbacks also gives fastai's Learner its verbs: `fit_one_cycle`, `lr_find`, `to_fp16` and the like.
"""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    # fastai's own imports warn of things that a user of contorno can do nothing about.
    warnings.simplefilter("ignore")
    from fastai.callback.channelslast import ChannelsLast
    from fastai.callback.core import (
        Callback,
        CancelEpochException,
        CancelFitException,
        CancelTrainException,
        CancelValidException,
        TrainEvalCallback,
    )
    from fastai.callback.fp16 import MixedPrecision
    from fastai.callback.progress import CSVLogger, ProgressCallback, ShowGraphCallback
    from fastai.callback.schedule import LRFinder, ParamScheduler, SuggestionMethod
    from fastai.callback.tracker import (
        EarlyStoppingCallback,
        ReduceLROnPlateau,
        SaveModelCallback,
        TrackerCallback,
    )
    from fastai.callback.training import GradientAccumulation, GradientClip
    from fastai.data.core import DataLoaders
    from fastai.learner import Learner, Metric, Recorder
    from fastai.optimizer import OptimWrapper
    from fastcore.foundation import L

__all__ = [
    "CSVLogger",
    "Callback",
    "CancelEpochException",
    "CancelFitException",
    "CancelTrainException",
    "CancelValidException",
    "ChannelsLast",
    "DataLoaders",
    "EarlyStoppingCallback",
    "GradientAccumulation",
    "GradientClip",
    "L",
    "LRFinder",
    "Learner",
    "Metric",
    "MixedPrecision",
    "OptimWrapper",
    "ParamScheduler",
    "ProgressCallback",
    "Recorder",
    "ReduceLROnPlateau",
    "SaveModelCallback",
    "ShowGraphCallback",
    "SuggestionMethod",
    "TrackerCallback",
    "TrainEvalCallback",
]
