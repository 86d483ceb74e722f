"""Outlines along the pixel edges: points by eye, one polygon for each part, holes wound the other way."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from contorno import outlines


def bitmap_of(*rows: str) -> NDArray[np.uint8]:
    return np.array([[cell == "#" for cell in row] for row in rows], dtype=np.uint8)


def points_of(*rows: str) -> list[list[list[float]]]:
    return [part.tolist() for part in outlines.trace(bitmap_of(*rows))]


def signed_area(part: NDArray[np.float64]) -> float:
    """Above 0 for a way that is clockwise on the screen."""
    x, y = part.T
    return float(x @ np.roll(y, -1) - np.roll(x, -1) @ y) / 2


def test_outline_runs_clockwise_from_the_topmost_left_corner() -> None:
    assert points_of("#") == [[[0, 0], [1, 0], [1, 1], [0, 1]]]
    assert points_of(".##", "###") == [[[1, 0], [3, 0], [3, 2], [0, 2], [0, 1], [1, 1]]]


def test_points_on_a_straight_edge_are_left_out() -> None:
    assert points_of(*["#####"] * 4) == [[[0, 0], [5, 0], [5, 4], [0, 4]]]


def test_parts_are_polygons_of_their_own_in_reading_order() -> None:
    assert [part[0] for part in points_of("..#", "#..", "..#")] == [[2, 0], [0, 1], [2, 2]]


def test_pixels_that_touch_cornerwise_are_one_part() -> None:
    assert len(points_of("#.", ".#")) == 1
    assert len(points_of(".#", "#.")) == 1


def test_nothing_has_no_outline() -> None:
    assert points_of("...", "...") == []
    assert outlines.trace(np.zeros((0, 0), dtype=np.uint8)) == []


def test_hole_is_cut_in_by_a_level_edge_there_and_back() -> None:
    assert points_of("####", "##.#", "####") == [
        # Round the outside to the left edge, level to the hole, down and round it, and level back.
        [[0, 0], [4, 0], [4, 3], [0, 3], [0, 1], [2, 1], [2, 2], [3, 2], [3, 1], [0, 1]]
    ]


def test_island_in_a_hole_is_a_part_of_its_own() -> None:
    assert len(points_of("#####", "#...#", "#.#.#", "#...#", "#####")) == 2


@pytest.mark.parametrize("seed", range(5))
def test_holes_wind_the_other_way_so_that_areas_add_up(seed: int) -> None:
    bitmap = (np.random.default_rng(seed).random((30, 30)) < 0.7).astype(np.uint8)
    assert sum(map(signed_area, outlines.trace(bitmap))) == bitmap.sum()


def test_edges_run_along_rows_and_columns_only() -> None:
    bitmap = (np.random.default_rng(0).random((30, 30)) < 0.6).astype(np.uint8)
    for part in outlines.trace(bitmap):
        steps = np.roll(part, -1, axis=0) - part
        assert ((steps != 0).sum(axis=1) == 1).all()


def test_rings_are_the_outlines_of_each_part_with_its_own_holes() -> None:
    bitmap = bitmap_of("#####..", "#.#.#..", "#####..", ".....##", "###..##", "#.#....", "###....")
    (first, second), shapes = outlines.rings(bitmap)[:2], [len(part) for part in outlines.rings(bitmap)]
    assert shapes == [3, 2]  # the two by two touches the first part cornerwise
    assert [hole[0].tolist() for hole in first[1:]] == [[1, 1], [3, 1]]
    assert second[1].tolist() == [[1, 5], [1, 6], [2, 6], [2, 5]]


@pytest.mark.parametrize("seed", range(5))
def test_rings_fill_what_the_traced_parts_fill(seed: int) -> None:
    bitmap = (np.random.default_rng(seed).random((30, 40)) < 0.6).astype(np.uint8)
    traced, rings = outlines.trace(bitmap), outlines.rings(bitmap)
    assert len(traced) == len(rings)
    for part, loops in zip(traced, rings, strict=True):
        assert signed_area(part) == sum(signed_area(loop) for loop in loops)
        assert signed_area(loops[0]) > 0
        assert all(signed_area(hole) < 0 for hole in loops[1:])


def test_loops_are_linked_between_their_nearest_vertices_there_and_back() -> None:
    left, right = np.array([[0.0, 0], [2, 0], [2, 2], [0, 2]]), np.array([[5.0, 1], [6, 0], [6, 2]])
    linked = outlines.link([left, right]).tolist()
    assert linked == [[0, 0], [2, 0], [5, 1], [6, 0], [6, 2], [5, 1], [2, 0], [2, 2], [0, 2]]


def test_one_loop_is_linked_to_nothing_and_many_form_a_chain_of_short_links() -> None:
    square = np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]])
    assert outlines.link([square]) is square
    row = [square + np.array([3 * place, 0]) for place in (0, 2, 1, 3)]
    linked = outlines.link(row)
    steps = np.abs(np.diff(linked, axis=0, append=linked[:1])).sum(axis=1)
    assert len(linked) == 4 * 4 + 2 * 3
    assert sorted(steps)[-6:] == [2, 2, 2, 2, 2, 2]
    assert steps.max() == 2


def test_very_many_loops_become_a_chain_there_and_back() -> None:
    square = np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]])
    linked = outlines.link([square + np.array([2 * place, 0]) for place in range(500)])
    way_back = linked[-498:]
    assert len(linked) == 500 * 5 + 498
    assert way_back[:, 0].tolist() == list(range(996, 0, -2))
    assert linked[4:6].tolist() == [[0, 0], [2, 0]]
