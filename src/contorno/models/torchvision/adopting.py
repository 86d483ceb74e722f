"""Detectors made elsewhere with torchvision's classes, in the form that contorno trains, measures and exports."""

from __future__ import annotations

import copy
from typing import Any, TypeVar

from torch import nn
from torchvision.models.detection import FasterRCNN, MaskRCNN
from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN

from contorno.errors import ConfigError
from contorno.models.torchvision.ignored import PassingRPN
from contorno.models.torchvision.network import BatchImages
from contorno.models.torchvision.roi_heads import LimitedRoIHeads

Module = TypeVar("Module", bound=nn.Module)


def adopt(model: GeneralizedRCNN) -> GeneralizedRCNN:
    """Make contorno's detector of a torchvision Mask R-CNN or Faster R-CNN; the two share every layer and parameter.

    What differs: the images of contorno's samples are resized and normalised already, so the model's own resize and
    normalisation are left out; masks stay (N, 1, 28, 28) probabilities inside their boxes, not drawn over the image;
    losses and detections come from one pass. A model that is so already is given back as it is.
    Raises ConfigError for another kind of model.
    """
    if isinstance(model, GeneralizedRCNN) and isinstance(model.transform, BatchImages):
        return model
    if not isinstance(model, MaskRCNN | FasterRCNN) or model.roi_heads.has_keypoint():
        raise ConfigError(
            f"{type(model).__name__} is not a Mask R-CNN or Faster R-CNN of torchvision; contorno trains those two."
        )
    twin = shared(model)
    twin.transform = BatchImages().train(model.training)
    parts: dict[str, Any] = {"rpn": PassingRPN(model.rpn), "roi_heads": LimitedRoIHeads(model.roi_heads, None)}
    for name, part in parts.items():
        # Not by train(), which would set the layers that both have.
        part.training = getattr(model, name).training
        setattr(twin, name, part)
    return twin


def shared(module: Module) -> Module:
    """A second module with the very same layers and parameters; replacing one of them in one leaves it in the other."""
    twin = copy.copy(module)
    for name in ("_modules", "_parameters", "_buffers"):
        twin.__dict__[name] = dict(module.__dict__[name])
    return twin
