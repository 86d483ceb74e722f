"""The second stage with a limit on the regions that train masks, and losses that need no training mode."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torchvision.models.detection.roi_heads import RoIHeads, fastrcnn_loss, maskrcnn_loss

from contorno.models.torchvision.ignored import keep_proposals

Features = dict[str, Tensor]
Target = dict[str, Tensor]


class LimitedRoIHeads(RoIHeads):  # type: ignore[misc]
    """torchvision's RoIHeads, with the same parameters under the same names.

    torchvision trains masks on every positive region, up to 128 of the 512 sampled in an image; on a CPU that is most
    of a training step. Here a random `mask_rois_per_image` of them (None: all) train masks.
    """

    def __init__(self, heads: RoIHeads, mask_rois_per_image: int | None) -> None:
        super().__init__(**_settings(heads))
        self.mask_rois_per_image = mask_rois_per_image

    def forward(
        self,
        features: Features,
        proposals: list[Tensor],
        image_shapes: list[tuple[int, int]],
        targets: list[Target] | None = None,
    ) -> tuple[list[dict[str, Tensor]], dict[str, Tensor]]:
        """Losses in training mode, detections in evaluation mode, as in torchvision."""
        if self.training:
            return [], self.losses(features, proposals, image_shapes, targets)
        result: tuple[list[dict[str, Tensor]], dict[str, Tensor]] = super().forward(features, proposals, image_shapes)
        return result

    def losses(
        self,
        features: Features,
        proposals: list[Tensor],
        image_shapes: list[tuple[int, int]],
        targets: list[Target] | None,
    ) -> dict[str, Tensor]:
        """Losses of classes, boxes and, in a mask model, masks, in whichever mode the module is.

        proposals: for each image float32 (P, 4) xyxy.   image_shapes: (height, width) of each.
        targets:   boxes float32 (N, 4), labels int64 (N,), masks uint8 (N, H, W) of each image, and `ignored` float32
                   (M, 4) where it has regions to be passed over.
        Random numbers are drawn in torchvision's order: first the regions, then those that train masks.
        """
        if targets is not None:
            proposals = keep_proposals(proposals, targets, self.proposal_matcher.high_threshold)
        proposals, matched, labels, regression_targets = self.select_training_samples(proposals, targets)
        assert targets is not None  # select_training_samples has raised ValueError by now
        box_features = self.box_head(self.box_roi_pool(features, proposals, image_shapes))
        class_logits, box_regression = self.box_predictor(box_features)
        loss_classifier, loss_box_reg = fastrcnn_loss(class_logits, box_regression, labels, regression_targets)

        losses = {"loss_classifier": loss_classifier, "loss_box_reg": loss_box_reg}
        if not self.has_mask():
            return losses
        chosen = [self._mask_rois(image_labels) for image_labels in labels]
        mask_proposals = [boxes[index] for boxes, index in zip(proposals, chosen, strict=True)]
        mask_matched = [index_of[index] for index_of, index in zip(matched, chosen, strict=True)]
        mask_features = self.mask_head(self.mask_roi_pool(features, mask_proposals, image_shapes))
        mask_logits = self.mask_predictor(mask_features)  # (regions, classes, 28, 28)
        loss_mask = maskrcnn_loss(
            mask_logits, mask_proposals, [t["masks"] for t in targets], [t["labels"] for t in targets], mask_matched
        )
        return losses | {"loss_mask": loss_mask}

    def _mask_rois(self, labels: Tensor) -> Tensor:
        positive = torch.where(labels > 0)[0]
        limit = self.mask_rois_per_image
        if limit is None or len(positive) <= limit:
            return positive
        return positive[torch.randperm(len(positive), device=positive.device)[:limit]]

    def plain(self) -> RoIHeads:
        """torchvision's own RoIHeads over the same layers, in the same mode."""
        heads: RoIHeads = RoIHeads(**_settings(self))
        return heads.train(self.training)

    def __prepare_scriptable__(self) -> RoIHeads:
        # torch.jit.script takes this in our place: it compiles no super() call, and a script is not trained.
        return self.plain()


def _settings(heads: RoIHeads) -> dict[str, Any]:
    return {
        "box_roi_pool": heads.box_roi_pool,
        "box_head": heads.box_head,
        "box_predictor": heads.box_predictor,
        "fg_iou_thresh": heads.proposal_matcher.high_threshold,
        "bg_iou_thresh": heads.proposal_matcher.low_threshold,
        "batch_size_per_image": heads.fg_bg_sampler.batch_size_per_image,
        "positive_fraction": heads.fg_bg_sampler.positive_fraction,
        "bbox_reg_weights": heads.box_coder.weights,
        "score_thresh": heads.score_thresh,
        "nms_thresh": heads.nms_thresh,
        "detections_per_img": heads.detections_per_img,
        "mask_roi_pool": heads.mask_roi_pool,
        "mask_head": heads.mask_head,
        "mask_predictor": heads.mask_predictor,
    }
