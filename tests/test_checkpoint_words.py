"""`save_icevision_checkpoint` and `model_from_checkpoint`, as notebooks call them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from contorno.errors import ConfigError, WeightsError
from contorno.integrations.icevision.checkpoint_words import model_from_checkpoint, save_icevision_checkpoint
from contorno.models.torchvision import faster_rcnn, mask_rcnn
from contorno.records import ClassMap


@pytest.mark.slow
@pytest.mark.parametrize("model_type", [mask_rcnn, faster_rcnn], ids=["mask_rcnn", "faster_rcnn"])
def test_a_model_comes_back_with_its_classes_and_size(model_type: object, tmp_path: Path) -> None:
    class_map = ClassMap(["cat", "dog"])
    backbone = model_type.backbones.resnet18_fpn  # type: ignore[attr-defined]
    model = model_type.model(backbone=backbone(pretrained=False), num_classes=len(class_map)).eval()  # type: ignore[attr-defined]
    save_icevision_checkpoint(
        model,
        model_name="torchvision.faster_rcnn",
        backbone_name="resnet18_fpn",
        img_size=64,
        classes=class_map.get_classes(),
        filename=tmp_path / "new" / "model.pth",
        meta={"icevision_version": "0.12.0"},
    )
    opened = model_from_checkpoint(str(tmp_path / "new" / "model.pth"), map_location=torch.device("cpu"))
    assert opened["model_type"] is model_type
    assert opened["class_map"] == class_map
    assert opened["img_size"] == 64
    assert opened["backbone"] is backbone
    image = [torch.rand(3, 64, 64, generator=torch.manual_seed(0))]
    with torch.no_grad():
        assert torch.equal(opened["model"](image)[0]["boxes"], model(image)[0]["boxes"])
    # A plain state dict says neither; both can be given.
    torch.save(model.state_dict(), tmp_path / "plain.pth")
    plain = model_from_checkpoint(tmp_path / "plain.pth", classes=["background", "cat", "dog"], img_size=96)
    assert plain["class_map"] == class_map
    assert plain["img_size"] == 96
    assert not plain["model"].training
    assert model_from_checkpoint(tmp_path / "plain.pth", eval_mode=False)["model"].training
    with pytest.raises(WeightsError, match="weights are for 3 classes, background counted; the class map has 2: cow"):
        model_from_checkpoint(tmp_path / "plain.pth", classes=["cow"])


def test_what_a_checkpoint_lacks_is_named(tmp_path: Path) -> None:
    model = torch.nn.Linear(1, 1)
    with pytest.raises(ConfigError, match=r"classes=parser.class_map.get_classes\(\), backbone_name"):
        save_icevision_checkpoint(model, tmp_path / "a.pth", img_size=64)
    with pytest.raises(ConfigError, match=r"learn.save\(name\)"):
        save_icevision_checkpoint(model, tmp_path / "a.pth", optimizer=object())
    with pytest.raises(ConfigError, match="fetch an address to a file first"):
        model_from_checkpoint("https://example.org/model.pth")
    with pytest.raises(ConfigError, match="COCO weights"):
        model_from_checkpoint(tmp_path / "a.pth", is_coco=True)
