"""Records to samples: what is kept, what is dropped, what is repeatable."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tiny
from contorno import masks, tfms
from contorno.errors import ConfigError, DataError
from contorno.images import write_image
from contorno.records import ClassMap, Instances, Record
from contorno.samples import Sample

A = tfms.A
CLASSES = ClassMap(["a", "b", "c"])


def make(transforms: Sequence[Any], record: Record, seed: int = 0) -> Sample:
    return A.Adapter(transforms)(record, CLASSES, np.random.default_rng(seed))


def box_record(boxes: list[list[float]], size: tuple[int, int] = (40, 60)) -> Record:
    instances = Instances.build(size, [1, 2, 3][: len(boxes)], boxes=boxes)
    return Record(image_id=7, size_hw=size, instances=instances, image=np.zeros((*size, 3), np.uint8))


def test_image_masks_and_boxes_are_flipped_together() -> None:
    mask = tiny.bitmap("####....", "####....", "........")
    record = tiny.record(1, (3, 8), [(2, mask)])
    sample = make([A.HorizontalFlip(p=1)], record)
    assert sample.masks is not None
    assert np.array_equal(sample.masks[0], mask[:, ::-1])
    assert sample.masks.flags.c_contiguous
    assert sample.boxes.tolist() == [[4, 0, 8, 2]]
    assert (sample.boxes.dtype, sample.labels.dtype, sample.masks.dtype) == (np.float32, np.int64, np.uint8)
    assert sample.labels.tolist() == [2]
    assert sample.record is record


def test_the_box_of_a_rotated_object_is_tight_around_its_mask() -> None:
    record = tiny.record(1, (100, 100), [(1, tiny.disc((100, 100), (50, 50), 20))])
    sample = make([A.Affine(rotate=(45, 45), p=1)], record)
    # The turned box of a disc would be 57 px wide.
    assert sample.boxes[0] == pytest.approx([30, 30, 70, 70], abs=1)


def test_an_object_that_leaves_the_image_is_dropped_with_its_label_and_crowd_flag() -> None:
    size = (40, 80)
    record = tiny.record(
        1,
        size,
        [(1, tiny.disc(size, (8, 20), 6)), (2, tiny.disc(size, (40, 20), 6)), (3, tiny.disc(size, (60, 20), 6))],
    )
    crowd = replace(record.instances, is_crowd=np.array([False, True, False]))
    sample = make([A.Crop(30, 0, 80, 40)], replace(record, instances=crowd))
    assert sample.labels.tolist() == [2, 3]
    assert sample.is_crowd.tolist() == [True, False]
    assert sample.masks is not None
    assert len(sample.masks) == len(sample.boxes) == 2


@pytest.mark.parametrize(("columns", "kept"), [(3, 0), (4, 1)])
def test_an_object_needs_four_pixels_to_stay(columns: int, kept: int) -> None:
    record = tiny.record(1, (3, 8), [(1, tiny.bitmap("........", "########", "........"))])
    assert len(make([A.Crop(0, 0, columns, 3)], record).labels) == kept


def test_box_only_records_have_no_masks_and_keep_albumentations_boxes() -> None:
    sample = make([A.HorizontalFlip(p=1)], box_record([[0, 0, 10, 20], [5.5, 5, 70, 40]]))
    assert sample.masks is None
    assert sample.boxes == pytest.approx(np.array([[50, 0, 60, 20], [0, 5, 54.5, 40]]), abs=1e-4)
    assert sample.boxes.dtype == np.float32
    assert sample.labels.tolist() == [1, 2]


def test_boxes_thinner_than_a_pixel_or_outside_are_dropped() -> None:
    sample = make([A.VerticalFlip(p=1)], box_record([[3, 3, 3.5, 30], [70, 50, 90, 60], [1, 1, 9, 9]]))
    assert sample.labels.tolist() == [3]


def test_images_without_objects_go_through_the_presets() -> None:
    record = tiny.record(1, (60, 80), [])
    for seed in range(10):
        sample = make([*A.aug_tfms(32, presize=40), A.Normalize()], record, seed)
        assert sample.masks is not None
        assert (sample.boxes.shape, sample.masks.shape) == ((0, 4), (0, 32, 32))
        assert sample.image.shape == (32, 32, 3)


def test_all_objects_may_be_lost_on_the_way_to_a_safe_crop() -> None:
    record = tiny.record(1, (60, 80), [(1, tiny.disc((60, 80), (4, 4), 3))])
    crop = A.RandomSizedBBoxSafeCrop(32, 32, p=1)
    sample = make([A.Crop(40, 20, 80, 60), crop], record)
    assert sample.labels.tolist() == []
    assert sample.image.shape == (32, 32, 3)


def test_slivers_at_the_border_never_make_an_empty_crop() -> None:
    size = (16, 16)
    mask = np.zeros(size, np.uint8)
    mask[:, 0] = 1
    record = tiny.record(1, size, [(1, mask)])
    adapter = A.Adapter([A.Resize(5, 5), A.RandomSizedBBoxSafeCrop(8, 8, p=1)])  # the box is 0.3 px wide
    for seed in range(100):
        assert adapter(record, CLASSES, np.random.default_rng(seed)).image.shape == (8, 8, 3)


def test_a_safe_crop_keeps_every_object() -> None:
    (record,) = tiny.disc_records(1, discs=3)
    for seed in range(20):
        sample = make([A.RandomSizedBBoxSafeCrop(64, 64, p=1)], record, seed)
        assert sample.labels.tolist() == record.instances.labels.tolist()


def test_samples_are_uint8_until_normalized() -> None:
    record = tiny.record(1, (20, 30))
    assert make([A.Resize(10, 10)], record).image.dtype == np.uint8
    sample = make([A.Resize(10, 10), A.Normalize()], record)
    assert sample.image.dtype == np.float32
    assert sample.normalized
    expected = (128 / 255 - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225])
    assert sample.image[3, 3] == pytest.approx(expected, abs=1e-4)


def test_normalize_can_be_left_to_do() -> None:
    (record,) = tiny.disc_records(1)
    adapter = A.Adapter([*A.aug_tfms(48), A.Normalize()])
    whole = adapter(record, CLASSES, np.random.default_rng(0))
    early = adapter.without_normalize(record, CLASSES, np.random.default_rng(0))
    assert early.image.dtype == np.uint8
    assert np.array_equal(A.Normalize()(image=early.image)["image"], whole.image)
    assert np.array_equal(early.boxes, whole.boxes)


def test_the_same_generator_gives_the_same_sample_and_another_seed_another() -> None:
    (record,) = tiny.disc_records(1)
    adapter = A.Adapter(A.aug_tfms(48, presize=60))
    first, again, other = (adapter(record, CLASSES, np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert np.array_equal(first.image, again.image)
    assert np.array_equal(first.boxes, again.boxes)
    assert not np.array_equal(first.image, other.image)


def test_without_a_generator_every_call_differs() -> None:
    (record,) = tiny.disc_records(1)
    adapter = A.Adapter([A.Affine(rotate=(-90, 90), p=1)])
    assert not np.array_equal(adapter(record, CLASSES).image, adapter(record, CLASSES).image)


def test_randomness_leaves_numpys_global_generator_alone() -> None:
    (record,) = tiny.disc_records(1)
    before = np.random.get_state()[1].copy()
    make(A.aug_tfms(48), record)
    assert np.array_equal(np.random.get_state()[1], before)


def test_transforms_are_copied_so_that_pipelines_do_not_share_them() -> None:
    flip = A.HorizontalFlip(p=1)
    adapter = A.Adapter([flip])
    flip.p = 0
    record = tiny.record(1, (2, 4), [(1, tiny.bitmap("##..", "##.."))])
    assert adapter(record, CLASSES).boxes.tolist() == [[2, 0, 4, 2]]


def test_an_adapter_survives_pickling() -> None:
    (record,) = tiny.disc_records(1)
    adapter = A.Adapter([*A.aug_tfms(48, crop_fn=partial(A.RandomSizedBBoxSafeCrop, p=0.5)), A.Normalize()])
    twin = pickle.loads(pickle.dumps(adapter))
    first, second = (each(record, CLASSES, np.random.default_rng(1)) for each in (adapter, twin))
    assert np.array_equal(first.image, second.image)


def test_the_record_is_not_changed() -> None:
    (record,) = tiny.disc_records(1)
    assert record.image is not None
    before = record.image.copy()
    make([*A.aug_tfms(48), A.Normalize()], record)
    make([A.RandomBrightnessContrast(p=1)], record)
    assert np.array_equal(record.image, before)


def test_a_broken_image_is_named_with_file_and_id(tmp_path: Path) -> None:
    path = tmp_path / "broken.jpg"
    path.write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"image 12: .*broken\.jpg"):
        make([A.Resize(8, 8)], tiny.record(12, (32, 40), path=path))


def test_an_image_of_another_size_than_recorded_is_named(tmp_path: Path) -> None:
    path = tmp_path / "small.png"
    write_image(path, np.zeros((10, 12, 3), np.uint8))
    with pytest.raises(DataError, match=r"image 5: .*small\.png: uint8 of shape \(10, 12, 3\).*\(32, 40, 3\)"):
        make([A.Resize(8, 8)], tiny.record(5, (32, 40), path=path))


def test_a_crop_larger_than_the_image_is_the_users_error() -> None:
    with pytest.raises(ConfigError, match="image 1: its transforms cannot be carried out"):
        make([A.RandomCrop(100, 100)], tiny.record(1, (20, 20)))


@pytest.mark.parametrize(
    ("transform", "message"),
    [
        (lambda: A.ToTensorV2(), "the loaders make tensors"),
        (lambda: A.Normalize(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)), "ImageNet"),
        (lambda: A.OneOf([A.Normalize(normalization="image"), A.Normalize()]), "ImageNet"),
        (lambda: A.HorizontalFlip, "no albumentations transform"),
    ],
    ids=["tensor", "other mean", "inside a choice", "class instead of object"],
)
def test_what_a_model_could_not_take_is_refused_at_once(transform: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        A.Adapter([transform()])


def test_float_images_without_normalize_are_refused() -> None:
    with pytest.raises(ConfigError, match="float32"):
        make([A.ToFloat()], tiny.record(1, (20, 20)))


def test_run_length_masks_are_drawn_once_only() -> None:
    (record,) = tiny.disc_records(1)
    codes = record.instances.run_lengths()
    make([A.HorizontalFlip(p=1)], record)
    assert all(first is second for first, second in zip(codes, record.instances.run_lengths(), strict=True))
    assert masks.areas(codes).min() > 0
