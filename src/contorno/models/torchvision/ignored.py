"""Regions that training passes over: a crowd is neither one of the objects nor background.

Anchors and proposals that lie in such a region and on no object are left out of the sampling, so that they teach
nothing. Without this, each unmarked object of a crowd would be learnt as background.
Source of the rule: a box is ignored if at least half of it lies in an ignored region, as `ignore_iof_thr=0.5` in
MMDetection's MaxIoUAssigner.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torchvision.models.detection.rpn import RegionProposalNetwork
from torchvision.ops import box_iou

Target = dict[str, Tensor]

INSIDE_SHARE = 0.5
"""A box belongs to an ignored region if so much of its area lies in it."""


def mostly_inside(boxes: Tensor, regions: Tensor) -> Tensor:
    """Which boxes have at least INSIDE_SHARE of their area in one of the regions.

    boxes: float32 (N, 4) xyxy.   regions: float32 (M, 4) xyxy.   Returns bool (N,).
    """
    if not len(regions) or not len(boxes):
        return torch.zeros(len(boxes), dtype=torch.bool, device=boxes.device)
    corners_min = torch.maximum(boxes[:, None, :2], regions[None, :, :2])
    corners_max = torch.minimum(boxes[:, None, 2:], regions[None, :, 2:])
    shared = (corners_max - corners_min).clamp(min=0).prod(dim=2)  # (N, M)
    areas = (boxes[:, 2:] - boxes[:, :2]).clamp(min=0).prod(dim=1)
    inside: Tensor = shared.amax(dim=1) >= INSIDE_SHARE * areas.clamp(min=torch.finfo(boxes.dtype).tiny)
    return inside


def keep_proposals(proposals: list[Tensor], targets: list[Target], matching_iou: float) -> list[Tensor]:
    """Proposals without those that lie in an ignored region and match no object by `matching_iou`.

    proposals: float32 (P, 4) xyxy of each image.   targets: `boxes` float32 (N, 4), and `ignored` float32 (M, 4) where
    the image has such regions.
    """
    kept = []
    for boxes, target in zip(proposals, targets, strict=True):
        if "ignored" not in target:
            kept.append(boxes)
            continue
        passed = mostly_inside(boxes, target["ignored"].to(boxes.dtype))
        if len(target["boxes"]):
            passed &= box_iou(boxes, target["boxes"].to(boxes.dtype)).amax(dim=1) < matching_iou
        kept.append(boxes[~passed])
    return kept


class PassingRPN(RegionProposalNetwork):  # type: ignore[misc]
    """torchvision's RegionProposalNetwork, with the same parameters under the same names, that passes over regions.

    A negative anchor that lies in one of a target's `ignored` boxes gets the label -1, which torchvision never samples.
    """

    def __init__(self, rpn: RegionProposalNetwork) -> None:
        super().__init__(**_settings(rpn))

    def assign_targets_to_anchors(
        self, anchors: list[Tensor], targets: list[Target]
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Labels float32 (A,), 1 object, 0 background, -1 neither, and matched boxes float32 (A, 4), of each image."""
        labels, matched = super().assign_targets_to_anchors(anchors, targets)
        for boxes, label, target in zip(anchors, labels, targets, strict=True):
            if "ignored" in target:
                label[(label == 0) & mostly_inside(boxes, target["ignored"].to(boxes.dtype))] = -1.0
        return labels, matched

    def plain(self) -> RegionProposalNetwork:
        """torchvision's own network over the same layers, in the same mode."""
        rpn: RegionProposalNetwork = RegionProposalNetwork(**_settings(self))
        return rpn.train(self.training)

    def __prepare_scriptable__(self) -> RegionProposalNetwork:
        # torch.jit.script takes this in our place: it compiles no super() call, and a script is not trained.
        return self.plain()


def _settings(rpn: RegionProposalNetwork) -> dict[str, Any]:
    return {
        "anchor_generator": rpn.anchor_generator,
        "head": rpn.head,
        "fg_iou_thresh": rpn.proposal_matcher.high_threshold,
        "bg_iou_thresh": rpn.proposal_matcher.low_threshold,
        "batch_size_per_image": rpn.fg_bg_sampler.batch_size_per_image,
        "positive_fraction": rpn.fg_bg_sampler.positive_fraction,
        "pre_nms_top_n": rpn._pre_nms_top_n,
        "post_nms_top_n": rpn._post_nms_top_n,
        "nms_thresh": rpn.nms_thresh,
        "score_thresh": rpn.score_thresh,
    }
