"""Words of IceVision for what contorno does not have: each says in one sentence what to use instead."""

from __future__ import annotations

from typing import Any, NoReturn

from contorno.errors import ConfigError

REAL_ONE = "or the real icevision, contorno.integrations.icevision.mend().ice"

MODELS = {
    "mmdet": (
        f"mmdet's detectors are not part of contorno; use models.torchvision.mask_rcnn or faster_rcnn, {REAL_ONE}."
    ),
    "mmseg": (
        "semantic segmentation is not part of contorno, which finds objects one by one; use "
        "models.torchvision.mask_rcnn."
    ),
    "ross": f"EfficientDet is not part of contorno; use models.torchvision.faster_rcnn, {REAL_ONE}.",
    "ultralytics": (
        "YOLOv5 is not part of contorno; use models.torchvision.faster_rcnn for boxes or mask_rcnn for masks."
    ),
    "fastai": (
        "fastai's U-Net for semantic segmentation is not part of contorno, which finds objects one by one; use "
        "models.torchvision.mask_rcnn."
    ),
    "multitask": "models for several tasks at once are not part of contorno; use models.torchvision.mask_rcnn.",
}
"""By name in `models`."""

TORCHVISION = {
    "retinanet": f"RetinaNet is not part of contorno; use models.torchvision.faster_rcnn, {REAL_ONE}.",
    "keypoint_rcnn": f"keypoints are not part of contorno; use models.torchvision.mask_rcnn for outlines, {REAL_ONE}.",
}
"""By name in `models.torchvision`."""

OF_A_MODEL = {
    "lightning": "training with Lightning is not part of contorno; use model_type.fastai.learner(dls, model, metrics).",
    "interp": (
        "model_type.interp is not part of contorno; look at model_type.show_results(model, valid_ds), and at "
        "contorno.metrics.image_scores(records, predictions) for the worst images."
    ),
    "predict_dl": "IceVision itself left predict_dl behind; use model_type.predict_from_dl(model, infer_dl).",
    "build_infer_batch": (
        "predict takes the data set itself: model_type.predict(model, infer_ds), or a list of its samples."
    ),
    "build_train_batch": "for one batch take next(iter(model_type.train_dl(train_ds, batch_size=4))).",
    "build_valid_batch": "for one batch take next(iter(model_type.valid_dl(valid_ds, batch_size=4))).",
    "convert_raw_prediction": (
        "for predictions of a model's own output use contorno.inference.to_predictions(outputs, infos)."
    ),
    "convert_raw_predictions": (
        "for predictions of a model's own output use contorno.inference.to_predictions(outputs, infos)."
    ),
    "loss_fn": "a model in training mode gives its losses by name: sum(model(images, targets).values()).",
}
"""By name in `models.torchvision.mask_rcnn` and `faster_rcnn`."""

BACKBONES = (
    "the backbone {name!r} is not part of contorno; the ResNets with a pyramid are: resnet18_fpn, resnet34_fpn, "
    "resnet50_fpn, resnet101_fpn and resnet152_fpn."
)


class ElsewhereError(ConfigError, AttributeError):
    """A word of IceVision that contorno has not; the message names what to use instead."""


class Elsewhere:
    """A name that `from contorno.all import *` brings for what is not there: whatever is done with it says so.

    name: the word of IceVision.   sentence: what to use instead.
    """

    def __init__(self, name: str, sentence: str) -> None:
        self._name = name
        self._sentence = sentence

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("_"):  # Python and IPython ask for many of these; none is a word of IceVision
            raise AttributeError(name)
        raise ElsewhereError(self._sentence)

    def __call__(self, *_: Any, **__: Any) -> NoReturn:
        raise ElsewhereError(self._sentence)

    def __repr__(self) -> str:
        return f"{self._name}: {self._sentence}"


def missing(module: str, name: str, sentences: dict[str, str]) -> AttributeError:
    """The error for an attribute that `module` has not: ElsewhereError for a word of IceVision."""
    if name in sentences:
        return ElsewhereError(sentences[name])
    return AttributeError(f"module {module!r} has no attribute {name!r}")
