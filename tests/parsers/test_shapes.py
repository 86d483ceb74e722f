"""Shapes of annotation tools as polygons."""

from __future__ import annotations

import math

import numpy as np
import pytest

from contorno import masks
from contorno.parsers import shapes
from contorno.parsers.coco_geometry import BadGeometry


def area(points: np.ndarray) -> float:
    x, y = points[:, 0], points[:, 1]
    return float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2


def test_polygon_keeps_its_vertices() -> None:
    points = [[1.0, 2.5], [7.25, 2.0], [4.0, 9.0]]
    assert shapes.polygon(points).parts[0].tolist() == points


@pytest.mark.parametrize("radius", [0.01, 0.5, 3, 40, 1000.5])
def test_circle_stays_within_the_bound_and_fills_its_own_box(radius: float) -> None:
    points = shapes.circle(100, 50, radius).parts[0]
    assert len(points) == shapes.curve_vertices(radius)
    assert np.hypot(*(points - (100, 50)).T) == pytest.approx(np.full(len(points), radius))
    middles = (points + np.roll(points, -1, axis=0)) / 2
    assert radius - np.hypot(*(middles - (100, 50)).T).min() <= shapes.FARTHEST_PX
    assert points.min(axis=0).tolist() == [100 - radius, 50 - radius]
    assert points.max(axis=0).tolist() == [100 + radius, 50 + radius]


@pytest.mark.parametrize(("radius", "count"), [(1, 16), (5, 24), (30, 56), (300, 176), (100_000, 3144)])
def test_vertices_of_a_curve(radius: float, count: int) -> None:
    assert shapes.curve_vertices(radius) == count
    assert radius * (1 - math.cos(math.pi / count)) <= shapes.FARTHEST_PX


def test_disc_covers_the_pixels_whose_centres_are_in_it() -> None:
    mask = masks.decode(masks.to_run_length(shapes.circle(10, 10, 6), (20, 20)))
    rows, columns = np.mgrid[:20, :20]
    inside = (columns + 0.5 - 10) ** 2 + (rows + 0.5 - 10) ** 2 <= 36
    # pycocotools rounds to fifths of a pixel, so pixels on the border may differ.
    assert (mask != inside).sum() <= 8
    assert mask[10, 10] == 1


def test_ellipse_turns_clockwise_on_the_screen() -> None:
    points = shapes.ellipse(10, 20, 8, 2, rotation=math.pi / 6).parts[0]
    tip = points[0] - (10, 20)
    assert tip.tolist() == pytest.approx([8 * math.cos(math.pi / 6), 8 * math.sin(math.pi / 6)])
    assert area(points) == pytest.approx(math.pi * 16, rel=0.02)


def test_upright_ellipse_has_its_own_box() -> None:
    points = shapes.ellipse(10, 20, 8, 2).parts[0]
    assert [*points.min(axis=0), *points.max(axis=0)] == [2, 18, 18, 22]


def test_rectangle_has_four_exact_corners_whichever_were_given() -> None:
    expected = [[1, 2], [4, 2], [4, 8], [1, 8]]
    assert shapes.rectangle(4, 8, 1, 2).parts[0].tolist() == expected
    turned = shapes.rectangle(0, 0, 4, 2, rotation=math.pi / 2).parts[0]
    assert turned.ravel().tolist() == pytest.approx([3, -1, 3, 3, 1, 3, 1, -1])


def test_line_is_closed() -> None:
    assert shapes.polyline([[0, 0], [4, 0], [4, 4]]).parts[0].tolist() == [[0, 0], [4, 0], [4, 4]]


def bad_shapes() -> dict[str, object]:
    return {
        "polygon with fewer than 3 points": lambda: shapes.polygon([[0, 0], [1, 1]]),
        "polygon with points that are not numbers": lambda: shapes.polygon([["a", 0], [1, 1], [2, 2]]),
        "polygon with points that are not pairs": lambda: shapes.polygon([[0, 0, 1], [1, 1, 1], [2, 2, 2]]),
        "polygon with a coordinate": lambda: shapes.polygon([[0, 0], [math.nan, 1], [2, 2]]),
        "line with fewer than 3 points": lambda: shapes.polyline([[0, 0], [1, 1], [0, 0]]),
        "rectangle without area": lambda: shapes.rectangle(1, 1, 1, 5),
        "rectangle with a number": lambda: shapes.rectangle(0, 0, math.inf, 5),
        "circle without area": lambda: shapes.circle(0, 0, 0),
        "circle with a number": lambda: shapes.circle(0, math.nan, 1),
        "circle beyond": lambda: shapes.circle(0, 0, 1e12),
        "ellipse without area": lambda: shapes.ellipse(0, 0, 3, -1),
    }


@pytest.mark.parametrize("reason", bad_shapes())
def test_shapes_that_cannot_be_are_refused_with_a_reason(reason: str) -> None:
    with pytest.raises(BadGeometry, match=reason):
        bad_shapes()[reason]()  # type: ignore[operator]


def test_no_points_at_all_are_too_few() -> None:
    with pytest.raises(BadGeometry, match="fewer than 3"):
        shapes.polygon([])
