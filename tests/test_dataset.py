"""Data sets: indices, epochs and seeds; images without annotations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tiny
from contorno import tfms
from contorno.dataset import Dataset
from contorno.errors import ConfigError, DataError
from contorno.images import write_image
from contorno.records import ClassMap
from contorno.samples import Frame

A = tfms.A


def augmented(seed: int | None) -> Dataset:
    return Dataset(tiny.disc_records(3), A.Adapter([A.Affine(rotate=(-90, 90), p=1)]), seed=seed)


def test_without_transforms_a_sample_is_the_image_as_it_is() -> None:
    records = tiny.disc_records(2)
    sample = Dataset(records)[1]
    assert np.array_equal(sample.image, records[1].image)
    assert sample.frame == Frame(scale_xy=(1, 1), offset_xy=(0, 0), original_hw=(64, 64), sample_hw=(64, 64))
    assert np.array_equal(sample.boxes, records[1].instances.boxes)
    assert sample.masks is not None
    assert sample.masks.shape == (len(records[1].instances), 64, 64)
    assert sample.class_map is records.class_map


@pytest.mark.parametrize("index", [2, -1, np.int64(2), np.int32(-1)])
def test_indices_may_be_negative_or_numpys(index: Any) -> None:
    dataset = augmented(0)
    assert dataset[index].record.image_id == 3
    assert np.array_equal(dataset[index].image, dataset[2].image)


@pytest.mark.parametrize("index", [3, -4])
def test_an_index_beyond_the_end_ends_a_loop(index: int) -> None:
    with pytest.raises(IndexError, match="3 images"):
        augmented(0)[index]
    assert len(list(iter(augmented(0)))) == len(augmented(0)) == 3


def test_a_slice_is_a_list_of_samples() -> None:
    assert [sample.record.image_id for sample in augmented(0)[1:]] == [2, 3]


def test_with_a_seed_a_sample_depends_on_epoch_and_index_alone() -> None:
    first, second = augmented(5), augmented(5)
    second[2], second[1]
    assert np.array_equal(first[0].image, second[0].image)
    assert np.array_equal(first[4, 0].image, second[4, 0].image)
    assert not np.array_equal(first[0].image, first[1, 0].image)
    assert not np.array_equal(first[0].image, augmented(6)[0].image)
    first.set_epoch(4)
    assert np.array_equal(first[0].image, second[4, 0].image)


def test_without_a_seed_every_look_differs() -> None:
    dataset = augmented(None)
    assert not np.array_equal(dataset[0].image, dataset[0].image)


def test_images_without_annotations_may_be_arrays_or_paths(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", np.full((6, 8, 3), 9, np.uint8))
    grey, alpha = np.full((5, 7), 3, np.uint8), np.full((5, 7, 4), 4, np.uint8)
    class_map = ClassMap(["choripan"])
    dataset = Dataset.from_images([tmp_path / "a.png", grey, alpha], class_map=class_map)
    assert [dataset[i].image.shape for i in range(3)] == [(6, 8, 3), (5, 7, 3), (5, 7, 3)]
    assert [int(dataset[i].image.max()) for i in range(3)] == [9, 3, 4]
    assert [dataset[i].record.image_id for i in range(3)] == [0, 1, 2]
    assert dataset.class_map is class_map
    assert len(dataset[0].labels) == 0


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((4, 4, 3), np.float32), "image 0 is float32 of shape"),
        (np.zeros((4, 4, 2), np.uint8), "image 0 has 2 channels"),
        (np.zeros((0, 4, 3), np.uint8), "image 0 is uint8 of shape"),
    ],
    ids=["float", "two channels", "empty"],
)
def test_arrays_that_are_no_image_are_named(image: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Dataset.from_images([image])


def test_files_are_known_by_name_or_by_path_where_names_repeat(tmp_path: Path) -> None:
    paths = [tmp_path / "x" / "a.png", tmp_path / "y" / "a.png", tmp_path / "y" / "b.png"]
    for path in paths:
        write_image(path, np.zeros((4, 4, 3), np.uint8))
    assert [record.image_id for record in Dataset.from_paths(paths[1:]).records] == ["a.png", "b.png"]
    assert [record.image_id for record in Dataset.from_paths(paths).records] == [str(path) for path in paths]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.png"):
        Dataset.from_paths([tmp_path / "gone.png"])


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ConfigError, match="takes Records"):
        Dataset([tiny.record()])  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="seed"):
        augmented(-1)
