"""Models, grouped by the library that they come from: `models.torchvision.mask_rcnn`."""

from __future__ import annotations

from typing import Any

from contorno.models import elsewhere, torchvision

__all__ = ["torchvision"]


def __getattr__(name: str) -> Any:
    raise elsewhere.missing(__name__, name, elsewhere.MODELS)
