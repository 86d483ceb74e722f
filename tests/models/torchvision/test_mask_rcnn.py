"""Mask R-CNN: torchvision's names and numbers, losses and detections in one pass, scripts and copies."""

from __future__ import annotations

import copy
import warnings
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchvision.models.detection import MaskRCNN, maskrcnn_resnet50_fpn

from contorno.errors import ConfigError
from contorno.models.torchvision import mask_rcnn, network
from contorno.models.torchvision.backbones import resnet18_fpn, resnet50_fpn


def small_model(**settings: Any) -> MaskRCNN:
    torch.manual_seed(0)
    config = resnet18_fpn(pretrained=False, norm=settings.pop("norm", "auto"))
    # The same number of proposals in both modes, so that losses of both can be compared.
    return mask_rcnn.model(
        config,
        3,
        **{
            "rpn_post_nms_top_n_train": 50,
            "rpn_post_nms_top_n_test": 50,
            "box_batch_size_per_image": 32,
            "box_detections_per_img": 10,
            "box_score_thresh": 0.0,
        }
        | settings,
    )


@pytest.fixture(scope="module")
def shared() -> MaskRCNN:
    """One model for the tests that leave it as it is."""
    return small_model().eval()


def batch() -> tuple[list[Tensor], list[dict[str, Tensor]]]:
    """Two images of different sizes, the second without objects."""
    torch.manual_seed(1)
    images = [torch.randn(3, 64, 64), torch.randn(3, 50, 70)]
    masks = torch.zeros(2, 64, 64, dtype=torch.uint8)
    masks[0, 5:30, 5:30] = 1
    masks[1, 20:60, 20:60] = 1
    boxes = torch.tensor([[5.0, 5, 30, 30], [20, 20, 60, 60]])
    first = {"boxes": boxes, "labels": torch.tensor([1, 2]), "masks": masks}
    empty = {
        "boxes": torch.zeros(0, 4),
        "labels": torch.zeros(0, dtype=torch.int64),
        "masks": torch.zeros(0, 50, 70, dtype=torch.uint8),
    }
    return images, [first, empty]


def test_frozen_resnet50_has_torchvisions_parameters() -> None:
    with torch.device("meta"):
        ours = mask_rcnn.model(resnet50_fpn(pretrained=False, norm="frozen"), 91)
        theirs = maskrcnn_resnet50_fpn(weights=None, weights_backbone=None, num_classes=91)
    statistics = {name: value.shape for name, value in theirs.state_dict().items() if "num_batches" not in name}
    assert {name: value.shape for name, value in ours.state_dict().items()} == statistics


def test_a_training_batch_gives_every_named_loss_and_gradients() -> None:
    model = small_model().train()
    losses = model(*batch())
    assert set(losses) == set(mask_rcnn.LOSS_NAMES)
    torch.stack(list(losses.values())).sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_a_batch_without_any_object_trains() -> None:
    images, targets = batch()
    losses = small_model().train()(images[1:], targets[1:])
    assert float(losses["loss_mask"].detach()) == 0.0
    assert all(torch.isfinite(value) for value in losses.values())


def test_detections_have_raw_masks_and_boxes_in_sample_pixels(shared: MaskRCNN) -> None:
    images, _ = batch()
    with torch.no_grad():
        first, second = shared(images)
    assert first["masks"].shape == (10, 1, 28, 28)
    assert 0 <= float(first["masks"].min()) < float(first["masks"].max()) <= 1
    assert float(second["boxes"][:, 2].max()) <= 70
    assert float(second["boxes"][:, 3].max()) <= 50
    assert (first["scores"].diff() <= 0).all()


def test_images_are_neither_resized_nor_normalised(shared: MaskRCNN) -> None:
    images, targets = batch()
    padded, same = shared.transform(images, targets)
    assert padded.tensors.shape == (2, 3, 64, 96)
    assert torch.equal(padded.tensors[1, :, :50, :70], images[1])
    assert float(padded.tensors[1, :, 50:].abs().max()) == 0.0
    assert torch.equal(same[0]["boxes"], targets[0]["boxes"])


