"""Tables of masks as Kaggle's competitions give them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from contorno import masks, parsers
from contorno.errors import ConfigError, DataError
from contorno.images import write_image
from contorno.parsers.run_length_csv import RunLengthCSVParser
from contorno.records import Records
from contorno.splits import SingleSplitter

SIZE = (3, 5)


def images(folder: Path, *names: str) -> None:
    for name in names:
        write_image(folder / name, np.zeros((*SIZE, 3), dtype=np.uint8))


def read(path: Path, *lines: str, **options: object) -> tuple[Records, RunLengthCSVParser]:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    parser = RunLengthCSVParser(path, **options)  # type: ignore[arg-type]
    (records,) = parser.parse(SingleSplitter())
    return records, parser


def found(records: Records) -> dict[int | str, list[tuple[str, list[float]]]]:
    """Class and box of each object by image."""
    names = records.class_map.names
    return {
        record.image_id: [
            (names[label - 1], box)
            for label, box in zip(record.instances.labels, record.instances.boxes.tolist(), strict=True)
        ]
        for record in records
    }


def test_a_line_is_an_object_and_pixels_count_down_the_columns_from_one(tmp_path: Path) -> None:
    images(tmp_path / "stage1_train" / "a" / "images", "a.png")
    records, parser = read(
        tmp_path / "stage1_train_labels.csv", "ImageId,EncodedPixels", "a,1 2 4 2", "a,15 1", class_name="nucleus"
    )
    assert found(records) == {"a": [("nucleus", [0, 0, 2, 2]), ("nucleus", [4, 2, 5, 3])]}
    assert "instances" in parser.how
    assert "along the columns, from 1" in parser.report.details["how masks were read"]


def test_rows_are_told_from_the_masks_or_asked_for(tmp_path: Path) -> None:
    images(tmp_path / "train", "a.png")
    head = "id,annotation,width,height,cell_type"
    records, _ = read(tmp_path / "train.csv", head, "a,2 3 7 3 12 3,5,3,astro")
    assert found(records) == {"a": [("astro", [1, 0, 4, 3])]}
    records, _ = read(tmp_path / "train.csv", head, "a,1 2,5,3,astro", order="rows")
    assert found(records) == {"a": [("astro", [0, 0, 2, 1])]}


def test_images_without_code_are_negatives_and_those_that_no_line_names_are_counted(tmp_path: Path) -> None:
    images(tmp_path / "train_v2", "a.jpg", "b.jpg", "c.jpg")
    records, parser = read(tmp_path / "ships.csv", "ImageId,EncodedPixels", "a.jpg,1 2", "a.jpg,8 2", "b.jpg,")
    assert [(record.image_id, len(record.instances)) for record in records] == [("a.jpg", 2), ("b.jpg", 0)]
    assert parser.report.dropped == {"image that no line of the table names": 1}
    assert parser.report.places["image that no line of the table names"] == ("train_v2/c.jpg",)


def test_a_line_for_each_class_comes_apart_into_its_parts(tmp_path: Path) -> None:
    images(tmp_path / "train_images", "a_1.jpg", "b.jpg")
    lines = ("ImageId_ClassId,EncodedPixels", "a_1.jpg_1,1 1 15 1", "a_1.jpg_2,", "b.jpg_1,", "b.jpg_2,4 2")
    records, parser = read(tmp_path / "train.csv", *lines, values={1: "scratch"})
    assert found(records) == {
        "a_1.jpg": [("scratch", [0, 0, 1, 1]), ("scratch", [4, 2, 5, 3])],
        "b.jpg": [("class_2", [1, 0, 2, 2])],
    }
    assert parser.how.startswith("semantic: no image has two lines of one class")
    assert len(read(tmp_path / "train.csv", *lines, kind="instances")[0][0].instances) == 1
    assert read(tmp_path / "train.csv", *lines, min_area=2)[1].report.dropped == {"region under 2 px² (min_area)": 2}


def test_a_repeated_line_makes_no_instances_of_a_table_of_classes(tmp_path: Path) -> None:
    images(tmp_path / "train", "a.jpg", "b.jpg")
    records, parser = read(tmp_path / "t.csv", "ImageId,EncodedPixels", "a.jpg,1 1 15 1", "a.jpg,1 1 15 1", "b.jpg,4 2")
    assert parser.how.startswith("semantic")
    assert [len(record.instances) for record in records] == [2, 1]
    assert parser.report.dropped == {"line that repeats another": 1}


def test_classes_with_attributes_are_their_classes(tmp_path: Path) -> None:
    images(tmp_path, "a.jpg")
    records, _ = read(tmp_path / "t.csv", "ImageId,EncodedPixels,Height,Width,ClassId", "a,1 2,3,5,6_20_1")
    assert found(records) == {"a": [("class_6", [0, 0, 1, 2])]}


def test_what_cannot_be_used_is_counted_by_line(tmp_path: Path) -> None:
    images(tmp_path, "a.png")
    lines = ("ImageId,EncodedPixels,Height,Width", "a,1 2", "a,1 2", "a,1 2 3", "a,14 9", "a,1 1,9,9", ",1 2")
    records, parser = read(tmp_path / "t.csv", *lines)
    assert records.num_objects == 1
    assert parser.report.places == {
        "line that repeats another": ("a, line 3",),
        "run-length code with an odd number of numbers": ("a, line 4",),
        "run-length code that leaves the image": ("a, line 5",),
        "mask of another size than the image": ("a, line 6",),
        "line without an image": ("line 7",),
    }
    parser = RunLengthCSVParser(tmp_path / "t.csv")
    with pytest.raises(DataError, match="line without an image"):
        parser.parse(SingleSplitter(), autofix=False)


def test_pixels_that_count_from_nought_are_counted(tmp_path: Path) -> None:
    images(tmp_path, "a.png")
    records, parser = read(tmp_path / "t.csv", "ImageId,EncodedPixels", "a,0 2", "a,3 1")
    assert found(records) == {"a": [("object", [0, 0, 1, 2]), ("object", [1, 0, 2, 1])]}
    assert parser.report.mended == {"pixels counted from 0 instead of 1": 1}


def test_missing_images_are_an_error_or_left_out_and_names_that_climb_find_nothing(tmp_path: Path) -> None:
    images(tmp_path / "here", "a.png")
    images(tmp_path, "secret.png")
    lines = ("ImageId,EncodedPixels", "a,1 2", "gone,1 2", "../secret.png,1 2")
    with pytest.raises(DataError, match=r"1 of 2 image files are not in .*, the first is 'gone'"):
        read(tmp_path / "here" / "t.csv", *lines)
    records, parser = read(tmp_path / "here" / "t.csv", *lines, missing_images="drop")
    assert [record.image_id for record in records] == ["a"]
    assert parser.report.places["line with a path that cannot be used"] == ("line 4",)


def test_of_two_images_of_a_name_the_one_among_the_others_is_meant(tmp_path: Path) -> None:
    images(tmp_path / "test", "a.png")
    images(tmp_path / "train", "a.png", "b.png")
    records, _ = read(tmp_path / "train.csv", "ImageId,EncodedPixels", "a,1 2", "b,1 2")
    assert [record.path for record in records] == [tmp_path / "train" / "a.png", tmp_path / "train" / "b.png"]


def test_options_that_are_not_known_are_refused(tmp_path: Path) -> None:
    images(tmp_path, "a.png")
    for options in ({"order": "diagonal"}, {"kind": "label-map"}):
        with pytest.raises(ConfigError, match="choose"):
            read(tmp_path / "t.csv", "ImageId,EncodedPixels", "a,1 2", **options)


def test_folder_of_a_competition_is_recognised_by_its_table(tmp_path: Path) -> None:
    images(tmp_path / "train", "a.png", "b.png")
    images(tmp_path / "test", "c.png")
    (tmp_path / "train.csv").write_text("ImageId,EncodedPixels\na,1 2\na,8 2\nb,4 2\n")
    (tmp_path / "sample_submission.csv").write_text("ImageId,EncodedPixels\nc,1 1\n")
    assert "a CSV of masks as run-length code" in str(parsers.recognise(tmp_path))
    both = parsers.parse(tmp_path, class_name="ship")
    assert sum(records.num_objects for records in both.values()) == 3
    assert both["train"].class_map.names == ("ship",)
    with pytest.raises(ConfigError, match="vertex_offset is for polygons"):
        parsers.read(tmp_path, options=parsers.ReadOptions(vertex_offset=0.5))


OFFSETS = "run-length code whose runs count from the end of the one before"
SIIM = ("100 5 35 6 34 7", "2 3", "-1")
"""Down the columns of 40 rows: 5, 6 and 7 pixels of three columns, the second from 140 on, the third from 180."""


def rows(folder: Path, *names: str, size: tuple[int, int] = (40, 10)) -> None:
    for name in names:
        write_image(folder / name, np.zeros((*size, 3), dtype=np.uint8))


def test_runs_that_count_from_the_end_of_the_one_before_are_read_so_and_told_once(tmp_path: Path) -> None:
    rows(tmp_path / "train", "1.2.84.png", "1.2.85.png", "1.2.86.png")
    lines = [f"1.2.{number}, {code}" for number, code in enumerate(SIIM, start=84)]
    records, parser = read(tmp_path / "train-rle.csv", "ImageId, EncodedPixels", *lines)
    assert found(records) == {
        "1.2.84": [("object", [2, 20, 5, 27])],
        "1.2.85": [("object", [0, 2, 1, 5])],
        "1.2.86": [],
    }
    assert records[0].instances.geometries[0] == masks.from_counts([100, 5, 35, 6, 34, 7, 213], (40, 10))
    assert parser.report.mended == {OFFSETS: 1}
    assert parser.report.places[OFFSETS] == (str(tmp_path / "train-rle.csv"),)
    assert "from the end of the run before" in parser.how
    with pytest.raises(DataError, match="from the end of the one before"):
        RunLengthCSVParser(tmp_path / "train-rle.csv").parse(SingleSplitter(), autofix=False)


def test_a_first_run_at_the_beginning_is_no_count_from_nought_where_runs_are_offsets(tmp_path: Path) -> None:
    rows(tmp_path, "a.png")
    records, parser = read(tmp_path / "t.csv", "ImageId,EncodedPixels", "a,0 5 35 6 34 7 34 6")
    assert records[0].instances.geometries[0] == masks.from_counts([0, 5, 35, 6, 34, 7, 34, 6, 273], (40, 10))
    assert parser.report.mended == {OFFSETS: 1}


def test_the_order_is_found_from_offsets_too(tmp_path: Path) -> None:
    rows(tmp_path, "a.png", size=(40, 30))
    code = "100 5 " + " ".join(["25 5"] * 9)
    records, parser = read(tmp_path / "t.csv", "ImageId,EncodedPixels", f"a,{code}")
    assert found(records) == {"a": [("object", [10, 3, 15, 13])]}
    assert "along the rows" in parser.how


def test_an_object_of_offsets_in_another_table_is_told_by_itself_and_one_overlap_is_put_together(
    tmp_path: Path,
) -> None:
    rows(tmp_path, "a.png", "b.png", "c.png")
    lines = ("a,1 5 41 5 81 5 121 5", "b,100 5 35 6 34 7", "c,1 5 4 5 41 5")
    records, parser = read(tmp_path / "t.csv", "ImageId,EncodedPixels", *lines, kind="instances")
    assert found(records) == {
        "a": [("object", [0, 0, 4, 5])],
        "b": [("object", [2, 20, 5, 27])],
        "c": [("object", [0, 0, 2, 8])],
    }
    assert parser.report.places == {
        OFFSETS: ("b, line 3",),
        "run-length code whose runs overlap or stand out of order": ("c, line 4",),
    }


@pytest.mark.parametrize("separator", [";", "\t"], ids=["semicolon", "tab"])
def test_columns_may_be_parted_by_semicolons_and_tabs(tmp_path: Path, separator: str) -> None:
    images(tmp_path / "images", "a.png", "b.png")
    lines = [line.replace(",", separator) for line in ("ImageId,EncodedPixels", "a,1 2 4 2", "a,15 1", "b,")]
    (tmp_path / "train.csv").write_text("\n".join(lines))
    assert parsers.recognise(tmp_path).splits[""].kind == "run-length table"
    parts = parsers.read(tmp_path)
    assert sum(records.num_objects for records in parts.values()) == 2


def test_an_image_of_another_suffix_or_case_is_found_last_and_counted(tmp_path: Path) -> None:
    images(tmp_path / "train", "A.PNG", "b.jpg", "b.png", "1.2.84.png")
    lines = ("a.jpg,1 2", "b.jpg,4 2", "1.2.84,1 1")
    records, parser = read(tmp_path / "t.csv", "ImageId,EncodedPixels", *lines)
    assert [record.path and record.path.name for record in records] == ["A.PNG", "b.jpg", "1.2.84.png"]
    assert parser.report.mended == {"image found under another suffix or in another case": 1}
    assert parser.report.places["image found under another suffix or in another case"] == ("a.jpg",)


@pytest.mark.parametrize(
    ("files", "names"),
    [(["a.png", "a.jpg"], ["a.tif"]), (["a.png"], ["a.jpg", "A.JPG"]), (["a.png"], ["a.png", "a.tif"])],
    ids=["two files", "two lines", "taken"],
)
def test_an_image_that_is_not_surely_meant_is_missing(tmp_path: Path, files: list[str], names: list[str]) -> None:
    images(tmp_path, *files)
    with pytest.raises(DataError, match=r"image files are not in .*, the first is"):
        read(tmp_path / "t.csv", "ImageId,EncodedPixels", *(f"{name},1 2" for name in names))
