"""Batches: their form, what is left out of targets, and sameness whatever the number of workers."""

from __future__ import annotations

import gc
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import tiny
from contorno import tfms
from contorno.dataset import Dataset
from contorno.errors import ConfigError, DataError
from contorno.loaders import Batch, collate, image_tensor, infer_dl, train_dl, valid_dl
from contorno.records import ClassMap, Instances, Record, Records

A = tfms.A


def dataset(count: int = 5, *, seed: int | None = 0) -> Dataset:
    return Dataset(tiny.disc_records(count), A.Adapter([*A.aug_tfms(32), A.Normalize()]), seed=seed)


def ids(batches: Iterable[Batch]) -> list[int | str]:
    return [info.record.image_id for _, _, infos in batches for info in infos]


def pictures(batches: Iterable[Batch]) -> dict[int | str, torch.Tensor]:
    return {
        info.record.image_id: image for images, _, infos in batches for image, info in zip(images, infos, strict=True)
    }


def test_a_batch_has_the_form_that_models_take() -> None:
    images, targets, infos = next(iter(train_dl(dataset(), batch_size=3)))
    assert len(images) == len(targets) == len(infos) == 3
    for image, target, info in zip(images, targets, infos, strict=True):
        count = len(target["labels"])
        assert (image.dtype, image.shape, image.is_contiguous()) == (torch.float32, (3, 32, 32), True)
        assert (target["boxes"].dtype, target["boxes"].shape) == (torch.float32, (count, 4))
        assert target["labels"].dtype == torch.int64
        assert (target["masks"].dtype, target["masks"].shape) == (torch.uint8, (count, 32, 32))
        assert info.size_hw == (32, 32)


def test_samples_that_were_not_normalized_are_normalized_here() -> None:
    records = tiny.disc_records(2)
    there = Dataset(records, A.Adapter([A.Resize(20, 30), A.Normalize()]))[0]
    here = Dataset(records, A.Adapter([A.Resize(20, 30)]))[0]
    assert here.image.dtype == np.uint8
    assert torch.allclose(image_tensor(here), image_tensor(there), atol=1e-5)
    assert image_tensor(here).is_contiguous()


def test_crowd_objects_and_boxes_without_area_are_no_targets() -> None:
    boxes = np.array([[0, 0, 9, 9], [5, 5, 5.5, 20], [3, 3, 8, 8]], np.float32)
    instances = Instances.build((20, 20), [1, 2, 3], boxes=boxes, is_crowd=[False, False, True])
    record = Record(image_id=1, size_hw=(20, 20), instances=instances, image=np.zeros((20, 20, 3), np.uint8))
    _, (target,), _ = collate([Dataset(Records([record], ClassMap(["a", "b", "c"])))[0]])
    assert target["labels"].tolist() == [1]
    assert target["boxes"].tolist() == [[0, 0, 9, 9]]
    assert "masks" not in target


def test_crowd_masks_are_left_out_and_the_sample_keeps_them() -> None:
    record = tiny.disc_records(1)[0]
    crowd = replace(record.instances, is_crowd=np.array([True] + [False] * (len(record.instances) - 1)))
    sample = Dataset(Records([replace(record, instances=crowd)], ClassMap(["disc", "ring"])))[0]
    _, (target,), _ = collate([sample])
    assert sample.masks is not None
    assert len(target["masks"]) == len(target["labels"]) == len(sample.masks) - 1
    assert np.array_equal(target["masks"].numpy(), sample.masks[1:])


def test_an_image_without_objects_has_empty_targets() -> None:
    data = Dataset(Records([tiny.record(1, (20, 30), [])], ClassMap(["a"])))
    _, (target,), _ = next(iter(train_dl(data)))
    assert {name: tuple(tensor.shape) for name, tensor in target.items()} == {
        "boxes": (0, 4),
        "labels": (0,),
        "masks": (0, 20, 30),
    }


