"""Settings from defaults, YAML and words."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from contorno import config
from contorno.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Settings:
    data: Path
    epochs: int = 8
    lr: float | None = None
    classes: tuple[str, ...] = ("Hot dog",)
    weights: Literal["coco", "none"] = "coco"
    flips: bool = False


def test_words_win_over_yaml_and_yaml_over_defaults() -> None:
    found = config.resolve(Settings, {"epochs": 3, "lr": 0.5, "data": "a"}, ["epochs=4", "classes=Hot dog, Banana"])
    assert found == Settings(data=Path("a"), epochs=4, lr=0.5, classes=("Hot dog", "Banana"))


def test_yaml_text_reads_back_to_an_equal_config(tmp_path: Path) -> None:
    settings = Settings(data=Path("my data"), lr=1e-4, classes=("Ñandú", "a: b"), weights="none", flips=True)
    (tmp_path / "c.yaml").write_text(config.to_yaml(settings), encoding="utf-8")
    assert config.resolve(Settings, config.read_yaml(tmp_path / "c.yaml")) == settings


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        config.resolve(Settings, {"epoch": 3, "weights": "imagenet"}, ["lr=fast", "flips=perhaps", "banana"])
    text = str(caught.value)
    assert "epoch in the config is not a key of this recipe; did you mean epochs?" in text
    assert "weights is 'imagenet' in the config; expected one of coco, none" in text
    assert "lr is 'fast' in the command line; expected a number or none" in text
    assert "flips is 'perhaps' in the command line; expected true or false" in text
    assert "'banana' is not of the form key=value" in text
    assert "data is not given; say data=... (a path)" in text


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        ("none", int | None, None),
        ("3", int | None, 3),
        ("1e-3", float, 1e-3),
        ("yes", bool, True),
        ([1, 2], tuple[int, ...], (1, 2)),
        ("8,16", tuple[float, ...], (8.0, 16.0)),
        (4.0, int, 4),
    ],
    ids=str,
)
def test_values_take_the_type_of_their_field(value: object, kind: object, expected: object) -> None:
    assert config.convert(value, kind) == expected


@pytest.mark.parametrize(
    ("value", "kind"), [("4.5", int), (4.5, int), (True, int), ("nan", float), ([1], str)], ids=str
)
def test_a_value_of_another_type_is_refused(value: object, kind: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        config.convert(value, kind)


def test_yaml_that_is_not_yaml_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("a: [1", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"c\.yaml is not YAML"):
        config.read_yaml(tmp_path / "c.yaml")
    (tmp_path / "c.yaml").write_text("- 1", encoding="utf-8")
    with pytest.raises(ConfigError, match="expected keys with values"):
        config.read_yaml(tmp_path / "c.yaml")
