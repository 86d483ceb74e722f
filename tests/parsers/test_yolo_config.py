from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from contorno.errors import ConfigError, DataError
from contorno.images import write_image
from contorno.parsers.yolo import YOLOSegParser, is_yolo
from contorno.parsers.yolo_config import read_config
from contorno.records import ClassMap, Records
from contorno.splits import BySplitFolder, SingleSplitter

TRIANGLE = "0 0 0 1 0 1 1"


def add(root: Path, image: str, label: str = TRIANGLE) -> None:
    write_image(root / image, np.zeros((4, 8, 3), dtype=np.uint8))
    path = (root / image.replace("images/", "labels/")).with_suffix(".txt")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(label)


def two_splits(root: Path) -> Path:
    add(root, "train/images/a.png")
    add(root, "valid/images/b.png")
    return root / "data.yaml"


def ids(path: Path, img_dir: Path | None = None) -> dict[str | None, list[int | str]]:
    parts = YOLOSegParser(path, img_dir, class_names=["cat"]).parse(BySplitFolder())
    return {part[0].split: [record.image_id for record in part] for part in parts}


def read(path: Path, **options: object) -> tuple[Records, YOLOSegParser]:
    parser = YOLOSegParser(path, **options)  # type: ignore[arg-type]
    (records,) = parser.parse(SingleSplitter())
    return records, parser


BOTH = {"train": ["train/images/a.png"], "validation": ["valid/images/b.png"]}


@pytest.mark.parametrize(
    "text",
    [
        "train: train/images\nval: valid/images\n",
        "train: ../train/images\nval: ../valid/images\ntest: ../test/images\n",
        "path: .\ntrain: train/images\nval: valid/images\n",
        "path: ../datasets/{name}\ntrain: train/images/\nval: valid/images/\n",
        "path: /content/datasets/other\ntrain: train/images\nval: valid/images\n",
        "path: 'C:\\Users\\me\\{name}'\ntrain: train\\images\nval: valid\\images\n",
        "train: /home/me/{name}/train/images\nval: /home/me/{name}/valid/images\n",
        "path: {root}\ntrain: {root}/train/images\nval: [valid/images]\n",
        "train: [train/images/a.png]\nvalidation: valid/images/b.png\ntest:\n",
        "train: train/images\nval: valid/images\ntest: ~\n",
        "train: train\nval: valid\n",
    ],
    ids=range(11),
)
def test_paths_are_found_beside_the_file_however_they_are_written(tmp_path: Path, text: str) -> None:
    config = two_splits(tmp_path)
    config.write_text(text.replace("{root}", str(tmp_path)).replace("{name}", tmp_path.name))
    assert ids(config) == BOTH
    assert ids(tmp_path) == BOTH
    assert is_yolo(config)
    assert is_yolo(tmp_path)


def test_nothing_outside_the_folder_of_the_data_is_read(tmp_path: Path) -> None:
    two_splits(tmp_path / "data")
    secret = tmp_path / "secret" / "images"
    add(tmp_path, "secret/images/a.png")
    for text in (f"train: {secret}\n", "train: ../secret/images\n", "path: ..\ntrain: secret/images\n"):
        (tmp_path / "data" / "data.yaml").write_text(text)
        with pytest.raises(DataError, match="give the folder of the data set as img_dir"):
            ids(tmp_path / "data")
    (tmp_path / "data" / "data.yaml").write_text("train: list.txt\n")
    (tmp_path / "data" / "list.txt").write_text(f"{secret / 'a.png'}\n../secret/images/a.png\n")
    with pytest.raises(DataError, match=r"has a label file|image files are not in"):
        ids(tmp_path / "data")


def test_a_file_elsewhere_is_read_with_the_folder_of_its_data(tmp_path: Path) -> None:
    two_splits(tmp_path / "data")
    (tmp_path / "cfg").mkdir()
    (tmp_path / "cfg" / "cats.yaml").write_text("path: ../data\ntrain: train/images\nval: valid/images\nnames: [a]\n")
    assert ids(tmp_path / "cfg" / "cats.yaml", tmp_path / "data") == BOTH


def test_lists_of_images_may_be_of_any_machine(tmp_path: Path) -> None:
    config = two_splits(tmp_path)
    config.write_text("train: train.txt\nval: lists/val.txt\n")
    (tmp_path / "train.txt").write_text("\ufeff./train/images/a.png\r\n\r\n", encoding="utf-8")
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "val.txt").write_text("C:\\work\\set\\valid\\images\\b.png\n")
    assert ids(config) == BOTH
    config.unlink()
    (tmp_path / "lists" / "val.txt").rename(tmp_path / "val.txt")
    assert ids(tmp_path) == BOTH


