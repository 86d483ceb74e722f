from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contorno.errors import DataError
from contorno.parsers.json_head import read_head

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)


@given(document=st.dictionaries(st.text(), VALUES, max_size=5))
def test_keys_of_a_whole_file_are_those_that_json_reads(
    tmp_path_factory: pytest.TempPathFactory, document: dict
) -> None:  # type: ignore[type-arg]
    path = tmp_path_factory.mktemp("head") / "a.json"
    path.write_text(json.dumps(document))
    head = read_head(path)
    assert head.keys == tuple(document)
    assert head.kind == "object"
    assert head.whole


def test_head_of_a_long_file_shows_the_keys_before_its_end(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"info": {"year": 1}, "images": [{"id": 1}] * 1000, "annotations": []}))
    head = read_head(path, length=200)
    assert head.keys == ("info", "images")
    assert head.inner == ("year",)
    assert not head.whole


def test_list_shows_the_keys_of_its_first_entry(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('\ufeff[{"image_id": 1, "score": "a:b"}, {"other": 2}]', encoding="utf-8")
    assert read_head(path).inner == ("image_id", "score")
    assert read_head(path).kind == "list"


def test_what_is_no_json_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("")
    with pytest.raises(DataError, match=r"a\.json is empty"):
        read_head(tmp_path / "a.json")
    (tmp_path / "a.json").write_text("12")
    assert read_head(tmp_path / "a.json").kind == "other"
    with pytest.raises(DataError, match="cannot be read"):
        read_head(tmp_path / "b.json")
