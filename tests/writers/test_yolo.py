from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

import tiny
from contorno import masks
from contorno.errors import ConfigError
from contorno.masks import Polygons
from contorno.parsers.yolo import YOLOBBoxParser, YOLOSegParser
from contorno.records import ClassMap, Instances, Record, Records
from contorno.splits import BySplitFolder, SingleSplitter
from contorno.writers.yolo import write_yolo

RING = tiny.bitmap("####.", "#..#.", "####.", ".....")
TWO = tiny.bitmap("##...", "##...", "...##", "...##")
ID = "image id, read back as the file's name"


def records(*objects: np.ndarray, name: str = "a") -> Records:
    size = objects[0].shape if objects else (4, 5)
    made = tiny.record(name, (size[0], size[1]), [(1, mask) for mask in objects])
    return Records([made], ClassMap(["cat", "no"]))


def of(instances: Instances, image_id: str = "a", split: str | None = None) -> Record:
    return Record(
        image_id=image_id,
        size_hw=instances.size_hw,
        instances=instances,
        image=np.zeros((*instances.size_hw, 3), dtype=np.uint8),
        split=split,
    )


def lines(folder: Path, name: str = "labels/train/a.txt") -> list[str]:
    return (folder / name).read_text().splitlines()


def read_back(folder: Path) -> Records:
    return YOLOSegParser(folder).parse(SingleSplitter(), autofix=False)[0]


def test_a_square_is_written_by_its_corners(tmp_path: Path) -> None:
    written = write_yolo(records(tiny.bitmap("....", ".##.", ".##.", "....")), tmp_path)
    assert lines(tmp_path) == ["0 0.25 0.25 0.75 0.25 0.75 0.75 0.25 0.75"]
    assert (tmp_path / "images" / "train" / "a.png").is_file()
    assert (written.images, written.objects, written.lost) == (1, 1, {ID: 1})


@pytest.mark.parametrize("mask", [RING, TWO], ids=["hole", "two parts"])
def test_holes_and_parts_come_back_from_one_polygon(tmp_path: Path, mask: np.ndarray) -> None:
    written = write_yolo(records(mask), tmp_path)
    assert len(lines(tmp_path)) == 1
    (code,) = YOLOSegParser(tmp_path).parse(SingleSplitter())[0][0].instances.run_lengths()
    assert np.array_equal(masks.decode(code), mask)
    assert written.receipt is not None
    assert written.receipt.lossless == 1


@settings(max_examples=40, deadline=None)
@given(bitmap=npst.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 13)), elements=st.integers(0, 1)))
def test_any_mask_comes_back_bit_for_bit(tmp_path_factory: pytest.TempPathFactory, bitmap: np.ndarray) -> None:
    folder = tmp_path_factory.mktemp("yolo")
    written = write_yolo(records(bitmap), folder)
    (back,) = read_back(folder)
    codes = back.instances.run_lengths()
    assert [np.array_equal(masks.decode(code), bitmap) for code in codes] == [True] * int(bitmap.any())
    assert written.lost.get("object with an empty mask, left out", 0) == (not bitmap.any())


@settings(max_examples=40, deadline=None)
@given(
    points=npst.arrays(np.float64, st.tuples(st.integers(3, 9), st.just(2)), elements=st.floats(0, 40, width=32)),
    size=st.tuples(st.integers(40, 60), st.integers(40, 60)),
)
def test_vertices_come_back_to_the_last_place(
    tmp_path_factory: pytest.TempPathFactory, points: np.ndarray, size: tuple[int, int]
) -> None:
    folder = tmp_path_factory.mktemp("yolo")
    polygons = Polygons((points,))
    code = masks.to_run_length(polygons, size)
    # The last place may decide whether a splinter of a pixel's width is drawn.
    fractions = points / (size[1], size[0])
    assume(masks.to_run_length(Polygons((fractions * (size[1], size[0]),)), size) == code)
    made = of(Instances.build(size, [1], [polygons]))
    write_yolo(Records([made], ClassMap(["cat"])), folder)
    (back,) = read_back(folder)
    if masks.area(code):
        (geometry,) = back.instances.geometries
        assert isinstance(geometry, Polygons)
        np.testing.assert_allclose(geometry.parts[0], points, rtol=3e-16, atol=0)
        assert masks.iou(back.instances.run_lengths(), [code])[0, 0] > 0.99


