from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from contorno.errors import DataError
from contorno.openimages import Bucket, HttpSource, MetaFiles
from contorno.openimages.hierarchy import ROOT_MID, Hierarchy, read_hierarchy
from contorno.rehearsal import Fault, OfflineBucket, Server


@pytest.fixture
def meta(tmp_path: Path) -> Iterator[MetaFiles]:
    with HttpSource() as source:
        yield MetaFiles(Bucket("http://127.0.0.1:9", "http://127.0.0.1:9"), source, tmp_path)


def node(mid: str, *below: dict[str, Any], parts: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    return {"LabelName": f"/m/{mid}", "Subcategory": list(below), "Part": list(parts)}


def read(meta: MetaFiles, tree: Any) -> Hierarchy:
    assert meta.folder is not None
    text = tree if isinstance(tree, str) else json.dumps(tree)
    (meta.folder / "bbox_labels_600_hierarchy.json").write_text(text)
    return read_hierarchy(meta)


def test_children_parents_and_all_below_come_in_the_order_of_the_file(meta: MetaFiles) -> None:
    found = read(
        meta, node("0bl9f", node("food", node("fruit", node("pear"), node("apple")), node("bread")), node("car"))
    )
    assert found.children("/m/food") == ("/m/fruit", "/m/bread")
    assert found.parents("/m/fruit") == ("/m/food",)
    assert found.parents("/m/car") == (ROOT_MID,)
    assert found.descendants("/m/food") == ("/m/fruit", "/m/pear", "/m/apple", "/m/bread")
    assert found.descendants("/m/apple") == found.children("/m/apple") == found.children("/m/unknown") == ()


def test_a_class_at_several_places_counts_once(meta: MetaFiles) -> None:
    knife = node("knife")
    found = read(meta, node("0bl9f", node("tool", knife, node("kitchen", knife)), node("weapon", knife, node("bow"))))
    assert found.parents("/m/knife") == ("/m/tool", "/m/kitchen", "/m/weapon")
    assert found.descendants("/m/tool") == ("/m/knife", "/m/kitchen")
    assert found.descendants(ROOT_MID) == ("/m/tool", "/m/knife", "/m/kitchen", "/m/weapon", "/m/bow")


def test_a_part_is_no_subclass_and_what_stands_below_a_part_is_read(meta: MetaFiles) -> None:
    music = node("music", node("drum"), node("harp"))
    found = read(meta, node("0bl9f", node("hall", node("opera"), parts=(music,))))
    assert found.descendants("/m/hall") == ("/m/opera",)
    assert found.children("/m/music") == ("/m/drum", "/m/harp")
    assert found.parents("/m/music") == ()


def test_a_class_below_itself_ends_the_walk(meta: MetaFiles) -> None:
    found = read(meta, node("0bl9f", node("a", node("b", node("a", node("c"))))))
    assert found.descendants("/m/a") == ("/m/b", "/m/c")
    assert found.descendants("/m/b") == ("/m/a", "/m/c")


def test_a_chain_as_deep_as_json_allows_is_walked() -> None:
    deep = Hierarchy((f"/m/{i}", f"/m/{i + 1}") for i in range(5000))
    assert len(deep.descendants("/m/0")) == 5000


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<!DOCTYPE html><html></html>", "is not JSON .*begins with '<!DOCTYPE html>"),
        ('{"LabelName": "/m/0bl9f", "Subcat', "is not JSON"),
        ("", "is not JSON"),
        ('{"LabelName": "/m/0bl9f"}', "holds no classes"),
        ("[1, 2]", r"an entry is '\[1, 2\]'; expected an object"),
        ('{"LabelName": "/m/0bl9f", "Subcategory": ["/m/a"]}', "an entry is '/m/a'"),
        ('{"LabelName": "/m/0bl9f", "Subcategory": {"LabelName": "/m/a"}}', "Subcategory of /m/0bl9f is .*list"),
        ('{"LabelName": "/m/0bl9f", "Subcategory": [{"LabelName": "../etc"}]}', "no class id"),
        ('{"LabelName": "/m/0bl9f", "Part": 3}', "Part of /m/0bl9f is '3'"),
        ('{"LabelName": "/m/a", "Subcategory": [' * 100_000, "nested too deeply|is not JSON"),
    ],
    ids=["html", "cut off", "empty", "no classes", "list", "texts", "no list", "climbing", "parts", "deep"],
)
def test_a_tree_that_is_none_is_refused_by_name(meta: MetaFiles, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message) as error:
        read(meta, text)
    assert "2018_04/bbox_labels_600_hierarchy.json" in str(error.value)


def test_the_offline_bucket_has_one(offline: OfflineBucket, bucket: Bucket, source: HttpSource) -> None:
    found = read_hierarchy(MetaFiles(bucket, source))
    assert found.parents("/m/01b9xk") == ("/m/01_bhs",)  # hot dog: fast food
    assert "/m/09qck" in found.descendants("/m/02wbm")  # banana: food


def test_a_sign_in_page_is_not_kept(tmp_path: Path, server: Server, bucket: Bucket, source: HttpSource) -> None:
    server.faults.append(Fault("*hierarchy.json", "html"))
    meta = MetaFiles(bucket, source, tmp_path)
    with pytest.raises(DataError, match="is not JSON"):
        read_hierarchy(meta)
    assert read_hierarchy(meta).children(ROOT_MID)
