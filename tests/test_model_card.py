"""The model card: it says what is needed to use the model, and damage is one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import contorno
from contorno.class_map import ClassMap
from contorno.errors import DataError
from contorno.model_card import PACKAGES, read_card, versions, write_card

SETTINGS = {"model": "faster_rcnn", "backbone": "resnet18_fpn", "anchor_sizes": ((8,), (16,))}


def test_a_card_says_what_is_needed_to_use_the_model(tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    write_card(path, SETTINGS, ClassMap(["disc", "ring"]), 64, recipe="mine")
    card = read_card(path)
    assert card["model"] == "faster_rcnn"
    assert card["settings"] == json.loads(json.dumps(SETTINGS))
    assert card["classes"] == ["disc", "ring"]
    assert (card["image_size"], card["recipe"]) == (64, "mine")
    assert card["thresholds"] == {"detection": 0.5, "mask": 0.5}
    assert card["normalize"] == {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
    assert card["versions"] == versions()


def test_settings_without_a_name_are_those_of_a_mask_rcnn(tmp_path: Path) -> None:
    write_card(tmp_path / "model.json", {}, ClassMap(["disc"]), 64)
    assert read_card(tmp_path / "model.json")["model"] == "mask_rcnn"


def test_versions_name_contorno_python_and_every_package() -> None:
    found = versions()
    assert set(found) == {"contorno", "python", "platform", *PACKAGES}
    assert found["contorno"] == contorno.__version__


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not JSON: .* at line 1"),
        ("[]", "is not a model card"),
        ('{"settings": {}}', "the field 'classes' is missing"),
    ],
    ids=["cut", "another file", "short"],
)
def test_a_damaged_card_is_one_sentence(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "model.json").write_text(content)
    with pytest.raises(DataError, match=message) as caught:
        read_card(tmp_path / "model.json")
    assert "model.json" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_card_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"model\.json does not exist"):
        read_card(tmp_path / "model.json")
