"""Masks as IceVision's parsers state them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import tiny
from contorno import masks
from contorno.errors import DataError
from contorno.images import write_image
from contorno.parsers.image_words import get_files, get_image_files, get_img_size, open_img
from contorno.parsers.mask_words import RLE, EncodedRLEs, MaskArray, MaskFile, MaskSource, Polygon, VocMaskFile

SIZE = (4, 6)
SHAPE = tiny.bitmap("......", ".##...", ".###..", "......")


def drawn(source: MaskSource) -> list[list[list[int]]]:
    codes = [masks.to_run_length(geometry, SIZE) for geometry in source.geometries(SIZE)]
    return [masks.decode(code).tolist() for code in codes]


@pytest.mark.parametrize(
    "source",
    [
        MaskArray(SHAPE),
        MaskArray(SHAPE[None] * 255),
        RLE.from_coco([5, 2, 2, 2, 3, 1, 9]),
        RLE.from_string("5 2 2 2 3 1"),
        RLE.from_kaggle([6, 2, 10, 2, 15, 1]),
        EncodedRLEs(masks.encode(SHAPE).to_coco()),
        EncodedRLEs([masks.encode(SHAPE).to_coco()]),
    ],
    ids=["array", "stack", "coco counts", "text", "kaggle", "code", "codes"],
)
def test_one_object_in_each_form(source: MaskSource) -> None:
    assert drawn(source) == [SHAPE.tolist()]


def test_a_polygon_keeps_its_vertices() -> None:
    (geometry,) = Polygon([[1, 1, 3, 1, 3, 3, 1, 3]]).geometries(SIZE)
    assert geometry.parts[0].tolist() == [[1, 1], [3, 1], [3, 3], [1, 3]]  # type: ignore[union-attr]


def test_each_number_of_a_mask_file_is_an_object(tmp_path: Path) -> None:
    numbers = np.array([[0, 1, 1, 7], [0, 0, 7, 255]], np.uint8)
    Image.fromarray(numbers).save(tmp_path / "mask.png")
    found = MaskFile(tmp_path / "mask.png").geometries((2, 4))
    assert [masks.area(masks.to_run_length(geometry, (2, 4))) for geometry in found] == [2, 2, 1]
    palette = Image.fromarray(numbers)
    palette.putpalette([value for value in range(256) for _ in range(3)])
    palette.save(tmp_path / "voc.png")
    assert len(VocMaskFile(tmp_path / "voc.png").geometries((2, 4))) == 2
    assert len(VocMaskFile(tmp_path / "voc.png", drop_void=False).geometries((2, 4))) == 3


def test_a_voc_file_without_void_keeps_its_last_object(tmp_path: Path) -> None:
    # icevision leaves the largest number out, whatever it is.
    Image.fromarray(np.array([[0, 1], [0, 2]], np.uint8)).save(tmp_path / "mask.png")
    assert len(VocMaskFile(tmp_path / "mask.png").geometries((2, 2))) == 2


def test_masks_of_another_size_than_the_image_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"\(4, 6\) stands in an image of \(8, 8\)"):
        MaskArray(SHAPE).geometries((8, 8))
    Image.fromarray(SHAPE).save(tmp_path / "mask.png")
    with pytest.raises(DataError, match="mask has"):
        MaskFile(tmp_path / "mask.png").geometries((8, 8))


def test_forms_that_are_no_masks_are_refused() -> None:
    with pytest.raises(DataError, match="pairs of start and length"):
        RLE.from_kaggle([1, 2, 3])
    with pytest.raises(DataError, match="expected"):
        MaskArray(np.zeros(3))


@pytest.mark.parametrize(
    ("text", "sep", "counts"),
    [("", " ", []), ("  ", " ", []), ("1 2  3\n", " ", [1, 2, 3]), ("1\t2", " ", [1, 2]), ("1, 2,3", ",", [1, 2, 3])],
    ids=["nothing", "blanks", "two blanks", "a tab", "commas"],
)
def test_run_lengths_as_text_may_stand_apart_anyhow(text: str, sep: str, counts: list[int]) -> None:
    assert RLE.from_string(text, sep).counts == counts


@pytest.mark.parametrize(
    "make",
    [
        lambda: RLE.from_string("1 two"),
        lambda: RLE.from_string("1,,2", ","),
        lambda: RLE.from_string("1.5 2"),
        lambda: RLE.from_string(float("nan")),  # type: ignore[arg-type]
        lambda: RLE.from_coco([1.5, 2]),  # type: ignore[list-item]
        lambda: RLE.from_coco([float("nan")]),  # type: ignore[list-item]
        lambda: RLE.from_coco(None),  # type: ignore[arg-type]
        lambda: RLE.from_coco("1 2"),  # type: ignore[arg-type]
        lambda: RLE.from_kaggle([1, None]),  # type: ignore[list-item]
    ],
    ids=["word", "gap", "fraction as text", "not text", "fraction", "nan", "none", "text", "none inside"],
)
def test_run_lengths_that_are_no_whole_numbers_are_refused(make: Callable[[], RLE]) -> None:
    with pytest.raises(DataError, match=r"run lengths.*whole numbers"):
        make()


@pytest.mark.parametrize(
    "pairs", [[15, 1, 6, 2, 10, 2], [10, 2, 6, 2, 7, 1, 15, 1], [6, 2, 10, 1, 10, 2, 15, 1, 20, 0]],
    ids=["out of order", "one inside another", "overlapping and empty"],
)  # fmt: skip
def test_pairs_in_any_order_are_the_same_mask(pairs: list[int]) -> None:
    assert drawn(RLE.from_kaggle(pairs)) == [SHAPE.tolist()]


@pytest.mark.parametrize("pairs", [[0, 2], [-3, 5], [1, -2]], ids=["start 0", "negative start", "negative length"])
def test_pairs_that_no_image_has_are_refused(pairs: list[int]) -> None:
    with pytest.raises(DataError, match=rf"start {pairs[0]} and length {pairs[1]}; expected"):
        RLE.from_kaggle(pairs)


@pytest.mark.parametrize(
    "points", [[1, 1, 3, 1, 3, 3, 1, 3], np.array([1, 1, 3, 1, 3, 3, 1, 3])], ids=["list", "array"]
)
def test_a_flat_list_is_a_polygon_of_one_part(points: Any) -> None:
    assert drawn(Polygon(points)) == drawn(Polygon([[1, 1, 3, 1, 3, 3, 1, 3]]))


@pytest.mark.parametrize("points", [5, None, [[1, None]], ["abc"], [1, [2, 3]], "12"])
def test_points_that_are_no_polygon_are_refused(points: Any) -> None:
    with pytest.raises(DataError, match=r"\[x, y, x, y, \.\.\.\]"):
        Polygon(points).geometries(SIZE)


def test_masks_are_told_from_other_things() -> None:
    made = [MaskArray(SHAPE), MaskFile("a.png"), VocMaskFile("a.png"), Polygon([]), RLE([]), EncodedRLEs()]
    assert all(isinstance(source, MaskSource) for source in made)
    assert not isinstance(SHAPE, MaskSource)
    assert not isinstance(tiny.disc_records(1)[0].instances, MaskSource)  # it has `geometries`, of another kind


def test_a_folders_pictures_are_listed_sorted_without_hidden_ones(tmp_path: Path) -> None:
    for name in ("b.png", "a.JPG", "sub/c.png", ".trash/d.png", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    names = [path.relative_to(tmp_path).as_posix() for path in get_image_files(tmp_path)]
    assert names == ["a.JPG", "b.png", "sub/c.png"]
    assert get_image_files(tmp_path, recurse=False) == [tmp_path / "a.JPG", tmp_path / "b.png"]
    assert get_files(tmp_path, [".TXT"]) == [tmp_path / "notes.txt"]


def test_size_and_picture_are_as_shown(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", np.full((4, 6, 3), 7, np.uint8))
    assert get_img_size(tmp_path / "a.png") == (6, 4)
    assert get_img_size(tmp_path / "a.png").width == 6
    assert np.asarray(open_img(tmp_path / "a.png")).tolist() == np.full((4, 6, 3), 7).tolist()
    assert open_img(tmp_path / "a.png", gray=True).mode == "L"
