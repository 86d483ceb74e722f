"""What torchvision's detectors share here: batches of ready samples, weights, anchors, one-pass validation, export."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.rpn import RegionProposalNetwork, concat_box_prediction_layers
from torchvision.models.detection.transform import GeneralizedRCNNTransform

from contorno.draw import IMAGENET_MEAN, IMAGENET_STD
from contorno.errors import ConfigError
from contorno.models.torchvision import backbones, weights
from contorno.models.torchvision.anchors import DEFAULT_SIZES
from contorno.models.torchvision.backbones import BackboneConfig
from contorno.models.torchvision.ignored import PassingRPN
from contorno.models.torchvision.roi_heads import LimitedRoIHeads
from contorno.models.torchvision.weights import DETECTORS, Detector
from contorno.models.torchvision.whole_images import WholeImages
from contorno.tfms.presets import PADDING_RGB

log = logging.getLogger(__name__)


class BatchImages(GeneralizedRCNNTransform):  # type: ignore[misc]
    """Put images of several sizes into one batch, padded to multiples of 32, and leave results as they are.

    Resizing and normalising belong to the samples' transforms; zero, the padding, is ImageNet's mean colour.
    """

    def __init__(self) -> None:
        super().__init__(0, 0, list(IMAGENET_MEAN), list(IMAGENET_STD))

    def normalize(self, image: Tensor) -> Tensor:
        """Leave the image as it is."""
        return image

    def resize(self, image: Tensor, target: dict[str, Tensor] | None = None) -> tuple[Tensor, dict[str, Tensor] | None]:
        """Leave the image and its target as they are."""
        return image, target

    def postprocess(
        self,
        result: list[dict[str, Tensor]],
        image_shapes: list[tuple[int, int]],
        original_image_sizes: list[tuple[int, int]],
    ) -> list[dict[str, Tensor]]:
        """Leave boxes in sample pixels and masks as (N, 1, 28, 28) probabilities inside their boxes."""
        return result


def build(
    make: Callable[..., GeneralizedRCNN],
    detector: Detector,
    backbone: BackboneConfig | None,
    num_classes: int | None,
    *,
    anchor_sizes: Sequence[float | Sequence[float]] | None,
    aspect_ratios: Sequence[float],
    mask_rois_per_image: int | None,
    progress: bool,
    **options: Any,
) -> GeneralizedRCNN:
    """Make a detector with torchvision's `make`, fit it to ready samples, and load its backbone's weights.

    Raises ConfigError for options that cannot be, WeightsError if the weights cannot be had or do not fit.
    """
    if backbone is None:
        backbone = backbones.resnet50_fpn
    if not isinstance(backbone, BackboneConfig) or num_classes is None:
        raise ConfigError(
            "a model is made of a backbone and the number of classes: model_type.model(backbone=model_type.backbones."
            f"resnet50_fpn(pretrained=True), num_classes=len(class_map)); got {type(backbone).__name__} and "
            f"{num_classes}."
        )
    if num_classes < 2:
        raise ConfigError(f"num_classes is {num_classes}; expected at least 2: background and one class.")
    state = _read_weights(backbone, detector, progress=progress)
    norm = backbone.norm
    if norm == "auto":
        norm = "frozen" if state is not None and weights.has_statistics(state) else "group"
    layers = backbone.trainable_layers
    if layers is None:
        layers = 5 if state is None else 3
    network = make(
        backbones.build(backbone.name, norm, layers),
        num_classes,
        rpn_anchor_generator=_anchors(anchor_sizes, aspect_ratios),
        **options,
    )
    network.transform = BatchImages()
    network.rpn = PassingRPN(network.rpn)
    network.roi_heads = LimitedRoIHeads(network.roi_heads, mask_rois_per_image)
    if state is not None:
        if weights.is_detector(state):
            report = weights.load_weights(network, state, heads="replace")
        else:
            report = weights.load_backbone(network, state)
        log.info("%s from %s: %s", backbone.name, backbone.weights, report)
    return network


def _read_weights(backbone: BackboneConfig, detector: Detector, *, progress: bool) -> dict[str, Tensor] | None:
    source = backbone.weights
    if source is None:
        return None
    if isinstance(source, Path):
        state = weights.read(source)
        name = source.name
    else:
        url = source if backbone.is_url else weights.published_url(backbone.name, source, detector)  # type: ignore[arg-type]
        state = weights.fetch(url, progress=progress)
        name = weights.cache_path(url).name
    published = [weights.published_url(known, "coco", kind) for known in backbones.COCO_NAMES for kind in DETECTORS]
    if name in {weights.cache_path(url).name for url in published}:
        state = weights.fold_epsilon(state)
    return state


def _anchors(sizes: Sequence[float | Sequence[float]] | None, aspect_ratios: Sequence[float]) -> AnchorGenerator:
    levels = tuple(
        (float(size),) if isinstance(size, int | float) else tuple(float(side) for side in size)
        for size in (DEFAULT_SIZES if sizes is None else sizes)
    )
    if len(levels) != len(DEFAULT_SIZES) or len({len(level) for level in levels}) != 1 or not levels[0]:
        raise ConfigError(
            f"anchor_sizes is {sizes!r}; expected five entries, one for each pyramid level, with as many sizes each."
        )
    if min(min(level) for level in levels) <= 0 or not aspect_ratios or min(aspect_ratios) <= 0:
        raise ConfigError(f"anchor_sizes {sizes!r} and aspect_ratios {aspect_ratios!r} must be positive numbers.")
    return AnchorGenerator(levels, (tuple(aspect_ratios),) * len(levels))


@torch.no_grad()
def losses_and_detections(
    model: GeneralizedRCNN, images: Sequence[Tensor], targets: Sequence[dict[str, Tensor]], *, seed: int = 0
) -> tuple[dict[str, Tensor], list[dict[str, Tensor]]]:
    """Validate a batch: the losses of training mode and the detections of evaluation mode from one backbone pass.

    model: in evaluation mode; no mode is changed, so no statistics are either. Losses are taken on the proposals of
           evaluation mode.   seed: of the sampling of regions, so that losses repeat; the caller's random state is
           left as it was.
    Raises ConfigError if the model is in training mode.
    """
    if model.training:
        raise ConfigError("losses_and_detections needs a model in evaluation mode; call model.eval() first.")
    sizes = [(int(image.shape[-2]), int(image.shape[-1])) for image in images]
    batch, batch_targets = model.transform(list(images), list(targets))
    features = model.backbone(batch.tensors)
    with _forked_rng(seed, batch.tensors.device):
        proposals, rpn_losses = _propose(model.rpn, batch, features, batch_targets)
        losses = model.roi_heads.losses(features, proposals, batch.image_sizes, batch_targets)
    detections, _ = model.roi_heads(features, proposals, batch.image_sizes)
    return {**losses, **rpn_losses}, model.transform.postprocess(detections, batch.image_sizes, sizes)


def _propose(
    rpn: RegionProposalNetwork, batch: ImageList, features: dict[str, Tensor], targets: list[dict[str, Tensor]]
) -> tuple[list[Tensor], dict[str, Tensor]]:
    # torchvision's RegionProposalNetwork.forward, but with losses whatever the mode.
    levels = list(features.values())
    objectness, deltas = rpn.head(levels)
    anchors = rpn.anchor_generator(batch, levels)
    counts = [level[0].numel() for level in objectness]
    objectness, deltas = concat_box_prediction_layers(objectness, deltas)
    decoded = rpn.box_coder.decode(deltas, anchors).view(len(anchors), -1, 4)
    proposals, _ = rpn.filter_proposals(decoded, objectness, batch.image_sizes, counts)
    labels, matched = rpn.assign_targets_to_anchors(anchors, targets)
    loss_objectness, loss_box = rpn.compute_loss(objectness, deltas, labels, rpn.box_coder.encode(matched, anchors))
    return proposals, {"loss_objectness": loss_objectness, "loss_rpn_box_reg": loss_box}


@contextmanager
def _forked_rng(seed: int, device: torch.device) -> Iterator[None]:
    # torch.manual_seed would also seed the GPUs that are not forked here.
    is_cuda = device.type == "cuda"
    with torch.random.fork_rng(devices=[device] if is_cuda else []):
        torch.default_generator.manual_seed(seed)
        if is_cuda:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        yield


def param_groups(model: GeneralizedRCNN) -> list[list[nn.Parameter]]:
    """All parameters, each once, from the image on: stem and layer1, layer2, layer3, layer4, pyramid, heads."""
    body = model.backbone.body
    parts: list[list[nn.Module]] = [
        [body.conv1, body.bn1, body.layer1],
        [body.layer2],
        [body.layer3],
        [body.layer4],
        [model.backbone.fpn],
        [model.rpn, model.roi_heads],
    ]
    return [[parameter for part in group for parameter in part.parameters()] for group in parts]


def export_model(model: GeneralizedRCNN, *, size: int) -> GeneralizedRCNN:
    """A copy in plain torchvision parts, in evaluation mode, that torch.jit.script takes.

    It takes RGB float32 (3, H, W) images of 0..1 at any size and does with them what validation does: brings the
    longest side to `size` px, pads to a square, normalises. It gives boxes and, of a mask model, whole masks, float32
    (N, 1, H, W), in the pixels of each image as it came.
    """
    twin: GeneralizedRCNN = copy.deepcopy(model)
    twin.transform = WholeImages(size, IMAGENET_MEAN, IMAGENET_STD, PADDING_RGB)
    if isinstance(twin.roi_heads, LimitedRoIHeads):
        twin.roi_heads = twin.roi_heads.plain()
    if isinstance(twin.rpn, PassingRPN):
        twin.rpn = twin.rpn.plain()
    return twin.eval()
