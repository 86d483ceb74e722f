from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import tiny
from contorno import masks
from contorno.errors import ConfigError
from contorno.masks import Geometry, Polygons
from contorno.parsers import MaskFolderParser
from contorno.parsers.mask_csv import read_mask_csv
from contorno.records import ClassMap, Instances, Record, Records
from contorno.splits import SingleSplitter
from contorno.writers.mask_folder import write_mask_folder
from tiny_masks import save

SIZE = (5, 7)
SQUARE = tiny.bitmap("##.....", "##.....", ".......", ".......", ".......")
OVER = tiny.bitmap(".##....", ".##....", ".......", ".......", ".......")
PARTS = tiny.bitmap(".......", ".......", ".......", "##..##.", ".......")
RING = tiny.bitmap("...###.", "...#.#.", "...###.", ".......", ".......")


def record(
    image_id: int | str, labels: list[int], bitmaps: list[Any], split: str | None = None, **options: Any
) -> Record:
    geometries: list[Geometry | None] = [masks.encode(b) if isinstance(b, np.ndarray) else b for b in bitmaps]
    made = Instances.build(SIZE, labels, geometries, **options)
    return Record(image_id=image_id, size_hw=SIZE, instances=made, image=np.zeros((*SIZE, 3), np.uint8), split=split)


def back(folder: Path, **options: Any) -> Records:
    (records,) = MaskFolderParser(folder, **options).parse(SingleSplitter(), autofix=False)
    return records


def state(records: Records) -> list[Any]:
    """What this format holds of records, comparable with ==."""
    return [
        records.class_map.names,
        [(r.image_id, r.size_hw, r.split, r.instances.labels.tolist(), r.instances.geometries) for r in records],
    ]


# ---- one picture for each object -------------------------------------------------------------------------------------


def test_overlaps_holes_parts_negatives_and_classes_come_back(tmp_path: Path) -> None:
    given = Records(
        [record(7, [], []), record("a", [2, 1, 1, 2], [SQUARE, OVER, PARTS, RING])], ClassMap(["hot dog", "mask", "x"])
    )
    written = write_mask_folder(given, tmp_path)
    assert state(back(tmp_path)) == state(given)
    assert (written.images, written.objects, written.lost, written.lossless) == (2, 4, {}, True)
    assert (tmp_path / "masks" / "a" / "hot dog_2.png").is_file()


def test_order_holds_beyond_nine_objects(tmp_path: Path) -> None:
    given = Records([record("a", [1, 2] * 6, [SQUARE, RING] * 6)], ClassMap(["b", "a"]))
    write_mask_folder(given, tmp_path)
    assert state(back(tmp_path)) == state(given)


def test_ids_that_are_such_file_names_come_back_and_others_are_counted(tmp_path: Path) -> None:
    own = Records([record("a", [1, 1], [SQUARE, OVER], ids=["cat_3", "cat_12"])], ClassMap(["cat"]))
    assert write_mask_folder(own, tmp_path / "own").lossless
    assert back(tmp_path / "own")[0].instances.ids == ("cat_3", "cat_12")
    numbers = Records([record("a", [1], [SQUARE], ids=[5])], ClassMap(["cat"]))
    assert write_mask_folder(numbers, tmp_path / "numbers").lost == {"object id": 1}


def test_what_no_picture_holds_is_counted(tmp_path: Path) -> None:
    triangle = Polygons((np.array([[0.0, 0], [6, 0], [6, 4]]),))
    given = Records(
        [
            record(
                "a",
                [1, 1, 1],
                [SQUARE, triangle, None],
                boxes=[[0, 0, 3, 3], masks.box(masks.to_run_length(triangle, SIZE)).tolist(), [1, 1, 2, 2]],
                is_crowd=[True, False, False],
                areas=[4, 99, 1],
                attributes=[{}, {"truncated": True}, {}],
            )
        ],
        ClassMap(["cat"]),
    )
    written = write_mask_folder(given, tmp_path)
    assert written.lost == {
        "attributes": 1,
        "box other than its mask's": 1,
        "crowd flag": 1,
        "object with a box only": 1,
        "polygon, kept as its pixels": 1,
        "stated area": 1,
    }
    assert back(tmp_path)[0].instances.geometries[1] == masks.to_run_length(triangle, SIZE)


