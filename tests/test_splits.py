from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tiny
from contorno.errors import ConfigError, DataError
from contorno.records import ClassMap, ImageId, Records
from contorno.splits import BySplitFolder, FixedSplitter, RandomSplitter, SingleSplitter


def records(ids: Sequence[ImageId]) -> Records:
    return Records([tiny.record(image_id, size_hw=(2, 2), objects=[]) for image_id in ids], ClassMap(["a"]))


def ids(parts: list[Records]) -> list[list[ImageId]]:
    return [[record.image_id for record in part] for part in parts]


def test_same_seed_gives_the_same_parts_in_any_order_of_records() -> None:
    forward = RandomSplitter((0.8, 0.2), seed=7)(records(range(20)))
    backward = RandomSplitter((0.8, 0.2), seed=7)(records(range(19, -1, -1)))
    assert ids(forward) == ids(backward)
    assert ids(RandomSplitter((0.8, 0.2), seed=8)(records(range(20)))) != ids(forward)


def test_the_draw_never_changes_between_versions() -> None:
    assert ids(RandomSplitter(seed=42)(records(range(10))))[1] == [4, 6]


def test_default_holds_back_a_fifth() -> None:
    assert [len(part) for part in RandomSplitter()(records(range(50)))] == [40, 10]


def test_shares_are_taken_as_a_list_by_position() -> None:
    parts = RandomSplitter([0.5, 0.25, 0.25])(records(["a", "b", "c", "d"]))
    assert [len(part) for part in parts] == [2, 1, 1]


@given(
    image_ids=st.lists(st.one_of(st.integers(0, 99), st.text("ab1", max_size=3)), min_size=3, max_size=30, unique=True),
    shares=st.sampled_from([(0.8, 0.2), (0.99, 0.005, 0.005), (1.0,), (0.1, 0.9)]),
    seed=st.integers(0, 5),
)
def test_every_image_is_in_one_part_and_no_part_is_empty(
    image_ids: list[ImageId], shares: tuple[float, ...], seed: int
) -> None:
    parts = ids(RandomSplitter(shares, seed)(records(image_ids)))
    assert all(parts)
    assert sorted(map(repr, (i for part in parts for i in part))) == sorted(map(repr, image_ids))


def test_adding_an_image_moves_few_others() -> None:
    before = set(ids(RandomSplitter(seed=1)(records(range(100))))[1])
    after = set(ids(RandomSplitter(seed=1)(records(range(101))))[1])
    assert len(before & after) >= 19


def test_fewer_images_than_parts_is_an_error() -> None:
    with pytest.raises(DataError, match="1 images cannot be divided into 2 parts"):
        RandomSplitter()(records([1]))
    with pytest.raises(DataError, match="no images"):
        SingleSplitter()(records([]))


@pytest.mark.parametrize("shares", [(), (0.8, 0.3), (1.0, 0.0), (1.2, -0.2)], ids=str)
def test_bad_shares_are_refused(shares: tuple[float, ...]) -> None:
    with pytest.raises(ConfigError, match="sum to 1"):
        RandomSplitter(shares)


def test_single_splitter_keeps_all_in_one_part() -> None:
    assert ids(SingleSplitter()(records([3, 1, 2]))) == [[3, 1, 2]]


def test_fixed_splitter_follows_its_lists() -> None:
    assert ids(FixedSplitter([[2], [3, 1]])(records([1, 2, 3]))) == [[2], [3, 1]]
    assert ids(FixedSplitter({"train": ["a"], "validation": ["b"]})(records(["a", "b"]))) == [["a"], ["b"]]


def test_fixed_splitter_refuses_ids_that_no_record_has() -> None:
    with pytest.raises(ConfigError, match=r"image ids '1' of the fixed split .* such as 1"):
        FixedSplitter([["1"], [2]])(records([1, 2]))


def test_fixed_splitter_refuses_unlisted_records_unless_told_to_drop_them() -> None:
    with pytest.raises(ConfigError, match="image ids 3 are in no list"):
        FixedSplitter([[1], [2]])(records([1, 2, 3]))
    assert ids(FixedSplitter([[1], [2]], unlisted="drop")(records([1, 2, 3]))) == [[1], [2]]


def test_fixed_splitter_refuses_an_image_in_two_parts_and_an_empty_part() -> None:
    with pytest.raises(ConfigError, match="1 stands twice"):
        FixedSplitter([[1], [1, 2]])
    with pytest.raises(ConfigError, match="list 1 of the fixed split is empty"):
        FixedSplitter([[1], []])


def test_split_folder_puts_train_before_validation_before_test() -> None:
    folders = ["test", "validation", "train", "train"]
    given = [replace(r, split=s) for r, s in zip(records([1, 2, 3, 4]), folders, strict=True)]
    assert ids(BySplitFolder()(Records(given, ClassMap(["a"])))) == [[3, 4], [2], [1]]


def test_split_folder_needs_a_split_for_every_image() -> None:
    with pytest.raises(DataError, match="image 1: its source put it in no split"):
        BySplitFolder()(records([1]))
