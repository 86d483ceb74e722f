"""ImageNet's normalisation, which pretrained backbones expect, and how to undo it for people's eyes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def denormalize_imagenet(image: NDArray[Any]) -> NDArray[np.uint8]:
    """Undo ImageNet normalisation: float (H, W, 3) to uint8 (H, W, 3) RGB, rounded and clipped to 0..255."""
    pixels = np.asarray(image, dtype=np.float32) * np.array(IMAGENET_STD, np.float32) + np.array(
        IMAGENET_MEAN, np.float32
    )
    rounded: NDArray[np.uint8] = np.clip(np.rint(pixels * 255.0), 0, 255).astype(np.uint8)
    return rounded
