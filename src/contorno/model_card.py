"""The model card, `model.json` of a run folder: how to build the model, its classes, sizes, thresholds, versions.

It is plain JSON, so that a program without contorno or torch can read what the exported model needs.
"""

from __future__ import annotations

import datetime
import importlib.metadata
import platform
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import contorno
from contorno import files
from contorno.class_map import ClassMap
from contorno.draw import IMAGENET_MEAN, IMAGENET_STD
from contorno.errors import DataError
from contorno.masks import MASK_THRESHOLD
from contorno.metrics import DETECTION_THRESHOLD

PACKAGES = ("torch", "torchvision", "fastai", "albumentations", "numpy", "pillow", "pycocotools", "hotcoco")
"""Packages whose versions the numbers of a run depend on."""

_NEEDED = ("settings", "classes", "image_size", "normalize")


def write_card(
    path: Path, model_settings: Mapping[str, Any], class_map: ClassMap, image_size: int, *, recipe: str = ""
) -> None:
    """Write the card of a model.

    model_settings: of a FittedModel.
    image_size:     the longest side, pixels, that images are resized to.
    recipe:         name of the recipe that trained it.
    """
    card = {
        "model": model_settings.get("model", "mask_rcnn"),
        "settings": dict(model_settings),
        "classes": list(class_map.names),
        "image_size": image_size,
        "normalize": {"mean": list(IMAGENET_MEAN), "std": list(IMAGENET_STD)},
        "thresholds": {"detection": DETECTION_THRESHOLD, "mask": MASK_THRESHOLD},
        "input": "RGB float 0..1, (3, H, W), any size; the exported model resizes the longest side and normalises",
        "recipe": recipe,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "versions": versions(),
    }
    files.write_json(path, card, indent=2)


def read_card(path: Path) -> dict[str, Any]:
    """Read a card. Raises DataError if it is not there, is damaged or lacks a field."""
    card = files.read_json(path)
    if not isinstance(card, dict):
        raise DataError(f"{path} is not a model card; the file was changed.")
    for key in _NEEDED:
        if key not in card:
            raise DataError(f"{path}: the field {key!r} is missing; the file was changed or cut short.")
    return card


def versions() -> dict[str, str]:
    """Versions of contorno, Python and the packages that the numbers depend on."""
    found = {"contorno": contorno.__version__, "python": platform.python_version(), "platform": sys.platform}
    return found | {name: importlib.metadata.version(name) for name in PACKAGES}
