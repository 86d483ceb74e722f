"""The real icevision as an engine: contorno's data in, its own training, contorno's run folder out."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fastai.learner import Learner
from torchvision.ops import FrozenBatchNorm2d

from contorno import inference, masks, tfms
from contorno.callbacks.door import Callback
from contorno.dataset import Dataset
from contorno.errors import ConfigError, DataError, MissingExtraError, WeightsError
from contorno.integrations import icevision
from contorno.integrations.icevision import Mended, from_icevision
from contorno.integrations.icevision.engine import Trainee, _set_norm_epsilon
from contorno.integrations.icevision.handover import parsed
from contorno.learner import recorded
from contorno.models.torchvision.weights import NORM_EPSILON
from contorno.records import ClassMap, Instances, Record, Records
from contorno.runs import Run
from tiny_icevision import NUMPY_TWO, image_records
from tiny_run import Settings, disc_files

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.filterwarnings(NUMPY_TWO)]

SIDE = 64


@pytest.fixture(scope="module")
def discs(tmp_path_factory: pytest.TempPathFactory) -> Records:
    return disc_files(tmp_path_factory.mktemp("discs"), 6)


def samples(records: Records, *, augmented: bool = False) -> Dataset:
    steps = tfms.A.aug_tfms(SIDE) if augmented else tfms.A.resize_and_pad(SIDE)
    return Dataset(records, tfms.A.Adapter([*steps, tfms.A.Normalize()]), seed=0)


def few_regions(trainee: Trainee) -> Trainee:
    """icevision's model with as few regions as it works with, so that a step takes part of a second."""
    rpn, heads = trainee.learn.model.rpn, trainee.learn.model.roi_heads
    rpn._pre_nms_top_n = {"training": 60, "testing": 60}
    rpn._post_nms_top_n = {"training": 40, "testing": 40}
    heads.fg_bg_sampler.batch_size_per_image = 16
    heads.detections_per_img = 10
    return trainee


def trainee(records: Records, *, seed: int = 0, **options: Any) -> Trainee:
    torch.manual_seed(seed)
    made = icevision.engine(
        samples(records[:4], augmented=True), samples(records[4:]), batch_size=2, weights="none", **options
    )
    return few_regions(made)


# Records, through a COCO file and icevision's own parser


def test_its_parser_gives_the_same_masks_labels_and_boxes(mended: Mended, tmp_path: Path) -> None:
    records = image_records(tmp_path)
    told: list[str] = []
    back = from_icevision(parsed(mended.ice, records, with_masks=True, say=told.append), records.class_map)
    held = [record for record in records if len(record.instances)]
    assert [record.image_id for record in back] == [record.image_id for record in held]
    for ours, theirs in zip(held, back, strict=True):
        assert theirs.path is not None
        assert ours.path is not None
        assert theirs.path.resolve() == ours.path.resolve()
        assert theirs.instances.labels.tolist() == ours.instances.labels.tolist()
        assert theirs.instances.run_lengths() == ours.instances.run_lengths()
        np.testing.assert_allclose(theirs.instances.boxes, ours.instances.boxes, atol=1e-4)
    assert told == ["icevision's parser leaves out 1 image without objects"]


def test_polygons_keep_their_vertices_and_crowds_their_pixels(mended: Mended, tmp_path: Path) -> None:
    (first, *_) = image_records(tmp_path)
    size = first.size_hw
    square = masks.from_coco([[2.5, 3, 12, 3, 12, 14.25, 2.5, 14.25]], size)
    crowd = masks.to_run_length(masks.from_coco([[30, 5, 50, 5, 50, 20]], size), size)
    instances = Instances.build(size, [1, 2], [square, crowd], is_crowd=[False, True])
    record = replace(first, image_id="a name", instances=instances)
    (back,) = from_icevision(parsed(mended.ice, Records([record], ClassMap(["x", "y"])), with_masks=True))
    assert back.instances.geometries[0] == square
    assert back.instances.run_lengths() == instances.run_lengths()
    assert back.instances.is_crowd.tolist() == [False, True]


def test_boxes_alone_are_read_by_its_box_parser(mended: Mended, tmp_path: Path) -> None:
    (first, *_) = image_records(tmp_path)
    instances = Instances.build(first.size_hw, [2], [None], boxes=[[4, 6, 30.5, 40]])
    records = Records([replace(first, instances=instances)], ClassMap(["x", "y"]))
    (back,) = from_icevision(parsed(mended.ice, records, with_masks=False))
    assert back.instances.boxes.tolist() == [[4, 6, 30.5, 40]]
    assert back.instances.labels.tolist() == [2]


def test_images_without_any_object_are_refused(mended: Mended, tmp_path: Path) -> None:
    records = image_records(tmp_path)[2:3]
    with pytest.raises(DataError, match="none of the 1 images has an object"):
        parsed(mended.ice, records, with_masks=True)


