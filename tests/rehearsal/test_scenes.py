"""The drawn photographs: exact masks at their own size, holes, parts, and the flags that go with them."""

from __future__ import annotations

import numpy as np
import pytest

from contorno.rehearsal.scenes import FOOD_NAMES, Scene, SceneObject, draw_scene
from tiny_canvas import parts_of

SIZE, MASK_SIZE = (128, 160), (180, 225)


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return [draw_scene(np.random.default_rng([5, i]), SIZE, mask_size_hw=MASK_SIZE) for i in range(80)]


def _foods(scenes: list[Scene]) -> list[SceneObject]:
    return [one for scene in scenes for one in scene.objects if one.class_name in FOOD_NAMES]


def test_image_and_masks_have_the_sizes_asked_for(scenes: list[Scene]) -> None:
    assert {scene.image.shape for scene in scenes} == {(128, 160, 3)}
    assert {scene.image.dtype for scene in scenes} == {np.dtype(np.uint8)}
    assert {one.mask.shape for one in _foods(scenes)} == {(180, 225)}
    assert {one.mask.dtype for one in _foods(scenes)} == {np.dtype(np.bool_)}


def test_masks_take_the_image_size_by_default() -> None:
    drawn = [draw_scene(np.random.default_rng(seed), (90, 120)) for seed in range(4)]
    assert {one.mask.shape for scene in drawn for one in scene.objects} == {(90, 120)}


def test_same_generator_state_gives_the_same_pixels_and_another_gives_others() -> None:
    first, again, other = (draw_scene(np.random.default_rng(seed), SIZE, mask_size_hw=MASK_SIZE) for seed in (4, 4, 5))
    np.testing.assert_array_equal(first.image, again.image)
    assert len(first.objects) == len(again.objects) > 0
    for one, two in zip(first.objects, again.objects, strict=True):
        np.testing.assert_array_equal(one.mask, two.mask)
    assert not np.array_equal(first.image, other.image)


def test_a_pixel_belongs_to_one_object_only(scenes: list[Scene]) -> None:
    for scene in scenes:
        total = np.zeros(MASK_SIZE, int)
        for one in scene.objects:
            total += one.mask
        assert total.max(initial=0) <= 1


def test_every_food_class_is_drawn_and_some_pictures_have_none(scenes: list[Scene]) -> None:
    assert {one.class_name for one in _foods(scenes)} == {"Hot dog", "Doughnut", "Banana", "Orange"}
    without = [scene for scene in scenes if not _foods([scene])]
    assert 1 <= len(without) <= 20
    assert any("Hot dog" not in {one.class_name for one in scene.objects} for scene in scenes)
    assert max(len(_foods([scene])) for scene in scenes) >= 4


def test_some_masks_fall_in_parts_and_some_are_cut_by_the_frame(scenes: list[Scene]) -> None:
    foods = _foods(scenes)
    assert sum(parts_of(one.mask) > 1 for one in foods) >= 5
    touching = [one for one in foods if one.mask[0].any() or one.mask[-1].any() or one.mask[:, [0, -1]].any()]
    assert sum(one.is_truncated for one in touching) >= 5
    assert not any(one.is_truncated for one in foods if not any(one is other for other in touching))


def test_foods_are_large_enough_to_learn_at_192_pixels(scenes: list[Scene]) -> None:
    longest = []
    for one in _foods(scenes):
        x_min, y_min, x_max, y_max = one.box
        longest.append(192 * max(x_max - x_min, (y_max - y_min) * SIZE[0] / SIZE[1]))
    assert np.mean(np.array(longest) >= 25) > 0.97


def test_whole_doughnuts_in_scenes_have_a_hole(scenes: list[Scene]) -> None:
    whole = [
        one
        for one in _foods(scenes)
        if one.class_name == "Doughnut" and not (one.is_occluded or one.is_truncated or one.is_group)
    ]
    assert len(whole) >= 5
    assert all(parts_of(~one.mask) >= 2 for one in whole)


def test_occluded_is_said_of_what_something_lies_on(scenes: list[Scene]) -> None:
    for scene in scenes:
        assert not scene.objects or not scene.objects[-1].is_occluded
    assert any(one.is_occluded for one in _foods(scenes))


def test_a_heap_is_one_group(scenes: list[Scene]) -> None:
    groups = [one for one in _foods(scenes) if one.is_group]
    assert groups
    assert all(one.class_name in ("Doughnut", "Orange") for one in groups)


def test_box_is_the_mask_in_fractions_with_edges_between_pixels() -> None:
    mask = np.zeros((4, 10), np.bool_)
    mask[1:3, 2:10] = True
    one = SceneObject(class_name="Banana", mask=mask, is_occluded=False, is_truncated=True)
    assert one.box == (0.2, 0.25, 1.0, 0.75)


def test_pictures_are_neither_dark_nor_burnt_nor_grey(scenes: list[Scene]) -> None:
    means = np.array([scene.image.mean() for scene in scenes])
    assert means.min() > 45
    assert means.max() < 235
    assert np.mean([(scene.image >= 254).all(-1).mean() for scene in scenes]) < 0.05
    assert np.mean([np.ptp(scene.image.astype(int), axis=-1).mean() for scene in scenes]) > 20