def test_validation_detections_are_those_of_evaluation_mode(shared: MaskRCNN) -> None:
    images, targets = batch()
    _, detections = mask_rcnn.losses_and_detections(shared, images, targets)
    with torch.no_grad():
        expected = shared(images)
    for found, wanted in zip(detections, expected, strict=True):
        assert found.keys() == wanted.keys()
        assert all(torch.equal(found[key], wanted[key]) for key in wanted)


@pytest.mark.parametrize("norm", ["group", "frozen"])
def test_validation_losses_are_those_of_training_mode_with_the_same_seed(norm: str) -> None:
    model = small_model(norm=norm).eval()
    images, targets = batch()
    losses, _ = mask_rcnn.losses_and_detections(model, images, targets, seed=5)
    torch.manual_seed(5)
    expected = model.train()(images, targets)
    assert {name: float(value) for name, value in losses.items()} == pytest.approx(
        {name: float(value.detach()) for name, value in expected.items()}, rel=1e-6
    )


def test_validation_losses_repeat_and_leave_the_random_state_alone(shared: MaskRCNN) -> None:
    images, targets = batch()
    torch.manual_seed(3)
    before = torch.get_rng_state()
    first, _ = mask_rcnn.losses_and_detections(shared, images, targets)
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(7)
    second, _ = mask_rcnn.losses_and_detections(shared, images, targets)
    assert {name: float(value) for name, value in first.items()} == {
        name: float(value) for name, value in second.items()
    }
    assert not any(value.requires_grad for value in first.values())


def test_validation_runs_the_backbone_once_and_learns_no_statistics() -> None:
    model = small_model(norm="batch").eval()
    before = copy.deepcopy(model.state_dict())
    calls: list[int] = []
    model.backbone.register_forward_hook(lambda *_: calls.append(1))
    mask_rcnn.losses_and_detections(model, *batch())
    assert len(calls) == 1
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not any(module.training for module in model.modules())


def test_validation_in_training_mode_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"needs a model in evaluation mode; call model\.eval\(\) first"):
        mask_rcnn.losses_and_detections(small_model().train(), *batch())


@pytest.mark.parametrize(("limit", "trained"), [(None, 16), (5, 5)], ids=["all", "five"])
def test_at_most_so_many_regions_train_masks(limit: int | None, trained: int) -> None:
    model = small_model(mask_rois_per_image=limit, box_batch_size_per_image=64).train()
    images, targets = batch()
    # Each object many times over is as many positive regions: a quarter of 64 are sampled.
    seen: list[int] = []
    model.roi_heads.mask_head.register_forward_hook(lambda _, inputs, output: seen.append(len(inputs[0])))
    jitter = targets[0]["boxes"].repeat(20, 1)
    model.rpn.register_forward_hook(lambda _, inputs, output: ([jitter], output[1]))
    model(images[:1], targets[:1])
    assert seen == [trained]


def test_limit_of_mask_regions_changes_no_other_loss() -> None:
    images, targets = batch()
    found = []
    for limit in (None, 1):
        model = small_model(mask_rois_per_image=limit).train()
        torch.manual_seed(0)
        found.append({name: float(value.detach()) for name, value in model(images, targets).items()})
    assert {name for name in found[0] if found[0][name] != found[1][name]} == {"loss_mask"}


def test_parameter_groups_hold_every_parameter_once_from_stem_to_heads(shared: MaskRCNN) -> None:
    groups = mask_rcnn.param_groups(shared)
    ids = [id(parameter) for group in groups for parameter in group]
    assert len(groups) == 6
    assert len(ids) == len(set(ids))
    assert set(ids) == {id(parameter) for parameter in shared.parameters()}
    names = {id(parameter): name for name, parameter in shared.named_parameters()}
    firsts = [names[id(group[0])] for group in groups]
    assert firsts[0] == "backbone.body.conv1.weight"
    assert firsts[3].startswith("backbone.body.layer4")
    assert firsts[4].startswith("backbone.fpn")
    assert firsts[5].startswith("rpn")


