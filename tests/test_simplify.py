"""Simplified polygons: the stated bound holds for what pycocotools draws, with few vertices."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from contorno import masks
from contorno.errors import ConfigError
from contorno.masks import Polygons, RunLength
from contorno.simplify import simplified
from tiny import bitmap, disc


def vertices(polygons: Polygons) -> int:
    return sum(len(part) for part in polygons.parts)


def iou(polygons: Polygons, code: RunLength) -> float:
    return float(masks.iou([masks.to_run_length(polygons, code.size)], [code])[0, 0])


def crosses_itself(part: NDArray[np.float64]) -> bool:
    """Slowly: whether two edges cross, away from their ends."""
    ends = np.roll(part, -1, axis=0)

    def side(a: NDArray[np.float64], b: NDArray[np.float64], c: NDArray[np.float64]) -> float:
        return float((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]))

    return any(
        side(a, b, c) * side(a, b, d) < 0 and side(c, d, a) * side(c, d, b) < 0
        for i, (a, b) in enumerate(zip(part, ends, strict=True))
        for c, d in zip(part[:i], ends[:i], strict=True)
    )


def blob(seed: int, size: int = 96, hole: bool = False) -> NDArray[np.uint8]:
    """A wobbly disc, as annotators outline."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size] + 0.5 - size / 2
    angle, radius = np.arctan2(y, x), np.hypot(y, x) / (size * 0.35)
    wobble = sum(rng.uniform(0, 0.12) * np.cos(k * angle + rng.uniform(0, 6.3)) for k in range(2, 7))
    inside = radius < 1 + wobble
    return (inside & (radius > 0.4) if hole else inside).astype(np.uint8)


@st.composite
def noises(draw: st.DrawFn) -> NDArray[np.uint8]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    block = draw(st.sampled_from([1, 2, 5, 9]))
    coarse = rng.random(rng.integers(1, 40 // block + 1, 2)) < draw(st.floats(0, 1))
    return np.kron(coarse, np.ones((block, block))).astype(np.uint8)


@settings(max_examples=120, deadline=None)
@given(noises(), st.sampled_from([0.5, 0.9, 0.98, 0.995, 1.0]))
def test_bound_holds_for_any_mask_and_no_polygon_crosses_itself(noise: NDArray[np.uint8], bound: float) -> None:
    code = masks.encode(noise)
    made = simplified(code, bound)
    if not noise.any():
        assert made == Polygons(())
        return
    assert iou(made, code) >= bound
    assert vertices(made) <= vertices(masks.to_polygons(code))
    height, width = code.size
    assert all((part >= 0).all() and (part <= [width, height]).all() for part in made.parts)
    if bound >= 0.98 and noise.size < 500:
        assert not any(crosses_itself(part) for part in made.parts)


@pytest.mark.parametrize("seed", range(5))
def test_curve_of_one_pixel_does_not_become_a_polygon_that_crosses_itself(seed: int) -> None:
    rng = np.random.default_rng(seed)
    along = np.linspace(0, 1, 400)
    x = 20 + 15 * np.cos(rng.uniform(1, 9) * along + rng.uniform(0, 6))
    y = 20 + 15 * np.sin(rng.uniform(1, 9) * along)
    thin = np.zeros((40, 40), dtype=np.uint8)
    thin[y.astype(int), x.astype(int)] = 1
    for bound in (0.5, 0.6, 0.7):
        made = simplified(masks.encode(thin), bound)
        assert not any(crosses_itself(part) for part in made.parts)
        assert iou(made, masks.encode(thin)) >= bound


def test_rectangle_keeps_its_four_corners() -> None:
    filled = np.zeros((30, 40), dtype=np.uint8)
    filled[4:20, 7:33] = 1
    (part,) = simplified(masks.encode(filled)).parts
    assert sorted(part.tolist()) == [[7, 4], [7, 20], [33, 4], [33, 20]]


def test_triangle_has_three_vertices() -> None:
    drawn = masks.to_run_length(Polygons((np.array([[10.0, 8], [110, 30], [40, 100]]),)), (120, 120))
    (part,) = simplified(drawn).parts
    assert len(part) == 3
    np.testing.assert_allclose(part[part[:, 1].argmin()], [10, 8], atol=1.5)


def test_disc_needs_fewer_vertices_than_points_of_its_own_would() -> None:
    code = masks.encode(disc((200, 200), (100, 100), 80))
    made = simplified(code)
    assert vertices(made) <= 12  # inscribed, a disc needs 18 for 0.98
    assert vertices(simplified(code, 0.9)) <= 6
    assert vertices(simplified(code, 0.995)) <= 25


@pytest.mark.parametrize("seed", range(4))
def test_tighter_bounds_are_met_with_more_vertices(seed: int) -> None:
    code = masks.encode(blob(seed, hole=seed % 2 == 1))
    counts = []
    for bound in (0.9, 0.95, 0.98, 0.99):
        made = simplified(code, bound)
        assert iou(made, code) >= bound
        counts.append(vertices(made))
    assert counts == sorted(counts)
    assert counts[-1] < vertices(masks.to_polygons(code)) / 2


def test_hole_that_matters_stays_and_is_linked_there_and_back() -> None:
    code = masks.encode(blob(1, hole=True))
    (part,) = simplified(code).parts
    points = [tuple(point) for point in part.tolist()]
    assert len(points) - len(set(points)) == 2  # both ends of the link are passed twice
    assert not masks.decode(masks.to_run_length(Polygons((part,)), code.size))[48, 48]


def test_speck_and_pinhole_may_go_and_parts_that_matter_stay_apart() -> None:
    filled = np.zeros((80, 120), dtype=np.uint8)
    filled[5:70, 5:50], filled[5:70, 60:110] = 1, 1
    filled[30, 30] = 0
    filled[78, 3] = 1
    made = simplified(masks.encode(filled))
    assert [len(part) for part in made.parts] == [4, 4]
    assert len(masks.to_polygons(masks.encode(filled)).parts) == 3


def test_masks_of_few_pixels_are_exact_where_nothing_simpler_is_close_enough() -> None:
    for rows in (["#"], ["##", "#."], ["#.", ".#"], ["###", "#.#", "###"], [".#.", "###", ".#."]):
        code = masks.encode(bitmap(*rows))
        assert masks.to_run_length(simplified(code), code.size) == code


def test_noise_of_thousands_of_specks_is_exact_and_takes_neither_long_nor_much_memory() -> None:
    code = masks.encode((np.random.default_rng(0).random((300, 300)) < 0.3).astype(np.uint8))
    assert simplified(code) == masks.to_polygons(code)


def test_specks_around_an_object_go_first() -> None:
    filled = disc((300, 300), (150, 150), 100)
    filled[np.random.default_rng(0).random((300, 300)) < 0.001] ^= 1
    code = masks.encode(filled)
    made = simplified(code)
    assert iou(made, code) >= 0.98
    assert vertices(made) <= 16
    assert vertices(masks.to_polygons(code)) > 600


def test_bound_of_one_gives_the_pixel_edges() -> None:
    code = masks.encode(blob(2))
    assert simplified(code, 1) == masks.to_polygons(code)


@pytest.mark.parametrize("bound", [0, -0.1, 1.01, float("nan")])
def test_bound_outside_its_range_is_refused(bound: float) -> None:
    with pytest.raises(ConfigError, match="no bound for an IoU"):
        simplified(masks.encode(bitmap("#")), bound)


def test_same_mask_gives_the_same_polygons() -> None:
    code = masks.encode(blob(3, hole=True))
    assert simplified(code) == simplified(code)
