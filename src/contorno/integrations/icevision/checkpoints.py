"""Weights saved by icevision's users, opened as contorno's models, and the other way round; icevision is not needed.

Three things are met in the wild: `torch.save(model.state_dict(), ...)`, the hot-dog tutorial's last block; the same
inside what fastai's `learn.save` or Lightning write; and `save_icevision_checkpoint`, which is mmcv's
{"meta": {...}, "state_dict": {...}, "optimizer": {...}}.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN

from contorno import files
from contorno.errors import WeightsError
from contorno.models.torchvision import backbones, faster_rcnn, mask_rcnn, weights
from contorno.models.torchvision.weights import NORM_EPSILON
from contorno.records import ClassMap

PREFIXES = ("module.", "model.", "_orig_mod.")
"""What DataParallel, Lightning and torch.compile put before each name."""

_CLASSES = "roi_heads.box_predictor.cls_score.weight"
_MASK_HEAD = "roi_heads.mask_predictor."
_THIRD_STAGE = "backbone.body.layer3."


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """What a file of weights holds.

    state_dict:    parameters under torchvision's names, without prefixes.
    class_names:   classes without background, label i + 1 each; None where the file does not name them.
    model_name, backbone_name: as icevision writes them ("torchvision.mask_rcnn", "resnet50_fpn"), if it did.
    image_size:    the size that the model was trained at, pixels, if the file says.
    """

    state_dict: Mapping[str, Tensor]
    class_names: tuple[str, ...] | None = None
    model_name: str | None = None
    backbone_name: str | None = None
    image_size: int | tuple[int, ...] | None = None

    @property
    def num_classes(self) -> int:
        """Classes of the model, background counted. Raises WeightsError for the weights of something else."""
        if _CLASSES not in self.state_dict:
            raise WeightsError(
                f"the weights are not those of a Mask R-CNN or Faster R-CNN of torchvision: {_CLASSES} is missing."
            )
        return len(self.state_dict[_CLASSES])

    @property
    def class_map(self) -> ClassMap | None:
        """The class map, where the file names the classes."""
        return None if self.class_names is None else ClassMap(self.class_names)

    @property
    def detector(self) -> Literal["mask_rcnn", "faster_rcnn"]:
        """Which of contorno's models the weights are for."""
        return "mask_rcnn" if any(name.startswith(_MASK_HEAD) for name in self.state_dict) else "faster_rcnn"

    @property
    def backbone(self) -> str:
        """The ResNet, as `backbones` names it, read off the layers. Raises WeightsError for another network."""
        third = [name.removeprefix(_THIRD_STAGE) for name in self.state_dict if name.startswith(_THIRD_STAGE)]
        blocks = len({name.split(".")[0] for name in third})
        known = {
            (2, False): "resnet18_fpn",
            (6, False): "resnet34_fpn",
            (6, True): "resnet50_fpn",
            (23, True): "resnet101_fpn",
            (36, True): "resnet152_fpn",
        }
        found = known.get((blocks, any(".conv3." in name for name in third)))
        if found is None or not any(name.startswith("backbone.fpn.") for name in self.state_dict):
            raise WeightsError(
                f"the weights' backbone{f' {self.backbone_name}' if self.backbone_name else ''} is not a ResNet with a "
                f"feature pyramid; contorno has {', '.join(f'{name}_fpn' for name in backbones.NAMES)}."
            )
        return found

    def build(self, **options: Any) -> GeneralizedRCNN:
        """Make contorno's model for these weights and load them; it is in evaluation mode.

        options: of `mask_rcnn.model` or `faster_rcnn.model`, where the model had others than torchvision's.
        Raises WeightsError if they do not fit.
        """
        num_classes = self.num_classes
        kind = mask_rcnn if self.detector == "mask_rcnn" else faster_rcnn
        config: backbones.BackboneConfig = getattr(backbones, self.backbone)
        norm: Literal["frozen", "group"] = "frozen" if weights.has_statistics(self.state_dict) else "group"
        model = kind.model(config(pretrained=False, norm=norm, trainable_layers=3), num_classes, **options)
        weights.load_weights(model, self.state_dict)
        return model.eval()


def read_checkpoint(path: Path | str, *, norm_epsilon: float = NORM_EPSILON) -> Checkpoint:
    """Read the weights of a torchvision detector that icevision, or anyone, saved; no code in the file is run.

    norm_epsilon: of the model's norm layers, which a state dict does not say: 1e-5 with a backbone given, as in
                  `model_type.model(backbone=..., ...)`; 0.0 for icevision's models made without one, which torchvision
                  begins from its own COCO weights. Another than 1e-5 is folded into the weights.
    Raises WeightsError if the file is missing, damaged, or holds something else.
    """
    path = Path(path)
    state = weights.read(path)
    while (prefix := _common_prefix(state)) is not None:
        state = {name.removeprefix(prefix): value for name, value in state.items()}
    if norm_epsilon != NORM_EPSILON:
        state = weights.fold_epsilon(state, norm_epsilon)
    meta = _meta(path)
    names = meta.get("classes")
    size = meta.get("img_size")
    return Checkpoint(
        state,
        class_names=_class_names(names) if isinstance(names, Sequence) and not isinstance(names, str) else None,
        model_name=_text(meta.get("model_name")),
        backbone_name=_text(meta.get("backbone_name")),
        image_size=tuple(size) if isinstance(size, list | tuple) else size if isinstance(size, int) else None,
    )


def write_checkpoint(
    model: nn.Module,
    path: Path | str,
    *,
    class_map: ClassMap,
    backbone_name: str,
    image_size: int | tuple[int, int] | None = None,
) -> Path:
    """Write the form of `save_icevision_checkpoint`, which `model_from_checkpoint` opens where mmcv is installed.

    model:         a Mask R-CNN or Faster R-CNN of contorno or icevision.
    backbone_name: "resnet50_fpn" and the like, as icevision and contorno both call them.
    image_size:    of the samples, pixels, or (width, height).
    """
    state = {name: value.detach().cpu() for name, value in model.state_dict().items()}
    kind = Checkpoint(state).detector
    meta: dict[str, Any] = {
        "classes": list(class_map.names),
        "model_name": f"torchvision.{kind}",
        "backbone_name": backbone_name,
    }
    if image_size is not None:
        meta["img_size"] = image_size
    stream = io.BytesIO()
    torch.save({"meta": meta, "state_dict": state}, stream)
    files.write_bytes(Path(path), stream.getvalue())
    return Path(path)


def _common_prefix(state: Mapping[str, Tensor]) -> str | None:
    return next((prefix for prefix in PREFIXES if all(name.startswith(prefix) for name in state)), None)


def _meta(path: Path) -> Mapping[str, Any]:
    # `weights.read` has proven that the file can be read so.
    found = torch.load(path, map_location="cpu", weights_only=True)
    meta = found.get("meta") if isinstance(found, Mapping) else None
    return meta if isinstance(meta, Mapping) else {}


def _class_names(names: Sequence[Any]) -> tuple[str, ...]:
    """Classes without background, which icevision's `class_map.get_classes()` begins with."""
    given = [str(name) for name in names]
    return tuple(given[1:] if given and given[0] == "background" else given)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
