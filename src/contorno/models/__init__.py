"""Models, grouped by the library that they come from: `models.torchvision.mask_rcnn`."""

from __future__ import annotations

from contorno.models import torchvision

__all__ = ["torchvision"]
