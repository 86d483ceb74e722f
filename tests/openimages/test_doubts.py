from __future__ import annotations

from typing import Any

import pytest

from contorno.openimages import BoxFlags, BoxRow, MaskRow, Request
from contorno.openimages.doubts import join, judge

PLAIN = BoxFlags(False, False, False, False, False)
UNKNOWN = BoxFlags(None, None, None, None, None)
GROUP = BoxFlags(False, False, True, False, False)
DRAWN = BoxFlags(False, False, False, True, False)
DOG = "/m/1"


def mask(name: str, image: str, left: float, iou: float | None = 0.9, mid: str = DOG) -> MaskRow:
    return MaskRow(name, image, mid, "b", (left, 0.1, left + 0.1, 0.2), iou)


def box(image: str, left: float, flags: BoxFlags = PLAIN, mid: str = DOG) -> BoxRow:
    return BoxRow(image, "xclick", mid, (left, 0.1, left + 0.1, 0.2), flags)


def request(**options: Any) -> Request:
    return Request.make(["dog"], options)  # type: ignore[arg-type]


def test_a_mask_belongs_to_the_box_of_its_image_class_and_corners() -> None:
    rows = [mask("a", "i", 0.1), mask("b", "i", 0.3), mask("c", "j", 0.1), mask("d", "i", 0.1, mid="/m/2")]
    boxes = [
        box("i", 0.3000011, GROUP),  # the other table had more digits
        box("i", 0.1, DRAWN),
        box("i", 0.10001),  # another box, near it
        box("j", 0.5),
    ]
    flags, free = join(rows, boxes)
    assert flags == {"a": DRAWN, "b": GROUP}
    assert free == [boxes[2], boxes[3]]


def test_two_masks_do_not_share_a_box() -> None:
    flags, free = join([mask("a", "i", 0.1), mask("b", "i", 0.1)], [box("i", 0.1)])
    assert list(flags) == ["a"]
    assert free == []


def test_a_mask_without_a_box_in_its_row_has_unknown_flags() -> None:
    row = MaskRow("a", "i", DOG, "", None, None)
    made = judge(request(without=["depiction"]), [row], [box("i", 0.1)])
    assert made.objects == (row,)
    assert made.rows_without_box == 1


@pytest.mark.parametrize(
    ("rejected", "expected"),
    [
        ("ignore", (["good", "unknown"], ["bad"], [], {})),
        ("background", (["good", "unknown"], [], ["bad"], {})),
        ("leave-out", (["good", "unknown"], ["bad"], [], {"j": "a mask of PredictedIoU below 0.8"})),
    ],
)
def test_a_mask_of_low_quality_becomes_what_was_asked(rejected: str, expected: Any) -> None:
    rows = [mask("good", "i", 0.1, 0.8), mask("bad", "j", 0.1, 0.79), mask("unknown", "j", 0.3, None)]
    made = judge(request(min_iou=0.8, rejected=rejected), rows, None)
    assert [row.mask_path for row in made.objects] == expected[0]
    assert [row.mask_path for row in made.ignored_rows] == expected[1]
    assert [row.mask_path for row in made.dropped_rows] == expected[2]
    assert made.left_out == expected[3]


def test_a_flag_that_is_unknown_rejects_nothing() -> None:
    rows = [mask("drawn", "i", 0.1), mask("real", "i", 0.3), mask("machine", "i", 0.5)]
    boxes = [box("i", 0.1, DRAWN), box("i", 0.3), box("i", 0.5, UNKNOWN)]
    made = judge(request(without=["depiction"], rejected="background"), rows, boxes)
    assert [row.mask_path for row in made.objects] == ["real", "machine"]
    assert [row.mask_path for row in made.dropped_rows] == ["drawn"]


@pytest.mark.parametrize(
    ("groups", "unmasked", "masks_ignored", "boxes_ignored", "left_out"),
    [
        ("object", "background", [], [], {}),
        ("crowd", "background", ["heap"], ["j"], {}),
        ("crowd", "ignore", ["heap"], ["j", "k"], {}),
        ("object", "ignore", [], ["j", "k"], {}),
        ("leave-out", "background", ["heap"], ["j"], {"i": "group", "j": "group"}),
        ("crowd", "leave-out", ["heap"], ["j", "k"], {"k": "without a mask"}),
    ],
)
def test_groups_and_boxes_without_a_mask_become_what_was_asked(
    groups: str, unmasked: str, masks_ignored: list[str], boxes_ignored: list[str], left_out: dict[str, str]
) -> None:
    rows = [mask("one", "i", 0.1), mask("heap", "i", 0.3)]
    boxes = [box("i", 0.1), box("i", 0.3, GROUP), box("j", 0.1, GROUP), box("k", 0.1)]
    made = judge(request(groups=groups, unmasked=unmasked), rows, boxes)
    assert [row.mask_path for row in made.ignored_rows] == masks_ignored
    assert [row.mask_path for row in made.objects] == [n for n in ("one", "heap") if n not in masks_ignored]
    assert [found.image_id for found in made.ignored_boxes] == boxes_ignored
    assert made.left_out.keys() == left_out.keys()
    assert all(left_out[image] in reason for image, reason in made.left_out.items())
