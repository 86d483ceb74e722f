"""Many images on one sheet."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tiny
from contorno.draw.contact_sheet import DIM, class_colors, contact_sheet, draw_tile, on_background
from contorno.draw.instances import Style, color_of
from contorno.errors import ConfigError, DataError
from contorno.images import write_image
from contorno.records import ClassMap, Instances, Record, Records


def test_the_sheet_has_a_tile_for_each_image_and_a_key_for_classes() -> None:
    records = tiny.disc_records(5, (40, 60))
    sheet = contact_sheet(records, ncols=3, tile_px=90, labels=False)
    plain = contact_sheet(Records(list(records), ClassMap(["thing", "x"])), ncols=3, tile_px=90, labels=False)
    assert sheet.dtype == np.uint8
    assert sheet.shape == plain.shape
    assert sheet.shape[1] == 3 * 90 + 4 * 4
    one = Records([tiny.record(1)], ClassMap(["thing"]))
    assert contact_sheet(one, tile_px=90).shape[0] < contact_sheet(records[:1], tile_px=90).shape[0]


def test_the_same_seed_gives_the_same_sheet_in_any_order() -> None:
    records = tiny.disc_records(8, (32, 32))
    first = contact_sheet(records, limit=3, tile_px=64)
    backward = records.select(range(7, -1, -1))
    assert np.array_equal(first, contact_sheet(backward, limit=3, tile_px=64))
    assert not np.array_equal(first, contact_sheet(records, limit=3, tile_px=64, seed=7))


def test_images_may_be_the_first_or_all() -> None:
    records = tiny.disc_records(6, (32, 32))
    first = contact_sheet(records, limit=2, pick="first", tile_px=64)
    assert np.array_equal(first, contact_sheet(records[:2], limit=None, tile_px=64))
    assert contact_sheet(records, limit=None, ncols=2, tile_px=64).shape[0] > 3 * 64


def coloured() -> Record:
    """A red image, 4 x 4 px, with a mask in its upper left corner and a box in its lower right one."""
    found = Instances.build(
        (4, 4),
        [1, 1],
        [tiny.record(1, (4, 4), [(1, tiny.bitmap("##..", "##..", "....", "...."))]).instances.geometries[0], None],
        boxes=[[0, 0, 2, 2], [2.5, 3, 4, 4]],
    )
    image = np.full((4, 4, 3), (200, 0, 0), np.uint8)
    return Record(image_id=1, size_hw=(4, 4), instances=found, image=image)


def test_the_background_loses_its_colour_and_objects_keep_theirs() -> None:
    record = coloured()
    assert record.image is not None
    grey = on_background(record.image, record, "grey")
    assert grey[0, 0].tolist() == [200, 0, 0]
    assert grey[3, 2].tolist() == [200, 0, 0]
    assert grey[2, 2].tolist() == [60, 60, 60]
    assert on_background(record.image, record, "dim")[2, 2].tolist() == [round(59.8 * DIM)] * 3
    assert record.image[2, 2].tolist() == [200, 0, 0]


def test_each_class_has_its_colour_whatever_is_shown() -> None:
    records = tiny.disc_records(6)
    assert class_colors(records, records.class_map) == {1: color_of(0), 2: color_of(1)}
    rings = [r for r in records if set(r.instances.labels) == {2}]
    assert rings
    assert class_colors(rings, records.class_map) == {2: color_of(1)}
    assert class_colors(records, ClassMap(["thing"])) == {}


def test_classes_of_a_long_class_map_do_not_share_colours() -> None:
    names = ClassMap([f"class {number}" for number in range(80)])
    dot = tiny.bitmap("#.", "..")
    record = tiny.record(1, (2, 2), [(1, dot), (22, dot), (43, dot)])  # one colour in a palette of 21
    assert len(set(class_colors([record], names).values())) == 3


def test_an_object_is_painted_in_the_colour_of_its_class() -> None:
    record = tiny.record(1, (60, 60), [(2, tiny.disc((60, 60), (30, 30), 20))])
    names = ClassMap(["a", "b"])
    tile = draw_tile(record, names, {2: (255, 0, 255)}, Style(display_label=False))
    edge = tile[30, 10].astype(int)
    assert edge[0] > 240
    assert edge[1] < 40


def test_an_image_that_cannot_be_read_gets_a_tile_that_says_so(tmp_path: Path) -> None:
    good = tiny.disc_records(1, (32, 32))
    (tmp_path / "bad.png").write_bytes(b"no image")
    bad = replace(good[0], image_id=2, image=None, path=tmp_path / "bad.png")
    gone = replace(good[0], image_id=3, image=None, path=tmp_path / "gone.png")
    sheet = contact_sheet(Records([*good, bad, gone], good.class_map), ncols=3, tile_px=64, pick="first")
    assert sheet.shape[1] == 3 * 64 + 4 * 4
    dark = (60, 28, 28)
    assert [tuple(sheet[30, 4 + place * 68 + 2].tolist()) == dark for place in range(3)] == [False, True, True]


def test_an_image_of_another_size_than_stated_is_not_drawn(tmp_path: Path) -> None:
    write_image(tmp_path / "small.png", np.zeros((8, 8, 3), np.uint8))
    record = tiny.record(1, (32, 40), path=tmp_path / "small.png")
    with pytest.raises(DataError, match=r"it is \(8, 8\), stated is \(32, 40\)"):
        draw_tile(record, ClassMap(["a"]), {}, Style())


@pytest.mark.parametrize(
    "options", [{"background": "blue"}, {"pick": "best"}, {"ncols": 0}, {"limit": 0}, {"tile_px": 4}], ids=str
)
def test_options_that_make_no_sense_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=r"is not known|expected at least"):
        contact_sheet(tiny.disc_records(1), **options)  # type: ignore[arg-type]


def test_no_images_are_an_error() -> None:
    with pytest.raises(DataError, match="no images to show"):
        contact_sheet(Records([], ClassMap(["a"])))


def test_long_and_foreign_names_fit_the_sheet() -> None:
    names = ClassMap(["a very long class name that goes on and on " * 3, "Früchte 果物"])
    records = Records(list(tiny.disc_records(2, (32, 32))), names)
    sheet = contact_sheet(records, ncols=2, tile_px=64)
    assert Image.fromarray(sheet).width == 2 * 64 + 3 * 4
