"""The learner: named losses, one pass for validation, modes, precision, clear refusals; with the real Mask R-CNN."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import tiny
import tiny_run
from contorno import tfms
from contorno.callbacks import Callback
from contorno.dataset import Dataset
from contorno.errors import ConfigError, DataError
from contorno.learner import DetectionLearner, recorded
from contorno.loaders import train_dl, valid_dl
from contorno.metrics import COCOMetric, COCOMetricType
from contorno.models.torchvision import mask_rcnn
from contorno.records import ClassMap, Records
from contorno.runs import Run
from contorno.samples import Sample
from tiny_detector import TinyDetector, datasets, tiny_learner


def mask_learner(*, count: int = 2, **options: Any) -> DetectionLearner:
    """Mask R-CNN on images of 64 px: one training step and one validation batch of two images an epoch."""
    train, valid = tiny_run.datasets(tiny.disc_records(count, seed=1), tiny.disc_records(count, seed=2))
    settings: dict[str, Any] = {
        "dls": [mask_rcnn.train_dl(train, batch_size=2), mask_rcnn.valid_dl(valid, batch_size=2)],
        "metrics": [COCOMetric(COCOMetricType.mask), COCOMetric(COCOMetricType.bbox)],
        "show_progress": False,
    }
    model = options.pop("model", None) or tiny_run.small_model(train.records).model
    learn: DetectionLearner = mask_rcnn.fastai.learner(model=model, **(settings | options))
    return learn


def test_every_loss_of_both_splits_and_both_metrics_are_in_the_history_after_one_backbone_pass() -> None:
    learn = mask_learner()
    passes: list[bool] = []
    learn.model.backbone.register_forward_hook(lambda module, *_: passes.append(module.training))
    learn.fit(1)
    assert passes == [True, False]  # one training step, one validation batch
    row = learn.history.rows[0]
    for split in ("train", "valid"):
        losses = [row[f"{split}_{name}"] for name in mask_rcnn.LOSS_NAMES]
        assert len(losses) == 5
        assert all(math.isfinite(loss) for loss in losses)
        assert row[f"{split}_loss"] == pytest.approx(sum(losses))
    assert {"mask_ap", "mask_ap50", "box_ap", "box_ap50", "lr", "seconds", "epoch"} <= set(row)
    shown = ["epoch", "train_loss", "valid_loss", "valid_loss_classifier", "mask_ap", "box_ap50", "time"]
    assert set(shown) <= set(learn.recorder.metric_names)


def test_a_frozen_phase_trains_the_heads_only_and_never_what_the_model_holds_fixed() -> None:
    backbone = mask_rcnn.backbones.resnet18_fpn(pretrained=False, norm="group", trainable_layers=2)
    torch.manual_seed(0)
    model = mask_rcnn.model(
        backbone,
        3,
        rpn_pre_nms_top_n_train=60,
        rpn_post_nms_top_n_train=40,
        rpn_post_nms_top_n_test=20,
        box_batch_size_per_image=16,
    )
    fixed = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
    assert "backbone.body.layer1.0.conv1.weight" in fixed
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    learned: list[set[str]] = []

    class Watch(Callback):
        def before_step(self) -> None:
            learned.append({name for name, p in self.learn.model.named_parameters() if p.grad is not None})

    mask_learner(model=model, metrics=[], cbs=[Watch()]).fine_tune(1, 1e-3, freeze_epochs=1)
    heads, everything = learned
    assert heads
    assert all(name.startswith(("rpn.", "roi_heads.")) for name in heads)
    assert "backbone.body.layer4.0.conv1.weight" in everything
    for name, parameter in model.named_parameters():
        if name in fixed:
            assert torch.equal(parameter, before[name]), name
            assert not parameter.requires_grad


@pytest.mark.slow
def test_bfloat16_trains_a_mask_rcnn_on_a_cpu_and_keeps_weights_and_losses_float32() -> None:
    learn = mask_learner(precision="bfloat16", metrics=[])
    inside: list[bool] = []
    learn.model.backbone.register_forward_hook(lambda *_: inside.append(torch.is_autocast_enabled("cpu")))
    learn.fit(1)
    assert inside == [True, True]
    assert not torch.is_autocast_enabled("cpu")
    assert math.isfinite(learn.history.rows[0]["train_loss"])
    assert {parameter.dtype for parameter in learn.model.parameters()} == {torch.float32}


def test_bfloat16_is_for_the_forward_pass_alone() -> None:
    inside: list[str] = []

    class Watch(Callback):
        def after_pred(self) -> None:
            inside.append("after_pred" if torch.is_autocast_enabled("cpu") else "")

        def before_backward(self) -> None:
            inside.append("before_backward" if torch.is_autocast_enabled("cpu") else "")

    learn = tiny_learner(precision="bfloat16", cbs=[Watch()])
    learn.fit(1)
    assert set(inside) == {"after_pred", ""}
    assert math.isfinite(learn.history.rows[0]["valid_loss"])


def test_a_stop_within_a_forward_pass_does_not_leave_bfloat16_switched_on() -> None:
    class Interrupted(TinyDetector):
        def forward(self, images: Any, targets: Any = None) -> Any:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tiny_learner(model=Interrupted(), precision="bfloat16").fit(1)
    assert not torch.is_autocast_enabled("cpu")


def test_validation_changes_no_statistics_and_training_goes_on_in_training_mode() -> None:
    modes: list[tuple[str, bool]] = []

    class Watch(Callback):
        def before_batch(self) -> None:
            modes.append(("train" if self.learn.training else "valid", self.learn.model.body[1].training))

    learn = tiny_learner(cbs=[Watch()])
    learn.fit(1)
    norm = learn.model.body[1]
    mean, batches = norm.running_mean.clone(), int(norm.num_batches_tracked)
    assert batches == 3
    learn.validate()
    assert torch.equal(norm.running_mean, mean)
    assert int(norm.num_batches_tracked) == batches
    learn.fit(1)
    assert set(modes) == {("train", True), ("valid", False)}
    assert int(norm.num_batches_tracked) == 2 * batches


@pytest.mark.parametrize("what", ["nan", "inf"])
def test_a_loss_that_is_no_number_names_epoch_step_and_images(what: str) -> None:
    class Diverges(TinyDetector):
        steps = 0

        def losses_of(self, features: torch.Tensor, targets: Any) -> dict[str, torch.Tensor]:
            losses = super().losses_of(features, targets)
            self.steps += 1
            if self.steps == 2:
                losses["loss_box"] = losses["loss_box"] * float(what)
            return losses

    learn = tiny_learner(model=Diverges())
    with pytest.raises(DataError) as caught:
        learn.fit(1)
    text = str(caught.value)
    assert text.startswith(f"the training loss is no longer a number (loss_box {what}, loss_score ")
    order = [info.record.image_id for _, _, infos in datasets_in_order() for info in infos]
    assert f"at epoch 1, step 2, images {order[2]}, {order[3]};" in text
    assert "lower the learning rate" in text


def datasets_in_order() -> Any:
    return train_dl(datasets()[0], batch_size=2, seed=5)


def test_without_more_than_one_gpu_to_parallel_does_nothing() -> None:
    learn = tiny_learner()
    if torch.cuda.device_count() <= 1:
        assert learn.to_parallel() is learn


@pytest.mark.parametrize(
    "take",
    [
        lambda train, valid: [train],
        lambda train, valid: [train, valid, valid],
        lambda train, valid: train,
        lambda train, valid: [train.dataset, valid.dataset],
        lambda train, valid: [],
    ],
    ids=["one", "three", "a bare loader", "data sets", "none"],
)
def test_anything_but_two_loaders_is_refused(take: Any) -> None:
    train, valid = datasets()
    with pytest.raises(ConfigError, match=r"dls takes two loaders, \[train_dl, valid_dl\]"):
        tiny_learner(dls=take(train_dl(train), valid_dl(valid)))


def test_classes_that_differ_between_splits_are_refused() -> None:
    train, valid = datasets()
    other = Dataset(Records(list(valid.records), ClassMap(["ring", "disc"])), valid.tfm)
    with pytest.raises(ConfigError, match="classes disc, ring and the validation data ring, disc; give both"):
        tiny_learner(dls=[train_dl(train), valid_dl(other)])


def test_a_model_for_another_number_of_classes_is_refused() -> None:
    model = mask_rcnn.model(mask_rcnn.backbones.resnet18_fpn(pretrained=False), 2)
    with pytest.raises(ConfigError, match="the model has 2 classes and the data 3, background counted in both"):
        mask_learner(model=model)


@pytest.mark.parametrize(
    ("precision", "message"),
    [("float16", "float16 needs a GPU"), ("half", "precision is 'half'; expected one of auto")],
)
def test_a_precision_that_cannot_be_is_refused(precision: str, message: str) -> None:
    if precision == "half" or not torch.cuda.is_available():
        with pytest.raises(ConfigError, match=message):
            tiny_learner(precision=precision)


def test_validation_samples_that_cannot_be_mapped_back_are_refused_by_name() -> None:
    train, valid = datasets()
    lost = Dataset(valid.records, tfms.A.Adapter([tfms.A.Rotate(limit=(30, 30), p=1), tfms.A.Normalize()]))
    learn = tiny_learner(dls=[train_dl(train, batch_size=2), valid_dl(lost)])
    with pytest.raises(DataError) as caught:
        learn.fit(1)
    assert str(caught.value).startswith("image 1: the validation transforms cannot be undone")


def test_any_callback_may_raise_a_sentence_of_ours_and_it_stays_one() -> None:
    class Refuses(Callback):
        def before_batch(self) -> None:
            raise DataError("the disk is full.")

    with pytest.raises(DataError) as caught:
        tiny_learner(cbs=[Refuses()]).fit(1)
    assert str(caught.value) == "the disk is full."


@pytest.mark.parametrize(
    ("kinds", "watched"),
    [
        ([COCOMetricType.bbox, COCOMetricType.mask], "mask_ap"),
        ([COCOMetricType.bbox], "box_ap"),
        ([], "valid_loss"),
    ],
    ids=["both", "boxes", "none"],
)
def test_the_best_epoch_is_that_of_the_mask_ap_if_it_is_measured(
    tmp_path: Path, kinds: list[COCOMetricType], watched: str
) -> None:
    run = Run.create(tmp_path / "run", "mine", tiny_run.Settings())
    learn = tiny_learner(metrics=[COCOMetric(kind) for kind in kinds])
    with recorded(learn, run):
        assert learn.best_weights.watch == watched


def test_samples_made_by_hand_train_too() -> None:
    train, valid = datasets()
    samples: list[Sample] = [train[i] for i in range(2)]
    learn = tiny_learner(dls=[train_dl(samples, batch_size=2), valid_dl([valid[0]])])
    learn.fit(1)
    assert np.isfinite(learn.history.rows[0]["valid_loss"])


def test_model_that_torchvision_made_trains_as_it_is_and_shares_its_layers() -> None:
    from torchvision.models.detection import MaskRCNN

    torch.manual_seed(0)
    body = mask_rcnn.model(mask_rcnn.backbones.resnet18_fpn(pretrained=False), 3).backbone
    theirs = MaskRCNN(body, 3, rpn_post_nms_top_n_train=40, rpn_post_nms_top_n_test=20, box_batch_size_per_image=16)
    before = theirs.roi_heads.box_head.fc6.weight.detach().clone()
    learn = mask_learner(model=theirs, metrics=[COCOMetric(COCOMetricType.mask)])
    learn.fit(1, 1e-3)
    assert "mask_ap" in learn.history.rows[0]
    assert not torch.equal(before, theirs.roi_heads.box_head.fc6.weight)
