"""What an overlay covers and leaves alone."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

import tiny
from contorno import masks
from contorno.draw import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    Style,
    color_of,
    denormalize_imagenet,
    draw_instances,
)
from contorno.errors import DataError
from contorno.records import ClassMap

BARE = Style(display_label=False, display_score=False)


def grey(height: int = 120, width: int = 160) -> NDArray[np.uint8]:
    return np.full((height, width, 3), 128, dtype=np.uint8)


def changed(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return np.asarray((before != after).any(axis=2))


def overlay(mask: NDArray[np.uint8], style: Style = BARE, **options: object) -> NDArray[np.uint8]:
    code = masks.encode(mask)
    image = grey(*mask.shape)
    return draw_instances(image, masks=[code], boxes=[masks.box(code)], labels=[1], style=style, **options)  # type: ignore[arg-type]


def test_denormalising_undoes_normalising() -> None:
    pixels = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)
    normal = (pixels.astype(np.float32) / 255 - np.float32(IMAGENET_MEAN)) / np.float32(IMAGENET_STD)
    np.testing.assert_array_equal(denormalize_imagenet(normal), pixels)


def test_denormalising_clips_what_augmentation_pushed_out_of_range() -> None:
    assert denormalize_imagenet(np.full((1, 1, 3), 9.0, np.float32)).tolist() == [[[255, 255, 255]]]
    assert denormalize_imagenet(np.full((1, 1, 3), -9.0, np.float32)).tolist() == [[[0, 0, 0]]]


def test_overlay_fills_the_mask_outlines_its_edge_and_leaves_the_rest() -> None:
    mask = tiny.disc((120, 160), (80, 60), 40)
    drawn = overlay(mask)
    distance = np.hypot(*(np.mgrid[:120, :160] + 0.5 - np.array([60, 80]).reshape(2, 1, 1)))
    color = np.array(color_of(0))
    assert np.abs(drawn[60, 80] - (128 + 0.34 * (color - 128))).max() <= 1
    assert np.abs(drawn[60, 119].astype(int) - color).max() < 12
    assert not changed(grey(), drawn)[distance > 48].any()


def test_hole_stays_free_and_has_an_outline_of_its_own() -> None:
    ring = tiny.disc((120, 160), (80, 60), 50) & (1 - tiny.disc((120, 160), (80, 60), 25))
    drawn = overlay(ring)
    assert (drawn[55:65, 75:85] == 128).all()
    assert np.abs(drawn[60, 80 + 25].astype(int) - np.array(color_of(0))).max() < 25


def test_inputs_are_not_changed() -> None:
    image = grey()
    code = masks.encode(tiny.disc((120, 160), (80, 60), 40))
    boxes = np.array([[40, 20, 120, 100]], dtype=np.float32)
    draw_instances(image, masks=[code], boxes=boxes, labels=[1])
    assert (image == 128).all()
    assert boxes.tolist() == [[40, 20, 120, 100]]


@pytest.mark.parametrize("rows", [["####", "####"], ["#...", "...."], ["....", "...#"]], ids=["full", "first", "last"])
def test_mask_at_the_border_of_a_tiny_image_is_drawn(rows: list[str]) -> None:
    mask = tiny.bitmap(*rows)
    assert changed(grey(2, 4), overlay(mask))[mask == 1].all()


def test_empty_mask_draws_nothing() -> None:
    assert not changed(grey(), overlay(np.zeros((120, 160), np.uint8))).any()


def test_without_objects_the_picture_is_a_copy() -> None:
    image = grey()
    drawn = draw_instances(image, boxes=np.zeros((0, 4), np.float32), labels=[])
    np.testing.assert_array_equal(drawn, image)
    assert not np.shares_memory(drawn, image)


def test_box_without_a_mask_is_framed_and_not_filled() -> None:
    drawn = draw_instances(grey(), boxes=[[40, 30, 120, 90]], labels=[1], style=BARE)
    assert (drawn[60, 80] == 128).all()
    for y, x in ((30, 80), (89, 80), (60, 40), (60, 119)):
        assert tuple(drawn[y, x]) == color_of(0)


def test_boxes_are_added_to_masks_on_demand() -> None:
    mask = tiny.disc((120, 160), (80, 60), 40)
    assert not changed(grey(), overlay(mask))[22, 42]
    assert changed(grey(), overlay(mask, Style(display_label=False, display_bbox=True)))[21, 42]


def test_crowd_region_is_hatched() -> None:
    mask = np.zeros((120, 160), np.uint8)
    mask[20:100, 20:140] = 1
    inside = changed(grey(), overlay(mask, is_crowd=[True]))[40:80, 40:120]
    assert 0.3 < inside.mean() < 0.7
    assert changed(grey(), overlay(mask))[40:80, 40:120].all()


def test_several_classes_are_coloured_by_class_and_one_class_by_object() -> None:
    boxes = [[5, 5, 35, 35], [45, 5, 75, 35], [85, 5, 115, 35]]
    seen = []
    for names in (["a", "b"], ["a"]):
        labels = [2, 2, 1] if len(names) == 2 else [1, 1, 1]
        drawn = draw_instances(grey(), boxes=boxes, labels=labels, class_map=ClassMap(names), style=BARE)
        seen.append([tuple(int(v) for v in drawn[20, x]) for x in (5, 45, 85)])
    assert seen[0] == [color_of(1), color_of(1), color_of(0)]
    assert seen[1] == [color_of(0), color_of(1), color_of(2)]


def test_palette_has_21_colours_and_then_repeats() -> None:
    assert len({color_of(index) for index in range(21)}) == 21
    assert color_of(21) == color_of(0)


def test_longest_px_scales_the_picture_and_draws_at_that_size() -> None:
    mask = tiny.disc((120, 160), (80, 60), 40)
    for longest in (80, 480):
        scale = longest / 160
        drawn = overlay(mask, Style(longest_px=longest, display_label=False))
        assert drawn.shape == (round(120 * scale), longest, 3)
        rows, columns = np.nonzero(changed(np.full_like(drawn, 128), drawn))
        edges = (columns.min(), rows.min(), columns.max(), rows.max())
        np.testing.assert_allclose(edges, np.array([40, 20, 120, 100]) * scale, atol=5)


def test_object_smaller_than_a_pixel_of_the_result_is_still_seen() -> None:
    mask = np.zeros((2000, 2000), np.uint8)
    mask[1000:1002, 1000:1002] = 1
    drawn = overlay(mask, Style(longest_px=100, display_label=False))
    assert changed(np.full_like(drawn, 128), drawn)[50, 50]


def test_float_image_is_refused_with_the_cure() -> None:
    with pytest.raises(DataError, match=r"float32.*expected uint8 \(height, width, 3\).*denormalize_imagenet"):
        draw_instances(np.zeros((4, 4, 3), np.float32), boxes=[], labels=[])  # type: ignore[arg-type]


def test_mask_for_another_size_is_refused() -> None:
    code = masks.encode(tiny.bitmap("##", "##"))
    with pytest.raises(DataError, match=r"object 0 is for an image of \(2, 2\).*\(120, 160\)"):
        draw_instances(grey(), masks=[code], boxes=[[0, 0, 2, 2]], labels=[1])


def test_lengths_that_differ_are_refused() -> None:
    with pytest.raises(DataError, match="scores has 2 entries for 1 labels"):
        draw_instances(grey(), boxes=[[0, 0, 2, 2]], labels=[1], scores=[0.5, 0.4])
