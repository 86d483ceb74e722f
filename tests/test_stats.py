"""Figures of a data set."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tiny
from contorno import boxes, masks, stats
from contorno.errors import ConfigError
from contorno.masks import Polygons
from contorno.records import ClassMap, Instances, Record, Records
from contorno.stats.overlaps import overlapping_boxes
from contorno.stats.statistics import QUANTILES


def blank(size_hw: tuple[int, int], *filled: tuple[int, int, int, int]) -> np.ndarray:
    """A mask of filled rectangles, xyxy."""
    mask = np.zeros(size_hw, np.uint8)
    for x0, y0, x1, y1 in filled:
        mask[y0:y1, x0:x1] = 1
    return mask


def yard() -> dict[str, Records]:
    """Train: a small cat, a large dog that overlaps it, a negative. Validation: a medium cat, under another label."""
    size = (100, 200)
    first = tiny.record(1, size, [(1, blank(size, (0, 0, 10, 10))), (2, blank(size, (0, 0, 100, 100)))])
    train = Records([first, tiny.record(2, (50, 50), [])], ClassMap(["cat", "dog"]))
    second = tiny.record(1, size, [(2, blank(size, (0, 0, 60, 50)))])
    return {"train": train, "validation": Records([second], ClassMap(["cow", "CAT"]))}


def test_counts_of_images_objects_and_classes() -> None:
    found = stats.describe(yard())
    assert (found.total.images, found.total.negatives, found.total.objects) == (3, 1, 3)
    assert (found.splits["train"].objects, found.splits["validation"].objects) == (2, 1)
    assert list(found.classes) == ["cat", "dog", "cow"]
    assert found.classes["cat"].objects == {"train": 1, "validation": 1}
    assert found.classes["cat"].images == {"train": 1, "validation": 1}
    assert found.classes["cow"].objects == {"train": 0, "validation": 0}
    assert math.isnan(found.classes["cow"].median_area)


def test_sizes_are_those_of_masks_with_cocos_bounds() -> None:
    found = stats.describe(yard())
    assert (found.total.small, found.total.medium, found.total.large) == (1, 1, 1)
    assert found.area.quantiles[0] == 100
    assert found.area.median == 3000
    assert found.relative_area.quantiles[-1] == pytest.approx(0.5)
    # A thin diagonal has a large box and a small mask.
    thin = Polygons((np.array([[0, 0], [150, 149], [150, 150]], float),))
    record = replace(tiny.record(1, (150, 150), []), instances=Instances.build((150, 150), [1], [thin]))
    assert stats.describe({"all": Records([record], ClassMap(["wire"]))}).total.small == 1


@pytest.mark.parametrize(("side", "kind"), [(31, "small"), (32, "medium"), (95, "medium"), (96, "large")])
def test_the_bounds_belong_to_the_larger_size(side: int, kind: str) -> None:
    record = tiny.record(1, (100, 100), [(1, blank((100, 100), (0, 0, side, side)))])
    assert getattr(stats.describe({"all": Records([record], ClassMap(["a"]))}).total, kind) == 1


def test_shapes_and_images() -> None:
    found = stats.describe(yard())
    assert found.aspect.quantiles[-1] == pytest.approx(1.2)
    assert found.objects_per_image.quantiles[-1] == 2
    assert sum(found.objects_per_image.counts) == 3
    assert found.image_sizes == ((100, 200, 2), (50, 50, 1))
    assert found.heat[0][0] == 1
    assert found.heat[-1][-1] == 0


def test_overlaps_are_counted_by_masks() -> None:
    found = stats.describe(yard()).overlaps
    assert (found.pairs, found.contained, found.doubled, found.overlapping, found.objects) == (1, 1, 0, 2, 3)
    assert found.pairs_by_iou == (1, 0, 0, 0, 0, 0)  # 100 of 10,000 px
    # Two corners of one square: their boxes overlap and they do not.
    size = (9, 9)
    upper = blank(size, (0, 0, 9, 1), (0, 0, 1, 9))
    lower = blank(size, (1, 8, 9, 9), (8, 1, 9, 9))
    record = tiny.record(1, size, [(1, upper), (1, lower), (1, lower)])
    found = stats.describe({"all": Records([record], ClassMap(["corner"]))}).overlaps
    assert (found.pairs, found.doubled, found.overlapping) == (1, 1, 2)
    assert found.pairs_by_iou[-1] == 1


def test_boxes_without_masks_are_measured_as_boxes() -> None:
    found = Instances.build((50, 50), [1, 1], None, boxes=[[0, 0, 40, 40], [10, 10, 20, 20]])
    record = replace(tiny.record(1, (50, 50), []), instances=found)
    described = stats.describe({"all": Records([record], ClassMap(["a"]))})
    assert (described.total.boxes_only, described.total.masks) == (2, 0)
    assert described.area.quantiles[-1] == 1600
    assert (described.overlaps.pairs, described.overlaps.contained) == (1, 1)


def test_crowd_regions_are_counted_and_nothing_else_of_them() -> None:
    record = yard()["train"][0]
    crowd = replace(record, instances=replace(record.instances, is_crowd=np.array([False, True])))
    found = stats.describe({"all": Records([crowd], ClassMap(["cat", "dog"]))})
    assert (found.total.objects, found.total.crowd, found.total.large) == (2, 1, 0)
    assert found.overlaps.pairs == 0
    assert found.area.quantiles[-1] == 100
    assert found.classes["dog"].objects == {"all": 1}
    assert found.classes["dog"].crowd == 1


def test_objects_in_several_parts_are_counted() -> None:
    parts = Polygons(tuple(np.array([[x, 0], [x + 2, 0], [x, 2]], float) for x in (0, 4)))
    record = replace(tiny.record(1, (9, 9), []), instances=Instances.build((9, 9), [1], [parts]))
    assert stats.describe({"all": Records([record], ClassMap(["a"]))}).total.several_parts == 1


@pytest.mark.parametrize("records", [[], [tiny.record(1, (9, 9), [])]], ids=["no images", "a negative"])
def test_nothing_is_described_without_nan_in_the_json(records: list[Record]) -> None:
    found = stats.describe({"train": Records(records, ClassMap(["a"]))})
    assert json.loads(json.dumps(found.to_json(), allow_nan=False))["area"]["mean"] is None
    assert "images" in found.table()
    with pytest.raises(ConfigError, match="no splits"):
        stats.describe({})


def test_json_holds_every_figure() -> None:
    found = stats.describe(yard()).to_json()
    assert found["splits"]["train"]["images"] == 2
    assert found["classes"]["cat"]["objects"] == {"train": 1, "validation": 1}
    assert found["quantiles"] == list(QUANTILES)
    assert found["overlaps"]["pairs"] == 1
    assert "mask" in found["notes"][0]


def test_the_table_lists_splits_classes_and_what_area_means() -> None:
    table = stats.describe(yard()).table()
    lines = [line.split() for line in table.splitlines()]
    assert ["images", "2", "1", "3"] in lines
    assert ["cat", "2", "2", "1", "1", "1", "1", "0", "1", "550"] in lines
    assert "without objects: cow" in table
    assert "Area is that of the mask" in table
    assert "1 of 3" not in table
    assert "2 of 3 objects (66.7 %) share pixels" in table


def test_masks_are_compared_on_a_drawn_share_that_is_stated() -> None:
    records = tiny.disc_records(6, (32, 32))
    found = stats.describe({"all": records}, overlap_images=2)
    assert (found.overlaps.images, found.overlaps.of_images) == (2, 6)
    assert "on 2 of 6 images" in found.table()
    backward = stats.describe({"all": records.select(range(5, -1, -1))}, overlap_images=2)
    assert backward.overlaps == found.overlaps


def test_the_size_advised_is_the_least_that_shows_nine_tenths() -> None:
    found = stats.describe(
        {"all": Records([tiny.record(1, (100, 100), [(1, blank((100, 100), (0, 0, 4, 4)))])], ClassMap(["a"]))}
    )
    assert [round(hint.median_px, 1) for hint in found.hints][:3] == [10.2, 15.4, 20.5]
    assert found.suggested_image_size == 512


def test_many_images_report_progress() -> None:
    seen: list[tuple[str, int, int | None]] = []
    stats.describe(yard(), progress=lambda what, done, total: seen.append((what, done, total)))
    assert ("measuring images", 3, 3) in seen
    assert ("comparing objects of images", 2, 2) in seen


corners = st.lists(st.tuples(*[st.integers(0, 12)] * 4), max_size=25)


@given(corners)
def test_the_sweep_finds_just_the_boxes_that_share_area(found: list[tuple[int, int, int, int]]) -> None:
    given_boxes = np.array(found, dtype=np.float32).reshape(-1, 4)
    given_boxes = np.concatenate(
        [np.minimum(given_boxes[:, :2], given_boxes[:, 2:]), np.maximum(given_boxes[:, :2], given_boxes[:, 2:])], axis=1
    )
    pairs = {tuple(pair) for pair in overlapping_boxes(given_boxes).tolist()}
    table = boxes.iou(given_boxes, given_boxes) > 0
    assert pairs == {(i, j) for i, j in np.argwhere(table).tolist() if i < j}


def test_thousands_of_objects_in_one_image_are_compared_in_pieces() -> None:
    size = (64, 1400)
    cells = [blank(size, (2 * i, 0, 2 * i + 3, 3)) for i in range(600)]
    codes = [masks.encode(cell) for cell in cells]
    record = replace(tiny.record(1, size, []), instances=Instances.build(size, [1] * 600, codes))
    found = stats.describe({"all": Records([record], ClassMap(["a"]))}).overlaps
    assert found.pairs == 599  # each meets its neighbour, over the pieces' borders too
