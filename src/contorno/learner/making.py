"""Make a learner of two loaders and a model, and check that they go together."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn
from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN

from contorno import processes
from contorno.callbacks import Callback, EpochRecorder, GradientClip, History, SharedTraining, ValidationPass
from contorno.callbacks.door import DataLoaders, OptimWrapper, ProgressCallback, TrainEvalCallback
from contorno.errors import ConfigError
from contorno.learner.loop import CLIP_NORM, coco_metrics, refuse_data_parallel
from contorno.learner.pairs import LoaderPair
from contorno.learner.precision import best_device, cpu_type, precision_callbacks
from contorno.learner.verbs import DetectionLearner
from contorno.metrics import COCOMetric
from contorno.models.torchvision import mask_rcnn
from contorno.models.torchvision.adopting import adopt
from contorno.records import ClassMap, fold_name


def sum_losses(losses: dict[str, torch.Tensor]) -> torch.Tensor:
    """Add up a model's named losses."""
    return torch.stack([value.float() for value in losses.values()]).sum()


def learner(
    dls: Sequence[Any],
    model: nn.Module,
    metrics: COCOMetric | Sequence[COCOMetric] = (),
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
    Under torchrun all processes train together: each takes its share of the images, `batch_size` of them in a step, and
    steps by the mean gradient of all, at the rate that is given.
    Raises ConfigError for anything but two loaders, classes that do not go together, an unknown precision, and
    callbacks and metrics that cannot work on detections.
    """
    train_dl, valid_dl = _two_loaders(dls)
    class_map = valid_dl.dataset.class_map
    refuse_data_parallel(model)
    _check_classes(model, train_dl.dataset.class_map, class_map)
    if isinstance(model, GeneralizedRCNN):
        model = adopt(model)  # made by torchvision or icevision: the same layers, on samples that are ready
    groups = [[p for p in group if p.requires_grad] for group in model_type.param_groups(model)]
    groups = [group for group in groups if group]
    validation_pass = ValidationPass(coco_metrics(metrics), class_map, model_type.LOSS_NAMES)
    device = best_device()
    loaders = LoaderPair(train_dl, valid_dl, path=Path(path), device=device)
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
            EpochRecorder(validation_pass),
            *([ProgressCallback()] if shows else []),
            validation_pass,
            History(),
            GradientClip(CLIP_NORM),
            *precision_callbacks(precision, device),
            *([SharedTraining()] if processes.count() > 1 else []),
            *cbs,
        ],
        default_cbs=False,
        **learner_kwargs,
    )
    learn.model_type = model_type
    learn.cpu_dtype = cpu_type(precision, device)
    if not shows or not processes.is_first():
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


def _is_interactive() -> bool:
    if "IPython" in sys.modules and sys.modules["IPython"].get_ipython() is not None:
        return True
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def _silent(*_: Any) -> None:
    return None
