from __future__ import annotations

from pathlib import Path

import pytest

from contorno.errors import ConfigError, DataError
from contorno.openimages import Bucket, ClassList, HttpSource, MetaFiles, read_classes

V5 = "/m/01b9xk,Hot dog\n/m/09qck,Banana\n/m/011k07,Tortoise\n/m/0dv5r,Camera\n"


def read(folder: Path, names: str = V5, *, key: str = "v5/class-descriptions-boxable.csv") -> ClassList:
    (folder / key).parent.mkdir(parents=True, exist_ok=True)
    (folder / key).write_text(names)
    (folder / "classes-segmentation.txt").write_text("/m/01b9xk\n/m/09qck\n/m/0dv5r\n")
    with HttpSource() as source:
        return read_classes(MetaFiles(Bucket("http://127.0.0.1:9", "http://127.0.0.1:9"), source, folder))


def test_a_name_is_found_without_regard_to_case_and_space(tmp_path: Path) -> None:
    classes = read(tmp_path)
    assert len(classes) == 4
    assert classes.find("  hot  DOG ").mid == "/m/01b9xk"
    assert classes.find("/m/09qck").name == "Banana"
    assert classes.find("Hot dog").slug == "m01b9xk"


def test_the_list_with_a_header_reads_the_same(tmp_path: Path) -> None:
    with_header = read(tmp_path, "LabelName,DisplayName\n" + V5, key="v7/oidv7-class-descriptions-boxable.csv")
    assert with_header.classes == read(tmp_path / "other").classes


def test_an_unknown_name_gets_the_nearest_names_and_which_have_masks(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no class 'Hotdog'; the nearest names are: Hot dog \(with masks\)\."):
        read(tmp_path).find("Hotdog")
    with pytest.raises(ConfigError, match=r"Tortoise \(without masks\)"):
        read(tmp_path).find("tortois")
    with pytest.raises(ConfigError, match="no name comes near it"):
        read(tmp_path).find("xylophone quartet")


def test_a_class_without_masks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="boxes of 'Tortoise' and no masks; 3 of its 4 classes have masks"):
        read(tmp_path).find("tortoise")


@pytest.mark.parametrize(
    "text",
    ["<html>sign in, please</html>\n", "/m/../../etc,Evil\n", "/m/01b9xk,Hot,dog\n", ""],
    ids=["html", "climbing", "three fields", "empty"],
)
def test_a_list_that_is_none_is_refused_by_name(tmp_path: Path, text: str) -> None:
    with pytest.raises(DataError, match="class-descriptions-boxable"):
        read(tmp_path, text)
