"""Training by the real icevision, into contorno's run folder: its parser, Adapter, Dataset, model, learner, COCOMetric.

    fitted, learn = icevision.engine(train_ds, valid_ds, batch_size=4, weights="coco")
    with recorded(learn, run):                       # history, best weights, checkpoints, Ctrl-C and --resume
        learn.fine_tune(10, 1e-4, freeze_epochs=2)
    write_results(run, fitted.model, train_ds, valid_ds, learn.history.rows, settings)

The same data, transforms and schedule as contorno's own engine, so that the two can be compared.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, NamedTuple

from torch import nn
from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN
from torchvision.ops import FrozenBatchNorm2d

from contorno.callbacks import History
from contorno.callbacks.door import ProgressCallback
from contorno.dataset import Dataset
from contorno.errors import ConfigError
from contorno.integrations.icevision.figures import EngineFigures
from contorno.integrations.icevision.handover import parsed
from contorno.integrations.icevision.mending import VERSION, mend
from contorno.integrations.icevision.models import model_from_icevision
from contorno.learner.verbs import DetectionLearner
from contorno.metrics import COCOMetricType
from contorno.models.torchvision import weights as weight_files
from contorno.models.torchvision.anchors import DEFAULT_SIZES
from contorno.models.torchvision.backbones import NAMES
from contorno.models.torchvision.fitting import TITLES, Detector, FittedModel
from contorno.tfms.adapter import Adapter

_PUBLISHED: dict[Detector, weight_files.Detector] = {"mask_rcnn": "MaskRCNN", "faster_rcnn": "FasterRCNN"}


class Trainee(NamedTuple):
    """fitted: contorno's form of the model, which shares its parameters.   learn: icevision's learner."""

    fitted: FittedModel
    learn: Any


def engine(
    train_ds: Dataset,
    valid_ds: Dataset,
    *,
    batch_size: int,
    num_workers: int = 0,
    detector: Detector | Literal["auto"] = "auto",
    backbone: str | None = None,
    weights: str = "auto",
    norm: str = "auto",
    precision: str = "auto",
    say: Callable[[str], None] = lambda _: None,
) -> Trainee:
    """Make icevision's learner for contorno's data sets, with callbacks that `learner.recorded` works with.

    train_ds, valid_ds: their records are written as COCO files and read by icevision's parser, which leaves out images
              without objects; their `tfms.A.Adapter`s give the transforms of icevision's.
    detector, backbone, weights: as in `fitting.fit_model`. icevision's model has torchvision's anchors and numbers of
              regions, whatever the data, and fixed norm layers, from random weights too.
    norm, precision: "auto", or what icevision does: "frozen" and "float32".
    say:      told what is made, and what icevision's parser leaves out.
    The learner is a fastai Learner, made by icevision; it is not frozen, as icevision's begins, and has `fit_for`.
    Raises ConfigError for what icevision cannot do, MissingExtraError without icevision, WeightsError for weights that
    cannot be had, DataError if no image has an object.
    """
    if norm not in ("auto", "frozen") or precision not in ("auto", "float32"):
        asked = f"precision={precision!r}" if norm in ("auto", "frozen") else f"norm={norm!r}"
        raise ConfigError(
            f"engine=icevision trains in float32 with frozen norm layers, not with {asked}; leave that out, or take "
            "engine=contorno."
        )
    pipelines = [_transforms(train_ds), _transforms(valid_ds)]
    has_masks = all(record.instances.has_masks for dataset in (train_ds, valid_ds) for record in dataset.records)
    if detector == "mask_rcnn" and not has_masks:
        raise ConfigError("a Mask R-CNN needs a mask of every object, and some have a box only; take faster_rcnn.")
    chosen: Detector = ("mask_rcnn" if has_masks else "faster_rcnn") if detector == "auto" else detector
    with_masks = chosen == "mask_rcnn"

    ice = mend().ice
    model_type = getattr(ice.models.torchvision, chosen)
    model, name, origin = _model(model_type, chosen, len(train_ds.class_map), backbone, weights)
    say(
        f"icevision {VERSION}: {TITLES[chosen]}, {name}, frozen normalisation, {origin} weights, torchvision's anchors "
        "and numbers of regions"
    )
    datasets = [
        ice.Dataset(
            parsed(ice, dataset.records, with_masks=with_masks, say=partial(_say_of, say, split)),
            ice.tfms.A.Adapter(pipeline),
        )
        for split, dataset, pipeline in zip(("train", "validation"), (train_ds, valid_ds), pipelines, strict=True)
    ]
    metrics = {COCOMetricType.mask: ice.COCOMetric(ice.COCOMetricType.mask)} if with_masks else {}
    metrics[COCOMetricType.bbox] = ice.COCOMetric(ice.COCOMetricType.bbox)
    learn = model_type.fastai.learner(
        dls=[
            model_type.train_dl(datasets[0], batch_size=batch_size, shuffle=True, num_workers=num_workers),
            model_type.valid_dl(datasets[1], batch_size=1, shuffle=False, num_workers=num_workers),
        ],
        model=model,
        metrics=list(metrics.values()),
        cbs=[EngineFigures(metrics), History()],
    )
    learn.unfreeze()
    learn.remove_cb(ProgressCallback)
    learn.logger = _no_words
    for loader in learn.dls:
        loader.batch_size = loader.bs  # torch's name for it, which the recording callbacks count images by
    learn.fit_for = partial(DetectionLearner.fit_for, learn)
    anchors = [list(level) for level in DEFAULT_SIZES]
    settings = {"model": chosen, "backbone": name, "anchor_sizes": anchors, "norm": "frozen"}
    return Trainee(FittedModel(model_from_icevision(model), settings), learn)


def _transforms(dataset: Dataset) -> list[Any]:
    if not isinstance(dataset.tfm, Adapter):
        raise ConfigError("engine=icevision takes its transforms from a tfms.A.Adapter; give the data sets one.")
    return copy.deepcopy(dataset.tfm.transforms)


def _model(
    model_type: ModuleType, detector: Detector, num_classes: int, backbone: str | None, weights: str
) -> tuple[GeneralizedRCNN, str, str]:
    """The model, the name of its backbone, and where its weights come from."""
    name = backbone if backbone is not None else ("resnet18_fpn" if weights == "none" else "resnet50_fpn")
    if name not in (known := [f"{resnet}_fpn" for resnet in NAMES]):
        raise ConfigError(f"there is no backbone {name!r}; expected one of {', '.join(known)}.")
    origin = {"auto": "coco" if name == "resnet50_fpn" else "imagenet", "none": "random"}.get(weights, weights)
    if origin == "coco" and name != "resnet50_fpn":
        raise ConfigError(f"torchvision publishes COCO weights for resnet50_fpn, not for {name}; say weights=imagenet.")
    if origin in ("coco", "imagenet"):
        # Into torch's cache, checked; icevision finds them there.
        kind: Literal["coco", "imagenet"] = "coco" if origin == "coco" else "imagenet"
        weight_files.fetch(weight_files.published_url(name.removesuffix("_fpn"), kind, _PUBLISHED[detector]))
    if origin == "coco":
        # icevision's way to them: a model without a backbone given.
        model = model_type.model(num_classes=num_classes)
    else:
        config = getattr(model_type.backbones, name)(pretrained=origin == "imagenet")
        model = model_type.model(num_classes=num_classes, backbone=config)
    _set_norm_epsilon(model)
    if origin not in ("coco", "imagenet", "random"):
        source = weight_files.fetch(origin) if "://" in origin else weight_files.read(Path(origin))
        if weight_files.is_detector(source):
            weight_files.load_weights(model, source, heads="replace")
        else:
            weight_files.load_backbone(model, source)
    return model, name, origin


def _set_norm_epsilon(model: nn.Module) -> None:
    """Give norm layers the epsilon that a model built from its settings has, with weights that do the same under it."""
    layers = [layer for layer in model.modules() if isinstance(layer, FrozenBatchNorm2d)]
    for epsilon in {layer.eps for layer in layers} - {weight_files.NORM_EPSILON}:
        model.load_state_dict(weight_files.fold_epsilon(model.state_dict(), epsilon))
        for layer in layers:
            layer.eps = weight_files.NORM_EPSILON


def _say_of(say: Callable[[str], None], split: str, text: str) -> None:
    say(f"{split}: {text}")


def _no_words(_: Any) -> None:
    """Say nothing: the run tells of each epoch."""