def test_anchor_sizes_reach_the_model_one_for_each_level() -> None:
    model = small_model(anchor_sizes=(8, 16, 32, 64, 128), aspect_ratios=(1.0,))
    assert model.rpn.anchor_generator.sizes == ((8.0,), (16.0,), (32.0,), (64.0,), (128.0,))
    assert model.rpn.head.cls_logits.out_channels == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"anchor_sizes": (8, 16)}, "expected five entries"),
        ({"anchor_sizes": ((8,), (16,), (32, 40), (64,), (128,))}, "as many sizes each"),
        ({"anchor_sizes": (0, 1, 2, 3, 4)}, "must be positive"),
        ({"mask_rois_per_image": 0}, "mask_rois_per_image is 0; expected at least 1, or None"),
    ],
    ids=["two-levels", "uneven", "zero", "no-mask-regions"],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        small_model(**settings)


def test_a_model_of_background_alone_is_refused() -> None:
    with pytest.raises(ConfigError, match="num_classes is 1; expected at least 2"):
        mask_rcnn.model(resnet18_fpn(pretrained=False), 1)


def scripted(model: nn.Module) -> Any:
    with warnings.catch_warnings():
        # torch.jit.script says that it is deprecated; nothing else runs this model without Python.
        warnings.simplefilter("ignore")
        return torch.jit.script(model)


def run_script(script: Any, images: list[Tensor]) -> list[dict[str, Tensor]]:
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        detections: list[dict[str, Tensor]] = script(images)[1]
    return detections


def test_exported_model_takes_any_size_and_its_script_equals_it(shared: MaskRCNN) -> None:
    exported = mask_rcnn.export_model(shared, size=64)
    script = scripted(exported)
    for size in [(40, 90), (128, 128), (33, 20)]:
        image = torch.rand(3, *size)
        with torch.no_grad():
            eager = exported([image])[0]
        found = run_script(script, [image])[0]
        assert found["masks"].shape == (len(found["boxes"]), 1, *size)
        assert all(torch.equal(found[key], eager[key]) for key in eager)


def test_exported_model_equals_the_model_on_an_image_of_its_size(shared: MaskRCNN) -> None:
    image = torch.rand(3, 64, 64)
    mean = torch.tensor(mask_rcnn.IMAGENET_MEAN)[:, None, None]
    std = torch.tensor(mask_rcnn.IMAGENET_STD)[:, None, None]
    with torch.no_grad():
        ours = shared([(image - mean) / std])[0]
        exported = mask_rcnn.export_model(shared, size=64)([image])[0]
    assert torch.equal(ours["boxes"], exported["boxes"])
    assert torch.equal(ours["scores"], exported["scores"])


def test_export_leaves_the_model_as_it_was() -> None:
    model = small_model().train()
    exported = mask_rcnn.export_model(model, size=64)
    assert model.training
    assert isinstance(model.transform, network.BatchImages)
    assert not any(module.training for module in exported.modules())
    with torch.no_grad():
        exported.backbone.body.conv1.weight.zero_()
    assert float(model.backbone.body.conv1.weight.detach().abs().sum()) > 0


def test_model_itself_can_be_scripted(shared: MaskRCNN) -> None:
    images, _ = batch()
    found = run_script(scripted(shared), images)
    with torch.no_grad():
        expected = shared(images)
    assert all(torch.equal(a[key], b[key]) for a, b in zip(found, expected, strict=True) for key in b)


def test_predict_and_learner_are_found_on_first_use() -> None:
    from contorno import inference, learner

    assert mask_rcnn.predict is inference.predict
    assert mask_rcnn.fastai.learner is learner.learner
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        mask_rcnn.nothing  # noqa: B018
