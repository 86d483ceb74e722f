from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from contorno import masks
from contorno.images import MaskValues
from contorno.parsers.label_maps import Rules, draw_objects, read_picture
from contorno.parsers.mask_kinds import find_kind
from tiny_masks import picture, save

CATS = Rules(kind="semantic", class_name="cat", names={1: "cat", 2: "dog"})


def values(array: np.ndarray, **options: bool) -> MaskValues:
    return MaskValues(values=array, **options)


@pytest.mark.parametrize(
    ("pictures", "kind", "binary"),
    [
        ([picture("0110")], "semantic", True),
        ([picture("0##0"), picture("0000")], "semantic", True),
        ([picture("#"), picture("1")], "semantic", True),
        ([picture("1020"), picture("3004")], "label-map", False),
        ([picture("1201"), picture("2102")], "semantic", False),
        ([picture("1101"), picture("2202")], "semantic", False),
        ([picture("0000")], "semantic", True),
    ],
    ids=["0 and 1", "0 and 255", "1 and 255", "each value once", "values apart", "one value each", "empty"],
)
def test_kind_is_found_by_the_stated_rule(pictures: list[np.ndarray], kind: str, binary: bool) -> None:
    assert find_kind(values(array) for array in pictures)[:2] == (kind, binary)


def test_small_class_between_two_greys_is_not_taken_for_smoothing() -> None:
    array = np.zeros((20, 20), dtype=np.uint8)
    array[:10], array[15, ::3] = 255, 128
    assert find_kind([values(array)])[1] is False


def test_many_greys_beside_white_are_smoothing_and_objects_counted_up_are_not() -> None:
    soft = np.zeros((20, 20), dtype=np.uint8)
    soft[5:15], soft[4, :10] = 255, range(20, 220, 20)
    assert find_kind([values(soft)])[:2] == ("semantic", True)
    counted = np.repeat(np.arange(240, dtype=np.uint8), 4).reshape(24, 40)
    assert find_kind([values(counted)])[0] == "label-map"


def test_several_unknown_values_are_counted_by_pixels_and_known_ones_kept() -> None:
    drawn = draw_objects(values(picture("1133", "..24")), CATS, None)
    assert [(name, value, masks.area(code)) for name, value, code in drawn.objects] == [("cat", 1, 2), ("dog", 2, 1)]
    assert drawn.unknown == {3: 2, 4: 1}


def test_grey_value_of_a_mask_for_one_object_may_tell_its_class() -> None:
    rules = Rules(kind="instances", class_name="thing", names={2: "dog"})
    assert [name for name, _, _ in draw_objects(values(picture(".22.")), rules, None).objects] == ["dog"]
    assert [name for name, _, _ in draw_objects(values(picture(".55.")), rules, "cow").objects] == ["cow"]


def test_label_map_saved_with_loss_is_no_label_map() -> None:
    drawn = draw_objects(values(picture("1234"), is_lossy=True), Rules(kind="label-map", class_name="a"), None)
    assert [reason for reason, _ in drawn.dropped] == ["label map saved with loss, whose values are not exact"]
    assert drawn.objects == []


def test_negative_values_are_background() -> None:
    drawn = draw_objects(values(np.array([[-1, 0, 5]])), Rules(kind="label-map", class_name="a"), None)
    assert [value for _, value, _ in drawn.objects] == [5]


def test_fractions_are_scaled_and_whole_floats_kept(tmp_path: Path) -> None:
    soft = save(tmp_path / "a.tif", np.array([[0, 0.25, 1]], dtype=np.float32))
    assert read_picture(soft, None).values.tolist() == [[0, 64, 255]]
    whole = save(tmp_path / "b.tif", np.array([[0, 3, np.nan]], dtype=np.float32))
    assert read_picture(whole, None).values.tolist() == [[0, 3, 0]]