def test_samples_and_order_are_the_same_with_and_without_workers() -> None:
    alone, helped = (train_dl(dataset(6), batch_size=2, num_workers=workers, seed=1) for workers in (0, 2))
    orders, looks = [], []
    for _ in range(3):  # three epochs, the workers living on
        first, second = list(alone), list(helped)
        assert ids(first) == ids(second)
        orders.append(tuple(ids(first)))
        first_pictures, second_pictures = pictures(first), pictures(second)
        assert all(torch.equal(first_pictures[key], second_pictures[key]) for key in first_pictures)
        looks.append(first_pictures[1])
    assert len(set(orders)) > 1
    assert not torch.equal(looks[0], looks[1])
    assert sorted(orders[0]) == [1, 2, 3, 4, 5, 6]


def test_workers_do_not_repeat_each_other_without_a_seed() -> None:
    record = tiny.disc_records(1)[0]
    twins = Records([replace(record, image_id=number) for number in range(4)], ClassMap(["disc", "ring"]))
    data = Dataset(twins, A.Adapter([A.Affine(rotate=(-90, 90), p=1)]))
    looks = [image.numpy().tobytes() for images, _, _ in infer_dl(data, 1, num_workers=2) for image in images]
    assert len(set(looks)) == 4


def test_what_workers_send_unpacks_to_the_same_targets() -> None:
    boxes = Instances.build((20, 30), [1, 2], boxes=[[1, 2, 9, 9], [0, 0, 30, 20]])
    many = [(1 + k % 2, tiny.disc((20, 30), (2 + k, 10), 2)) for k in range(19)]
    records = [
        tiny.record(1, (20, 30), []),
        tiny.record(2, (20, 30), many),
        Record(image_id=3, size_hw=(20, 30), instances=boxes, image=np.zeros((20, 30, 3), np.uint8)),
    ]
    data = Dataset(Records(records, ClassMap(["a", "b"])), A.Adapter([A.HorizontalFlip(p=1), A.Normalize()]))
    (alone,), (helped,) = list(infer_dl(data)), list(infer_dl(data, num_workers=2))
    assert [len(target["labels"]) for target in alone[1]] == [0, 19, 2]
    for first, second in zip(alone[1], helped[1], strict=True):
        assert first.keys() == second.keys()
        assert all(torch.equal(first[name], second[name]) for name in first)
        assert all(first[name].dtype == second[name].dtype for name in first)
    assert [(info.frame, info.size_hw) for info in alone[2]] == [(info.frame, info.size_hw) for info in helped[2]]


def test_normalizing_in_the_loader_is_what_normalize_does() -> None:
    data = Dataset(tiny.disc_records(1), A.Adapter([A.Resize(20, 30), A.Normalize()]))
    ((image,), _, _) = next(iter(infer_dl(data)))
    assert torch.allclose(image, torch.from_numpy(data[0].image).permute(2, 0, 1), atol=1e-5)


def test_records_come_back_from_workers_as_the_very_same() -> None:
    data = dataset(4)
    for _, _, infos in infer_dl(data, num_workers=2):
        assert [info.record is record for info, record in zip(infos, data.records, strict=True)] == [True] * 4


def test_a_training_that_was_cut_off_goes_on_with_the_epoch_it_is_told() -> None:
    through, resumed = train_dl(dataset(), seed=3), train_dl(dataset(), seed=3)
    for _ in range(2):
        list(through)
    resumed.set_epoch(2)
    first, second = list(through), list(resumed)
    assert ids(first) == ids(second)
    assert torch.equal(pictures(first)[1], pictures(second)[1])


def test_validation_is_the_same_in_every_pass() -> None:
    loader = valid_dl(dataset())
    first, second = pictures(loader), pictures(loader)
    assert list(first) == [1, 2, 3, 4, 5]
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_loading_leaves_torchs_global_generator_alone() -> None:
    before = torch.random.get_rng_state()
    list(train_dl(dataset()))
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize(("drop_last", "sizes"), [(False, [4, 1]), (True, [4])])
def test_the_last_batch_may_be_smaller_or_dropped(drop_last: bool, sizes: list[int]) -> None:
    assert [len(images) for images, _, _ in train_dl(dataset(5), drop_last=drop_last)] == sizes


def test_a_list_of_samples_is_taken_as_it_is() -> None:
    data = dataset(2, seed=None)
    samples = [data[0], data[0], data[1]]
    loader = infer_dl(samples, batch_size=2, num_workers=2)
    assert ids(loader) == [1, 1, 2]
    images, _, infos = next(iter(loader))
    assert np.array_equal(images[1].permute(1, 2, 0).numpy(), samples[1].image)
    assert infos[0].record is samples[0].record


