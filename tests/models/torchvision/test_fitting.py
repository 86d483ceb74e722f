"""A model fitted to its data, and the settings that build it again."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import tiny
from contorno.errors import ConfigError, WeightsError
from contorno.models.torchvision.fitting import fit_model, from_settings, norm_of, region_settings
from contorno.records import ClassMap, Records


def crowded(objects: int) -> Records:
    """One image with so many small squares."""
    squares = []
    for number in range(objects):
        mask = tiny.bitmap(*["." * 64] * 64)
        y, x = divmod(number, 16)
        mask[y * 4 : y * 4 + 2, x * 4 : x * 4 + 2] = 1
        squares.append((1, mask))
    return Records([tiny.record(1, (64, 64), squares)], ClassMap(["square"]))


def test_settings_build_the_same_network_again() -> None:
    said: list[str] = []
    fitted = fit_model(tiny.disc_records(4), 64, weights="none", say=said.append)
    twin = from_settings(fitted.settings, num_classes=3)
    twin.load_state_dict(fitted.model.state_dict())
    assert fitted.settings["backbone"] == "resnet18_fpn"
    assert fitted.settings["norm"] == norm_of(fitted.model) == norm_of(twin) == "group"
    assert twin.rpn.anchor_generator.sizes == fitted.model.rpn.anchor_generator.sizes
    assert twin.roi_heads.detections_per_img == fitted.model.roi_heads.detections_per_img
    assert "Mask R-CNN, resnet18_fpn, group normalisation, random weights, 64 px" in said[-1]
    assert len(said) == 2  # the anchors and the model


def test_weights_from_a_file_are_loaded_but_for_another_number_of_classes(tmp_path: Path) -> None:
    two = fit_model(tiny.disc_records(2), 64, weights="none").model
    torch.save(two.state_dict(), tmp_path / "model.pth")
    one = fit_model(crowded(3), 64, backbone="resnet18_fpn", weights=str(tmp_path / "model.pth")).model
    assert torch.equal(one.backbone.body.conv1.weight, two.backbone.body.conv1.weight)
    assert one.roi_heads.box_predictor.cls_score.out_features == 2
    with pytest.raises(WeightsError, match="does not exist"):
        fit_model(crowded(3), 64, backbone="resnet18_fpn", weights=str(tmp_path / "none.pth"))
    with pytest.raises(
        WeightsError, match="build the model with the backbone and settings that they were trained with"
    ):
        fit_model(crowded(3), 64, backbone="resnet34_fpn", weights=str(tmp_path / "model.pth"))


@pytest.mark.parametrize(("objects", "detections"), [(1, 100), (66, 100), (67, 200), (150, 300)])
def test_detections_cover_the_fullest_image_with_half_as_many_again(objects: int, detections: int) -> None:
    settings = region_settings(crowded(objects), 64)
    assert settings["box_detections_per_img"] == detections
    assert settings["rpn_post_nms_top_n_test"] >= detections or objects < 67


def test_images_without_objects_make_a_model_too() -> None:
    empty = Records([tiny.record(1, (64, 64), [])], ClassMap(["square"]))
    assert region_settings(empty, 800)["box_batch_size_per_image"] == 512
    fitted = fit_model(empty, 64, weights="none")
    assert len(fitted.settings["anchor_sizes"]) == 5


def test_frozen_statistics_stay_frozen_in_the_twin() -> None:
    fitted = fit_model(tiny.disc_records(2), 64, backbone="resnet18_fpn", weights="none", norm="frozen")
    assert fitted.settings["norm"] == "frozen"
    assert norm_of(from_settings(fitted.settings, 3)) == "frozen"


def test_an_unknown_backbone_lists_the_known() -> None:
    with pytest.raises(ConfigError, match="there is no backbone 'vgg'; expected one of resnet18_fpn, resnet34_fpn"):
        fit_model(tiny.disc_records(2), 64, backbone="vgg", weights="none")


@pytest.mark.parametrize(
    "settings",
    [{}, {"backbone": "resnet18_fpn"}, {"backbone": "resnet18_fpn", "norm": "group", "x": 1}],
    ids=["none", "no norm", "one too many"],
)
def test_settings_that_lack_or_add_something_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="the model settings are not those of a detector"):
        from_settings(settings, 2)
