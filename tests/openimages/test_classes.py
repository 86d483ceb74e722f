from __future__ import annotations

from pathlib import Path

import pytest

from contorno.errors import ConfigError, DataError
from contorno.openimages import Bucket, ClassList, HttpSource, MetaFiles, OpenImagesClass, read_classes
from contorno.openimages.hierarchy import Hierarchy

# food: fruit (banana, pear), bread; seats: stool. Food, fruit, seats and the stool have no masks.
NAMES = ("Food", "Fruit", "Banana", "Pear", "Bread", "Seat", "Stool", "Race car", "Car", "Carnivore", "Scarf")
UNMASKED = ("Food", "Fruit", "Seat", "Stool")
FOODS = ClassList([OpenImagesClass(name, f"/m/{name.lower()[:4]}", name not in UNMASKED) for name in NAMES])
TREE = Hierarchy(
    (f"/m/{parent}", f"/m/{child}")
    for parent, child in [
        ("0bl9f", "food"), ("food", "frui"), ("frui", "bana"), ("frui", "pear"), ("food", "brea"), ("seat", "stoo"),
        ("food", "0notlisted"), ("bana", "pear"),
    ]
)  # fmt: skip

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


def test_get_takes_classes_without_masks_and_offers_near_names(tmp_path: Path) -> None:
    classes = read(tmp_path)
    assert classes.get(" tortoise").mid == "/m/011k07"
    assert classes.get("/m/011k07").name == "Tortoise"
    assert classes.lookup("tortois") is None
    with pytest.raises(ConfigError, match=r"no class 'tortois'; the nearest names are: Tortoise \(without masks\)\."):
        classes.get("tortois")


def names(found: tuple[OpenImagesClass, ...] | list[OpenImagesClass]) -> list[str]:
    return [item.name for item in found]


def test_expand_gives_the_classes_with_masks_each_once() -> None:
    assert names(FOODS.expand("food", TREE)) == ["Banana", "Pear", "Bread"]
    assert names(FOODS.expand("/m/bana", TREE)) == ["Banana", "Pear"]
    assert names(FOODS.expand("bread", TREE)) == ["Bread"]
    assert names(FOODS.below(FOODS.get("food"), TREE)) == ["Fruit", "Banana", "Pear", "Bread"]


def test_expand_without_any_masks_is_refused() -> None:
    with pytest.raises(ConfigError, match="no masks of 'Seat', nor of any class below it"):
        FOODS.expand("seat", TREE)
    with pytest.raises(ConfigError, match="no class 'sead'; the nearest names are: Seat"):
        FOODS.expand("sead", TREE)


def test_a_parent_without_masks_says_how_many_below_it_have_them() -> None:
    with pytest.raises(
        ConfigError, match=r"'Food' and no masks of its own; 3 of the 4 classes below it .* --expand .*expand=True"
    ):
        FOODS.find("food", TREE)
    with pytest.raises(ConfigError, match="'Seat' and no masks; 7 of its 11 classes have masks, choose"):
        FOODS.find("seat", TREE)
    assert FOODS.find("banana", TREE).mid == "/m/bana"


def test_search_gives_the_name_itself_then_whole_words_then_parts_then_near_names() -> None:
    assert names(FOODS.search(" CAR "))[:4] == ["Car", "Race car", "Scarf", "Carnivore"]
    assert names(FOODS.search("frut")) == ["Fruit"]
    assert names(FOODS.search("/m/pear")) == ["Pear"]
    assert FOODS.search("xylophone quartet") == []
    assert FOODS.search("") == []
