"""The annotations that a run keeps: they read back, and find their images."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from contorno import files
from contorno.errors import ConfigError, DataError
from contorno.kept_splits import read_split, write_split
from tiny import disc_records
from tiny_run import disc_files


def test_a_split_comes_back_with_its_ids_and_masks(tmp_path: Path) -> None:
    records = disc_files(tmp_path / "photos", 3)
    write_split(tmp_path / "run", "train", records)
    back = read_split(tmp_path / "run", "train")
    assert [one.image_id for one in back] == [one.image_id for one in records]
    assert [list(r.instances.run_lengths()) for r in back] == [list(r.instances.run_lengths()) for r in records]
    assert back.class_map.names == records.class_map.names


def test_a_moved_folder_still_finds_the_images_inside_it(tmp_path: Path) -> None:
    write_split(tmp_path / "run", "validation", disc_files(tmp_path / "run" / "data", 2))
    assert files.read_json(tmp_path / "run" / "splits" / "validation.json")["info"]["img_dir"] == "../data"
    shutil.move(tmp_path / "run", tmp_path / "elsewhere" / "run")
    records = read_split(tmp_path / "elsewhere" / "run", "validation")
    assert {one.path.parent for one in records if one.path} == {tmp_path / "elsewhere" / "run" / "data"}


def test_images_elsewhere_are_found_where_they_were_or_where_one_says(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    write_split(folder, "validation", disc_files(tmp_path / "photos", 2))
    assert len(read_split(folder, "validation")) == 2
    (tmp_path / "photos").rename(tmp_path / "moved")
    with pytest.raises(DataError, match=r"the images of this run were in .*photos, which is no longer there"):
        read_split(folder, "validation")
    assert len(read_split(folder, "validation", tmp_path / "moved")) == 2
    with pytest.raises(DataError, match="keeps no split 'test'; give the data with --data and --images"):
        read_split(folder, "test")


def test_images_that_are_no_files_are_refused(tmp_path: Path) -> None:
    in_memory = disc_records(1)
    with pytest.raises(ConfigError, match="file"):
        write_split(tmp_path, "train", in_memory)
    assert not (tmp_path / "splits" / "train.json").exists()