# ---- label maps and semantic masks -----------------------------------------------------------------------------------


def test_label_map_keeps_classes_and_says_what_is_hidden(tmp_path: Path) -> None:
    given = Records([record("a", [2, 1, 2, 1], [SQUARE, OVER, PARTS, PARTS])], ClassMap(["cat", "dog"]))
    written = write_mask_folder(given, tmp_path, kind="label-map")
    assert written.lost == {"object partly under later ones": 1, "object wholly under later ones": 1}
    assert (written.objects, written.receipt.ious.tolist()) == (3, [0.5, 1, 0, 1])
    (read,) = back(tmp_path)
    assert read.instances.labels.tolist() == [2, 1, 1]
    assert read.instances.ids == (1, 2, 4)
    assert read.instances.geometries[2] == masks.encode(PARTS)


def test_semantic_mask_says_what_merges_and_what_comes_apart(tmp_path: Path) -> None:
    given = Records(
        [record("a", [1, 1, 2, 1], [SQUARE, RING, PARTS, tiny.bitmap("..#....", *["......."] * 4)])],
        ClassMap(["cat", "dog"]),
    )
    written = write_mask_folder(given, tmp_path, kind="semantic")
    assert written.lost == {"object of several parts, which come apart": 1, "object that touches one of its class": 3}
    read = back(tmp_path)
    assert read.class_map == given.class_map
    assert read[0].instances.labels.tolist() == [1, 2, 2]


def test_table_names_every_image_and_reads_back(tmp_path: Path) -> None:
    given = Records([record("a", [1], [SQUARE]), record("b", [], [])], ClassMap(["nail"]))
    write_mask_folder(given, tmp_path, kind="semantic", table="csv")
    rows = read_mask_csv(tmp_path / "masks.csv")
    assert [(row.image, row.mask, row.size) for row in rows] == [
        ("images/a.png", "masks/a.png", SIZE),
        ("images/b.png", "masks/b.png", SIZE),
    ]
    read = back(tmp_path / "masks.csv")
    assert [r.instances.geometries for r in read] == [r.instances.geometries for r in given]


# ---- splits and names ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("names", [("train", "validation"), ("fold 0", "fold 1")], ids=str)
def test_splits_come_back_by_their_names(tmp_path: Path, names: tuple[str, str]) -> None:
    class_map = ClassMap(["cat"])
    parts = {name: Records([record(f"{name}-a", [1], [SQUARE], split=name)], class_map) for name in names}
    write_mask_folder(parts, tmp_path / "mapping")
    together = Records([r for part in parts.values() for r in part], class_map)
    write_mask_folder(together, tmp_path / "together")
    for folder in ("mapping", "together"):
        assert state(back(tmp_path / folder)) == state(together)


def test_images_whose_masks_could_be_taken_for_each_others(tmp_path: Path) -> None:
    (tmp_path / "in" / "a").mkdir(parents=True)
    made = []
    for number, name in enumerate(["a.png", "a.bmp", "a_1.png", "a/object_1.png"]):
        path = save(tmp_path / "in" / name, np.zeros((*SIZE, 3), np.uint8))
        codes = [masks.encode(SQUARE), masks.encode(RING)][: number % 2 + 1]
        instances = Instances.build(SIZE, [1] * len(codes), codes)
        made.append(Record(image_id=name, size_hw=SIZE, instances=instances, path=path))
    given = Records(sorted(made, key=lambda one: str(one.image_id)), ClassMap(["cat"]))
    for kind in ("instances", "label-map"):
        write_mask_folder(given, tmp_path / kind, kind=kind)  # type: ignore[arg-type]
        read = back(tmp_path / kind)
        assert sorted((str(r.image_id), len(r.instances)) for r in read) == [
            ("a.bmp", 2),
            ("a.png", 1),
            ("a/object_1.png", 2),
            ("a_1.png", 1),
        ]


