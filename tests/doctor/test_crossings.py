from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tiny
from contorno import masks
from contorno.doctor.crossings import crossing


def crosses(*points: tuple[float, float]) -> bool:
    return bool(crossing([np.array(points, dtype=np.float64)])[0])


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        (((0, 0), (10, 0), (10, 10), (0, 10)), False),
        (((0, 0), (10, 10), (10, 0), (0, 10)), True),
        (((0, 0), (10, 0), (10, 10), (5, 2), (0, 10)), False),
        (((0, 0), (10, 0), (10, 10), (5, -2), (0, 10)), True),
        (((0, 0), (10, 0), (10, 10), (5, 0), (0, 10)), False),
        (((0, 0), (4, 0), (4, 4), (2, 0), (2, -4), (0, -4)), True),
        (((0, 0), (10, 0), (10, 0), (10, 10), (0, 10), (0, 0)), False),
        (((0, 0), (10, 0), (5, 0), (5, 5)), False),
        (((0, 0), (1, 1), (0, 2), (2, 2), (1, 1), (2, 0)), False),
    ],
    ids=["square", "bow", "dent", "dent through", "touch", "through a vertex", "repeats", "back", "corner to corner"],
)
def test_crossings(points: tuple[tuple[float, float], ...], expected: bool) -> None:
    assert crosses(*points) is expected


def test_outlines_with_holes_joined_by_back_and_forth_edges_do_not_cross() -> None:
    ring = tiny.disc((40, 40), (20, 20), 15) - tiny.disc((40, 40), (20, 20), 7)
    ring[18:22, 30:] = 0
    for part in masks.to_polygons(masks.encode(ring)).parts:
        assert not crosses(*map(tuple, part.tolist()))


def brute(points: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> bool:
    """Proper crossings of all pairs of edges, in whole numbers."""
    n = len(points)
    ends = [(points[i].astype(int), points[(i + 1) % n].astype(int)) for i in range(n)]

    def side(a: object, b: object, c: object) -> int:
        (ax, ay), (bx, by), (cx, cy) = a.tolist(), b.tolist(), c.tolist()  # type: ignore[attr-defined]
        value = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        return (value > 0) - (value < 0)

    return any(
        side(a, b, c) * side(a, b, d) < 0 and side(c, d, a) * side(c, d, b) < 0
        for i, (a, b) in enumerate(ends)
        for c, d in ends[i + 1 :]
    )


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), min_size=3, max_size=9))
def test_every_proper_crossing_is_found(points: list[tuple[int, int]]) -> None:
    array = np.array(points, dtype=np.float64)
    if brute(array):
        assert crossing([array])[0]


def test_many_at_once_are_told_apart() -> None:
    square = np.array([[0, 0], [9, 0], [9, 9], [0, 9]], dtype=np.float64)
    bow = square[[0, 2, 1, 3]]
    assert crossing([square, bow, square, bow, bow]).tolist() == [False, True, False, True, True]
    assert crossing([]).tolist() == []
