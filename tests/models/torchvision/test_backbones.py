"""Backbone configurations: what is asked for, what contradicts itself, what is built."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn
from torchvision.ops import FrozenBatchNorm2d

from contorno.errors import ConfigError
from contorno.models.torchvision import backbones
from contorno.models.torchvision.backbones import BackboneConfig, resnet18_fpn, resnet50_fpn


def test_backbone_uncalled_called_and_called_twice_is_pretrained() -> None:
    assert resnet50_fpn == resnet50_fpn() == resnet50_fpn()(pretrained=True)
    assert resnet50_fpn.weights == "coco"


def test_only_a_resnet50_takes_coco_weights_the_others_take_imagenet() -> None:
    configs = [getattr(backbones, f"{name}_fpn") for name in backbones.NAMES]
    assert [config(pretrained=True).weights for config in configs] == [
        "imagenet",
        "imagenet",
        "coco",
        "imagenet",
        "imagenet",
    ]
    with pytest.raises(ConfigError, match="no Mask R-CNN with COCO weights for resnet18, only for resnet50"):
        resnet18_fpn(weights="coco")


def test_pretrained_false_means_no_weights() -> None:
    assert resnet50_fpn(pretrained=False).weights is None
    assert resnet50_fpn(weights=None).weights is None


def test_weights_may_be_a_url_or_a_path() -> None:
    assert resnet18_fpn(weights="https://example.org/a.pth").is_url
    config = resnet18_fpn(weights="models/a.pth")
    assert not config.is_url
    assert config.weights == Path("models/a.pth")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"pretrained": False, "weights": "imagenet"}, "contradict each other"),
        ({"norm": "layer"}, "norm is 'layer'; expected one of auto, frozen, batch, group"),
        ({"trainable_layers": 6}, "trainable_layers is 6; expected a whole number from 0 to 5"),
        ({"norm": "group"}, "cannot take the imagenet weights"),
    ],
    ids=["weights-but-not-pretrained", "unknown-norm", "six-layers", "group-norm-of-imagenet"],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        resnet18_fpn(**settings)  # type: ignore[arg-type]


def test_unknown_network_is_refused() -> None:
    with pytest.raises(ConfigError, match="no backbone 'resnet19'; expected one of resnet18"):
        BackboneConfig("resnet19")


@pytest.mark.parametrize(
    ("norm", "kind", "in_pyramid"),
    [("frozen", FrozenBatchNorm2d, False), ("batch", nn.BatchNorm2d, False), ("group", nn.GroupNorm, True)],
)
def test_norm_layers_are_of_the_kind_asked_for(norm: str, kind: type[nn.Module], in_pyramid: bool) -> None:
    network = backbones.build("resnet18", norm, 5)  # type: ignore[arg-type]
    assert {type(layer) for layer in network.body.modules() if "Norm" in type(layer).__name__} == {kind}
    assert any(isinstance(layer, nn.GroupNorm) for layer in network.fpn.modules()) is in_pyramid


def test_pyramid_has_five_levels_each_half_the_size() -> None:
    with torch.no_grad():
        levels = backbones.build("resnet18", "group", 5)(torch.zeros(1, 3, 64, 64))
    assert [tuple(level.shape) for level in levels.values()] == [(1, 256, side, side) for side in (16, 8, 4, 2, 1)]


@pytest.mark.parametrize(
    ("layers", "learning"),
    [
        (0, set()),
        (2, {"layer3", "layer4"}),
        (4, {"layer1", "layer2", "layer3", "layer4"}),
        (5, {"conv1", "bn1", "layer1", "layer2", "layer3", "layer4"}),
    ],
)
def test_trainable_layers_are_counted_from_the_end(layers: int, learning: set[str]) -> None:
    network = backbones.build("resnet18", "group", layers)
    found = {name.split(".")[0] for name, parameter in network.body.named_parameters() if parameter.requires_grad}
    assert found == learning
    assert all(parameter.requires_grad for parameter in network.fpn.parameters())