def test_the_same_records_give_the_same_bytes(tmp_path: Path) -> None:
    given = Records([record("a", [1, 2], [SQUARE, RING])], ClassMap(["cat", "dog"]))
    for name in ("one", "two"):
        write_mask_folder(given, tmp_path / name)
    files = [
        {
            path.relative_to(tmp_path / name): path.read_bytes()
            for path in (tmp_path / name).rglob("*")
            if path.is_file()
        }
        for name in ("one", "two")
    ]
    assert files[0] == files[1]
    assert len(files[0]) == 4


def test_what_cannot_be_written_is_refused(tmp_path: Path) -> None:
    one = Records([record("a", [1], [SQUARE])], ClassMap(["cat"]))
    for options in ({"kind": "panoptic"}, {"table": "csv"}, {"table": "xml"}):
        with pytest.raises(ConfigError):
            write_mask_folder(one, tmp_path, **options)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"'\.\./up' cannot be the name of a folder"):
        write_mask_folder({"../up": one}, tmp_path)
    with pytest.raises(ConfigError, match="different class maps"):
        write_mask_folder({"train": one, "test": Records([record("b", [1], [SQUARE])], ClassMap(["x"]))}, tmp_path)
    with pytest.raises(ConfigError, match="two images would both be written"):
        write_mask_folder(Records([record("a/b", [], []), record("a_b", [], [])], ClassMap(["x"])), tmp_path)


# ---- properties ------------------------------------------------------------------------------------------------------

bitmaps = arrays(np.uint8, SIZE, elements=st.integers(0, 1)).filter(lambda bitmap: bool(bitmap.any()))
class_names = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=12).filter(
    lambda name: bool(name.strip()) and name.strip().casefold() != "background"
)


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_instances_come_back_to_the_pixel_whatever_their_classes_are_called(data: st.DataObject) -> None:
    folded = st.lists(class_names, min_size=1, max_size=3, unique_by=lambda name: " ".join(name.split()).casefold())
    class_map = ClassMap(data.draw(folded))
    made = []
    for image_id in data.draw(st.lists(st.sampled_from(["a", 1, "1x", "img_1", "img_10"]), min_size=1, unique=True)):
        shapes = data.draw(st.lists(bitmaps, max_size=3))
        labels = data.draw(st.lists(st.integers(1, len(class_map) - 1), min_size=len(shapes), max_size=len(shapes)))
        made.append(record(image_id, labels, shapes))
    given = Records(sorted(made, key=lambda one: f"{one.image_id}.png"), class_map)
    with tempfile.TemporaryDirectory() as folder:
        written = write_mask_folder(given, Path(folder))
        assert written.lossless
        assert state(back(Path(folder))) == state(given)


@settings(max_examples=25, deadline=None)
@given(st.lists(bitmaps, min_size=1, max_size=4), st.sampled_from(["label-map", "semantic"]))
def test_one_picture_is_lossless_exactly_where_it_says_so(shapes: list[Any], kind: Any) -> None:
    labels = [index % 2 + 1 for index in range(len(shapes))]
    given = Records([record("a", labels, shapes)], ClassMap(["cat", "dog"]))
    with tempfile.TemporaryDirectory() as folder:
        written = write_mask_folder(given, Path(folder), kind=kind)
        (read,) = back(Path(folder))
    came = sorted(zip(read.instances.labels.tolist(), [g.counts for g in read.instances.run_lengths()], strict=True))
    went = sorted(zip(labels, [g.counts for g in given[0].instances.run_lengths()], strict=True))
    assert written.lossless == (came == went)
