from __future__ import annotations

from pathlib import Path

import pytest

from contorno.errors import DataError
from contorno.openimages import FetchReport, Folder
from contorno.openimages.annotations import write_annotations
from contorno.openimages.folder import completed, write_manifest
from tiny_folder import SIZE, empty_folder, image, mask, planned


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return empty_folder(tmp_path)


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
