"""Masks and boxes in other forms than COCO's are put into it where there is no doubt."""

from __future__ import annotations

from typing import Any

import pytest

from contorno.parsers.coco_forms import BYTES_AS_TEXT, POINTS, TEXTS, numbers_in_texts, usual_segmentation

POINT_LIST = [[1, 2], [3, 4], [5, 6]]


@pytest.mark.parametrize(
    ("segmentation", "usual", "what"),
    [
        ({"size": [2, 2], "counts": "b'0\\\\4'"}, {"size": [2, 2], "counts": "0\\4"}, BYTES_AS_TEXT),
        (POINT_LIST, [[1, 2, 3, 4, 5, 6]], POINTS),
        ([POINT_LIST, POINT_LIST], [[1, 2, 3, 4, 5, 6]] * 2, POINTS),
        (["1", "2", "3.5"], [[1, 2, 3.5]], TEXTS),
        ([["1", 2], [3, 4]], [[1, 2], [3, 4]], TEXTS),
    ],
)
def test_other_forms_are_put_right(segmentation: Any, usual: Any, what: str) -> None:
    assert usual_segmentation(segmentation) == (usual, what)


@pytest.mark.parametrize(
    "segmentation",
    [None, [], [[1, 2, 3, 4, 5, 6]], [["a", 1]], {"size": [2, 2], "counts": "04"}, {"counts": [4]}, "b'04'", [[1, 2]]],
)
def test_what_is_usual_or_cannot_be_told_stays(segmentation: Any) -> None:
    assert usual_segmentation(segmentation) == (segmentation, "")


@pytest.mark.parametrize("values", [[1, 2], ["nan"], ["a"], "12", None, [None, "1"], ["1", [2]]])
def test_lists_without_texts_or_with_others_are_no_numbers_in_texts(values: Any) -> None:
    assert numbers_in_texts(values) is None
