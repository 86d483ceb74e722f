"""Faster R-CNN: torchvision's names and numbers, boxes from box data and from mask data, through the learner."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torchvision.models.detection import FasterRCNN, fasterrcnn_resnet50_fpn

import tiny
import tiny_run
from contorno import inference
from contorno.models.torchvision import faster_rcnn, mask_rcnn, network
from contorno.models.torchvision.backbones import resnet18_fpn, resnet50_fpn
from contorno.models.torchvision.weights import published_url

SMALL: dict[str, Any] = {
    "rpn_post_nms_top_n_train": 50,
    "rpn_post_nms_top_n_test": 50,
    "box_batch_size_per_image": 32,
    "box_detections_per_img": 10,
    "box_score_thresh": 0.0,
}


def small_model() -> FasterRCNN:
    torch.manual_seed(0)
    return faster_rcnn.model(resnet18_fpn(pretrained=False), 3, **SMALL)


def batch(*, masks: bool) -> tuple[list[Tensor], list[dict[str, Tensor]]]:
    torch.manual_seed(1)
    target = {"boxes": torch.tensor([[5.0, 5, 30, 30], [20, 20, 60, 60]]), "labels": torch.tensor([1, 2])}
    if masks:
        target["masks"] = torch.ones(2, 64, 64, dtype=torch.uint8)
    return [torch.randn(3, 64, 64)], [target]


def test_frozen_resnet50_has_torchvisions_parameters_and_weights() -> None:
    with torch.device("meta"):
        ours = faster_rcnn.model(resnet50_fpn(pretrained=False, norm="frozen"), 91)
        theirs = fasterrcnn_resnet50_fpn(weights=None, weights_backbone=None, num_classes=91)
    statistics = {name: value.shape for name, value in theirs.state_dict().items() if "num_batches" not in name}
    assert {name: value.shape for name, value in ours.state_dict().items()} == statistics
    assert "fasterrcnn_resnet50_fpn_coco" in published_url("resnet50", "coco", "FasterRCNN")
    assert "maskrcnn_resnet50_fpn_coco" in published_url("resnet50", "coco")


@pytest.mark.parametrize("masks", [False, True])
def test_a_training_batch_gives_every_named_loss_and_gradients(masks: bool) -> None:
    model = small_model().train()
    losses = model(*batch(masks=masks))
    assert set(losses) == set(faster_rcnn.LOSS_NAMES)
    torch.stack(list(losses.values())).sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_validation_gives_the_losses_of_training_mode_and_detections_without_masks() -> None:
    model = small_model().eval()
    images, targets = batch(masks=False)
    losses, detections = faster_rcnn.losses_and_detections(model, images, targets, seed=5)
    torch.manual_seed(5)
    expected = model.train()(images, targets)
    for name, value in losses.items():
        assert float(value) == pytest.approx(float(expected[name].detach()), rel=1e-5)
    assert detections[0].keys() == {"boxes", "labels", "scores"}


def test_exported_model_is_scripted_and_finds_boxes_in_the_pixels_of_the_image() -> None:
    model = small_model().eval()
    twin = faster_rcnn.export_model(model, size=64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scripted = torch.jit.script(twin)
        image = torch.rand(3, 32, 48)
        _, found = scripted([image])
    wanted = twin([image])
    assert torch.allclose(found[0]["boxes"], wanted[0]["boxes"], atol=1e-3)
    assert float(wanted[0]["boxes"].detach()[:, 2].max()) <= 48


def test_learner_measures_box_ap_and_prediction_has_boxes_alone() -> None:
    from contorno.metrics import COCOMetric, COCOMetricType

    train, valid = tiny_run.datasets(tiny.disc_records(2, seed=1), tiny.disc_records(2, seed=2))
    learn = faster_rcnn.fastai.learner(
        dls=[faster_rcnn.train_dl(train, batch_size=2), faster_rcnn.valid_dl(valid, batch_size=2)],
        model=small_model(),
        metrics=[COCOMetric(metric_type=COCOMetricType.bbox)],
        show_progress=False,
    )
    learn.fit(1, 1e-3)
    row = learn.history.rows[0]
    assert {"box_ap", "valid_loss", *(f"train_{name}" for name in faster_rcnn.LOSS_NAMES)} <= row.keys()
    assert "valid_loss_mask" not in row
    (first, _) = faster_rcnn.predict(model=learn.model, dataset=valid, detection_threshold=0.0)
    assert first.masks is None
    assert len(first) == 10
    assert first.boxes.dtype == np.float32
    result, _ = inference.evaluate(learn.model, valid, metric_types=(COCOMetricType.bbox,))
    assert "box_ap" in result.figures


@pytest.mark.parametrize("model_type", [faster_rcnn, mask_rcnn], ids=["faster_rcnn", "mask_rcnn"])
def test_without_a_backbone_it_is_the_one_with_coco_weights(model_type: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def read_weights(backbone: Any, detector: str, *, progress: bool) -> None:
        asked.append(backbone)  # not fetched: random weights do for this

    monkeypatch.setattr(network, "_read_weights", read_weights)
    model_type.model(num_classes=3, rpn_post_nms_top_n_test=20)
    assert asked == [resnet50_fpn]
    assert resnet50_fpn.weights == "coco"
