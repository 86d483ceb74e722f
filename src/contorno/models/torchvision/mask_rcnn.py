"""Mask R-CNN: torchvision's model and parameter names, on samples that are resized and normalised already."""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models.detection import MaskRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.rpn import RegionProposalNetwork, concat_box_prediction_layers
from torchvision.models.detection.transform import GeneralizedRCNNTransform

from contorno.draw import IMAGENET_MEAN, IMAGENET_STD
from contorno.errors import ConfigError
from contorno.loaders import infer_dl, train_dl, valid_dl
from contorno.models.torchvision import backbones, weights
from contorno.models.torchvision.anchors import DEFAULT_RATIOS, DEFAULT_SIZES, anchor_sizes_for
from contorno.models.torchvision.backbones import BackboneConfig
from contorno.models.torchvision.ignored import PassingRPN
from contorno.models.torchvision.roi_heads import MaskRoIHeads
from contorno.models.torchvision.weights import load_weights

__all__ = [
    "IMAGENET_MEAN",
    "IMAGENET_STD",
    "LOSS_NAMES",
    "anchor_sizes_for",
    "backbones",
    "export_model",
    "infer_dl",
    "load_weights",
    "losses_and_detections",
    "model",
    "param_groups",
    "train_dl",
    "valid_dl",
]

LOSS_NAMES = ("loss_classifier", "loss_box_reg", "loss_mask", "loss_objectness", "loss_rpn_box_reg")
MASK_ROIS_PER_IMAGE = 32

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


def model(
    backbone: BackboneConfig,
    num_classes: int,
    *,
    anchor_sizes: Sequence[float | Sequence[float]] | None = None,
    aspect_ratios: Sequence[float] = DEFAULT_RATIOS,
    rpn_pre_nms_top_n_train: int = 2000,
    rpn_pre_nms_top_n_test: int = 1000,
    rpn_post_nms_top_n_train: int = 2000,
    rpn_post_nms_top_n_test: int = 1000,
    rpn_batch_size_per_image: int = 256,
    box_batch_size_per_image: int = 512,
    box_positive_fraction: float = 0.25,
    box_score_thresh: float = 0.05,
    box_nms_thresh: float = 0.5,
    box_detections_per_img: int = 100,
    mask_rois_per_image: int | None = MASK_ROIS_PER_IMAGE,
    progress: bool = True,
) -> MaskRCNN:
    """Make a Mask R-CNN, with its backbone's weights loaded.

    It takes lists of float32 (3, H, W) images, normalised with ImageNet's mean and deviation. In training mode it
    gives a dict of the losses `LOSS_NAMES`; in evaluation mode, for each image, boxes float32 (N, 4) xyxy in sample
    pixels, labels int64 (N,), scores float32 (N,) best first, and masks float32 (N, 1, 28, 28), probabilities inside
    the box.

    backbone:       one of `backbones`, called or not. COCO weights are loaded but for the layers that depend on the
                    number of classes.
    num_classes:    background counted: `len(class_map)`.
    anchor_sizes:   for each of the five pyramid levels (strides 4 to 64 px) the sides of its anchors in sample pixels,
                    one number or several; default 32 to 512. `anchor_sizes_for` fits them to a data set.
    aspect_ratios:  height / width of the anchors of each size.
    mask_rois_per_image: at most so many positive regions of an image train the mask branch; None for all, as in
                    torchvision.
    progress:       draw a bar on stderr while weights are fetched.
    The other options are torchvision's, under its names and with its defaults.
    Raises ConfigError for options that cannot be, WeightsError if the weights cannot be had or do not fit.
    """
    if num_classes < 2:
        raise ConfigError(f"num_classes is {num_classes}; expected at least 2: background and one class.")
    if mask_rois_per_image is not None and mask_rois_per_image < 1:
        raise ConfigError(f"mask_rois_per_image is {mask_rois_per_image}; expected at least 1, or None for all.")
    state = _read_weights(backbone, progress=progress)
    norm = backbone.norm
    if norm == "auto":
        norm = "frozen" if state is not None and weights.has_statistics(state) else "group"
    layers = backbone.trainable_layers
    if layers is None:
        layers = 5 if state is None else 3
    network = MaskRCNN(
        backbones.build(backbone.name, norm, layers),
        num_classes,
        rpn_anchor_generator=_anchors(anchor_sizes, aspect_ratios),
        rpn_pre_nms_top_n_train=rpn_pre_nms_top_n_train,
        rpn_pre_nms_top_n_test=rpn_pre_nms_top_n_test,
        rpn_post_nms_top_n_train=rpn_post_nms_top_n_train,
        rpn_post_nms_top_n_test=rpn_post_nms_top_n_test,
        rpn_batch_size_per_image=rpn_batch_size_per_image,
        box_batch_size_per_image=box_batch_size_per_image,
        box_positive_fraction=box_positive_fraction,
        box_score_thresh=box_score_thresh,
        box_nms_thresh=box_nms_thresh,
        box_detections_per_img=box_detections_per_img,
    )
    network.transform = BatchImages()
    network.rpn = PassingRPN(network.rpn)
    network.roi_heads = MaskRoIHeads(network.roi_heads, mask_rois_per_image)
    if state is not None:
        if weights.is_detector(state):
            report = load_weights(network, state, heads="replace")
        else:
            report = weights.load_backbone(network, state)
        log.info("%s from %s: %s", backbone.name, backbone.weights, report)
    return network


def _read_weights(backbone: BackboneConfig, *, progress: bool) -> dict[str, Tensor] | None:
    source = backbone.weights
    if source is None:
        return None
    if isinstance(source, Path):
        state = weights.read(source)
        name = source.name
    else:
        url = source if backbone.is_url else weights.published_url(backbone.name, source)  # type: ignore[arg-type]
        state = weights.fetch(url, progress=progress)
        name = weights.cache_path(url).name
    if any(name == weights.cache_path(weights.published_url(known, "coco")).name for known in backbones.COCO_NAMES):
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
    model: MaskRCNN, images: Sequence[Tensor], targets: Sequence[dict[str, Tensor]], *, seed: int = 0
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


def param_groups(model: MaskRCNN) -> list[list[nn.Parameter]]:
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


def export_model(model: MaskRCNN, *, size: int) -> MaskRCNN:
    """A copy in plain torchvision parts, in evaluation mode, that torch.jit.script takes.

    It takes RGB float32 (3, H, W) images of 0..1 at any size, brings the longest side to `size` px, normalises, and
    gives boxes and whole masks, float32 (N, 1, H, W), in the pixels of each image as it came.
    """
    twin: MaskRCNN = copy.deepcopy(model)
    twin.transform = GeneralizedRCNNTransform(size, size, list(IMAGENET_MEAN), list(IMAGENET_STD))
    if isinstance(twin.roi_heads, MaskRoIHeads):
        twin.roi_heads = twin.roi_heads.plain()
    if isinstance(twin.rpn, PassingRPN):
        twin.rpn = twin.rpn.plain()
    return twin.eval()


def __getattr__(name: str) -> Any:
    # Both stand above this module in the order of imports, so they are looked up on first use.
    if name == "predict":
        from contorno.inference import predict

        return predict
    if name == "fastai":
        from contorno.learner import learner

        return SimpleNamespace(learner=learner)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
