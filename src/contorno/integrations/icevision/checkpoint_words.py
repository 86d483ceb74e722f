"""`save_icevision_checkpoint` and `model_from_checkpoint` with IceVision's arguments, for notebooks written for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from contorno.class_map import ClassMap
from contorno.errors import ConfigError, WeightsError
from contorno.integrations.icevision.checkpoints import read_checkpoint, write_checkpoint
from contorno.models import torchvision


def save_icevision_checkpoint(
    model: nn.Module,
    filename: Path | str,
    optimizer: Any = None,
    meta: Mapping[str, Any] | None = None,
    model_name: str | None = None,
    backbone_name: str | None = None,
    classes: Sequence[str] | None = None,
    img_size: int | tuple[int, int] | None = None,
) -> Path:
    """Write weights, classes and image size into one file that `model_from_checkpoint` opens.

    model_name: without effect, as in "torchvision.mask_rcnn"; it is read off the model.   meta: without effect, for
    the same reason.   classes: with or without background.   img_size: pixels, or (width, height).
    Raises ConfigError without classes or backbone_name, and for an optimizer, which `learn.save` keeps.
    """
    if optimizer is not None:
        raise ConfigError("a checkpoint of weights has no optimizer; keep its state with learn.save(name).")
    if classes is None or backbone_name is None:
        raise ConfigError(
            "a checkpoint needs classes and a backbone: save_icevision_checkpoint(model, filename, "
            "classes=parser.class_map.get_classes(), backbone_name='resnet50_fpn', img_size=384)."
        )
    names = list(classes)
    class_map = ClassMap(names[1:] if names and names[0] == ClassMap().background else names)
    Path(filename).parent.mkdir(parents=True, exist_ok=True)
    return write_checkpoint(model, filename, class_map=class_map, backbone_name=backbone_name, image_size=img_size)


def model_from_checkpoint(
    filename: Path | str,
    model_name: str | None = None,
    backbone_name: str | None = None,
    classes: Sequence[str] | None = None,
    is_coco: bool = False,
    img_size: int | tuple[int, ...] | None = None,
    map_location: Any = None,
    strict: bool = True,
    *,
    eval_mode: bool = True,
) -> dict[str, Any]:
    """Open a file of weights: {"model", "model_type", "backbone", "class_map", "img_size"}.

    filename: what `save_icevision_checkpoint` wrote, here or in IceVision, or a plain state dict of such a model.
    model_name, backbone_name: without effect; they are read off the weights.   strict: without effect; they must fit.
    classes, img_size: what the file does not say, or in place of what it says.   map_location: where the model goes.
    Raises ConfigError for an address or `is_coco`, WeightsError for a file that is damaged, or of another model.
    """
    if is_coco or "://" in str(filename):
        raise ConfigError(
            "model_from_checkpoint opens files; for torchvision's COCO weights write model_type.model(backbone="
            "model_type.backbones.resnet50_fpn, num_classes=len(class_map)), and fetch an address to a file first."
        )
    opened = read_checkpoint(filename)
    model = opened.build().train(not eval_mode)
    if map_location is not None:
        model.to(map_location)
    model_type = getattr(torchvision, opened.detector)
    class_map = opened.class_map if classes is None else ClassMap([name for name in classes if name != "background"])
    if class_map is not None and len(class_map) != opened.num_classes:
        raise WeightsError(
            f"{filename}: the weights are for {opened.num_classes} classes, background counted; the class map has "
            f"{len(class_map)}: {', '.join(class_map.names)}."
        )
    return {
        "model": model,
        "model_type": model_type,
        "backbone": getattr(model_type.backbones, opened.backbone),
        "class_map": class_map,
        "img_size": opened.image_size if img_size is None else img_size,
    }
