"""The foods: their outline is what is seen of them."""

from __future__ import annotations

import numpy as np
import pytest

from contorno.rehearsal import foods
from tiny_canvas import parts_of, plain_canvas


def test_the_table_is_seen_through_a_doughnut() -> None:
    canvas = plain_canvas()
    mask = canvas.lay(foods.doughnut(np.random.default_rng(0), (50.0, 50.0), 30.0, 0.0))
    assert not mask[50, 50]
    assert mask[50, 25]
    assert mask[50, 75]
    assert not mask[50, 10]
    assert parts_of(mask) == 1
    assert parts_of(~mask) == 2  # the outside, and the hole


@pytest.mark.parametrize("draw", [foods.hot_dog, foods.banana, foods.orange])
def test_a_food_is_one_part_across_its_place(draw: object) -> None:
    mask = plain_canvas().lay(draw(np.random.default_rng(0), (50.0, 50.0), 30.0, 0.0))  # type: ignore[operator]
    assert mask[35:65, 50].any()
    assert parts_of(mask) == 1
    assert not mask[[0, -1]].any()
    assert not mask[:, [0, -1]].any()
