"""torchvision's own detectors, in contorno's form."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torchvision.models.detection import MaskRCNN, keypointrcnn_resnet50_fpn
from torchvision.models.detection.backbone_utils import resnet_fpn_backbone

from contorno import inference
from contorno.dataset import Dataset
from contorno.errors import ConfigError
from contorno.learner import learner
from contorno.models.torchvision import mask_rcnn
from contorno.models.torchvision.adopting import adopt
from contorno.tfms import A
from tiny import disc_records


@pytest.fixture(scope="module")
def foreign() -> MaskRCNN:
    """torchvision's own Mask R-CNN with random weights, in evaluation mode."""
    torch.manual_seed(0)
    return MaskRCNN(resnet_fpn_backbone(backbone_name="resnet18", weights=None), num_classes=3).eval()


def test_layers_and_names_are_the_very_same(foreign: MaskRCNN) -> None:
    twin = adopt(foreign)
    assert twin is not foreign
    assert list(twin.state_dict()) == list(foreign.state_dict())
    assert all(one is other for one, other in zip(twin.parameters(), foreign.parameters(), strict=True))
    assert type(foreign.transform).__name__ == "GeneralizedRCNNTransform"
    assert {part.training for part in twin.modules()} == {False}


def test_contornos_own_model_is_given_back() -> None:
    model = mask_rcnn.model(mask_rcnn.backbones.resnet18_fpn(pretrained=False), 2)
    assert adopt(model) is model


@pytest.mark.slow
def test_predict_of_a_foreign_model_is_that_of_contornos_with_its_weights(foreign: MaskRCNN) -> None:
    own = mask_rcnn.model(mask_rcnn.backbones.resnet18_fpn(pretrained=False, norm="frozen"), 3)
    mask_rcnn.load_weights(own, foreign.state_dict())
    data = Dataset(disc_records(2, (40, 60)), A.Adapter([*A.resize_and_pad(64), A.Normalize()]))
    theirs = inference.predict(foreign, data, detection_threshold=0.0)
    ours = inference.predict(own, data, detection_threshold=0.0)
    assert len(ours[0]) > 0
    for one, other in zip(theirs, ours, strict=True):
        np.testing.assert_array_equal(one.scores, other.scores)
        np.testing.assert_array_equal(one.boxes, other.boxes)
        assert one.masks == other.masks
    result, _ = inference.evaluate(foreign, data)
    assert 0 <= result.figures["mask_ap"] <= 1


@pytest.mark.slow
def test_training_one_trains_the_other(foreign: MaskRCNN) -> None:
    before = foreign.roi_heads.box_predictor.cls_score.weight.detach().clone()
    data = Dataset(disc_records(2), A.Adapter([*A.resize_and_pad(64), A.Normalize()]))
    loaders = [mask_rcnn.train_dl(data, batch_size=2), mask_rcnn.valid_dl(data, batch_size=2)]
    learn = learner(loaders, adopt(foreign), precision="float32", show_progress=False)
    learn.fit(1, 1e-3)
    assert not torch.equal(foreign.roi_heads.box_predictor.cls_score.weight.cpu(), before)


def test_other_models_are_refused() -> None:
    with pytest.raises(ConfigError, match="KeypointRCNN is not a Mask R-CNN or Faster R-CNN of torchvision"):
        adopt(keypointrcnn_resnet50_fpn(weights=None, weights_backbone=None))
