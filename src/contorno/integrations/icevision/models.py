"""Models of the real icevision for contorno, and contorno's for icevision; each pair shares its parameters."""

from __future__ import annotations

import sys
from typing import Any

from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN
from torchvision.models.detection.transform import GeneralizedRCNNTransform

from contorno.draw import IMAGENET_MEAN, IMAGENET_STD
from contorno.errors import ConfigError
from contorno.integrations.icevision.mending import imported
from contorno.models.torchvision.adopting import adopt, shared

_SIDES_PX = (800, 1333)
"""torchvision's defaults; icevision's models do not resize, so they are never used."""


def model_from_icevision(model: GeneralizedRCNN) -> GeneralizedRCNN:
    """Make a model for contorno's learner, predict and evaluate of what icevision's `model_type.model(...)` gives.

    Both have the very same layers and parameters: train one, and the other is trained. contorno's samples are resized
    and normalised already, as icevision's are. contorno's `predict` and `evaluate` take icevision's model as it is too.
    The learner needs a backbone with a pyramid on a ResNet: `backbones.resnet50_fpn` and the like.
    Raises ConfigError for anything but a Mask R-CNN or Faster R-CNN of torchvision.
    """
    return adopt(model)


def model_to_icevision(model: GeneralizedRCNN) -> GeneralizedRCNN:
    """Make a model for icevision's `model_type.predict`, `show_results` and learner of one of contorno's.

    Both have the very same layers and parameters. The new one draws masks over the whole sample, as icevision expects.
    Imports icevision, mended, if that is not done yet.
    Raises ConfigError for anything but a Mask R-CNN or Faster R-CNN.
    """
    if not isinstance(model, GeneralizedRCNN):
        raise ConfigError(
            f"{type(model).__name__} is not a Mask R-CNN or Faster R-CNN; icevision could not run it here."
        )
    imported()
    groups: Any = sys.modules["icevision.backbones.resnet_fpn_utils"]
    detectors: Any = sys.modules["icevision.models.torchvision.utils"]
    twin = shared(model)
    twin.backbone = shared(model.backbone)
    transform = GeneralizedRCNNTransform(*_SIDES_PX, list(IMAGENET_MEAN), list(IMAGENET_STD))
    twin.transform = transform.train(model.training)
    groups.patch_param_groups(twin.backbone)
    detectors.patch_rcnn_param_groups(twin)
    detectors.remove_internal_model_transforms(twin)
    return twin
