from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from contorno.errors import DataError
from contorno.openimages import Bucket, FetchReport, Folder, MaskRow, OpenImagesClass, Plan, SplitPlan, WantedClass
from contorno.openimages.folder import completed, write_annotations, write_manifest

SIZE = (6, 8)
DOG = WantedClass(OpenImagesClass("Hot dog", "/m/1", True), "hot dog")


def mask(folder: Folder, name: str, size: tuple[int, int], filled: bool = True) -> None:
    pixels = np.zeros(size, dtype=bool)
    if filled:
        pixels[: size[0] // 2, : size[1] // 2] = True
    folder.masks("train").mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(folder.masks("train") / name)


def image(folder: Folder, image_id: str) -> None:
    folder.images("train").mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((*SIZE, 3), dtype=np.uint8)).save(folder.images("train") / f"{image_id}.jpg")


def planned(rows: list[tuple[str, str]], negatives: tuple[str, ...] = ()) -> Plan:
    ids = tuple(sorted({image_id for _, image_id in rows}))
    made = tuple(MaskRow(name, image_id, "/m/1", "b0", None, 0.5, "") for name, image_id in rows)
    part = SplitPlan(split="train", positives=ids, negatives=negatives, rows=made)
    return Plan(classes=(DOG,), splits=(part,), bucket=Bucket())


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path, ("train",), ("hot dog",), FetchReport(splits={}))


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


def test_a_folder_counts_as_complete_for_its_own_plan_and_whole_files_only(folder: Folder) -> None:
    image(folder, "a")
    mask(folder, "same.png", SIZE)
    plan = planned([("same.png", "a")])
    report = write_annotations(folder, plan.splits[0], plan, {"a": SIZE}, {})
    done = Folder(folder.root, ("train",), ("hot dog",), FetchReport(splits={"train": report}))
    assert completed(folder.root, plan) is None
    write_manifest(done, plan, {}, {})
    found = completed(folder.root, plan)
    assert found is not None
    assert found.report.splits["train"] == report
    assert completed(folder.root, planned([("same.png", "a"), ("other.png", "a")])) is None
    (folder.images("train") / "a.jpg").write_bytes(b"cut")
    assert completed(folder.root, plan) is None


def test_a_folder_without_a_manifest_of_this_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"manifest\.json does not exist"):
        Folder.open(tmp_path)
    (tmp_path / "manifest.json").write_text('{"format": 99}')
    with pytest.raises(DataError, match="not a manifest of contorno in format 1"):
        Folder.open(tmp_path)
