"""Outlines as few straight lines, vertex by vertex."""

from __future__ import annotations

import numpy as np
import pytest

from contorno import masks
from contorno.fitted_outlines import MOST_VERTICES, FittedOutline, loop_area
from tiny import disc

SIZE = (60, 80)


def outline_of(bitmap: np.ndarray, most: int = MOST_VERTICES) -> FittedOutline:
    ((loop,),) = masks.rings(masks.encode(bitmap))
    return FittedOutline(loop, MOST_VERTICES, most)


def test_a_square_has_its_area_and_its_own_corners() -> None:
    square = np.zeros(SIZE, dtype=np.uint8)
    square[10:30, 20:50] = 1
    outline = outline_of(square)
    assert outline.area == 600
    assert sorted(outline.loop(4, SIZE).tolist()) == [[20, 10], [20, 30], [50, 10], [50, 30]]
    assert outline.loop(0, SIZE).shape == (0, 2)


def test_more_vertices_leave_less_between_the_outline_and_its_form() -> None:
    outline = outline_of(disc(SIZE, (40, 30), 25))
    errors = outline.errors
    assert errors[0] == outline.area
    assert np.isinf(errors[1:3]).all()  # no polygon has one vertex or two
    assert (np.diff(errors[3:]) <= 1e-9).all()
    for k in (3, 6, 12):
        form = outline.loop(k, SIZE)
        assert form.shape == (k, 2)
        assert abs(loop_area(form) - outline.area) < errors[k] + 1


def test_a_dear_vertex_leaves_the_outline_out_and_a_free_one_gives_it_exactly() -> None:
    outline = outline_of(disc(SIZE, (40, 30), 25))
    assert outline.vertices_at(1e6) == 0
    counts = [outline.vertices_at(price) for price in (100, 10, 1, 0.1)]
    assert counts == sorted(counts)
    assert counts[0] >= 3
    assert outline.vertices_at(0) == len(outline.exact)


def test_the_exact_outline_is_weighed_only_once_all_numbers_were_tried() -> None:
    bitmap = disc(SIZE, (40, 30), 25)
    assert outline_of(bitmap, most=8).vertices_at(0) <= 8
    assert outline_of(bitmap, most=MOST_VERTICES).vertices_at(0) > 8


def test_vertices_lie_in_the_image_on_hundredths_of_a_pixel() -> None:
    outline = outline_of(disc(SIZE, (5, 5), 20))  # cut by two sides of the image
    form = outline.loop(7, SIZE)
    assert (form >= 0).all()
    assert (form <= [80, 60]).all()
    np.testing.assert_array_equal(form, form.round(2))


@pytest.mark.parametrize("turn", [1, -1])
def test_area_is_the_same_in_either_direction(turn: int) -> None:
    assert loop_area(np.array([[0.0, 0], [4, 0], [4, 3]])[::turn]) == 6
