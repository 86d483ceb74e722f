"""The tableware: what lies over a food hides it."""

from __future__ import annotations

import numpy as np

from contorno.rehearsal import foods, tableware
from tiny_canvas import parts_of, plain_canvas


def test_a_fork_across_a_hot_dog_splits_what_is_seen_of_it() -> None:
    canvas, rng = plain_canvas(), np.random.default_rng(0)
    below = canvas.lay(foods.hot_dog(rng, (50.0, 50.0), 30.0, 0.0))
    above = canvas.lay(tableware.fork(rng, (50.0, 50.0), 45.0, np.pi / 2))
    assert parts_of(below) == 1
    assert parts_of(below & ~above) >= 2


def test_a_plate_fills_its_circle_and_a_napkin_its_square() -> None:
    rng = np.random.default_rng(0)
    plate = plain_canvas().lay(tableware.plate(rng, (50.0, 50.0), 30.0, 0.0))
    napkin = plain_canvas().lay(tableware.napkin(rng, (50.0, 50.0), 30.0, 0.0))
    assert abs(int(plate.sum()) - np.pi * 30**2) < 60
    assert abs(int(napkin.sum()) - 60**2) < 130
    assert not plate[22, 22]
    assert napkin[22, 22]
