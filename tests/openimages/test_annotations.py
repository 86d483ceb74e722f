from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from contorno import masks
from contorno.openimages import BoxFlags, BoxRow, Bucket, Folder, MaskRow, Plan, Request, SplitPlan
from contorno.openimages.annotations import rectangle, write_annotations
from tiny_folder import DOG, SIZE, empty_folder, image, mask, planned


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return empty_folder(tmp_path)


def test_masks_that_cannot_be_used_are_counted_each_with_its_reason(folder: Folder) -> None:
    for image_id in ("a", "b", "n"):
        image(folder, image_id)
    mask(folder, "same.png", SIZE)
    mask(folder, "twice.png", (12, 16))
    mask(folder, "empty.png", SIZE, filled=False)
    mask(folder, "turned.png", (8, 6))
    (folder.masks("train") / "html.png").write_text("<html>")
    names = ["same.png", "twice.png", "empty.png", "turned.png", "html.png", "lost.png"]
    plan = planned([(name, "a") for name in names] + [("gone.png", "b")], negatives=("n",))
    dropped = {"mask not in its zip": ["lost.png", "gone.png"]}
    report = write_annotations(folder, plan.splits[0], plan, {"a": SIZE, "b": SIZE, "n": SIZE}, dropped)
    assert dict(report.dropped) == {
        "image left out, none of its masks can be used": ("b",),
        "mask damaged": ("html.png",),
        "mask empty": ("empty.png",),
        "mask not in its zip": ("lost.png", "gone.png"),
        "mask of other proportions than its image": ("turned.png",),
    }
    assert (report.images, report.negatives, report.masks) == (2, 1, 2)
    assert not (folder.masks("train") / "html.png").exists(), "it would count as present in the next run"
    coco = json.loads(folder.annotations("train").read_text())
    assert [annotation["bbox"] for annotation in coco["annotations"]] == [[0, 0, 4, 3], [0, 0, 4, 3]]
    assert [annotation["area"] for annotation in coco["annotations"]] == [12, 12]
    assert [annotation["mask_path"] for annotation in coco["annotations"]] == ["same.png", "twice.png"]
    assert [item["file_name"] for item in coco["images"]] == ["a.jpg", "n.jpg"]
    assert [path.name for path in folder.annotations("train").parent.iterdir()] == ["train.json"]


def test_the_box_of_a_mask_that_cannot_be_used_is_a_region_to_be_ignored(folder: Folder) -> None:
    image(folder, "a")
    mask(folder, "same.png", SIZE)
    rows = (
        MaskRow("same.png", "a", "/m/1", "b0", None, 0.5),
        MaskRow("lost.png", "a", "/m/1", "b1", (0.5, 0.5, 1.0, 1.0), None),
    )
    part = SplitPlan(split="train", positives=("a",), negatives=(), rows=rows)
    plan = Plan(classes=(DOG,), splits=(part,), bucket=Bucket(), request=Request(class_names=("hot dog",)))
    report = write_annotations(folder, part, plan, {"a": SIZE}, {"mask not in its zip": ["lost.png"]})
    assert (report.masks, report.ignored) == (1, 1)
    assert report.dropped["its box is a region to be ignored, since its mask cannot be used"] == ("lost.png",)
    content = json.loads(folder.annotations("train").read_text())
    assert [(a["bbox"], a["iscrowd"]) for a in content["annotations"]] == [([0, 0, 4, 3], 0), ([4, 3, 4, 3], 1)]


def test_regions_to_be_ignored_and_flags_stand_in_the_coco_file(folder: Folder) -> None:
    image(folder, "a")
    for name in ("one.png", "heap.png"):
        mask(folder, name, (12, 16))
    group = BoxFlags(None, False, True, False, False)
    one, heap = (MaskRow(name, "a", "/m/1", "b0", None, None) for name in ("one.png", "heap.png"))
    part = SplitPlan(
        split="train",
        positives=("a",),
        negatives=(),
        rows=(one,),
        ignored_rows=(heap,),
        ignored_boxes=(BoxRow("a", "xclick", "/m/1", (0.25, 0.5, 0.5, 1.0), group),),
        flags={"heap.png": group},
    )
    plan = Plan(classes=(DOG,), splits=(part,), bucket=Bucket(), request=Request(class_names=("hot dog",)))
    report = write_annotations(folder, part, plan, {"a": SIZE}, {})
    assert (report.masks, report.ignored) == (1, 2)
    first, second, third = json.loads(folder.annotations("train").read_text())["annotations"]
    assert (first["mask_path"], first["iscrowd"], "is_group_of" in first) == ("one.png", 0, False)
    assert (second["mask_path"], second["iscrowd"], second["is_group_of"]) == ("heap.png", 1, True)
    assert second["is_occluded"] is None
    assert (third["bbox"], third["area"], third["iscrowd"], "mask_path" in third) == ([2, 3, 2, 3], 6, 1, False)


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((0.0, 0.0, 1.0, 1.0), [0, 0, 8, 6]),
        ((0.26, 0.5, 0.5, 0.51), [2, 3, 4, 4]),  # every pixel that it touches
        ((-0.5, -1.0, 0.1, 2.0), [0, 0, 1, 6]),
        ((1.0, 1.0, 1.0, 1.0), [7, 5, 8, 6]),
    ],
)
def test_a_box_covers_the_pixels_that_it_touches(box: Any, expected: list[int]) -> None:
    assert masks.box(rectangle(box, SIZE)).tolist() == expected
