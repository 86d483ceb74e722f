"""A detector whose sizes fit a data set, and the plain settings that build it again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal, get_args

from torch import nn
from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN

from contorno.errors import ConfigError
from contorno.models.torchvision import backbones, faster_rcnn, mask_rcnn
from contorno.models.torchvision.anchors import anchor_sizes_for
from contorno.models.torchvision.backbones import Norm
from contorno.records import Records

Detector = Literal["mask_rcnn", "faster_rcnn"]

SMALL_IMAGE_PX = 320
"""Up to this longest side a fraction of torchvision's regions is enough; its numbers are for 800 px."""


TITLES = {"mask_rcnn": "Mask R-CNN", "faster_rcnn": "Faster R-CNN"}

FEW_OBJECTS = 16
"""Up to so many objects in the fullest image fewer regions are trained on: more would be the same objects again."""


@dataclass(frozen=True, slots=True)
class FittedModel:
    """A model, and the settings (plain values, for `model.json`) from which `from_settings` builds its twin."""

    model: GeneralizedRCNN
    settings: dict[str, Any]

    @property
    def model_type(self) -> ModuleType:
        """`models.torchvision.mask_rcnn` or `faster_rcnn`."""
        return model_type_of(self.settings)


def fit_model(
    records: Records,
    image_size: int,
    *,
    backbone: str | None = None,
    norm: Norm = "auto",
    weights: str = "auto",
    detector: Detector | Literal["auto"] = "auto",
    say: Callable[[str], None] = lambda _: None,
) -> FittedModel:
    """Make a detector for these classes, box sizes and image size.

    records:    training records; anchors are fitted to their boxes, the numbers of regions to the image size.
    image_size: longest side of the samples, pixels.
    backbone:   a name of `backbones`; None is resnet50_fpn with pretrained weights, resnet18_fpn with random ones.
    weights:    "auto" (the best that torchvision publishes), "coco", "imagenet", "none", a path or an address.
    detector:   "mask_rcnn", "faster_rcnn" for boxes alone, or "auto": by whether all objects have masks.
    say:        told what was chosen and why.
    Raises ConfigError for masks that are asked for and not there.
    """
    has_masks = all(record.instances.has_masks for record in records)
    if detector == "mask_rcnn" and not has_masks:
        raise ConfigError("a Mask R-CNN needs a mask of every object, and some have a box only; take faster_rcnn.")
    chosen: Detector = ("mask_rcnn" if has_masks else "faster_rcnn") if detector == "auto" else detector
    pretrained = weights != "none"
    name = backbone if backbone is not None else ("resnet50_fpn" if pretrained else "resnet18_fpn")
    source: str | None = {"auto": "best", "none": None}.get(weights, weights)
    config = _backbone(name)(pretrained, weights=source, norm=norm)
    anchors = anchor_sizes_for(records, image_size)
    say(anchors.reason)
    settings: dict[str, Any] = {"model": chosen, "backbone": name}
    settings["anchor_sizes"] = [list(level) for level in anchors.sizes]
    settings |= region_settings(records, image_size)
    if chosen == "faster_rcnn":
        del settings["mask_rois_per_image"]
    model = model_type_of(settings).model(config, len(records.class_map), **_options(settings))
    settings["norm"] = norm_of(model)
    say(
        f"{TITLES[chosen]}, {name}, {settings['norm']} normalisation, {weights if pretrained else 'random'} weights, "
        f"{image_size} px, {settings['box_batch_size_per_image']} regions an image, at most "
        f"{settings['box_detections_per_img']} detections"
    )
    return FittedModel(model, settings)


def region_settings(records: Records, image_size: int) -> dict[str, int]:
    """How many proposals, regions and detections an image needs.

    torchvision's numbers (2000 proposals, 512 regions) are for images of 800 px. On small images most of them are the
    same few places again and take most of a CPU's training step, so there are fewer; detections cover the fullest image
    with a margin, and at least COCO's 100.
    """
    fullest = max((len(record.instances) for record in records), default=0)
    settings = {"box_detections_per_img": max(100, -(-fullest * 3 // 200) * 100)}
    if image_size <= SMALL_IMAGE_PX:
        settings |= {
            "rpn_pre_nms_top_n_train": 1000,
            "rpn_pre_nms_top_n_test": 500,
            "rpn_post_nms_top_n_train": min(max(200, 4 * fullest), 2000),
            "rpn_post_nms_top_n_test": min(max(100, 4 * fullest), 1000),
            "box_batch_size_per_image": 32 if fullest <= FEW_OBJECTS else 64,
            "mask_rois_per_image": 8 if fullest <= FEW_OBJECTS else 16,
        }
    else:
        settings |= {"box_batch_size_per_image": 512, "mask_rois_per_image": 64}
    return settings


def from_settings(settings: Mapping[str, Any], num_classes: int) -> GeneralizedRCNN:
    """Build the model that `settings` describe, with random weights.

    num_classes: background counted. Raises ConfigError for settings that cannot be.
    """
    try:
        config = _backbone(str(settings["backbone"]))(pretrained=False, norm=settings["norm"])
        made: GeneralizedRCNN = model_type_of(settings).model(config, num_classes, **_options(settings))
        return made
    except (KeyError, TypeError) as error:
        raise ConfigError(f"the model settings are not those of a detector ({error}).") from error


def model_type_of(settings: Mapping[str, Any]) -> ModuleType:
    """The module of the model that `settings` describe; those of early runs name none and are of a Mask R-CNN.

    Raises ConfigError for a name that is none of `Detector`.
    """
    name = settings.get("model", "mask_rcnn")
    if name not in get_args(Detector):
        raise ConfigError(f"there is no model {name!r}; expected one of {', '.join(get_args(Detector))}.")
    return mask_rcnn if name == "mask_rcnn" else faster_rcnn


def norm_of(model: nn.Module) -> Literal["frozen", "batch", "group"]:
    """Which normalisation a model has."""
    kinds = {type(module).__name__ for module in model.modules()}
    if "BatchNorm2d" in kinds:
        return "batch"
    return "frozen" if "FrozenBatchNorm2d" in kinds else "group"


def _backbone(name: str) -> backbones.BackboneConfig:
    known = [f"{name}_fpn" for name in backbones.NAMES]
    if name not in known:
        raise ConfigError(f"there is no backbone {name!r}; expected one of {', '.join(known)}.")
    config: backbones.BackboneConfig = getattr(backbones, name)
    return config


def _options(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if key not in ("model", "backbone", "norm")}
