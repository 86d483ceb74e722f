from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tiny
from contorno.errors import ConfigError, DataError
from contorno.records import ClassMap, ImageId, Record, Records
from contorno.splits import (
    BySplitFolder,
    FileListSplitter,
    FixedSplitter,
    FolderSplitter,
    FuncSplitter,
    GroupedSplitter,
    KFoldSplitter,
    RandomSplitter,
    SingleSplitter,
    StratifiedSplitter,
    named_parts,
)


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


def named_files(*names: str) -> Records:
    """Negatives with files that need not be there, ids 1, 2, ..."""
    made = [
        replace(tiny.record(number, size_hw=(2, 2), objects=[]), path=Path("/data") / name, image=None)
        for number, name in enumerate(names, start=1)
    ]
    return Records(made, ClassMap(["a"]))


def bags(*images: str) -> Records:
    """Images of small objects: "aab" has two of class a and one of class b; ids 1, 2, ..."""
    dot = tiny.bitmap("#.", "..")
    made = [
        tiny.record(number, size_hw=(2, 2), objects=[("abcd".index(letter) + 1, dot) for letter in letters])
        for number, letters in enumerate(images, start=1)
    ]
    return Records(made, ClassMap(list("abcd")))


def shuffled(given: Records) -> Records:
    return given.select(sorted(range(len(given)), key=lambda index: (index * 7) % 11))


def test_folds_hold_every_image_once_and_differ_by_one_at_most() -> None:
    folds = ids(KFoldSplitter(3)(records(range(10))))
    assert sorted(map(len, folds)) == [3, 3, 4]
    assert sorted(i for fold in folds for i in fold) == list(range(10))
    assert folds == ids(KFoldSplitter(3)(shuffled(records(range(10)))))


def test_one_fold_gives_the_others_for_training() -> None:
    folds = ids(KFoldSplitter(3)(records(range(10))))
    train, validation = ids(KFoldSplitter(3, fold=1)(records(range(10))))
    assert validation == folds[1]
    assert train == sorted(folds[0] + folds[2])


