from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from contorno.errors import DataError
from contorno.openimages import (
    Bucket,
    FetchReport,
    Folder,
    MaskRow,
    OpenImagesClass,
    Plan,
    Request,
    SplitPlan,
    WantedClass,
)
from contorno.openimages.annotations import write_annotations
from contorno.openimages.folder import completed, write_manifest

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
    made = tuple(MaskRow(name, image_id, "/m/1", "b0", None, 0.5) for name, image_id in rows)
    part = SplitPlan(split="train", positives=ids, negatives=negatives, rows=made)
    return Plan(classes=(DOG,), splits=(part,), bucket=Bucket(), request=Request(class_names=("hot dog",)))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path, ("train",), ("hot dog",), FetchReport(splits={}))


def test_a_folder_counts_as_complete_for_its_own_plan_and_whole_files_only(folder: Folder) -> None:
    image(folder, "a")
    mask(folder, "same.png", SIZE)
    plan = planned([("same.png", "a")])
    report = write_annotations(folder, plan.splits[0], plan, {"a": SIZE}, {})
    done = Folder(folder.root, ("train",), ("hot dog",), FetchReport(splits={"train": report}))
    assert completed(folder.root, plan) is None
    write_manifest(done, plan, {})
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
    with pytest.raises(DataError, match="not a manifest of contorno in format 2"):
        Folder.open(tmp_path)
