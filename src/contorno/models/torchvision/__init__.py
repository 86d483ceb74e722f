"""torchvision's detection models: a module for each, with model, backbones, loaders, predict and learner."""

from __future__ import annotations

from typing import Any

from contorno.models import elsewhere
from contorno.models.torchvision import faster_rcnn, mask_rcnn

__all__ = ["faster_rcnn", "mask_rcnn"]


def __getattr__(name: str) -> Any:
    raise elsewhere.missing(__name__, name, elsewhere.TORCHVISION)
