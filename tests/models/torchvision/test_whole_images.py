"""The exported model finds what validation measures: the same sample of a picture of any size, the same way back."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from contorno import inference, masks, tfms
from contorno.dataset import Dataset
from contorno.draw import IMAGENET_MEAN, IMAGENET_STD
from contorno.models.torchvision import mask_rcnn
from contorno.models.torchvision.backbones import resnet18_fpn
from contorno.models.torchvision.whole_images import WholeImages
from contorno.rehearsal import draw_scene
from contorno.tfms.presets import PADDING_RGB

SIZE = 96


@pytest.fixture(scope="module")
def model() -> torch.nn.Module:
    torch.manual_seed(0)
    few = {"box_detections_per_img": 20, "rpn_post_nms_top_n_test": 60, "box_score_thresh": 0.0}
    made = mask_rcnn.model(resnet18_fpn(pretrained=False), 3, **few)
    # Random weights find nothing in particular; further apart they give boxes and masks that tell objects apart.
    with torch.no_grad():
        made.roi_heads.box_predictor.cls_score.weight.mul_(20)
        made.roi_heads.mask_predictor.mask_fcn_logits.weight.mul_(3)
    return made.eval()


def transform() -> WholeImages:
    return WholeImages(SIZE, IMAGENET_MEAN, IMAGENET_STD, PADDING_RGB)


def picture(height: int, width: int) -> np.ndarray:
    return draw_scene(np.random.default_rng(0), (height, width)).image


def as_input(image: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(image).permute(2, 0, 1).float() / 255


def sample_of(image: np.ndarray) -> np.ndarray:
    pipeline = tfms.A.Adapter([*tfms.A.resize_and_pad(SIZE), tfms.A.Normalize()])
    return Dataset.from_images([image], pipeline)[0].image.transpose(2, 0, 1)


@pytest.mark.parametrize("size", [(96, 96), (96, 71), (64, 96)], ids=str)
def test_a_picture_of_the_right_size_becomes_the_very_sample_of_validation(size: tuple[int, int]) -> None:
    image = picture(*size)
    (found,) = transform()([as_input(image)])[0].tensors
    np.testing.assert_allclose(found.numpy(), sample_of(image), atol=1e-5)


@pytest.mark.parametrize("size", [(192, 130), (61, 200), (50, 33)], ids=str)
def test_a_picture_of_another_size_differs_by_the_rounding_of_bytes(size: tuple[int, int]) -> None:
    image = picture(*size)
    (found,) = transform()([as_input(image)])[0].tensors
    # A step of a byte is 0.018 after normalising; OpenCV rounds its weights too.
    assert np.abs(found.numpy() - sample_of(image)).max() < 0.06


@pytest.mark.parametrize("size", [(96, 96), (96, 71), (64, 96)], ids=str)
def test_the_exported_model_finds_what_validation_measures(model: torch.nn.Module, size: tuple[int, int]) -> None:
    image = picture(*size)
    pipeline = tfms.A.Adapter([*tfms.A.resize_and_pad(SIZE), tfms.A.Normalize()])
    measured = inference.predict(model, Dataset.from_images([image], pipeline), detection_threshold=0.0)[0]
    with torch.no_grad():
        found = mask_rcnn.export_model(model, size=SIZE)([as_input(image)])[0]
    assert len(measured) > 5
    assert found["labels"].tolist() == measured.labels.tolist()
    np.testing.assert_allclose(found["scores"].numpy(), measured.scores, atol=1e-4)
    np.testing.assert_allclose(found["boxes"].numpy(), measured.boxes, atol=1e-2)
    assert measured.masks is not None
    for drawn, code in zip(found["masks"], measured.masks, strict=True):
        ours, theirs = (drawn[0] > masks.MASK_THRESHOLD).numpy(), masks.decode(code) > 0
        # A box that differs in the last digit may be cut to another whole pixel.
        assert (ours != theirs).sum() <= 4 + 0.02 * theirs.sum()
    assert sum(masks.area(code) > 50 for code in measured.masks) > 5


def test_boxes_go_back_to_the_pixels_of_each_image_and_what_lies_in_the_padding_is_left_out() -> None:
    boxes = torch.tensor([[0.0, 20, 48, 60], [10.0, 0, 20, 20], [90.0, 30, 96, 50]])
    result = {"boxes": boxes, "labels": torch.tensor([1, 2, 1]), "scores": torch.tensor([0.9, 0.8, 0.7])}
    # 96 x 192 becomes 48 x 96 with 24 empty rows above and below.
    (found,) = transform().postprocess([result], [(SIZE, SIZE)], [(96, 192)])
    assert found["boxes"].tolist() == [[0, 0, 96, 72], [180, 12, 192, 52]]
    assert found["labels"].tolist() == [1, 1]
