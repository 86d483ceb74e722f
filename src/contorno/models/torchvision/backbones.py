"""ResNet backbones with a feature pyramid: which network, which weights, which normalisation.

Each name is a configuration that can be passed on as it is (`backbone=resnet50_fpn`) or called to change it
(`backbone=resnet50_fpn(pretrained=False)`). Nothing is fetched or built before a model is made of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal, get_args

from torch import nn
from torchvision.models import resnet
from torchvision.models.detection.backbone_utils import BackboneWithFPN
from torchvision.ops import FrozenBatchNorm2d

from contorno.errors import ConfigError
from contorno.models.elsewhere import BACKBONES, ElsewhereError

Norm = Literal["auto", "frozen", "batch", "group"]
Weights = Path | str | None
"""Where weights come from: "coco", "imagenet", a URL, a local file, or None for random ones."""

NAMES = ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152")
COCO_NAMES = ("resnet50",)
"""Backbones for which torchvision publishes a whole Mask R-CNN."""
GROUPS = 16
"""Groups of a GroupNorm layer; every layer of a ResNet and of its pyramid has a multiple of 64 channels."""
FPN_CHANNELS = 256
LAYERS = ("layer4", "layer3", "layer2", "layer1", "conv1")
"""The parts of a ResNet in the order in which `trainable_layers` lets them learn."""


@dataclass(frozen=True, slots=True)
class BackboneConfig:
    """A ResNet with a feature pyramid.

    weights:          "coco" (a whole detector), "imagenet" (the ResNet alone), a URL, a local `.pth` state dict (of a
                      detector or of a ResNet), or None.
    norm:             "frozen": BatchNorm with fixed statistics, as in torchvision's detectors; "batch": BatchNorm that
                      learns; "group": GroupNorm in ResNet and pyramid, which trains from random weights with small
                      batches; "auto": "frozen" with weights that have statistics, else "group".
    trainable_layers: 0..5, how many of the five parts of the ResNet learn, counted from its end; None is 3 with
                      weights and 5 without.
    Raises ConfigError for a value that is none of these.
    """

    name: str
    weights: Weights = None
    norm: Norm = "auto"
    trainable_layers: int | None = None

    def __post_init__(self) -> None:
        if self.name not in NAMES:
            raise ConfigError(f"there is no backbone {self.name!r}; expected one of {', '.join(NAMES)}.")
        if self.norm not in get_args(Norm):
            raise ConfigError(f"norm is {self.norm!r}; expected one of {', '.join(get_args(Norm))}.")
        if self.trainable_layers is not None and self.trainable_layers not in range(6):
            raise ConfigError(f"trainable_layers is {self.trainable_layers!r}; expected a whole number from 0 to 5.")
        if self.weights == "coco" and self.name not in COCO_NAMES:
            raise ConfigError(
                f"torchvision publishes no Mask R-CNN with COCO weights for {self.name}, only for "
                f"{', '.join(COCO_NAMES)}; give weights='imagenet'."
            )
        if self.norm == "group" and self.weights in ("coco", "imagenet"):
            raise ConfigError(
                f"norm='group' cannot take the {self.weights} weights, which were trained with batch statistics; "
                "give norm='frozen', or pretrained=False."
            )
        if isinstance(self.weights, str) and self.weights not in ("coco", "imagenet") and not self.is_url:
            object.__setattr__(self, "weights", Path(self.weights))

    def __call__(
        self,
        pretrained: bool = True,
        *,
        weights: Weights | Literal["best"] = "best",
        norm: Norm = "auto",
        trainable_layers: int | None = None,
    ) -> BackboneConfig:
        """The same network with other settings.

        pretrained: take the best published weights; False is the same as `weights=None`.
        weights:    one source of weights instead of the best published.
        """
        if not pretrained:
            if weights not in ("best", None):
                raise ConfigError(
                    f"pretrained=False and weights={str(weights)!r} contradict each other; give one of them."
                )
            weights = None
        elif weights == "best":
            weights = "coco" if self.name in COCO_NAMES else "imagenet"
        return replace(self, weights=weights, norm=norm, trainable_layers=trainable_layers)

    @property
    def is_url(self) -> bool:
        """True if the weights are fetched from the caller's own address."""
        return isinstance(self.weights, str) and "://" in self.weights


resnet18_fpn = BackboneConfig("resnet18", "imagenet")
resnet34_fpn = BackboneConfig("resnet34", "imagenet")
resnet50_fpn = BackboneConfig("resnet50", "coco")
resnet101_fpn = BackboneConfig("resnet101", "imagenet")
resnet152_fpn = BackboneConfig("resnet152", "imagenet")


def build(name: str, norm: Literal["frozen", "batch", "group"], trainable_layers: int) -> BackboneWithFPN:
    """Make the network with random weights, its first `5 - trainable_layers` parts held fixed.

    The pyramid has a norm layer only with "group": torchvision's own, whose weights must fit, has none.
    """
    layers: dict[str, Callable[..., nn.Module]] = {
        "frozen": FrozenBatchNorm2d,
        "batch": nn.BatchNorm2d,
        "group": partial(nn.GroupNorm, GROUPS),
    }
    body = getattr(resnet, name)(weights=None, norm_layer=layers[norm])
    learning = (*LAYERS[:trainable_layers], *(("bn1",) if trainable_layers == len(LAYERS) else ()))
    for parameter_name, parameter in body.named_parameters():
        if not parameter_name.startswith(learning):
            parameter.requires_grad_(False)
    width = body.inplanes // 8
    return BackboneWithFPN(
        body,
        return_layers={f"layer{number}": str(number - 1) for number in range(1, 5)},
        in_channels_list=[width * 2**level for level in range(4)],
        out_channels=FPN_CHANNELS,
        norm_layer=layers["group"] if norm == "group" else None,
    )


def __getattr__(name: str) -> BackboneConfig:
    if name.startswith("_"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    raise ElsewhereError(BACKBONES.format(name=name))
