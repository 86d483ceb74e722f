"""Mask R-CNN: torchvision's model and parameter names, on samples that are resized and normalised already."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from torchvision.models.detection import MaskRCNN

from contorno.draw import IMAGENET_MEAN, IMAGENET_STD
from contorno.errors import ConfigError
from contorno.loaders import infer_dl, train_dl, valid_dl
from contorno.models import elsewhere
from contorno.models.torchvision import backbones, network
from contorno.models.torchvision.anchors import DEFAULT_RATIOS, anchor_sizes_for
from contorno.models.torchvision.backbones import BackboneConfig
from contorno.models.torchvision.network import export_model, losses_and_detections, param_groups
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

UPSTAIRS = ("end2end_detect", "predict", "predict_from_dl", "show_batch", "show_results")
"""Functions of `contorno.inference` that a model type has too."""

LOSS_NAMES = ("loss_classifier", "loss_box_reg", "loss_mask", "loss_objectness", "loss_rpn_box_reg")
MASK_ROIS_PER_IMAGE = 32


def model(
    backbone: BackboneConfig | None = None,
    num_classes: int | None = None,
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

    backbone:       one of `backbones`, called or not; unset: resnet50_fpn. COCO weights are loaded but for the layers
                    that depend on the number of classes.
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
    if mask_rois_per_image is not None and mask_rois_per_image < 1:
        raise ConfigError(f"mask_rois_per_image is {mask_rois_per_image}; expected at least 1, or None for all.")
    return network.build(
        MaskRCNN,
        "MaskRCNN",
        backbone,
        num_classes,
        anchor_sizes=anchor_sizes,
        aspect_ratios=aspect_ratios,
        mask_rois_per_image=mask_rois_per_image,
        progress=progress,
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


def __getattr__(name: str) -> Any:
    # Both stand above this module in the order of imports, so they are looked up on first use.
    if name in UPSTAIRS:
        from contorno import inference

        return getattr(inference, name)
    if name == "fastai":
        from contorno.learner import learner

        return SimpleNamespace(learner=learner)
    raise elsewhere.missing(__name__, name, elsewhere.OF_A_MODEL)