@pytest.mark.slow  # after an error, torch waits five seconds for a worker to end
def test_a_broken_image_is_named_by_a_worker_too(tmp_path: Path) -> None:
    path = tmp_path / "broken.jpg"
    path.write_bytes(b"no picture")
    data = Dataset(Records([tiny.record(12, (32, 40), path=path)], ClassMap(["a"])))
    with pytest.raises(DataError, match=r"image 12: .*broken\.jpg"):
        list(infer_dl(data, num_workers=1))
    gc.collect()


def test_what_cannot_be_loaded_is_refused() -> None:
    with pytest.raises(DataError, match="no images"):
        train_dl(Dataset(Records([], ClassMap())))
    with pytest.raises(DataError, match="no images"):
        infer_dl([])
    with pytest.raises(ConfigError, match="batch_size 0"):
        train_dl(dataset(), batch_size=0)
    with pytest.raises(ConfigError, match="drop_last leaves nothing"):
        train_dl(dataset(2), batch_size=4, drop_last=True)


def shares_of(
    count: int, processes: int, *, batch_size: int, is_even: bool, drop_last: bool = False
) -> list[list[Any]]:
    """For each process the image ids of its batches in the second epoch."""
    found = []
    for rank in range(processes):
        loader = train_dl(dataset(count), batch_size, seed=4, drop_last=drop_last)
        loader.set_epoch(1)
        with loader.shared(rank, processes, is_even=is_even):
            batches = [[info.record.image_id for info in infos] for _, _, infos in loader]
            assert len(batches) == len(loader)
        found.append(batches)
    return found


def test_shares_of_an_epoch_are_disjoint_cover_it_and_have_equally_many_steps() -> None:
    first, second, third = shares_of(9, 3, batch_size=2, is_even=True)
    assert [[len(batch) for batch in share] for share in (first, second, third)] == [[2, 1]] * 3
    given = [image_id for share in (first, second, third) for batch in share for image_id in batch]
    assert sorted(given) == list(range(1, 10))


def test_a_step_of_all_processes_is_one_of_a_larger_batch() -> None:
    whole = train_dl(dataset(8), batch_size=4, seed=4)
    whole.set_epoch(1)
    steps = [{info.record.image_id for info in infos} for _, _, infos in whole]
    first, second = shares_of(8, 2, batch_size=2, is_even=True)
    assert [set(one) | set(other) for one, other in zip(first, second, strict=True)] == steps


@pytest.mark.parametrize("count", [1, 4, 5])
def test_where_images_do_not_divide_some_are_given_twice_in_training_and_none_in_validation(count: int) -> None:
    even = shares_of(count, 3, batch_size=1, is_even=True)
    assert {len(share) for share in even} == {-(-count // 3)}
    given = [image_id for share in even for batch in share for image_id in batch]
    assert set(given) == set(range(1, count + 1))
    assert len(given) - count == -count % 3
    uneven = shares_of(count, 3, batch_size=1, is_even=False)
    assert sorted(image_id for share in uneven for batch in share for image_id in batch) == list(range(1, count + 1))


def test_after_the_block_a_loader_gives_all_images_again() -> None:
    loader = train_dl(dataset(5), batch_size=2)
    with loader.shared(1, 2, is_even=True):
        assert len(loader) == 2
    assert len(loader) == 3
    assert sorted(ids(loader)) == [1, 2, 3, 4, 5]


def test_a_share_that_drop_last_would_empty_is_refused() -> None:
    with pytest.raises(ConfigError, match="drop_last leaves nothing of 3 images in batches of 4"):
        shares_of(5, 2, batch_size=4, is_even=True, drop_last=True)


def test_workers_give_the_share_of_their_process() -> None:
    for workers in (0, 2):
        loader = train_dl(dataset(6), batch_size=2, num_workers=workers, seed=4)
        with loader.shared(1, 2, is_even=True):
            share = ids(loader)
        if workers == 0:
            alone = share
    assert share == alone
    assert len(share) == 3
