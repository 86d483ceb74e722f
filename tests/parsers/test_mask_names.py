from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contorno.parsers.mask_names import ImageNames, Owner, class_in_name, class_of_folder, escape_class

NAMES = ImageNames(
    ["img_1.png", "img_10.png", "sub/x.jpg", "0cdf5b5d0ce1_01.jpg", "wells_000_img.tif", "c_leftImg8bit.png", "Pic.JPG"]
)


@pytest.mark.parametrize(
    ("mask", "image", "class_name", "many"),
    [
        ("img_1.png", "img_1.png", None, False),
        ("img_10.png", "img_10.png", None, False),
        ("img_1_0.png", "img_1.png", None, True),
        ("img_10_3.png", "img_10.png", None, True),
        ("img_10-3.png", "img_10.png", None, True),
        ("img_1 (2).png", "img_1.png", None, True),
        ("img_1_cat_2.png", "img_1.png", "cat", True),
        ("img_1_hot dog.png", "img_1.png", "hot dog", False),
        ("img_1_mask.png", "img_1.png", None, False),
        ("img_1_mask_2.png", "img_1.png", None, True),
        ("img_10/1.png", "img_10.png", None, True),
        ("img_10/cat_1.png", "img_10.png", "cat", True),
        ("cat/img_10.png", "img_10.png", "cat", False),
        ("train/img_10.png", "img_10.png", None, False),
        ("sub/cat/x.png", "sub/x.jpg", "cat", False),
        ("x.png", "sub/x.jpg", None, False),
        ("0cdf5b5d0ce1_01_mask.gif", "0cdf5b5d0ce1_01.jpg", None, False),
        ("wells_000_masks.tif", "wells_000_img.tif", None, False),
        ("c_gtFine_instanceIds.png", "c_leftImg8bit.png", None, False),
        ("pic.png", "Pic.JPG", None, False),
        ("img_1_m01b9xk_4ab3f5d2.png", "img_1.png", "/m/01b9xk", True),
    ],
)
def test_mask_belongs_to_the_image_of_the_longest_name(
    mask: str, image: str, class_name: str | None, many: bool
) -> None:
    assert NAMES.owner(mask) == Owner(image=image, class_name=class_name, many=many)


def test_longest_of_several_names_that_fit_wins() -> None:
    assert ImageNames(["a.png", "a_1.png"]).owner("a_1_2.png") == Owner(image="a_1.png", many=True)
    assert ImageNames(["a.png", "a_1.png"]).owner("a_2_2.png") == Owner(image="a.png", many=True)


def test_kind_may_stand_in_front() -> None:
    assert ImageNames(["image_007.jpg", "image_008.jpg"]).owner("mask_007.png") == Owner(image="image_007.jpg")


def test_masks_of_no_image_and_of_several_are_told() -> None:
    assert NAMES.owner("img_2.png") == "mask of no image"
    assert NAMES.owner("img_100.png") == "mask of no image"
    assert ImageNames(["a.jpg", "a.png"]).owner("a.png") == "mask that fits several images"
    assert ImageNames(["a.jpg", "a.png"]).owner("a.jpg.png") == Owner(image="a.jpg")
    assert ImageNames(["a.jpg", "a.png"]).owner("a_1.png") == "mask that fits several images"
    assert ImageNames(["1/a.jpg", "2/a.jpg"]).owner("a.png") == "mask that fits several images"


@pytest.mark.parametrize(
    "rest", ["_0", "-12", "_mask", "_instance_3", "_00ae65c1c6631ae6f2be1a449902976e", "", "_object"]
)
def test_numbers_checksums_and_words_for_masks_are_no_class(rest: str) -> None:
    assert class_in_name(rest) is None


def test_folders_of_splits_and_masks_are_no_class() -> None:
    assert [class_of_folder(name) for name in ("cat", "train", "Masks", "1")] == ["cat", None, None, "1"]


@settings(max_examples=100, deadline=None)
@given(st.text(min_size=1, max_size=20).filter(lambda text: text.isprintable()))
def test_every_class_name_comes_back_from_a_file_name(name: str) -> None:
    escaped = escape_class(name)
    assert class_in_name(f"_{escaped}_17") == name
    assert not set(escaped) & set('/\\:*?"<>|')
