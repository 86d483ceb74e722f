from __future__ import annotations

import re

import pytest

from contorno.openimages import IMAGES_URL, META_URL, SPLITS, Bucket
from contorno.openimages.published import by_address, expected, published_files


def test_every_zip_and_table_that_a_fetch_asks_for_is_known() -> None:
    bucket = Bucket()
    keys = [bucket.class_keys[0], bucket.mask_classes_key]
    for split in SPLITS:
        keys += [bucket.masks_table_key(split), bucket.labels_table_key(split), bucket.boxes_table_key(split)]
        keys += [bucket.image_list_key(split)]
        keys += [bucket.masks_zip_key(split, digit) for digit in "0123456789abcdef"]
    assert len(keys) == 62
    assert set(keys) == set(published_files())


def test_sizes_and_sums_are_what_they_should_be() -> None:
    for key, file in published_files().items():
        assert file.key == key
        assert file.size_bytes > 0
        assert re.fullmatch("[0-9a-f]{32}", file.md5)
    zips = {
        split: sum(f.size_bytes for k, f in published_files().items() if f"/{split}-masks-" in k) for split in SPLITS
    }
    assert zips == {"train": 4_472_439_320, "validation": 57_563_535, "test": 170_561_099}


def test_a_published_file_is_known_by_its_bucket_or_its_address() -> None:
    found = expected(Bucket(), "v5/validation-masks/validation-masks-0.zip")
    assert found is not None
    assert (found.size_bytes, found.md5) == (3_746_207, "7ec6295df5d984b49e7003034325cd49")
    assert by_address(META_URL + "v5/validation-masks/validation-masks-0.zip") == found
    assert by_address(META_URL.replace("https", "http") + found.key) == found


@pytest.mark.parametrize(
    "url",
    [
        META_URL + "v5/nothing.zip",
        IMAGES_URL + "v5/classes-segmentation.txt",
        "http://127.0.0.1:9/openimages/v5/classes-segmentation.txt",
        META_URL,
        "",
    ],
)
def test_nothing_is_said_of_files_elsewhere(url: str) -> None:
    assert by_address(url) is None


def test_a_mirror_may_hold_other_files() -> None:
    assert expected(Bucket(meta_url="https://mirror.invalid/openimages/"), "v5/classes-segmentation.txt") is None
