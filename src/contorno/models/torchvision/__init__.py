"""torchvision's detection models: a module for each, with model, backbones, loaders, predict and learner."""

from __future__ import annotations

from contorno.models.torchvision import faster_rcnn, mask_rcnn

__all__ = ["faster_rcnn", "mask_rcnn"]
