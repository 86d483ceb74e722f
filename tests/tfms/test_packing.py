"""Masks as bits of one picture: the same masks out, moved all together."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tiny
from contorno import masks, tfms
from contorno.records import ClassMap
from contorno.tfms import packing

A = tfms.A
SIZE = (60, 80)


def discs(count: int, size: tuple[int, int] = SIZE) -> list[np.ndarray[Any, Any]]:
    rng = np.random.default_rng(count)
    return [
        tiny.disc(size, (rng.uniform(0, size[1]), rng.uniform(0, size[0])), rng.uniform(4, 15)) for _ in range(count)
    ]


@pytest.mark.parametrize(("count", "pictures"), [(0, 1), (1, 1), (8, 1), (9, 3), (17, 3), (72, 9)])
def test_unpacking_gives_the_masks_that_were_packed(count: int, pictures: int) -> None:
    drawn = discs(count)
    packed, boxes = packing.pack([masks.encode(mask) for mask in drawn], SIZE)
    assert packed.shape == (SIZE if pictures == 1 else (*SIZE, pictures))
    found = packing.unpack(packed, count)
    assert found.dtype == np.uint8
    assert np.array_equal(found, np.array(drawn, dtype=np.uint8).reshape(count, *SIZE))
    assert np.array_equal(boxes, masks.boxes([masks.encode(mask) for mask in drawn]))


def test_an_empty_mask_packs_to_nothing_and_a_box_of_zeros() -> None:
    packed, boxes = packing.pack([masks.encode(np.zeros((4, 6), np.uint8))], (4, 6))
    assert not packed.any()
    assert boxes.tolist() == [[0, 0, 0, 0]]


PIPELINES = {
    "presets": lambda: A.aug_tfms(40, presize=50),
    "rotate": lambda: [A.Affine(rotate=(-40, 40), p=1)],
    "quarter turn": lambda: [A.RandomRotate90(p=1), A.D4(p=1)],
    "random crop": lambda: [A.RandomResizedCrop((32, 32), p=1)],
    "perspective": lambda: [A.Perspective(p=1)],
    "crop and pad": lambda: [A.CropAndPad(percent=0.1, p=1), A.SafeRotate(p=1)],
    "one of": lambda: [A.OneOf([A.Resize(30, 50), A.CenterCrop(30, 50)], p=1)],
}


@pytest.mark.parametrize("name", PIPELINES)
@pytest.mark.parametrize("count", [1, 9, 40])
def test_packed_masks_move_as_masks_alone_do(name: str, count: int) -> None:
    record = tiny.record(1, SIZE, [(1, mask) for mask in discs(count)])
    together, alone = A.Adapter(PIPELINES[name]()), A.Adapter(PIPELINES[name]())
    assert together._packs
    alone._packs = False
    kept = 0
    for seed in range(5):
        first, second = (adapter(record, ClassMap(["a"]), np.random.default_rng(seed)) for adapter in (together, alone))
        assert first.masks is not None
        assert second.masks is not None
        assert np.array_equal(first.masks, second.masks)
        assert np.array_equal(first.boxes, second.boxes)
        assert np.array_equal(first.image, second.image)
        kept += len(first.masks)
    assert kept > 0


@pytest.mark.parametrize(
    "transform",
    [
        lambda: A.Morphological(p=1),
        lambda: A.ElasticTransform(p=1),
        lambda: A.Affine(fill_mask=1, p=1),
        lambda: A.OneOf([A.HorizontalFlip(), A.Morphological()]),
    ],
    ids=["mixes pixels", "unknown", "fills with object", "one inside"],
)
def test_transforms_that_do_more_than_move_masks_get_them_one_by_one(transform: Any) -> None:
    pipeline = [transform(), A.Resize(30, 40)]
    assert not packing.can_pack(pipeline)
    record = tiny.record(1, SIZE, [(1, mask) for mask in discs(3)])
    sample = A.Adapter(pipeline)(record, ClassMap(["a"]), np.random.default_rng(0))
    assert sample.masks is not None
    assert sample.masks.shape[1:] == (30, 40)
    assert set(np.unique(sample.masks)) == {0, 1}


def test_a_shrunk_mask_stays_centred_on_its_image() -> None:
    record = tiny.record(1, (384, 512), [(1, tiny.disc((384, 512), (250, 200), 100))])
    sample = A.Adapter([A.LongestMaxSize(192)])(record, ClassMap(["a"]))
    assert sample.masks is not None
    rows, columns = np.nonzero(sample.masks[0])
    # Under OpenCV's plain nearest neighbour the centre lies 0.3 px away in x.
    assert columns.mean() + 0.5 == pytest.approx(250 * 192 / 512, abs=0.1)
    assert rows.mean() + 0.5 == pytest.approx(200 * 192 / 512, abs=0.1)
