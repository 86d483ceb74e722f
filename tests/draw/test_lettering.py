"""Tags stay inside the image, off each other, and readable."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from contorno.draw.lettering import Tag, draw_tags, luminance, readable, shorten

RED = (255, 0, 0)


def tagged(*tags: Tag, size: tuple[int, int] = (200, 100)) -> np.ndarray:
    canvas = Image.new("RGB", size)
    draw_tags(canvas, tags, 12)
    return np.array(canvas)


def extent(pixels: np.ndarray, color: tuple[int, int, int]) -> tuple[int, int, int, int]:
    rows, columns = np.nonzero((pixels == color).all(axis=2))
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


@pytest.mark.parametrize(
    "box",
    [(0, 0, 10, 10), (190, 0, 200, 10), (0, 90, 10, 100), (190, 90, 200, 100), (0, 0, 200, 100)],
    ids=["top left", "top right", "bottom left", "bottom right", "all"],
)
def test_tag_is_whole_and_inside_the_image_wherever_the_object_is(box: tuple[float, float, float, float]) -> None:
    free = extent(tagged(Tag(text="hot dog", color=RED, box=(60, 50, 140, 90))), RED)
    placed = extent(tagged(Tag(text="hot dog", color=RED, box=box)), RED)
    assert (placed[2] - placed[0], placed[3] - placed[1]) == (free[2] - free[0], free[3] - free[1])


def test_tags_of_two_objects_in_one_place_do_not_overlap() -> None:
    box = (60.0, 40.0, 140.0, 80.0)
    pixels = tagged(Tag(text="aa", color=RED, box=box), Tag(text="bb", color=(0, 0, 255), box=box))
    first, second = extent(pixels, RED), extent(pixels, (0, 0, 255))
    assert first[3] <= second[1] or second[3] <= first[1] or first[2] <= second[0] or second[2] <= first[0]


def test_crowded_tags_are_left_out_rather_than_cut_off() -> None:
    colors = [(250, 10 * index, 0) for index in range(12)]
    pixels = tagged(*(Tag(text="a", color=color, box=(0, 0, 60, 20)) for color in colors), size=(60, 30))
    drawn = [extent(pixels, color) for color in colors if (pixels == color).all(axis=2).any()]
    assert 1 <= len(drawn) < 12
    assert len({bottom - top for _, top, _, bottom in drawn}) == 1


def test_image_smaller_than_a_tag_gets_none() -> None:
    assert not tagged(Tag(text="hot dog", color=RED, box=(0, 0, 4, 4)), size=(6, 6)).any()


def test_long_text_is_cut_with_an_ellipsis() -> None:
    text, font = shorten("a class name that goes on and on", 12, 60)
    assert text.endswith("…")
    assert text.startswith("a cl")
    assert font.getlength(text) <= 60


def test_accented_text_is_written_with_letters_rather_than_boxes() -> None:
    text, font = readable("señal", 12)
    nothing = bytes(font.getmask("\uffff"))
    assert len(text) == 5
    assert all(bytes(font.getmask(letter)) != nothing for letter in text)


def test_luminance_of_black_white_and_green() -> None:
    assert luminance((0, 0, 0)) == 0
    assert luminance((255, 255, 255)) == pytest.approx(1)
    assert luminance((0, 255, 0)) == pytest.approx(0.7152)


def test_text_of_ten_thousand_letters_is_cut_to_its_width() -> None:
    text, font = shorten("a long name " * 1000, 12, 100)
    assert text.endswith("…")
    assert 80 < font.getlength(text) <= 100
