"""From every format to every other: what both hold comes back bit for bit, and what is lost is counted."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from contorno import parsers, writers
from contorno.parsers import ReadOptions
from contorno.records import Records
from contorno.writers import Format, Written
from whole_sets import Parts, by_image, objects, on_disk, some_sets, vertices

FORMATS = get_args(Format)
WITH_CROWD = {"coco", "via", "labelme", "voc"}
WITH_BOXES = {"coco", "via", "labelme", "voc"}
WITH_VERTICES = {"coco", "via", "labelme"}
WITH_IDS = {"coco", "via", "labelme", "masks"}


def lost_of(written: list[Written]) -> Counter[str]:
    return sum((Counter(each.lost) for each in written), Counter())


def through(to: Format, parts: Parts, folder: Path) -> tuple[dict[str, Records], list[Written]]:
    written = writers.write_as(to, parts, folder)
    return parsers.read(folder, options=ReadOptions(objects="any")), written


def check(to: Format, given: Parts, back: Parts, written: list[Written]) -> None:
    """That `back` is what a format can hold of `given`, and that it has said what it cannot."""
    lost, ious = lost_of(written), [iou for each in written if each.receipt for iou in each.receipt.ious.tolist()]
    assert sum(each.images for each in written) == sum(map(len, given.values()))
    before, after = by_image(given), by_image(back)
    assert set(after) == set(before), "an image is not there, or has other bytes"
    changed: dict[str, int] = Counter()
    for key, (split, record, part) in before.items():
        new_split, new, new_part = after[key]
        # YOLO has no data that are not divided.
        assert new_split == (split or ("train" if to == "yolo" else ""))
        assert new_part.class_map.names == part.class_map.names
        assert new.size_hw == record.size_hw
        changed["ids"] += new.image_id != record.image_id
        flags = to in WITH_CROWD
        old_masks, new_masks = (objects(*pair, masked=True, crowd=flags) for pair in ((record, part), (new, new_part)))
        old_boxes, new_boxes = (objects(*pair, masked=False, crowd=flags) for pair in ((record, part), (new, new_part)))
        changed["masks"] += (old_masks - new_masks).total()
        changed["boxes"] += (old_boxes - new_boxes).total()
        if to not in WITH_CROWD:
            has_mask = np.array([shape is not None for shape in record.instances.geometries], dtype=bool)
            changed["crowd"] += int(record.instances.is_crowd[has_mask].sum())
        if to in WITH_VERTICES:
            assert not vertices(record) - vertices(new)
        if to in WITH_BOXES:
            assert not old_boxes - new_boxes
            assert len(new.instances) == len(record.instances)
    told = sum(iou < 1 for iou in ious) + lost["object that repeats another, left out"]
    assert changed["masks"] <= told, "masks changed that no receipt tells of"
    if to in ("coco", "via", "labelme", "masks"):
        assert not changed["masks"]
    if to in WITH_IDS:
        assert not changed["ids"]
    assert changed["ids"] <= sum(count for reason, count in lost.items() if reason.startswith("image id"))
    assert changed["boxes"] <= sum(count for reason, count in lost.items() if "box only" in reason)
    assert changed["crowd"] <= lost["crowd flag"]
    if all(each.lossless for each in written):
        assert not any(changed.values())


@pytest.mark.parametrize("source", FORMATS)
# Each example writes and reads seven data sets; shrinking one would take minutes.
@settings(
    max_examples=8, deadline=None, derandomize=True, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
)
@given(drawn=some_sets())
def test_what_two_formats_hold_comes_through_both(source: Format, drawn: dict[str, Records]) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        parts = on_disk(drawn, folder / "photos")
        first, written = through(source, parts, folder / source)
        check(source, parts, first, written)
        for to in FORMATS:
            back, written = through(to, first, folder / f"{source} {to}")
            check(to, first, back, written)
