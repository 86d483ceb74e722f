"""File names that lead nowhere, and the files that they mean; nothing outside of the folder is looked at."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from contorno.parsers.coco_names import (
    ASTRAY,
    DEEPER,
    LEADS_OUT,
    OTHER_ACCENTS,
    OTHER_CASE,
    QUOTED,
    WEB_ADDRESS,
    FoundName,
    find_names,
    last_part,
)

NFD = unicodedata.normalize("NFD", "célula ñ.png")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a b.png", "B.PNG", NFD, "deep/c.png", "train/d.png", "val/d.png", "e.png", "small/e.png"):
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path / "images"


@pytest.mark.parametrize(
    ("name", "found", "why"),
    [
        ("/data/upload/3/a b.png", "a b.png", LEADS_OUT),
        ("..\\..\\label-studio\\media\\upload\\4\\a b.png", "a b.png", LEADS_OUT),
        ("/data/local-files/?d=photos/a%20b.png", "a b.png", LEADS_OUT),
        ("https://bucket.s3.amazonaws.com/photos/a%20b.png?X-Amz=1", "a b.png", WEB_ADDRESS),
        ("a%20b.png", "a b.png", QUOTED),
        ("..%2Fphotos%2Fa b.png", "a b.png", QUOTED),
        ("b.png", "B.PNG", OTHER_CASE),
        ("célula ñ.png", NFD, OTHER_ACCENTS),
        ("c.png", "deep/c.png", DEEPER),
        ("old/c.png", "deep/c.png", ASTRAY),
        ("/home/me/set/val/d.png", "val/d.png", LEADS_OUT),
        ("/home/me/set/e.png", "e.png", LEADS_OUT),
    ],
)
def test_the_file_that_a_name_means(folder: Path, name: str, found: str, why: str) -> None:
    assert find_names([name], folder) == {name: FoundName(found, why)}


@pytest.mark.parametrize("name", ["d.png", "/elsewhere/d.png", "../secret.png", "/etc/passwd", "x.png", "..", ""])
def test_a_name_of_several_files_or_of_none_means_nothing(folder: Path, name: str) -> None:
    (folder.parent / "secret.png").touch()
    assert find_names([name], folder) == {}


def test_a_file_that_is_named_rightly_or_by_two_is_meant_by_no_other_name(folder: Path) -> None:
    assert find_names(["deep/c.png", "/x/c.png"], folder) == {}
    assert find_names(["/x/c.png", "/y/c.png"], folder) == {}
    assert find_names(["deep/c.png"], folder) == {}


def test_folders_behind_links_are_not_entered(folder: Path) -> None:
    (folder.parent / "other").mkdir()
    (folder.parent / "other" / "z.png").touch()
    (folder / "link").symlink_to(folder.parent / "other")
    assert find_names(["z.png"], folder) == {}


def test_the_last_part_of_an_address_is_read_without_its_quotes() -> None:
    assert last_part("http://h/a%20b.png#top") == "a b.png"
    assert last_part("a%20b.png") == "a%20b.png"
