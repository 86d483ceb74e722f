"""The page about a data set."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as Xml

import numpy as np
import pytest

import tiny
from contorno import stats
from contorno.records import ClassMap, Records
from contorno.report.data_page import data_page, write_data_page
from contorno.report.data_plots import class_bars, edge_text, heat_map, histogram
from contorno.report.gallery import jpeg_uri


def page(records_by_split: dict[str, Records], title: str = "Discs", samples: int = 6) -> str:
    return data_page(records_by_split, stats.describe(records_by_split), title, samples)


class _Tags(HTMLParser):
    """Counts open tags, and fails on one that is closed and not open."""

    VOID = frozenset({"meta", "img", "br", "rect", "line", "circle"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag


def test_the_page_is_whole_and_loads_nothing(tmp_path: Path) -> None:
    records = {"train": tiny.disc_records(6, (48, 48)), "validation": tiny.disc_records(3, (48, 64), seed=1)}
    path = write_data_page(records, stats.describe(records), tmp_path / "data.html", title="Discs", samples=5)
    text = path.read_text(encoding="utf-8")
    tags = _Tags()
    tags.feed(text)
    assert tags.open == []
    assert len(tags.links) == 5
    assert all(link.startswith("data:image/jpeg;base64,") for link in tags.links)
    assert "<script" not in text
    assert "http:" not in text
    assert "https:" not in text
    assert "default-src 'none'" in text
    for plot in re.findall(r"<svg.*?</svg>", text):
        Xml.fromstring(plot)


def test_every_section_is_there_with_its_figures() -> None:
    records = tiny.disc_records(6, (48, 48))
    text = page({"train": records[:4], "validation": records[4:]})
    headings = re.findall(r"<h2>(.*?)</h2>", text)
    assert headings == [
        "Samples",
        "Splits",
        "Classes",
        "Sizes and shapes",
        "Images",
        "Overlaps",
        "Size of training images",
    ]
    assert ">validation<" in text
    assert "48 × 48 px" in text
    assert "Area is that of the mask" in text


def test_names_from_files_are_never_markup() -> None:
    records = tiny.disc_records(2, (32, 32))
    bad = Records(
        [replace(record, image_id=f"<img src=x>{number}") for number, record in enumerate(records)],
        ClassMap(["<script>alert(1)</script>", '" onload="x']),
    )
    text = page({"<b>train</b>": bad, "rest": bad}, title="</title><script>")
    assert "<script" not in text
    assert "<img src=x>" not in text
    assert "<b>train</b>" not in text
    assert '" onload="' not in text


def test_nothing_at_all_still_makes_a_page() -> None:
    text = page({"train": Records([], ClassMap(["a"]))})
    assert "nan" not in re.sub(r"<style>.*?</style>", "", text).lower()
    assert "Without objects: a." in text
    assert "Samples" not in re.findall(r"<h2>(.*?)</h2>", text)


def test_an_image_that_is_gone_is_shown_as_gone(tmp_path: Path) -> None:
    records = tiny.disc_records(2, (32, 32))
    gone = replace(records[0], image=None, path=tmp_path / "gone.png")
    text = page({"train": Records([gone, records[1]], records.class_map)})
    assert text.count("<img ") == 2
    assert "gone.png" in text


def test_a_gallery_of_noise_stays_under_five_megabytes() -> None:
    rng = np.random.default_rng(0)
    noisy = [
        replace(tiny.record(number, (560, 560)), image=rng.integers(0, 256, (560, 560, 3), dtype=np.uint8))
        for number in range(24)
    ]
    assert len(page({"train": Records(noisy, ClassMap(["a"]))}, samples=24).encode()) < 5_000_000


def test_a_picture_shrinks_until_it_fits() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (200, 300, 3), dtype=np.uint8)
    uri, width, height = jpeg_uri(noise, 20_000)
    assert len(uri) <= 20_000 * 4 / 3 + 40
    assert 0 < width < 300
    assert width / height == pytest.approx(1.5, abs=0.05)
    assert jpeg_uri(noise, 10**7)[1:] == (300, 200)


def test_bars_are_as_long_as_their_counts() -> None:
    text = class_bars({"cat": {"train": 3, "test": 1}, "dog": {"train": 2, "test": 0}}, "objects")
    assert re.findall(r"width:([\d.]+)%", text) == ["75.00", "25.00", "50.00"]
    assert 'title="dog, train: 2 objects"' in text
    assert class_bars({}, "objects") == ""


def test_columns_are_as_high_as_their_counts_and_empty_ends_are_left_out() -> None:
    plot = Xml.fromstring(histogram("Area", [0, 1, 2, 4, 8, 16], [0, 4, 0, 2, 0], x_label="px²", what="objects"))
    columns = [element for element in plot.iter() if element.get("class") == "column"]
    assert [float(column.get("height", "nan")) for column in columns] == pytest.approx([172, 0, 86])
    assert [text.text for text in plot.iter("text")][-5:] == ["1", "2", "4", "8", "px²"]
    assert histogram("Area", [0, 1], [0], x_label="px²", what="objects") == ""
    assert histogram("Area", [], [], x_label="px²", what="objects") == ""


def test_the_map_has_a_cell_for_each_figure_above_nothing() -> None:
    plot = Xml.fromstring(heat_map("Where", [[0.0, 1.0], [0.5, 0.001]], x_label="image"))
    cells = [element for element in plot.iter() if element.get("class") == "cell"]
    assert [cell.get("fill-opacity") for cell in cells] == ["1.00", "0.50"]
    assert heat_map("Where", [[0.0]], x_label="image") == ""


def test_edges_are_written_short() -> None:
    assert [edge_text(value) for value in (1 / 3, 0.0625, 1.25, 65536, 0)] == ["0.33", "0.062", "1.2", "65536", "0"]
