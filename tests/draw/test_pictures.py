"""Truth beside prediction, and grids."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import tiny
from contorno import masks
from contorno.draw import Style, draw_prediction, draw_record, draw_sample, grid, side_by_side
from contorno.draw.pictures import FALSE, MATCHED, MISSED, match, prediction_image, to_pixels
from contorno.errors import DataError
from contorno.images import write_image
from contorno.metrics import image_scores
from contorno.records import ClassMap, Instances, Record
from contorno.samples import Prediction, Sample

SIZE = (100, 150)
LEFT, RIGHT = tiny.disc(SIZE, (35, 50), 25), tiny.disc(SIZE, (110, 50), 25)


def prediction(*found: tuple[int, float, NDArray[np.uint8]], record: Record | None = None) -> Prediction:
    codes = tuple(masks.encode(mask) for _, _, mask in found)
    return Prediction(
        image_id=1,
        size_hw=SIZE,
        labels=np.array([label for label, _, _ in found], np.int64),
        scores=np.array([score for _, score, _ in found], np.float32),
        boxes=masks.boxes(codes),
        masks=codes,
        record=record,
    )


def lines(picture: NDArray[np.uint8], color: tuple[int, int, int]) -> bool:
    return bool((np.abs(picture.astype(int) - color).max(axis=2) <= 3).sum() > 40)


def test_record_is_drawn_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    write_image(path, np.full((*SIZE, 3), 128, np.uint8))
    in_memory, in_file = tiny.record(1, SIZE, [(1, LEFT)]), tiny.record(1, SIZE, [(1, LEFT)], path=path)
    np.testing.assert_array_equal(draw_record(in_file), draw_record(in_memory))


def test_record_with_a_box_only_object_beside_a_mask_is_drawn() -> None:
    shapes = (masks.encode(LEFT), None)
    mixed = Instances.build(SIZE, [1, 1], shapes, boxes=[[10, 25, 60, 75], [90, 30, 130, 70]])
    record = Record(image_id=1, size_hw=SIZE, instances=mixed, image=np.full((*SIZE, 3), 128, np.uint8))
    drawn = draw_record(record, style=Style(display_label=False))
    assert (drawn[50, 35] != 128).any()
    assert (drawn[50, 110] == 128).all()


def test_prediction_below_the_threshold_is_not_drawn() -> None:
    record = tiny.record(1, SIZE, [(1, LEFT)])
    drawn = draw_prediction(prediction((1, 0.9, LEFT), (1, 0.3, RIGHT), record=record), threshold=0.5)
    assert (drawn[50, 35] != 128).any()
    assert (drawn[50, 110] == 128).all()


def test_normalised_sample_is_drawn_as_the_u8_one() -> None:
    record = tiny.record(1, SIZE, [(1, LEFT)])
    parts = {"record": record, "frame": None, "class_map": ClassMap(["disc"]), "masks": LEFT[None]}
    parts |= {"boxes": record.instances.boxes, "labels": record.instances.labels, "is_crowd": np.array([False])}
    plain = Sample(image=np.full((*SIZE, 3), 128, np.uint8), **parts)
    halves = Sample(image=np.full((*SIZE, 3), 128 / 255 - 0.5, np.float32), **parts)
    np.testing.assert_array_equal(draw_sample(halves, lambda image: image + 0.5), draw_sample(plain))


def test_float_image_without_a_function_is_taken_as_imagenet_normalised() -> None:
    assert to_pixels(np.zeros((1, 1, 3), np.float32)).tolist() == [[[124, 116, 104]]]


def test_side_by_side_colours_what_is_matched_missed_and_false() -> None:
    record = tiny.record(1, SIZE, [(1, LEFT), (1, RIGHT)])
    elsewhere = tiny.disc(SIZE, (75, 20), 12)
    picture = side_by_side(record, prediction((1, 0.9, LEFT), (1, 0.8, elsewhere)))
    truth, found = picture[:, : picture.shape[1] // 2], picture[:, picture.shape[1] // 2 :]
    assert [lines(truth, color) for color in (MATCHED, MISSED, FALSE)] == [True, True, False]
    assert [lines(found, color) for color in (MATCHED, MISSED, FALSE)] == [True, False, True]


def test_side_by_side_refuses_a_prediction_of_another_size() -> None:
    with pytest.raises(DataError, match="cannot be laid side by side"):
        side_by_side(tiny.record(1, (50, 50)), prediction())


def test_best_score_takes_the_object_and_the_second_on_it_is_false() -> None:
    truth = tiny.record(1, SIZE, [(1, LEFT)]).instances
    taken, right, ignored = match(truth, prediction((1, 0.6, LEFT), (1, 0.9, LEFT)))
    assert (taken.tolist(), right.tolist(), ignored.tolist()) == ([True], [False, True], [False, False])


def test_right_outline_of_the_wrong_class_is_no_match() -> None:
    taken, right, _ = match(tiny.record(1, SIZE, [(1, LEFT)]).instances, prediction((2, 0.9, LEFT)))
    assert (taken.tolist(), right.tolist()) == ([False], [False])


def test_prediction_inside_a_crowd_region_is_neither_right_nor_wrong() -> None:
    truth = Instances.build(SIZE, [1], [masks.encode(LEFT | RIGHT)], is_crowd=[True])
    taken, right, ignored = match(truth, prediction((1, 0.9, RIGHT)))
    assert (taken.tolist(), right.tolist(), ignored.tolist()) == ([False], [False], [True])


@pytest.mark.parametrize("kind", ["masks", "boxes"])
def test_pictures_count_as_the_metric_counts(kind: str) -> None:
    rng = np.random.default_rng(0)
    checked = 0
    for _ in range(40):
        discs = [tiny.disc(SIZE, tuple(rng.uniform(20, 80, 2)), rng.uniform(10, 30)) for _ in range(8)]
        codes = [masks.encode(disc) for disc in discs]
        boxes = masks.boxes(codes)
        shapes = codes[:4] if kind == "masks" else None
        truth = Instances.build(SIZE, rng.integers(1, 3, 4), shapes, boxes[:4], rng.random(4) < 0.3)
        record = Record(image_id=1, size_hw=SIZE, instances=truth, image=np.zeros((*SIZE, 3), np.uint8))
        found = Prediction(
            image_id=1,
            size_hw=SIZE,
            labels=rng.integers(1, 3, 4),
            scores=np.array([0.9, 0.8, 0.7, 0.6], np.float32),
            boxes=boxes[4:],
            masks=tuple(codes[4:]) if kind == "masks" else None,
        )
        taken, right, ignored = match(truth, found)
        score = image_scores([record], [found])[0]
        missed = int((~truth.is_crowd & ~taken).sum())
        assert (int(right.sum()), missed, int((~right & ~ignored).sum())) == (score.matched, score.missed, score.false)
        checked += score.matched + int(ignored.sum())
    assert checked > 20


def test_prediction_without_a_fitting_image_says_what_to_do() -> None:
    with pytest.raises(DataError, match=r"no image of its size \(100, 150\).*keep_images=True"):
        prediction_image(prediction(record=tiny.record(1, (50, 50))))


def test_grid_keeps_proportions_and_has_room_for_captions() -> None:
    red, blue = np.zeros((50, 100, 3), np.uint8), np.zeros((100, 50, 3), np.uint8)
    red[..., 0], blue[..., 2] = 255, 255
    sheet = grid([red, blue, red], ncols=2, cell_px=100)
    assert sheet.shape == (2 * 50 + 50 + 3 * 4 + 0, 2 * 100 + 3 * 4, 3)
    assert (sheet == (255, 0, 0)).all(axis=2).sum() == 2 * 100 * 50
    assert (sheet == (0, 0, 255)).all(axis=2).sum() == 100 * 50
    assert grid([red, blue, red], ncols=2, cell_px=100, captions=["a", "b", "c"]).shape[0] > sheet.shape[0]


def test_grid_of_nothing_and_captions_that_do_not_match_are_refused() -> None:
    with pytest.raises(DataError, match="nothing to show"):
        grid([])
    with pytest.raises(DataError, match="1 captions for 2 images"):
        grid([np.zeros((2, 2, 3), np.uint8)] * 2, captions=["a"])