def test_boxes_are_written_as_such_where_no_object_has_a_mask(tmp_path: Path) -> None:
    boxes = [[1.0, 0.0, 3.0, 4.0], [0.5, 0.25, 4.75, 3.5]]
    made = Records([of(Instances.build((4, 5), [1, 2], boxes=boxes))], ClassMap(["a", "b"]))
    written = write_yolo(made, tmp_path)
    assert lines(tmp_path)[0] == "0 0.4 0.5 0.4 1"
    back = YOLOBBoxParser(tmp_path).parse(SingleSplitter(), autofix=False)[0]
    assert back[0].instances.boxes.tolist() == boxes
    assert written.lost == {ID: 1}


@pytest.mark.parametrize(
    ("box_only", "expected"),
    [
        (None, ["0 0 0 0.5 0 0.5 1 0 1"]),
        ("rectangle", ["0 0 0 0.5 0 0.5 1 0 1"]),
        ("line", ["0 0.25 0.5 0.5 1"]),
        ("leave-out", []),
    ],
)
def test_a_box_among_masks_is_no_line_of_its_own_unless_asked_for(
    tmp_path: Path, box_only: str | None, expected: list[str]
) -> None:
    mask = masks.encode(tiny.bitmap("..##", "..##"))
    instances = Instances.build((2, 4), [1, 1], [mask, None], boxes=[[2, 0, 4, 2], [0, 0, 2, 2]])
    written = write_yolo(Records([of(instances)], ClassMap(["a"])), tmp_path, box_only=box_only)  # type: ignore[arg-type]
    assert lines(tmp_path)[1:] == expected
    assert sum(written.lost.values()) == 1 + (box_only != "line")


def test_what_the_format_cannot_hold_is_counted(tmp_path: Path) -> None:
    two = Polygons((np.array([[0, 0], [2, 0], [2, 2], [0, 2]]), np.array([[3, 2], [5, 2], [5, 4], [3, 4]])))
    instances = Instances.build(
        (4, 5),
        [1],
        [two],
        boxes=[[0, 0, 5, 3.5]],
        is_crowd=[True],
        areas=[9.0],
        ids=[7],
        attributes=[{"occluded": True}],
    )
    made = Records([of(instances), of(Instances.build((4, 5)), "b", split="fold 1")], ClassMap(["a"]))
    written = write_yolo(made, tmp_path)
    assert written.lost == {
        "attributes of an object": 1,
        "box that is not the tight box of its mask": 1,
        "crowd flag": 1,
        ID: 2,
        "object id": 1,
        "parts of an object, joined into one polygon": 1,
        "split 'fold 1', put into train": 1,
        "stated area that is not that of the mask": 1,
    }
    assert not written.lossless
    (code,) = read_back(tmp_path)[0].instances.run_lengths()
    assert code == masks.to_run_length(two, (4, 5))


def test_polygons_that_other_readers_would_throw_out_are_cut_to_the_image(tmp_path: Path) -> None:
    far = Polygons((np.array([[-50.0, 1], [20, 1], [20, 3], [-50, 3]]),))
    written = write_yolo(Records([of(Instances.build((4, 5), [1], [far]))], ClassMap(["a"])), tmp_path)
    assert lines(tmp_path) == ["0 0 0.25 1 0.25 1 0.75 0 0.75"]
    assert written.lost["vertices of a polygon beyond the image, written along its pixels"] == 1
    assert written.receipt is not None
    assert written.receipt.lossless == 1
    beyond = Polygons((np.array([[1.0, 1], [6, 1], [6, 3], [1, 3]]),))
    write_yolo(Records([of(Instances.build((4, 5), [1], [beyond]))], ClassMap(["a"])), tmp_path / "again")
    assert read_back(tmp_path / "again")[0].instances.boxes.tolist() == [[1, 1, 5, 3]], "without a fault to mend"