def test_listed_images_that_are_not_there_are_missing(tmp_path: Path) -> None:
    config = two_splits(tmp_path)
    config.write_text("train: train.txt\nnames: [cat]\n")
    (tmp_path / "train.txt").write_text("train/images/a.png\ntrain/images/gone.png\n")
    with pytest.raises(DataError, match=r"1 of 2 image files .* 'train/images/gone\.png'"):
        read(config)
    records, parser = read(config, missing_images="drop")
    assert len(records) == 1
    assert parser.report.dropped["image whose file is missing"] == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("names: [no, '007', on]", ["no", "007", "on"]),
        ("names:\n  0: no\n  2: yes\n", ["no", "yes"]),
        ("names: {2: c, 0: 'a'}", ["a", "c"]),
        ("names:\n- ö 1\n- '日本'\n- x: y\n", None),
        ("names: {a: 0}", None),
        ("names: 3", None),
        ("names: [a, '']", None),
    ],
)
def test_names_are_a_list_or_by_index(tmp_path: Path, text: str, expected: list[str] | None) -> None:
    config = two_splits(tmp_path)
    config.write_text(f"train: train/images\n{text}\n", encoding="utf-8")
    if expected is None:
        with pytest.raises(DataError, match=r"data\.yaml: "):
            read(config)
    else:
        assert read(config)[0].class_map == ClassMap(expected)


def test_a_number_of_classes_that_disagrees_is_told(tmp_path: Path) -> None:
    config = two_splits(tmp_path)
    config.write_text("train: train/images\nnc: 3\nnames: [cat]\n")
    records, parser = read(config)
    assert records.class_map == ClassMap(["cat"])
    assert parser.report.mended == {"nc that is not the number of names": 1}
    assert parser.report.details["nc that is not the number of names"] == "nc 3, 1 names"
    config.write_text("train: train/images\nnc: 2\n")
    assert read(config)[0].class_map == ClassMap(["class_0", "class_1"])


def test_an_image_in_two_splits_is_kept_in_the_first(tmp_path: Path) -> None:
    config = two_splits(tmp_path)
    config.write_text("train: train/images\nval: [valid/images, train/images]\nnames: [cat]\n")
    _, parser = read(config)
    assert parser.report.dropped == {"image listed twice, kept in the first split": 1}


def test_a_split_that_is_not_there_is_told_unless_it_is_the_test_part(tmp_path: Path) -> None:
    config = two_splits(tmp_path)
    config.write_text("train: train/images\nval: lost/pictures\ntest: test/images\nnames: [cat]\n")
    _, parser = read(config)
    assert parser.report.dropped == {"split whose images are not there": 2}
    with pytest.raises(DataError, match="validation: 'lost/pictures': split whose images are not there"):
        parser.parse(autofix=False)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: &a [x, x]\nb: &b [*a, *a]\nnames: [*b, *b]\ntrain: t\n", r"aliases \(\*\) are not read at line 2"),
        ("names: [cat\ntrain: t", "is not YAML that can be read: .* line"),
        ("- a\n- b\n", "expected keys names, train and val"),
        ("[" * 5000, "is not YAML that can be read"),
        ("train: {a: b}\n", "'train' is .*; expected a folder"),
        ("train: t\nnc: many\n", "the number of classes is 'many'"),
        ("train: t\nnc: 1e400\n", "the number of classes"),
        ("train: t\npath: [a]\n", "'path' is"),
        ("train: t\nkpt_shape: 3\n", "'kpt_shape'"),
        ("weather: sunny\n", "it has none of names, train and val; its keys are 'weather'"),
        ("names: !!python/object/apply:os.system ['touch x']\ntrain: nowhere\n", "are not found in"),
    ],
)
def test_a_file_that_is_not_of_the_format_is_an_error_that_says_why(tmp_path: Path, text: str, message: str) -> None:
    config = two_splits(tmp_path)
    config.write_text(text)
    with pytest.raises(DataError, match=message):
        read(config)
    assert not (tmp_path / "x").exists()


def test_a_file_that_is_too_long_is_not_read(tmp_path: Path) -> None:
    config = two_splits(tmp_path)
    config.write_text("#" * 1_100_000)
    with pytest.raises(DataError, match="expected a text of at most 1 MB"):
        read(config)


def test_of_several_files_the_usual_one_is_read_or_all_are_listed(tmp_path: Path) -> None:
    config = two_splits(tmp_path)
    config.write_text("train: train/images\nnames: [usual]\n")
    (tmp_path / "a.yaml").write_text("train: train/images\nnames: [other]\n")
    (tmp_path / "settings.yml").write_text("lr: 0.1\n")
    assert read(tmp_path)[0].class_map == ClassMap(["usual"])
    config.rename(tmp_path / "b.yaml")
    with pytest.raises(DataError, match=r"several YOLO files \(a\.yaml, b\.yaml\)"):
        read(tmp_path)