def test_objects_that_it_cannot_load_are_told_apart_from_those_that_it_finds_fault_with(
    mended: Mended, tmp_path: Path
) -> None:
    first, second, *_ = image_records(tmp_path)
    empty = masks.encode(np.zeros(first.size_hw, dtype=np.uint8))
    shapes = (empty, *first.instances.geometries[1:])
    given = Records(
        [replace(first, instances=replace(first.instances, geometries=shapes, _run_lengths=[])), second],
        ClassMap(["disc", "ring"]),
    )
    told: list[str] = []
    found = from_icevision(parsed(mended.ice, given, with_masks=True, say=told.append))
    assert [len(record.instances) for record in found] == [1, 1]
    assert told == ["left out, since icevision cannot load them: 1 empty mask"]
    hollow = Records(
        [replace(first, instances=replace(first.instances, geometries=(empty, empty), _run_lengths=[]))],
        ClassMap(["disc", "ring"]),
    )
    with pytest.raises(DataError, match="none of the 1 images has an object"):
        parsed(mended.ice, hollow, with_masks=True)


# Training


def test_it_trains_by_its_own_learner_into_a_run_folder_that_opens(
    mended: Mended, discs: Records, tmp_path: Path
) -> None:
    told: list[str] = []
    run = Run.create(tmp_path / "run", "mine", Settings(), say=told.append)
    fitted, learn = trainee(discs, say=run.say)
    assert type(learn) is Learner
    assert type(learn.dls.train.dataset).__module__.startswith("icevision.")
    assert type(learn.model).__module__.startswith("torchvision.")
    assert {"MaskRCNNCallback"} <= {type(callback).__name__ for callback in learn.cbs}
    assert all(parameter.requires_grad for parameter in learn.model.backbone.fpn.parameters())
    before = {name: value.clone() for name, value in fitted.model.state_dict().items()}
    run.write_card(fitted.settings, discs.class_map, SIDE)
    with recorded(learn, run, checkpoint_seconds=0):
        learn.fit_one_cycle(2, 1e-3)

    rows = list(csv.DictReader(run.history_path.read_text().splitlines()))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert all(np.isfinite([float(row["train_loss"]), float(row["valid_loss"])]).all() for row in rows)
    assert all(0 <= float(row[name]) <= 1 for row in rows for name in ("mask_ap", "mask_ap50", "box_ap"))
    after = fitted.model.state_dict()
    assert any(not torch.equal(after[name].cpu(), value.cpu()) for name, value in before.items())
    assert [line for line in told if line.startswith("epoch 2")]

    # The folder alone gives the trained model again.
    again = run.load_model()
    for name, value in again.state_dict().items():
        torch.testing.assert_close(value, after[name].cpu(), rtol=0, atol=0)
    images = [torch.rand(3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))]
    fitted.model.cpu().eval()
    features = [model.backbone(torch.stack(images))["0"] for model in (again, fitted.model)]
    torch.testing.assert_close(features[0], features[1], rtol=0, atol=0)
    result, _ = inference.evaluate(again, samples(discs[4:]))
    assert 0 <= result.figures["mask_ap"] <= 1


def test_a_training_that_was_stopped_goes_on(mended: Mended, discs: Records, tmp_path: Path) -> None:
    class Stop(Callback):  # type: ignore[misc]
        order = 70

        def after_epoch(self) -> None:
            raise KeyboardInterrupt

    run = Run.create(tmp_path / "run", "mine", Settings())
    _, learn = trainee(discs)
    with pytest.raises(KeyboardInterrupt), recorded(learn, run, checkpoint_seconds=0):
        learn.fit_one_cycle(3, 1e-3, cbs=[Stop()])
    assert run.checkpoint_path.exists()
    resumed = replace(run, resumes=True)
    _, other = trainee(discs, seed=1)
    with recorded(other, resumed, checkpoint_seconds=0):
        other.fit_one_cycle(3, 1e-3)
    assert [row["epoch"] for row in other.history.rows] == [1, 2, 3]
    assert other.history.rows[0] == learn.history.rows[0]


def test_fine_tune_begins_with_the_heads(mended: Mended, discs: Records) -> None:
    _, learn = trainee(discs)
    frozen: list[bool] = []

    class Note(Callback):  # type: ignore[misc]
        def before_train(self) -> None:
            frozen.append(not next(self.learn.model.backbone.fpn.parameters()).requires_grad)

    learn.fine_tune(1, 1e-4, freeze_epochs=1, cbs=[Note()])
    assert frozen == [True, False]


def test_minutes_drive_its_schedule_too(mended: Mended, discs: Records) -> None:
    _, learn = trainee(discs)
    learn.fit_for(0.05, 1e-3)
    assert np.isfinite(learn.history.rows[-1]["mask_ap"])


