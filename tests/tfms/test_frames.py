"""Where the pixels of a sample lie on the original image."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tiny
from contorno import tfms
from contorno.records import ClassMap
from contorno.samples import Frame

A = tfms.A


def frame_of(transforms: list[Any], size: tuple[int, int]) -> Frame | None:
    return A.Adapter(transforms)(tiny.record(1, size, []), ClassMap()).frame


def test_resize_and_pad_of_a_wide_image() -> None:
    frame = frame_of([*A.resize_and_pad(40), A.Normalize()], (40, 80))
    assert frame == Frame(scale_xy=(0.5, 0.5), offset_xy=(0.0, 10.0), original_hw=(40, 80), sample_hw=(40, 40))


def test_scale_is_of_the_whole_pixels_and_not_of_the_factor_before_rounding() -> None:
    frame = frame_of([A.LongestMaxSize(50)], (33, 100))  # 16.5 rows become 16
    assert frame is not None
    assert frame.sample_hw == (16, 50)
    assert frame.scale_xy == (0.5, 16 / 33)


def test_resizing_after_padding_scales_the_offset_too() -> None:
    frame = frame_of([A.PadIfNeeded(40, 50), A.Resize(20, 100), A.PadIfNeeded(30, 110, position="top_left")], (20, 40))
    assert frame == Frame(scale_xy=(2.0, 0.5), offset_xy=(10.0, 5.0), original_hw=(20, 40), sample_hw=(30, 110))


@pytest.mark.parametrize(
    ("name", "expected"),
    [("SmallestMaxSize", (20, 40)), ("LongestMaxSize", (10, 20))],
)
def test_max_sizes(name: str, expected: tuple[int, int]) -> None:
    frame = frame_of([getattr(A, name)(20)], (40, 80))
    assert frame is not None
    assert frame.sample_hw == expected


def test_a_transform_that_was_not_applied_does_not_count() -> None:
    frame = frame_of([A.Resize(10, 10, p=0), A.RandomBrightnessContrast(p=0.5)], (20, 40))
    assert frame == Frame(scale_xy=(1.0, 1.0), offset_xy=(0.0, 0.0), original_hw=(20, 40), sample_hw=(20, 40))


@pytest.mark.parametrize(
    "transforms",
    [
        lambda: A.aug_tfms(20),
        lambda: [A.HorizontalFlip(p=0)],
        lambda: [A.CenterCrop(10, 10)],
        lambda: [A.OneOf([A.Resize(10, 10)], p=1)],
    ],
    ids=["presets", "flip", "crop", "choice"],
)
def test_no_frame_for_pipelines_that_turn_cut_or_choose(transforms: Any) -> None:
    assert frame_of(transforms(), (20, 40)) is None


def test_a_bright_object_goes_to_the_box_that_the_frame_says_and_back() -> None:
    record = tiny.record(
        1, (60, 100), [(1, tiny.bitmap(*["." * 100] * 20, *["." * 40 + "#" * 30 + "." * 30] * 20, *["." * 100] * 20))]
    )
    assert record.image is not None
    image = record.image
    image[:] = 0
    image[20:40, 40:70] = 255
    sample = A.Adapter(A.resize_and_pad(200))(record, ClassMap(["a"]))
    assert sample.frame is not None
    rows, columns = np.nonzero((sample.image > 200).all(axis=2))
    assert (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) == pytest.approx((80, 80, 140, 120), abs=1)
    assert sample.boxes.tolist() == [[80, 80, 140, 120]]
    assert sample.frame.boxes_to_original(sample.boxes).tolist() == [[40, 20, 70, 40]]
