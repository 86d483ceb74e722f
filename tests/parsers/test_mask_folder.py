from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tiny
from contorno import masks
from contorno.errors import ConfigError, DataError
from contorno.images import write_image
from contorno.parsers import MaskFolderParser
from contorno.records import ClassMap
from contorno.splits import RandomSplitter

LEFT = tiny.bitmap("##..", "##..", "....")
DOT = tiny.bitmap("....", "....", "...#")


def add_image(root: Path, image_id: str, objects: dict[str, np.ndarray], size: tuple[int, int] = (3, 4)) -> None:
    write_image(root / image_id / "images" / f"{image_id}.png", np.zeros((*size, 3), dtype=np.uint8))
    for name, mask in objects.items():
        write_image(root / image_id / "masks" / name, mask * 255)


def test_each_mask_picture_is_one_object(tmp_path: Path) -> None:
    add_image(tmp_path, "x", {"1.png": LEFT, "2.png": DOT})
    (records,) = MaskFolderParser(tmp_path, class_name="cell").parse()
    (record,) = records
    assert records.class_map == ClassMap(["cell"])
    assert (record.image_id, record.size_hw, record.path) == ("x", (3, 4), tmp_path / "x" / "images" / "x.png")
    assert record.instances.boxes.tolist() == [[0, 0, 2, 2], [3, 2, 4, 3]]
    assert record.instances.ids == ("1", "2")
    assert np.array_equal(masks.decode(record.instances.run_lengths()[0]), LEFT)


def test_image_without_masks_is_a_negative(tmp_path: Path) -> None:
    add_image(tmp_path, "none", {})
    add_image(tmp_path, "some", {"1.png": DOT})
    parser = MaskFolderParser(tmp_path)
    (records,) = parser.parse()
    assert [(record.image_id, len(record.instances)) for record in records] == [("none", 0), ("some", 1)]
    assert parser.report.negatives == 1


def test_faint_masks_with_alpha_count_where_they_are_not_black(tmp_path: Path) -> None:
    add_image(tmp_path, "x", {})
    pixels = np.zeros((3, 4, 4), dtype=np.uint8)
    pixels[..., 3] = 255
    pixels[0, 0, 1] = 1
    (tmp_path / "x" / "masks").mkdir()
    Image.fromarray(pixels).save(tmp_path / "x" / "masks" / "1.PNG")
    (records,) = MaskFolderParser(tmp_path).parse()
    assert masks.area(records[0].instances.run_lengths()[0]) == 1


def test_empty_mask_and_strange_files_are_dropped_and_counted_or_raise(tmp_path: Path) -> None:
    add_image(tmp_path, "x", {"0.png": LEFT * 0, "1.png": LEFT, ".hidden.png": LEFT})
    (tmp_path / "x" / "masks" / "notes.txt").write_text("?")
    (tmp_path / "stray").mkdir()
    parser = MaskFolderParser(tmp_path)
    (records,) = parser.parse()
    assert records.num_objects == 1
    assert parser.report.dropped == {
        "empty mask": 1,
        "file in masks/ that is not a PNG": 1,
        "folder without an image in images/": 1,
    }
    with pytest.raises(DataError, match="folder stray: folder without an image"):
        parser.parse(autofix=False)


def test_mask_of_another_size_is_an_error_with_both_sizes(tmp_path: Path) -> None:
    add_image(tmp_path, "x", {"1.png": LEFT}, size=(6, 8))
    with pytest.raises(DataError, match=r"1\.png is 3 x 4 pixels .* expected 6 x 8 as its image x\.png"):
        MaskFolderParser(tmp_path).parse()


def test_damaged_mask_and_two_images_are_errors(tmp_path: Path) -> None:
    add_image(tmp_path, "x", {"1.png": LEFT})
    path = tmp_path / "x" / "masks" / "1.png"
    whole = path.read_bytes()
    path.write_bytes(whole[:40])
    with pytest.raises(DataError, match=r"1\.png"):
        MaskFolderParser(tmp_path).parse()
    path.write_bytes(whole)
    write_image(tmp_path / "x" / "images" / "y.png", np.zeros((3, 4), dtype=np.uint8))
    with pytest.raises(DataError, match=r"has 2 images \(x\.png, y\.png\); expected one"):
        MaskFolderParser(tmp_path).parse()


def test_folder_without_any_image_is_an_error_that_says_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"expected <id>/images/ with one image"):
        MaskFolderParser(tmp_path).parse()
    with pytest.raises(ConfigError, match="is not a folder"):
        MaskFolderParser(tmp_path / "nowhere")


def test_class_map_given_fixes_the_label(tmp_path: Path) -> None:
    add_image(tmp_path, "x", {"1.png": DOT})
    (records,) = MaskFolderParser(tmp_path, class_name="B", class_map=ClassMap(["a", "b"])).parse()
    assert records[0].instances.labels.tolist() == [2]
    with pytest.raises(DataError, match="'object' is not in the class map"):
        MaskFolderParser(tmp_path, class_map=ClassMap(["a"]))


def test_images_come_in_the_order_of_their_names_whatever_the_number_of_threads(tmp_path: Path) -> None:
    for number in range(8):
        add_image(tmp_path, f"i{number}", {"1.png": DOT})
    (one,) = MaskFolderParser(tmp_path, workers=1).parse()
    (many,) = MaskFolderParser(tmp_path, workers=4).parse()
    assert [r.image_id for r in one] == [r.image_id for r in many] == [f"i{number}" for number in range(8)]
    assert [len(part) for part in MaskFolderParser(tmp_path).parse(RandomSplitter())] == [6, 2]
