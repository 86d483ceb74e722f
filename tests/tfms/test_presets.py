"""The words of IceVision, and what they make."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

import tiny
from contorno import tfms
from contorno.records import ClassMap

A = tfms.A


def names(transforms: list[object]) -> list[str]:
    return [type(transform).__name__ for transform in transforms]


def test_the_tutorials_lines_run() -> None:
    shift_scale_rotate = tfms.A.ShiftScaleRotate(rotate_limit=10)
    crop_fn = partial(tfms.A.RandomSizedBBoxSafeCrop, p=0.5)
    train = tfms.A.Adapter(
        [
            *tfms.A.aug_tfms(size=48, presize=64, shift_scale_rotate=shift_scale_rotate, crop_fn=crop_fn),
            tfms.A.Normalize(),
        ]
    )
    valid = tfms.A.Adapter([*tfms.A.resize_and_pad(size=48), tfms.A.Normalize()])
    for record in tiny.disc_records(3):
        for adapter in (train, valid):
            assert adapter(record, ClassMap(["disc", "ring"])).image.shape == (48, 48, 3)


def test_augmentations_come_in_icevisions_order() -> None:
    assert names(A.aug_tfms(384, presize=512)) == [
        "SmallestMaxSize",
        "HorizontalFlip",
        "Affine",
        "RGBShift",
        "RandomBrightnessContrast",
        "Blur",
        "OneOrOther",
        "PadIfNeeded",
    ]


def test_none_leaves_a_step_out() -> None:
    steps = A.aug_tfms(
        32,
        horizontal_flip=None,
        shift_scale_rotate=None,
        rgb_shift=None,
        lightning=None,
        blur=None,
        crop_fn=None,
        pad=None,
    )
    assert names(steps) == ["LongestMaxSize"]


def test_a_pair_is_width_and_height() -> None:
    record = tiny.record(1, (50, 50), [])
    for transforms in (A.resize_and_pad((40, 20)), A.aug_tfms((40, 20), presize=(80, 60))):
        assert A.Adapter(transforms)(record, ClassMap()).image.shape == (20, 40, 3)


def test_padding_has_imagenets_mean_colour() -> None:
    record = tiny.record(1, (10, 40), [])
    sample = A.Adapter(A.resize_and_pad(40))(record, ClassMap())
    assert sample.image[0, 0].tolist() == [124, 116, 104]
    normalized = A.Adapter([*A.resize_and_pad(40), A.Normalize()])(record, ClassMap())
    assert np.abs(normalized.image[0]).max() < 0.02


def test_the_old_name_of_the_padding_colour_is_understood() -> None:
    pad = partial(A.PadIfNeeded, border_mode=0, value=[1, 2, 3])
    sample = A.Adapter(A.resize_and_pad(40, pad=pad))(tiny.record(1, (10, 40), []), ClassMap())
    assert sample.image[0, 0].tolist() == [1, 2, 3]


def test_shift_scale_rotate_keeps_proportions_and_fills_like_the_padding() -> None:
    transform = A.ShiftScaleRotate(shift_limit=0, scale_limit=(-0.5, 0.5), rotate_limit=0, p=1)
    record = tiny.record(1, (64, 64), [(1, tiny.disc((64, 64), (32, 32), 16))])
    adapter = A.Adapter([transform])
    widths = []
    for seed in range(12):
        sample = adapter(record, ClassMap(["a"]), np.random.default_rng(seed))
        x0, y0, x1, y1 = sample.boxes[0]
        assert abs((x1 - x0) - (y1 - y0)) <= 2
        widths.append(x1 - x0)
        if x1 - x0 < 28:
            assert sample.image[0, 0].tolist() == [124, 116, 104]
    assert 16 <= min(widths) < 24
    assert 40 < max(widths) <= 49


@pytest.mark.parametrize("limit", [10, (-10, 10)], ids=["number", "pair"])
def test_limits_may_be_a_number_or_a_pair(limit: float) -> None:
    assert A.ShiftScaleRotate(rotate_limit=limit).rotate == (-10, 10)


def test_every_albumentations_name_is_reachable_and_typing_errors_are_met() -> None:
    assert A.VerticalFlip(p=0.3).p == 0.3
    assert "CLAHE" in dir(A)
    with pytest.raises(AttributeError, match="did you mean 'HorizontalFlip'"):
        _ = A.HorizontlFlip
