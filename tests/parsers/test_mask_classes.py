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


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ('{"1": "cat", "0": "background"}', {1: "cat", 0: "background"}),
        ('{"cat": 255}', {255: "cat"}),
        ('{"255,0,10": "cat"}', {(255, 0, 10): "cat"}),
        ('{"cat": [255, 0, 10]}', {(255, 0, 10): "cat"}),
        ('{"classes": ["cat"], "values": {"1": "cat"}}', {1: "cat"}),
    ],
)
def test_values_are_read_from_json_either_way_round(tmp_path: Path, text: str, values: dict) -> None:
    (tmp_path / "v.json").write_text(text)
    assert read_values(tmp_path / "v.json") == values


@pytest.mark.parametrize(
    "text", ["[]", "{}", '{"x": "y"}', '{"-1": "y"}', '{"cat": 1.5}', '{"cat": [1, 2]}', '{"1": " "}']
)
def test_json_that_is_no_table_of_values_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "v.json").write_text(text)
    with pytest.raises(DataError, match=r"v\.json.*expected as in"):
        read_values(tmp_path / "v.json")


def test_a_table_that_is_not_there_is_told_without_codes(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.csv cannot be read: No such file or directory\.$"):
        read_values(tmp_path / "none.csv")
