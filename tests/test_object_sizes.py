"""One rule for the area of objects."""

from __future__ import annotations

import numpy as np
import pytest

import tiny
from contorno import masks
from contorno.masks import Polygons
from contorno.object_sizes import enclosed_areas, object_areas
from contorno.records import Instances


def square(x: float, y: float, side: float) -> list[list[float]]:
    return [[x, y], [x + side, y], [x + side, y + side], [x, y + side]]


def test_area_is_that_of_the_mask_and_of_the_box_where_there_is_none() -> None:
    ring = masks.encode(tiny.bitmap("###", "#.#", "###"))
    two_parts = Polygons((np.array(square(0, 0, 1)), np.array(square(1, 1, 1.5))[::-1]))
    found = Instances.build((3, 3), [1, 1, 1], [ring, two_parts, None], boxes=[[0, 0, 3, 3]] * 2 + [[1, 1, 3, 2]])
    assert object_areas([found, Instances.build((3, 3)), found]).tolist() == [8, 3.25, 2] * 2
    assert object_areas([]).tolist() == []


def test_an_object_of_no_parts_has_no_area() -> None:
    found = Instances.build((3, 3), [1], [Polygons(())], boxes=[[0, 0, 3, 3]])
    assert object_areas([found]).tolist() == [0]


def test_a_traced_mask_with_a_hole_encloses_its_pixels() -> None:
    traced = masks.to_polygons(masks.encode(tiny.bitmap("####", "#..#", "####", "..#.")))
    assert enclosed_areas(traced.parts).sum() == 11


def test_small_areas_far_from_the_origin_are_exact() -> None:
    far = np.array(square(999_000.1, 999_000.3, 0.1))
    assert enclosed_areas([far])[0] == pytest.approx(0.1**2, rel=1e-6)
