"""Several parts as one polygon: pycocotools draws the very same mask from it, whatever the vertices."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from contorno import masks
from contorno.errors import DataError
from contorno.joined import join_parts
from contorno.masks import Polygons, RunLength
from tiny import bitmap

SIZE = (40, 50)


def drawn(*parts: NDArray[np.float64], size: tuple[int, int] = SIZE) -> RunLength:
    return masks.to_run_length(Polygons(parts), size)


def rectangle(left: float, top: float, right: float, bottom: float) -> NDArray[np.float64]:
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]])


@st.composite
def many_parts(draw: st.DrawFn) -> Polygons:
    """One to six polygons of any vertices, crossing themselves, each other and the edge of the image."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    reach = draw(st.sampled_from([4.0, 15.0, 60.0]))
    parts = []
    for _ in range(draw(st.integers(1, 6))):
        points = rng.uniform(0, reach, (rng.integers(3, 8), 2)) + rng.uniform(-8, 45, 2)
        parts.append(points.round(draw(st.sampled_from([0, 1, 6, 17]))))
    return Polygons(tuple(parts))


@settings(max_examples=300, deadline=None)
@given(many_parts())
def test_any_parts_as_one_polygon_give_the_same_mask(polygons: Polygons) -> None:
    assert drawn(join_parts(polygons)) == drawn(*polygons.parts)
    assert drawn(join_parts(polygons, size=SIZE)) == drawn(*polygons.parts)


@pytest.mark.parametrize("seed", range(20))
def test_parts_along_pixel_edges_as_one_polygon_give_the_same_mask(seed: int) -> None:
    noise = (np.random.default_rng(seed).random(SIZE) < seed / 20 + 0.02).astype(np.uint8)
    code = masks.encode(noise)
    assert drawn(join_parts(masks.to_polygons(code))) == code


@settings(max_examples=100, deadline=None)
@given(many_parts())
def test_the_same_stays_true_when_the_vertices_are_written_with_six_digits_of_the_image(polygons: Polygons) -> None:
    joined = join_parts(polygons)
    height, width = SIZE
    apart = Polygons(tuple((part / [width, height]).round(6) * [width, height] for part in polygons.parts))
    rounded = (joined / [width, height]).round(6) * [width, height]
    # Parts that share no pixel keep their vertices; only those are rounded alike here.
    if len(joined) == sum(map(len, polygons.parts)) + 2 * (len(polygons.parts) - 1):
        assert masks.iou([drawn(rounded)], [drawn(*apart.parts)])[0, 0] >= 0.99 or masks.area(drawn(rounded)) < 100


def test_thousands_of_parts_give_the_same_mask_in_no_time() -> None:
    noise = (np.random.default_rng(0).random((300, 300)) < 0.2).astype(np.uint8)
    code = masks.encode(noise)
    polygons = masks.to_polygons(code)
    assert len(polygons.parts) > 3000
    assert drawn(join_parts(polygons), size=code.size) == code


def test_one_part_comes_back_as_it_is() -> None:
    polygons = Polygons((rectangle(1, 2, 7.5, 9),))
    assert join_parts(polygons) is polygons.parts[0]


def test_parts_that_share_no_pixel_keep_their_vertices_and_get_two_more_for_each_link() -> None:
    parts = (rectangle(1, 1, 5, 5), rectangle(5, 1, 9, 5), rectangle(20.25, 1, 24, 5))
    joined = join_parts(Polygons(parts)).tolist()
    assert len(joined) == 12 + 4
    assert all(point in joined for part in parts for point in part.tolist())


def test_part_within_another_is_left_out() -> None:
    outer = rectangle(1.5, 1, 30, 30)
    assert join_parts(Polygons((rectangle(5, 5, 9, 9), outer, outer))).tolist() == outer.tolist()


def test_parts_that_overlap_become_the_outline_of_their_union() -> None:
    joined = join_parts(Polygons((rectangle(0, 0, 2, 2), rectangle(1, 1, 3, 3))))
    assert joined.tolist() == [[0, 0], [2, 0], [2, 1], [3, 1], [3, 3], [1, 3], [1, 2], [0, 2]]


def test_both_fill_rules_agree_on_parts_of_a_mask() -> None:
    code = masks.encode(bitmap("###.##", "#.#.##", "###...", "....##"))
    joined = join_parts(masks.to_polygons(code))
    x, y = joined.T
    assert (x @ np.roll(y, -1) - np.roll(x, -1) @ y) / 2 == masks.area(code)


def test_no_parts_and_parts_too_large_to_draw_are_refused() -> None:
    with pytest.raises(DataError, match="without parts"):
        join_parts(Polygons(()))
    far = Polygons((rectangle(0, 0, 20_000, 20_000), rectangle(1, 1, 20_001, 20_001)))
    with pytest.raises(DataError, match="overlap in a box of 20001 x 20001 pixels"):
        join_parts(far)
    assert len(join_parts(far, size=SIZE)) == 4
