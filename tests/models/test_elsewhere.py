"""Words of IceVision for what is not there: one sentence each, and an AttributeError for Python's own questions."""

from __future__ import annotations

from types import ModuleType

import pytest

from contorno import models
from contorno.errors import ConfigError
from contorno.models import elsewhere
from contorno.models.torchvision import backbones, faster_rcnn, mask_rcnn

WORDS: list[tuple[ModuleType, str]] = [
    *((models, name) for name in elsewhere.MODELS),
    *((models.torchvision, name) for name in elsewhere.TORCHVISION),
    *((mask_rcnn, name) for name in elsewhere.OF_A_MODEL),
    *((faster_rcnn, name) for name in elsewhere.OF_A_MODEL),
    *((backbones, name) for name in ("resnext50_32x4d_fpn", "mobilenet", "wide_resnet101_2_fpn")),
]


@pytest.mark.parametrize(("module", "name"), WORDS, ids=lambda value: getattr(value, "__name__", value))
def test_a_word_says_in_one_sentence_what_to_use(module: ModuleType, name: str) -> None:
    with pytest.raises(ConfigError, match=r"use |look at |take|predict |is |are |losses") as caught:
        getattr(module, name)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")
    assert not hasattr(module, name)


def test_other_names_are_plain_attribute_errors() -> None:
    for module in (models, models.torchvision, mask_rcnn, faster_rcnn):
        with pytest.raises(AttributeError, match="has no attribute 'nonsense'") as caught:
            module.nonsense  # noqa: B018
        assert not isinstance(caught.value, ConfigError)
    assert not hasattr(backbones, "__wrapped__")


def test_a_thing_elsewhere_answers_calls_and_attributes_with_its_sentence() -> None:
    thing = elsewhere.Elsewhere("pl", "use the learner.")
    with pytest.raises(ConfigError, match="use the learner"):
        thing.Trainer(max_epochs=3)
    with pytest.raises(ConfigError, match="use the learner"):
        thing()
    assert repr(thing) == "pl: use the learner."
    assert not hasattr(thing, "_repr_html_")
