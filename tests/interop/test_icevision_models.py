"""Models of the real icevision in contorno's predict, evaluate and learner, contorno's in icevision's; checkpoints."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from contorno import inference, masks
from contorno.dataset import Dataset
from contorno.errors import ConfigError, WeightsError
from contorno.integrations.icevision import (
    Mended,
    dataset,
    model_from_icevision,
    model_to_icevision,
    predictions_from_icevision,
    read_checkpoint,
    to_icevision,
    write_checkpoint,
)
from contorno.learner import learner
from contorno.metrics import COCOMetric, COCOMetricType
from contorno.models.torchvision import faster_rcnn, mask_rcnn, weights
from contorno.records import ClassMap, Records
from contorno.samples import Prediction
from contorno.tfms import A
from tiny_icevision import FEW, NUMPY_TWO, SIZE, ice_mask_rcnn, image_records

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.filterwarnings(NUMPY_TWO)]

SIDE = 96


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Records:
    return image_records(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def model(mended: Mended) -> Any:
    return ice_mask_rcnn(mended.ice)


def contornos(state: dict[str, Tensor], num_classes: int = 3) -> Any:
    made = mask_rcnn.model(mask_rcnn.backbones.resnet18_fpn(pretrained=False, norm="frozen"), num_classes, **FEW)
    mask_rcnn.load_weights(made, state)
    return made.eval()


def samples(records: Records) -> Dataset:
    return Dataset(records, A.Adapter([*A.resize_and_pad(SIDE), A.Normalize()]))


def ice_samples(mended: Mended, records: Records) -> list[Any]:
    transforms = mended.ice.tfms.A
    pipeline = transforms.Adapter([*transforms.resize_and_pad(SIDE), transforms.Normalize()])
    data = mended.ice.Dataset(to_icevision(records), pipeline)
    return [data[index] for index in range(len(data))]


def ice_predict(mended: Mended, model: Any, given: list[Any], **options: Any) -> list[Prediction]:
    found = mended.ice.models.torchvision.mask_rcnn.predict(model, given, detection_threshold=0.0, **options)
    return predictions_from_icevision(found)


def assert_same(found: list[Prediction], expected: list[Prediction]) -> None:
    assert sum(len(one) for one in expected) >= 20
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one.labels, other.labels)
        np.testing.assert_array_equal(one.scores, other.scores)
        np.testing.assert_array_equal(one.boxes, other.boxes)
        assert one.masks == other.masks
        assert one.masks is not None


def assert_close(found: list[Prediction], expected: list[Prediction]) -> None:
    assert sum(len(one) for one in expected) >= 20
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one.labels, other.labels)
        np.testing.assert_allclose(one.scores, other.scores, atol=1e-4)
        np.testing.assert_allclose(one.boxes, other.boxes, atol=0.01)
        assert one.masks is not None
        assert other.masks is not None
        drawn = [(masks.decode(code), masks.decode(like)) for code, like in zip(one.masks, other.masks, strict=True)]
        # A pixel whose probability is a half to the fifth digit may go either way.
        assert sum(int((mask != like).sum()) for mask, like in drawn) <= 5


def test_predict_takes_icevisions_model_and_its_records(mended: Mended, model: Any, records: Records) -> None:
    data = dataset(to_icevision(records), A.Adapter([*A.resize_and_pad(SIDE), A.Normalize()]))
    expected = inference.predict(contornos(model.state_dict()), samples(records), detection_threshold=0.0)
    assert_same(inference.predict(model, data, detection_threshold=0.0), expected)
    assert_same(mask_rcnn.predict(model=model_from_icevision(model), dataset=data, detection_threshold=0.0), expected)
    assert model.transform.postprocess.__self__ is model.transform


def test_evaluate_takes_icevisions_model_and_its_records(mended: Mended, model: Any, records: Records) -> None:
    data = dataset(to_icevision(records), A.Adapter([*A.resize_and_pad(SIDE), A.Normalize()]))
    theirs, _ = inference.evaluate(model, data)
    ours, _ = inference.evaluate(contornos(model.state_dict()), samples(records))
    assert theirs.figures == pytest.approx(ours.figures, abs=0, nan_ok=True)
    assert theirs.counts == ours.counts
    assert theirs.counts["negatives"] == 1


def test_masks_drawn_on_samples_are_those_of_icevision(mended: Mended, model: Any, records: Records) -> None:
    """On a sample at its original size both draw masks at the same pixels, and then they are the same."""
    ice = mended.ice
    pipeline = [ice.tfms.A.Resize(*SIZE), ice.tfms.A.Normalize()]
    plain = ice.Dataset(to_icevision(records), ice.tfms.A.Adapter(pipeline))
    ours = inference.predict(model, Dataset(records, A.Adapter(pipeline)), detection_threshold=0.0)
    # contorno normalizes with one multiplication and addition, which rounds otherwise.
    assert_close(ours, ice_predict(mended, model, [plain[index] for index in range(4)]))


def test_learner_trains_icevisions_model_on_its_records(mended: Mended, records: Records) -> None:
    theirs = ice_mask_rcnn(mended.ice, seed=1)
    before = theirs.state_dict()["roi_heads.mask_predictor.mask_fcn_logits.weight"].clone()
    data = dataset(to_icevision(records), A.Adapter([*A.resize_and_pad(64), A.Normalize()]))
    learn = learner(
        [mask_rcnn.train_dl(data, batch_size=2), mask_rcnn.valid_dl(data, batch_size=2)],
        model_from_icevision(theirs),
        [COCOMetric(COCOMetricType.mask)],
        precision="float32",
        show_progress=False,
    )
    learn.fit(1, 1e-4)
    row = learn.history.rows[-1]
    assert np.isfinite([row["train_loss"], row["valid_loss"], row["valid_loss_mask"]]).all()
    assert 0 <= row["mask_ap"] <= 1
    after = theirs.state_dict()["roi_heads.mask_predictor.mask_fcn_logits.weight"].cpu()
    assert not torch.equal(after, before)


def test_contornos_model_in_icevisions_predict(mended: Mended, model: Any, records: Records) -> None:
    own = contornos(model.state_dict())
    given = ice_samples(mended, records)
    expected = ice_predict(mended, model, given)
    lent = model_to_icevision(own)
    assert_same(ice_predict(mended, lent, given), expected)
    assert list(lent.state_dict()) == list(own.state_dict())
    # contorno's own goes on giving masks inside their boxes.
    assert own([torch.zeros(3, SIDE, SIDE)])[0]["masks"].shape[1:] == (1, 28, 28)
    assert not hasattr(own.backbone, "param_groups")


def test_icevisions_learner_trains_contornos_model(mended: Mended, model: Any, records: Records) -> None:
    own = contornos(model.state_dict()).train()
    before = own.roi_heads.box_predictor.cls_score.weight.detach().clone()
    ice = mended.ice
    model_type = ice.models.torchvision.mask_rcnn
    pipeline = ice.tfms.A.Adapter([*ice.tfms.A.resize_and_pad(64), ice.tfms.A.Normalize()])
    data = ice.Dataset(to_icevision(records), pipeline)
    loaders = [
        model_type.train_dl(data, batch_size=2, shuffle=False),
        model_type.valid_dl(data, batch_size=2, shuffle=False),
    ]
    learn = model_type.fastai.learner(
        dls=loaders, model=model_to_icevision(own), metrics=[ice.COCOMetric(ice.COCOMetricType.mask)]
    )
    with learn.no_bar(), learn.no_logging():
        learn.fit(1, 1e-3)
    assert not torch.equal(own.roi_heads.box_predictor.cls_score.weight.cpu(), before)


def old_names(state: dict[str, Tensor]) -> OrderedDict[str, Tensor]:
    """The names of torchvision 0.11 and before, which icevision 0.12.0 was made for."""
    renamed: OrderedDict[str, Tensor] = OrderedDict()
    for name, value in state.items():
        old = name.replace("rpn.head.conv.0.0.", "rpn.head.conv.")
        for part in ("inner_blocks", "layer_blocks"):
            for level in range(4):
                old = old.replace(f"fpn.{part}.{level}.0.", f"fpn.{part}.{level}.")
        for layer in range(4):
            old = old.replace(f"roi_heads.mask_head.{layer}.0.", f"roi_heads.mask_head.mask_fcn{layer + 1}.")
        renamed[old] = value
    return renamed


def prefixed(state: dict[str, Tensor], prefix: str) -> OrderedDict[str, Tensor]:
    return OrderedDict((prefix + name, value) for name, value in state.items())


# Every form in which the weights are met, made of a state dict.
FORMS = {
    "the tutorial's last block": lambda state: state,
    "names of torchvision 0.11": old_names,
    "DataParallel": lambda state: prefixed(state, "module."),
    "Lightning's checkpoint": lambda state: {"epoch": 3, "state_dict": prefixed(state, "model.")},
    "fastai's learn.save": lambda state: {
        "model": state,
        "opt": {"state": [{"mom": torch.zeros(2)}], "hypers": [{"lr": 0.1}]},
    },
    "save_icevision_checkpoint": lambda state: {
        "meta": {
            "classes": ["disc", "ring"],
            "model_name": "torchvision.mask_rcnn",
            "img_size": 96,
            "backbone_name": "resnet18_fpn",
            "mmcv_version": "1.3.17",
            "time": "Mon Feb  7 12:00:00 2022",
        },
        "state_dict": OrderedDict(state),
        "optimizer": {"state": {}, "param_groups": [{"lr": 1e-4, "params": [0, 1]}]},
    },
}


@pytest.mark.parametrize("form", FORMS)
def test_weights_saved_in_icevision_open_with_the_same_predictions(
    mended: Mended, model: Any, records: Records, tmp_path: Path, form: str
) -> None:
    torch.save(FORMS[form](model.state_dict()), tmp_path / "model.pth")
    checkpoint = read_checkpoint(tmp_path / "model.pth")
    assert (checkpoint.detector, checkpoint.backbone, checkpoint.num_classes) == ("mask_rcnn", "resnet18_fpn", 3)
    opened = checkpoint.build(**FEW)
    given = ice_samples(mended, records)
    assert_same(ice_predict(mended, model_to_icevision(opened), given), ice_predict(mended, model, given))
    if form == "save_icevision_checkpoint":
        assert checkpoint.class_map == ClassMap(["disc", "ring"])
        assert (checkpoint.image_size, checkpoint.backbone_name) == (96, "resnet18_fpn")
    else:
        assert checkpoint.class_map is None


def test_settings_of_an_opened_model_are_icevisions_own(mended: Mended, tmp_path: Path) -> None:
    model_type = mended.ice.models.torchvision.mask_rcnn
    theirs = model_type.model(num_classes=2, backbone=model_type.backbones.resnet18_fpn(pretrained=False))
    torch.save(theirs.state_dict(), tmp_path / "model.pth")
    opened = read_checkpoint(tmp_path / "model.pth").build()
    for name in ("score_thresh", "nms_thresh", "detections_per_img"):
        assert getattr(opened.roi_heads, name) == getattr(theirs.roi_heads, name)
    for name in ("_pre_nms_top_n", "_post_nms_top_n", "nms_thresh", "score_thresh", "min_size"):
        assert getattr(opened.rpn, name) == getattr(theirs.rpn, name)
    assert opened.rpn.anchor_generator.sizes == theirs.rpn.anchor_generator.sizes
    assert opened.rpn.anchor_generator.aspect_ratios == theirs.rpn.anchor_generator.aspect_ratios
    held = [parameter.requires_grad for parameter in theirs.parameters()]
    assert [parameter.requires_grad for parameter in opened.parameters()] == held


def test_tutorials_file_loads_into_a_model_of_ones_own(
    mended: Mended, model: Any, records: Records, tmp_path: Path
) -> None:
    with (tmp_path / "model.pth").open("wb") as file:
        torch.save(model.state_dict(), file)
    own = contornos(weights.read(tmp_path / "model.pth"))
    expected = inference.predict(model, samples(records), detection_threshold=0.0)
    assert_same(inference.predict(own, samples(records), detection_threshold=0.0), expected)


def test_weights_saved_in_contorno_open_in_icevision(mended: Mended, records: Records, tmp_path: Path) -> None:
    torch.manual_seed(3)
    own = mask_rcnn.model(mask_rcnn.backbones.resnet18_fpn(pretrained=False, norm="frozen"), 3, **FEW).eval()
    torch.save(own.state_dict(), tmp_path / "model.pth")
    theirs = ice_mask_rcnn(mended.ice, seed=4)
    found = theirs.load_state_dict(torch.load(tmp_path / "model.pth", weights_only=True))
    assert not found.missing_keys
    assert not found.unexpected_keys
    expected = inference.predict(own, samples(records), detection_threshold=0.0)
    assert_same(inference.predict(theirs, samples(records), detection_threshold=0.0), expected)
    given = ice_samples(mended, records)
    assert_same(ice_predict(mended, theirs, given), ice_predict(mended, model_to_icevision(own), given))


def test_checkpoint_in_icevisions_form_comes_back(mended: Mended, model: Any, tmp_path: Path) -> None:
    path = write_checkpoint(
        model, tmp_path / "c.pth", class_map=ClassMap(["disc", "ring"]), backbone_name="resnet18_fpn", image_size=384
    )
    # As icevision's model_from_checkpoint looks it up: the model by its dotted name, then the classes.
    raw = torch.load(path, weights_only=True)
    library, name = raw["meta"]["model_name"].split(".")
    model_type = getattr(getattr(mended.ice.models, library), name)
    backbone = getattr(model_type.backbones, raw["meta"]["backbone_name"])
    class_map = mended.ice.ClassMap(raw["meta"]["classes"])
    theirs = model_type.model(backbone=backbone(pretrained=False), num_classes=len(class_map))
    theirs.load_state_dict(raw["state_dict"])
    back = read_checkpoint(path)
    assert (back.class_names, back.model_name, back.image_size) == (("disc", "ring"), "torchvision.mask_rcnn", 384)
    assert all(torch.equal(value, model.state_dict()[key]) for key, value in back.state_dict.items())


def test_model_that_began_from_torchvisions_coco_weights_had_another_epsilon(
    mended: Mended, model: Any, records: Records, tmp_path: Path
) -> None:
    theirs = ice_mask_rcnn(mended.ice)
    for part in theirs.modules():
        if type(part).__name__ == "FrozenBatchNorm2d":
            # What torchvision does to the model that icevision makes without a backbone.
            part.eps = 0.0
            # The same function as before, of a variance to which 1e-5 makes a difference.
            part.running_var.mul_(1e-4)
            part.weight.mul_(1e-2)
    torch.save(theirs.state_dict(), tmp_path / "model.pth")
    expected = inference.predict(theirs, samples(records), detection_threshold=0.0)
    opened = read_checkpoint(tmp_path / "model.pth", norm_epsilon=0.0).build(**FEW)
    assert_close(inference.predict(opened, samples(records), detection_threshold=0.0), expected)
    unfolded = read_checkpoint(tmp_path / "model.pth").build(**FEW)
    [far, *_] = inference.predict(unfolded, samples(records), detection_threshold=0.0)
    assert np.abs(far.scores[:10] - expected[0].scores[:10]).max() > 0.01


def test_faster_rcnn_opens_too(mended: Mended, records: Records, tmp_path: Path) -> None:
    model_type = mended.ice.models.torchvision.faster_rcnn
    torch.manual_seed(0)
    theirs = model_type.model(num_classes=3, backbone=model_type.backbones.resnet34_fpn(pretrained=False)).eval()
    torch.save(theirs.state_dict(), tmp_path / "model.pth")
    checkpoint = read_checkpoint(tmp_path / "model.pth")
    assert (checkpoint.detector, checkpoint.backbone) == ("faster_rcnn", "resnet34_fpn")
    [one, *_], [other, *_] = (
        faster_rcnn.predict(model=each, dataset=samples(records), detection_threshold=0.0)
        for each in (checkpoint.build(), theirs)
    )
    np.testing.assert_array_equal(one.boxes, other.boxes)
    assert one.masks is None


def test_weights_of_something_else_are_refused(mended: Mended, tmp_path: Path) -> None:
    model_type = mended.ice.models.torchvision.mask_rcnn
    backbone = model_type.backbones.resnet18_fpn(pretrained=False).backbone
    torch.save(backbone.state_dict(), tmp_path / "backbone.pth")
    with pytest.raises(WeightsError, match=r"not those of a Mask R-CNN or Faster R-CNN of torchvision: roi_heads\."):
        read_checkpoint(tmp_path / "backbone.pth").build()
    plain = model_type.model(num_classes=2, backbone=model_type.backbones.resnet18(pretrained=False))
    torch.save(plain.state_dict(), tmp_path / "plain.pth")
    with pytest.raises(
        WeightsError, match="backbone is not a ResNet with a feature pyramid; contorno has resnet18_fpn"
    ):
        read_checkpoint(tmp_path / "plain.pth").build()
    wide = model_type.model(num_classes=2, backbone=model_type.backbones.resnext50_32x4d_fpn(pretrained=False))
    torch.save(wide.state_dict(), tmp_path / "wide.pth")
    with pytest.raises(WeightsError, match=r"the weights are of another network: backbone.body.layer1"):
        read_checkpoint(tmp_path / "wide.pth").build()
    retinanet = mended.ice.models.torchvision.retinanet
    made = retinanet.model(num_classes=2, backbone=retinanet.backbones.resnet18_fpn(pretrained=False))
    with pytest.raises(ConfigError, match="RetinaNet is not a Mask R-CNN or Faster R-CNN"):
        model_from_icevision(made)
    with pytest.raises(ConfigError, match="RetinaNet is not a Mask R-CNN or Faster R-CNN"):
        model_to_icevision(made)


def test_masks_are_cut_at_a_half(model: Any, records: Records) -> None:
    [one] = inference.predict(model, samples(records[:1]), detection_threshold=0.0)
    assert one.masks is not None
    boxes = (one.boxes[:, 2:] - one.boxes[:, :2]).prod(axis=1)
    assert masks.areas(one.masks).sum() < 0.9 * boxes.sum()
