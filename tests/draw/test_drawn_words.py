"""IceVision's show and draw functions: its arguments in its order, and a word on those without effect."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tiny
from contorno.dataset import Dataset
from contorno.draw import drawn_words, show, show_one
from contorno.errors import ConfigError
from contorno.records import ClassMap
from contorno.samples import Prediction

NAMES = ClassMap(["disc", "ring"])


def prediction() -> Prediction:
    record = tiny.disc_records(1)[0]
    found = record.instances
    return Prediction(
        image_id=1,
        size_hw=record.size_hw,
        labels=found.labels,
        scores=np.full(len(found), 0.9, np.float32),
        boxes=found.boxes,
        masks=found.run_lengths(),
        record=record,
        class_map=NAMES,
    )


MANY: dict[str, Callable[..., Any]] = {
    "show_records": lambda **more: show.show_records(tiny.disc_records(4), NAMES, True, False, True, 2, (4, 4), **more),
    "show_samples": lambda **more: show.show_samples(
        list(Dataset(tiny.disc_records(4))), NAMES, None, True, False, True, 2, (4, 4), **more
    ),
    "show_preds": lambda **more: show.show_preds([prediction()] * 4, None, True, False, True, (4, 4), ncols=2, **more),
}
ONE: dict[str, Callable[..., Any]] = {
    "show_record": lambda **more: show_one.show_record(tiny.disc_records(1)[0], NAMES, False, **more),
    "show_sample": lambda **more: show_one.show_sample(Dataset(tiny.disc_records(1))[0], NAMES, None, False, **more),
    "show_pred": lambda **more: show_one.show_pred(prediction(), None, False, **more),
}
DRAW: dict[str, Callable[..., Any]] = {
    "draw_record": lambda **more: drawn_words.draw_record(tiny.disc_records(1)[0], NAMES, **more),
    "draw_sample": lambda **more: drawn_words.draw_sample(Dataset(tiny.disc_records(1))[0], NAMES, **more),
    "draw_pred": lambda **more: drawn_words.draw_pred(prediction(), None, **more),
}


@pytest.mark.parametrize("name", MANY)
def test_pictures_stand_in_rows_and_go_to_a_file(name: str, tmp_path: Path) -> None:
    sheet = MANY[name](show=False, path=tmp_path / "sheet.png")
    assert 380 < sheet.width < 440  # two of 200 px, whatever their captions
    assert sheet.height > 380
    assert (tmp_path / "sheet.png").stat().st_size > 1000


@pytest.mark.parametrize("name", ONE)
def test_one_picture_is_shown_alone(name: str) -> None:
    assert 380 < ONE[name](show=False).width < 440


@pytest.mark.parametrize("name", DRAW)
def test_drawn_objects_can_be_left_out(name: str) -> None:
    full = DRAW[name]()
    score = {"display_score": False} if name == "draw_pred" else {}
    plain = DRAW[name](display_label=False, display_mask=False, display_bbox=False, **score)
    assert full.shape == plain.shape == (64, 64, 3)
    assert np.array_equal(np.asarray(DRAW[name](return_as_pil_img=True)), full)
    assert not np.array_equal(full, plain)
    assert np.array_equal(plain, tiny.disc_records(1)[0].image)


@pytest.mark.parametrize("name", [*MANY, *ONE])
def test_settings_of_letters_say_that_they_have_no_effect(name: str) -> None:
    call = (MANY | ONE)[name]
    with pytest.warns(UserWarning, match=rf"font_size, label_color: without effect in {name}\(\)"):
        call(show=False, font_size=50, label_color="#ffff00")


@pytest.mark.parametrize("name", [*MANY, *ONE, *DRAW])
def test_unknown_settings_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=rf"{name}\(\) takes no exclude_labels"):
        (MANY | ONE | DRAW)[name](exclude_labels=["disc"])


def test_samples_take_the_names_given() -> None:
    sample = Dataset(tiny.disc_records(1))[0]
    named = drawn_words.draw_sample(sample, ClassMap(["A rather long name", "Another rather long name"]))
    assert not np.array_equal(np.asarray(named), np.asarray(drawn_words.draw_sample(sample)))
    assert sample.class_map.names == ("disc", "ring")
