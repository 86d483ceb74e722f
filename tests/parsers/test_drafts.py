"""A record while a parser in IceVision's way fills it: what it takes, and what it says of the rest."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

import tiny
from contorno.dataset import Dataset
from contorno.detections import BBox
from contorno.errors import DataError
from contorno.parsers.drafts import BaseRecord, DraftObjects
from contorno.parsers.mask_words import MaskArray
from contorno.records import Instances, Record, Records

GREY = np.array([[0, 50, 100], [150, 200, 250]], np.uint8)


def drafted(image: Any) -> np.ndarray[Any, Any]:
    """The pixels that a sample has of an image given to `set_img`."""
    draft = BaseRecord()
    draft.set_img(image)
    found = draft.found_image(1)
    assert found.size == (2, 3)
    record = Record(image_id=1, size_hw=found.size, instances=Instances.build(found.size), image=found.image)
    return Dataset(Records([record], tiny.disc_records(1).class_map))[0].image


@pytest.mark.parametrize(
    "image",
    [
        GREY,
        GREY[:, :, None],
        np.dstack([GREY, GREY, GREY]),
        np.dstack([GREY, GREY, GREY, 255 - GREY]),
        Image.fromarray(GREY),
        Image.fromarray(np.dstack([GREY, GREY, GREY])),
    ],
    ids=["grey", "one channel", "rgb", "rgba", "pillow grey", "pillow rgb"],
)
def test_pixels_of_every_usual_form_are_taken_as_rgb(image: Any) -> None:
    assert drafted(image).tolist() == np.dstack([GREY, GREY, GREY]).tolist()


@pytest.mark.parametrize(
    ("image", "told"),
    [
        (GREY / 255, r"float64 \(2, 3\)"),
        (np.zeros((2, 3, 3), np.uint16), r"uint16 \(2, 3, 3\)"),
        (np.zeros((3, 2, 5), np.uint8), r"uint8 \(3, 2, 5\)"),
        (np.zeros((0, 3, 3), np.uint8), r"uint8 \(0, 3, 3\)"),
        (np.zeros(3, np.uint8), r"uint8 \(3,\)"),
        (Image.fromarray(np.zeros((2, 3), np.uint16)), "a Pillow image of mode I;16"),
        (Image.fromarray(np.zeros((2, 3), np.float32)), "a Pillow image of mode F"),
        ("a.png", "set_filepath"),
    ],
    ids=["float", "uint16", "five channels", "no rows", "a line", "pillow 16 bits", "pillow float", "a path"],
)
def test_pixels_of_other_forms_are_refused_where_they_are_given(image: Any, told: str) -> None:
    draft = BaseRecord()
    draft.set_record_id("a.png")
    with pytest.raises(DataError, match=rf"record 'a\.png': set_img.*{told}"):
        draft.set_img(image)


@pytest.mark.parametrize("add", [DraftObjects.add_bboxes, DraftObjects.set_bboxes], ids=["add", "set"])
@pytest.mark.parametrize(
    "boxes", [[(1, 2, 10, 20)], np.ones((1, 4)), BBox(1, 2, 10, 20)], ids=["tuple", "array", "one"]
)
def test_boxes_that_are_none_name_the_call_that_makes_one(add: Any, boxes: Any) -> None:
    with pytest.raises(DataError, match=r"bboxes takes a list of BBox.*BBox\.from_xyxy\(xmin, ymin, xmax, ymax\)"):
        add(DraftObjects(), boxes)


@pytest.mark.parametrize("add", [DraftObjects.add_masks, DraftObjects.set_masks], ids=["add", "set"])
@pytest.mark.parametrize("given", [[GREY], GREY, MaskArray(GREY)], ids=["array in a list", "array", "one"])
def test_masks_that_are_none_name_the_call_that_makes_one(add: Any, given: Any) -> None:
    with pytest.raises(DataError, match=r"masks takes a list of masks.*MaskArray\(array\)"):
        add(DraftObjects(), given)


def test_a_mask_that_does_not_fit_is_told_with_its_record() -> None:
    draft = BaseRecord()
    draft.set_img(GREY)
    draft.detection.add_labels(["disc"])
    draft.detection.add_masks([MaskArray(np.ones((4, 4)))])
    with pytest.raises(DataError, match=r"record 7: a MaskArray of \(4, 4\) stands in an image of \(2, 3\)"):
        draft.found_image(7)