def test_folds_keep_groups_together_and_spread_classes() -> None:
    given = named_files(*(f"p{number // 2}_{number % 2}.png" for number in range(12)))
    for fold in ids(KFoldSplitter(3, key=r"^p\d+")(given)):
        assert {(i - 1) // 2 for i in fold} == {(i - 1) // 2 for i in fold if (i - 1) % 2 == 0}
        assert len(fold) == 4
    spread = KFoldSplitter(3, stratified=True)(bags(*["a"] * 9, *["b"] * 3))
    assert [sum("b" in kinds(record) for record in fold) for fold in spread] == [1, 1, 1]


def kinds(record: Record) -> set[str]:
    return {"abcd"[label - 1] for label in record.instances.labels}


@pytest.mark.parametrize(("folds", "fold"), [(1, None), (3, 3), (3, -1)])
def test_folds_that_are_not_there_are_refused(folds: int, fold: int | None) -> None:
    with pytest.raises(ConfigError, match=r"expected 2 or more|counted from 0"):
        KFoldSplitter(folds, fold)


@given(sizes=st.lists(st.integers(1, 9), min_size=2, max_size=12), seed=st.integers(0, 3))
def test_a_group_is_never_in_two_parts_and_no_part_is_empty(sizes: list[int], seed: int) -> None:
    given = named_files(*(f"g{group}_{n}.png" for group, size in enumerate(sizes) for n in range(size)))
    splitter = GroupedSplitter(r"^(g\d+)_", (0.7, 0.3), seed)
    parts = splitter(given)
    groups = [{record.path.name.split("_")[0] for record in part if record.path} for part in parts]
    assert all(groups)
    assert not groups[0] & groups[1]
    assert sum(map(len, parts)) == len(given)
    assert ids(parts) == ids(splitter(shuffled(given)))


def test_groups_of_equal_size_give_the_shares_exactly() -> None:
    given = named_files(*(f"g{group}_{n}.png" for group in range(10) for n in range(3)))
    for seed in range(8):
        assert [len(part) for part in GroupedSplitter(r"g\d+", (0.8, 0.2), seed)(given)] == [24, 6]
    assert ids(GroupedSplitter(r"g\d+", seed=1)(given)) != ids(GroupedSplitter(r"g\d+", seed=2)(given))


def test_a_group_larger_than_a_part_goes_where_it_fits() -> None:
    given = named_files(*(f"big_{n}.png" for n in range(10)), *(f"g{n}_0.png" for n in range(10)))
    for seed in range(40):
        assert [len(part) for part in GroupedSplitter("^[^_]+", (0.8, 0.2), seed)(given)] == [16, 4]


def test_groups_are_folders_or_what_a_function_says() -> None:
    given = named_files("x/1.png", "x/2.png", "y/1.png", "y/2.png")
    assert sorted(ids(GroupedSplitter("folder", (0.5, 0.5))(given))) == [[1, 2], [3, 4]]
    odd = GroupedSplitter(lambda record: int(record.image_id) % 2, (0.5, 0.5))
    assert sorted(ids(odd(given))) == [[1, 3], [2, 4]]


def test_a_name_without_the_group_key_is_an_error_unless_it_stands_alone() -> None:
    given = named_files("p1_a.png", "p1_b.png", "other.png")
    with pytest.raises(DataError, match=r"not found in the file names of 1 of 3 images, the first is 3"):
        GroupedSplitter(r"^p\d")(given)
    parts = ids(GroupedSplitter(r"^p\d", (0.5, 0.5), unmatched="alone")(given))
    assert sorted(parts) == [[1, 2], [3]]


def test_bad_groups_are_refused() -> None:
    with pytest.raises(ConfigError, match="not a regular expression"):
        GroupedSplitter("(")
    with pytest.raises(DataError, match="1 groups cannot be divided into 2 parts with at least one group each"):
        GroupedSplitter("folder")(named_files("x/1.png", "x/2.png"))


def test_a_class_with_two_images_is_in_both_parts() -> None:
    for seed in range(5):
        parts = StratifiedSplitter((0.8, 0.2), seed)(bags(*["a"] * 18, "ab", "b"))
        assert [sum("b" in kinds(record) for record in part) for part in parts] == [1, 1]


def test_classes_and_negatives_come_in_proportion() -> None:
    given = bags(*["a"] * 40, *["ab"] * 20, *["c"] * 10, *["b"] * 20, *[""] * 10)
    train, validation = StratifiedSplitter((0.8, 0.2))(given)
    assert [len(train), len(validation)] == [80, 20]
    counted = [sum(letter in kinds(record) for record in validation) for letter in "abc"]
    assert counted == [12, 8, 2]
    assert sum(not len(record.instances) for record in validation) == 2


def test_crowded_images_are_spread_too() -> None:
    given = bags(*["a" * 16] * 5, *["a"] * 20)
    _, validation = StratifiedSplitter((0.8, 0.2), 3)(given)
    assert sorted(len(record.instances) for record in validation) == [1, 1, 1, 1, 16]


@given(
    images=st.lists(st.text("abcd", max_size=4), min_size=3, max_size=30),
    shares=st.sampled_from([(0.8, 0.2), (0.6, 0.2, 0.2), (0.98, 0.01, 0.01)]),
    seed=st.integers(0, 3),
)
def test_stratified_parts_hold_every_image_once_in_any_order(
    images: list[str], shares: tuple[float, ...], seed: int
) -> None:
    given = bags(*images)
    parts = StratifiedSplitter(shares, seed)(given)
    assert all(len(part) for part in parts)
    assert sorted(i for part in ids(parts) for i in part) == list(range(1, len(images) + 1))
    assert ids(parts) == ids(StratifiedSplitter(shares, seed)(shuffled(given)))


def test_stratified_groups_stay_together() -> None:
    given = bags(*["a", "b"] * 10)
    parts = StratifiedSplitter((0.8, 0.2), key=lambda record: (int(record.image_id) - 1) // 4)(given)
    groups = [{(int(i) - 1) // 4 for i in part} for part in ids(parts)]
    assert not groups[0] & groups[1]
    assert [len(part) for part in parts] == [16, 4]


def lists(folder: Path, **texts: str) -> dict[str, Path]:
    for name, text in texts.items():
        (folder / f"{name}.txt").write_text(text, encoding="utf-8")
    return {name: folder / f"{name}.txt" for name in texts}


@pytest.mark.parametrize(
    "line",
    [
        "1",
        "é.jpg",
        "é",
        "x/é.jpg",
        "./x/é.jpg",
        "/home/somebody/x/é.jpg",
        "C:\\labels\\x\\é.jpg",
        "é  -1",
        "e\u0301.jpg",
    ],
)
def test_a_line_of_a_list_may_be_an_id_or_a_name_in_any_form(tmp_path: Path, line: str) -> None:
    given = named_files("x/é.jpg", "y/b.jpg")
    splitter = FileListSplitter(lists(tmp_path, train=f"\ufeff# made by hand\n\n{line}\r\n", test="y/b.jpg\ny/b.jpg"))
    assert ids(splitter(given)) == [[1], [2]]


def test_folders_tell_names_apart_and_are_needed_for_it(tmp_path: Path) -> None:
    given = named_files("x/1.jpg", "y/1.jpg")
    assert ids(FileListSplitter(lists(tmp_path, train="x/1.jpg", test="y/1"))(given)) == [[1], [2]]
    with pytest.raises(ConfigError, match=r"train.txt: '1.jpg' fits 2 images \(ids 1, 2\)"):
        FileListSplitter(lists(tmp_path, train="1.jpg", test="y/1"))(given)


def test_lists_with_unknown_or_doubled_names_are_refused(tmp_path: Path) -> None:
    given = named_files("a.jpg", "b.jpg")
    with pytest.raises(ConfigError, match=r"names 'c.jpg' fit no image; there are names such as 'a.jpg' and ids"):
        FileListSplitter(lists(tmp_path, train="a.jpg\nc.jpg", test="b.jpg"))(given)
    with pytest.raises(ConfigError, match=r"image id 1 is in .*train.txt and in .*test.txt"):
        FileListSplitter(lists(tmp_path, train="a", test="b\na.jpg"))(given)
    with pytest.raises(ConfigError, match="lists no image"):
        FileListSplitter(lists(tmp_path, train="a", test="# nothing\n"))(given)


def test_images_in_no_list_are_refused_unless_told_to_drop_them(tmp_path: Path) -> None:
    given = named_files("a.jpg", "b.jpg", "c.jpg")
    files = lists(tmp_path, train="a", test="b")
    with pytest.raises(ConfigError, match="image ids 3 are in no list"):
        FileListSplitter(files)(given)
    assert ids(FileListSplitter(files, unlisted="drop")(given)) == [[1], [2]]


def test_lists_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not a file"):
        FileListSplitter({"train": tmp_path / "none.txt"})
    (tmp_path / "train.txt").write_bytes(b"\xff\xfe\x00a")
    with pytest.raises(DataError, match="byte 0 is not UTF-8"):
        FileListSplitter({"train": tmp_path / "train.txt"})(named_files("a.jpg"))


def test_folders_named_as_splits_make_the_parts() -> None:
    given = named_files("set/val2017/1.jpg", "set/train2017/train/2.jpg", "set/Train2017/3.jpg", "set/test/4.jpg")
    assert ids(FolderSplitter()(given)) == [[2, 3], [1], [4]]


def test_other_folders_make_parts_by_their_names_or_as_told() -> None:
    given = named_files("site_b/deep/1.jpg", "site_a/2.jpg", "site_c/3.jpg")
    assert ids(FolderSplitter()(given)) == [[2], [1], [3]]
    assert ids(FolderSplitter()(named_files("val/1.jpg", "val/2.jpg"))) == [[1, 2]]
    told = FolderSplitter({"train": ["site_a", "SITE_C"], "test": "site_b"})
    assert ids(told(given)) == [[2, 3], [1]]


def test_images_outside_the_folders_are_refused() -> None:
    with pytest.raises(DataError, match="image ids 2 lie in no folder that names a part"):
        FolderSplitter()(named_files("train/1.jpg", "2.jpg", "val/3.jpg"))
    with pytest.raises(ConfigError, match="no image lies in a folder of the part 'test'"):
        FolderSplitter({"train": "a", "test": "b"})(named_files("a/1.jpg"))
    with pytest.raises(ConfigError, match="given to two parts"):
        FolderSplitter({"train": "a", "test": ["A"]})


def test_a_function_divides() -> None:
    halves = FuncSplitter(lambda given: [given[:2], list(given[2:])])
    assert ids(halves(records([1, 2, 3]))) == [[1, 2], [3]]
    with pytest.raises(DataError, match="image id 1 in two parts"):
        FuncSplitter(lambda given: [given, given[:1]])(records([1, 2]))
    with pytest.raises(DataError, match="part 1 without images"):
        FuncSplitter(lambda given: [given, []])(records([1]))


def test_parts_are_named_and_marked() -> None:
    found = named_parts(records(range(10)), RandomSplitter())
    assert {name: len(part) for name, part in found.items()} == {"train": 8, "validation": 2}
    assert {record.split for record in found["validation"]} == {"validation"}
    assert list(named_parts(records(range(10)), RandomSplitter({"a": 0.5, "b": 0.5}))) == ["a", "b"]
    assert list(named_parts(records(range(4)), KFoldSplitter(4))) == ["fold_0", "fold_1", "fold_2", "fold_3"]
    assert list(named_parts(named_files("val/1.jpg", "train/2.jpg"), FolderSplitter())) == ["train", "validation"]
    with pytest.raises(ConfigError, match="expected 2 different names"):
        named_parts(records(range(4)), RandomSplitter(), ["a", "a"])
