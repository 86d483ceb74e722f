from __future__ import annotations

from pathlib import Path

import pytest

from contorno.errors import DataError
from contorno.parsers.mask_classes import read_values, stated_classes


@pytest.mark.parametrize(
    ("name", "text", "values"),
    [
        ("class_dict.csv", "name, r, g, b\nCar,64,0,128\n", {(64, 0, 128): "Car"}),
        ("c.csv", "value,class\n0,background\n7,cat\n", {0: "background", 7: "cat"}),
        ("labelmap.txt", "# label:color_rgb:parts:actions\ncat:1,2,3::\n", {(1, 2, 3): "cat"}),
    ],
)
def test_tables_of_classes_are_read(tmp_path: Path, name: str, text: str, values: dict) -> None:
    (tmp_path / name).write_text(text)
    assert read_values(tmp_path / name) == values


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "name,r,g,b\nCar,x,0,1\n"], ids=["empty", "other", "no number"])
def test_other_tables_are_refused_where_asked_for_and_passed_over_where_not(tmp_path: Path, text: str) -> None:
    (tmp_path / "classes.csv").write_text(text)
    with pytest.raises(DataError, match=r"classes\.csv"):
        read_values(tmp_path / "classes.csv")
    assert stated_classes(tmp_path) is None


@pytest.mark.parametrize("text", ["[]", "{}", '{"classes": "cat"}', '{"classes": [1]}'])
def test_strange_classes_json_says_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "classes.json").write_text(text)
    assert stated_classes(tmp_path) is None


def test_strange_members_of_classes_json_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "classes.json").write_text(
        '{"classes": ["a"], "kind": 3, "splits": 1, "values": {"1": "a", "x": "b", "2": 5},'
        ' "images": {"i": {"id": [], "values": []}, "j": 2, "k": {"id": 5}}}'
    )
    said = stated_classes(tmp_path)
    assert said is not None
    assert (said.classes, said.kind, said.splits, said.values, said.ids) == (("a",), None, (), {1: "a"}, {"k": 5})