def test_darknet_files_name_classes_and_lists(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        add(tmp_path, f"obj_train_data/{name}")
    (tmp_path / "obj.names").write_text("cat\ndog\n\n")
    (tmp_path / "obj.data").write_text(
        "classes = 2\ntrain = data/train.txt\nnames = data/obj.names\nbackup = backup/\n"
    )
    (tmp_path / "train.txt").write_text("data/obj_train_data/a.png\ndata/obj_train_data/b.png\n")
    for path in (tmp_path, tmp_path / "obj.data"):
        records, _ = read(path)
        assert records.class_map == ClassMap(["cat", "dog"])
        assert [record.image_id for record in records] == ["obj_train_data/a.png", "obj_train_data/b.png"]


def test_darknet_labels_are_read_with_images_from_elsewhere(tmp_path: Path) -> None:
    add(tmp_path, "task/obj_train_data/a.png")
    (tmp_path / "pictures").mkdir()
    (tmp_path / "task" / "obj_train_data" / "a.png").rename(tmp_path / "pictures" / "a.png")
    (tmp_path / "task" / "obj.data").write_text("train = data/train.txt\nnames = data/obj.names\n")
    (tmp_path / "task" / "obj.names").write_text("cat\n")
    (tmp_path / "task" / "train.txt").write_text("data/obj_train_data/a.png\n")
    records, _ = read(tmp_path / "task", img_dir=tmp_path / "pictures")
    assert [(record.image_id, len(record.instances)) for record in records] == [("a.png", 1)]


def test_a_folder_of_images_alone_is_read_with_the_labels_beside_it(tmp_path: Path) -> None:
    add(tmp_path, "images/train/a.png")
    for folder in ("images", "images/train"):
        assert read(tmp_path / folder)[0].num_objects == 1


def test_class_names_of_the_caller_win(tmp_path: Path) -> None:
    config = two_splits(tmp_path)
    config.write_text("train: train/images\nnames: [cat]\n")
    assert read(config, class_names={0: "lynx"})[0].class_map == ClassMap(["lynx"])
    with pytest.raises((ConfigError, DataError), match="class_names: 'names' is 'cat'; expected a list of names"):
        YOLOSegParser(config, class_names="cat")


@pytest.mark.parametrize("val", ["images", "images/", "[images]", "./images"])
def test_a_validation_part_that_is_the_training_part_is_read_once_and_said_once(tmp_path: Path, val: str) -> None:
    for name in ("a", "b"):
        write_image(tmp_path / "images" / f"{name}.png", np.zeros((4, 8, 3), dtype=np.uint8))
        (tmp_path / "labels").mkdir(exist_ok=True)
        (tmp_path / "labels" / f"{name}.txt").write_text("0 0.1 0.1 0.9 0.1 0.9 0.9")
    (tmp_path / "data.yaml").write_text(f"train: images\nval: {val}\nnames: [cat]\n")
    parser = YOLOSegParser(tmp_path)
    (records,) = parser.parse(SingleSplitter(), autofix=False)
    assert [record.split for record in records] == ["train", "train"]
    assert parser.report.dropped == {"split 'validation' that is 'train' again, read once": 1}


def test_names_and_keys_that_stand_twice_are_told(tmp_path: Path) -> None:
    write_image(tmp_path / "images" / "a.png", np.zeros((4, 8, 3), dtype=np.uint8))
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "a.txt").write_text("0 0.1 0.1 0.9 0.1 0.9 0.9\n1 0.1 0.1 0.5 0.1 0.5 0.9")
    (tmp_path / "data.yaml").write_text("train: images\nnc: 2\nnames:\n  0: dog\n  0: Cat\n  1: cat\n")
    parser = YOLOSegParser(tmp_path)
    (records,) = parser.parse(SingleSplitter())
    assert records.class_map.names == ("Cat",)
    assert parser.report.mended == {
        "class named at two indices, taken for one": 1,
        "key that stands twice in the yaml, the last one taken": 1,
    }
    assert parser.report.details["key that stands twice in the yaml, the last one taken"] == "'0' at line 5"


def test_yaml_nested_too_deeply_is_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "data.yaml").write_text(f"names: {'[' * 5000}{']' * 5000}\ntrain: x\n")
    with pytest.raises(DataError, match="nested too deeply"):
        read_config(tmp_path / "data.yaml")