def test_boxes_alone_train_its_faster_rcnn(mended: Mended, discs: Records) -> None:
    def bare(record: Record) -> Record:
        return replace(record, instances=replace(record.instances, geometries=(None,) * len(record.instances)))

    boxed = Records([bare(record) for record in discs], discs.class_map)
    fitted, learn = trainee(boxed)
    assert fitted.settings["model"] == "faster_rcnn"
    learn.fit_one_cycle(1, 1e-3)
    assert "box_ap" in learn.history.rows[0]
    assert "mask_ap" not in learn.history.rows[0]
    with pytest.raises(ConfigError, match="a Mask R-CNN needs a mask of every object"):
        trainee(boxed, detector="mask_rcnn")


def test_a_loss_that_is_no_number_ends_it_with_the_images_named(mended: Mended, discs: Records, tmp_path: Path) -> None:
    _, learn = trainee(discs)
    run = Run.create(tmp_path / "run", "mine", Settings())
    with torch.no_grad():
        learn.model.roi_heads.box_predictor.cls_score.bias.fill_(float("nan"))
    sentence = r"^the training loss is no longer a number at epoch 1, step 1, images \d"
    with pytest.raises(DataError, match=sentence), recorded(learn, run):
        learn.fit_one_cycle(1, 1e-3)


# Weights


@pytest.fixture
def coco_norms(mended: Mended) -> torch.nn.Module:
    """What torchvision's COCO weights give: norm layers with epsilon 0."""
    model_type = mended.ice.models.torchvision.mask_rcnn
    model = model_type.model(num_classes=3, backbone=model_type.backbones.resnet18_fpn(pretrained=False)).eval()
    generator = torch.Generator().manual_seed(0)
    for layer in model.modules():
        if isinstance(layer, FrozenBatchNorm2d):
            layer.eps = 0.0
            layer.running_var.copy_(torch.rand(layer.running_var.shape, generator=generator) * 1e-3 + 1e-5)
            layer.weight.copy_(torch.rand(layer.weight.shape, generator=generator) * 1e-2)
    return model


def test_norm_layers_of_coco_weights_are_kept_in_the_file_of_weights(coco_norms: Any) -> None:
    image = torch.rand(1, 3, SIDE, SIDE)
    with torch.no_grad():
        before = coco_norms.backbone(image)["0"]
        _set_norm_epsilon(coco_norms)
        after = coco_norms.backbone(image)["0"]
    torch.testing.assert_close(after, before, rtol=1e-4, atol=1e-6)
    assert {layer.eps for layer in coco_norms.modules() if isinstance(layer, FrozenBatchNorm2d)} == {NORM_EPSILON}


def test_weights_of_a_file_begin_its_training(mended: Mended, discs: Records, tmp_path: Path) -> None:
    fitted, _ = trainee(discs)
    torch.save(fitted.model.state_dict(), tmp_path / "model.pth")
    torch.manual_seed(1)
    data = samples(discs)
    again, _ = icevision.engine(data, data, batch_size=2, weights=str(tmp_path / "model.pth"), backbone="resnet18_fpn")
    for name, value in again.model.state_dict().items():
        torch.testing.assert_close(value.cpu(), fitted.model.state_dict()[name].cpu(), rtol=0, atol=0)


def test_weights_that_cannot_be_had_are_one_sentence(
    mended: Mended, discs: Records, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A proxy on this machine that nothing answers at.
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    data = samples(discs)
    for weights in ("auto", "imagenet"):
        with pytest.raises(WeightsError, match="could not be fetched"):
            icevision.engine(data, data, batch_size=2, weights=weights)


# What it cannot do


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"norm": "group"}, "frozen norm layers, not with norm='group'"),
        ({"precision": "bfloat16"}, "trains in float32 .* not with precision='bfloat16'"),
        ({"backbone": "resnet9_fpn"}, "there is no backbone 'resnet9_fpn'; expected one of resnet18_fpn"),
        ({"backbone": "resnet18_fpn", "weights": "coco"}, "COCO weights for resnet50_fpn, not for resnet18_fpn"),
    ],
)
def test_what_icevision_cannot_do_is_refused(
    mended: Mended, discs: Records, options: dict[str, Any], sentence: str
) -> None:
    data = samples(discs)
    with pytest.raises(ConfigError, match=sentence):
        icevision.engine(data, data, **{"batch_size": 2, "weights": "none", **options})


def test_transforms_must_be_an_adapter(mended: Mended, discs: Records) -> None:
    with pytest.raises(ConfigError, match=r"takes its transforms from a tfms.A.Adapter"):
        icevision.engine(Dataset(discs), samples(discs), batch_size=2, weights="none")


def test_without_icevision_the_command_that_adds_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.metadata

    def missing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    with pytest.raises(MissingExtraError, match="contorno env add icevision"):
        icevision.check_installed()