def test_splits_negatives_and_classes_come_back(tmp_path: Path) -> None:
    train, valid, test = (records(TWO, name=name) for name in ("a", "b", "c"))
    negative = Records([*train, of(Instances.build((4, 5)), "n")], train.class_map)
    write_yolo({"train": negative, "validation": valid, "test": test}, tmp_path)
    assert lines(tmp_path, "labels/train/n.txt") == []
    parser = YOLOSegParser(tmp_path)
    parts = parser.parse(BySplitFolder(), autofix=False)
    assert [(part[0].split, [len(record.instances) for record in part]) for part in parts] == [
        ("train", [1, 0]),
        ("validation", [1]),
        ("test", [1]),
    ]
    assert parts[0].class_map == ClassMap(["cat", "no"])
    assert not parser.report.dropped
    assert not parser.report.mended


def test_a_set_without_validation_names_train_for_it(tmp_path: Path) -> None:
    write_yolo(records(TWO), tmp_path)
    text = (tmp_path / "data.yaml").read_text()
    assert text.startswith("train: images/train\nval: images/train  # there is no validation part")
    assert 'nc: 2\nnames:\n  0: "cat"\n  1: "no"\n' in text
    assert "path" not in text


def test_class_names_of_any_kind_come_back(tmp_path: Path) -> None:
    odd = ["yes", "007", 'it\'s: "a" # b', "{x}", "日本 😀", "a\tb", "~", "-"]
    made = Records([of(Instances.build((4, 5), [1], [masks.encode(TWO)]))], ClassMap(odd))
    write_yolo(made, tmp_path)
    assert read_back(tmp_path).class_map == ClassMap(odd)


def test_names_of_images_differ_by_more_than_suffix_folder_and_case(tmp_path: Path) -> None:
    source = tmp_path / "in"
    made = []
    for index, name in enumerate(("x/a.png", "y/a.png", "y/A.jpg", "images/a.png", "y_a.png", "x/.b.png")):
        path = source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes([index]))
        made.append(Record(image_id=index, size_hw=(4, 5), instances=Instances.build((4, 5)), path=path))
    write_yolo(Records(made, ClassMap(["a"])), tmp_path / "out")
    placed = sorted(path.name for path in (tmp_path / "out" / "images" / "train").iterdir())
    assert placed == ["a.png", "b.png", "images_a.png", "y_A_2.jpg", "y_a.png", "y_a_3.png"]
    stems = {path.stem.casefold() for path in (tmp_path / "out" / "images" / "train").iterdir()}
    assert stems == {path.stem.casefold() for path in (tmp_path / "out" / "labels" / "train").iterdir()}
    assert len(stems) == 6


def test_simplified_masks_have_few_vertices_and_keep_the_bound_at_any_number_of_digits(tmp_path: Path) -> None:
    disc = tiny.disc((100, 100), (50, 50), 30.0)
    small = tiny.disc((100, 100), (10, 10), 5.0)  # 0.9375 after rounding
    exact = write_yolo(records(disc, small), tmp_path / "exact")
    few = write_yolo(records(disc, small), tmp_path / "few", form="simplified", min_iou=0.97, digits=3)
    assert exact.receipt is not None
    assert few.receipt is not None
    assert exact.receipt.minimum == 1.0
    assert 0.97 <= few.receipt.minimum < 1.0
    lengths = [len(lines(tmp_path / name)[0].split()) for name in ("exact", "few")]
    assert lengths[1] < lengths[0] / 3
    assert all(len(field) <= 5 for field in lines(tmp_path / "few")[0].split())


def test_the_same_records_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_yolo(tiny.disc_records(3), tmp_path / name)
    files = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*") if path.is_file())
    assert len(files) == 7
    assert all((tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes() for name in files)


def test_wrong_options_are_named(tmp_path: Path) -> None:
    for options, message in (
        ({"form": "smooth"}, "form='smooth' is not known; choose one of exact, simplified"),
        ({"box_only": "skip"}, "box_only='skip' is not known"),
        ({"digits": 0}, "digits=0"),
        ({"images": "move"}, "images='move' is not known"),
    ):
        with pytest.raises(ConfigError, match=message):
            write_yolo(records(TWO), tmp_path, **options)
    with pytest.raises(ConfigError, match="there are no records to write"):
        write_yolo({}, tmp_path)
    other = Records([], ClassMap(["bird"]))
    with pytest.raises(ConfigError, match="the classes of 'test' are bird; expected those of the first part, cat, no"):
        write_yolo({"train": records(TWO), "test": other}, tmp_path)
