"""The report: one file, complete, escaped, readable without colour or script."""

from __future__ import annotations

import base64
import io
import math
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from contorno.errors import DataError
from contorno.report import Report, ReportImage, to_html, write_report
from contorno.report.page import data_uri

VOID = {"meta", "img", "br", "link", "input"}


class Reader(HTMLParser):
    """Collects tags and text, and fails on a tag that is closed out of turn."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def headings(self) -> list[str]:
        parts = zip(self.words, self.words[1:], strict=False)
        wanted = {"Learning curves", "Per class", "Worst images", "Best images", "Augmented samples"}
        wanted |= {"Export certificate", "Settings", "Versions", "Files"}
        return [word for word, _ in parts if word in wanted]


def picture(seed: int = 0, size_hw: tuple[int, int] = (60, 80)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*size_hw, 3), dtype=np.uint8)


def full(**changes: Any) -> Report:
    parts: dict[str, Any] = {
        "title": "hot dog",
        "subtitle": "12 images",
        "figures": {"mask_ap": 0.5873, "mask_ap50": 0.81, "mask_ap75": math.nan, "box_ap": 0.55, "mask_ap_small": 0.1},
        "per_class": {"hot dog": {"mask_ap": 0.61, "objects": 12}, "bun": {"mask_ap": math.nan, "objects": 0}},
        "history": [
            {
                "epoch": 1.0,
                "train_loss": 2.0,
                "valid_loss": 2.5,
                "train_loss_mask": 1.0,
                "mask_ap": 0.1,
                "seconds": 30.0,
            },
            {
                "epoch": 2.0,
                "train_loss": 1.0,
                "valid_loss": 1.5,
                "train_loss_mask": 0.5,
                "mask_ap": 0.3,
                "seconds": 31.0,
            },
        ],
        "settings": {"lr": 1e-4, "model": {"backbone": "resnet50_fpn", "weights": None}},
        "versions": {"torch": "2.6.0"},
        "notes": ["Stopped early."],
        "best": [ReportImage(image=picture(1), caption="a.jpg: all matched")],
        "worst": [ReportImage(image=picture(2), caption="b.jpg: 1 missed")],
        "samples": [ReportImage(image=picture(3))],
        "certificate": {
            "holds": True,
            "tolerances": {"boxes_px": 0.01},
            "files": [{"file": "jit-model.pt", "images": 11, "boxes_px": 3.1e-5, "mask_iou": 1.0, "holds": True}],
        },
        "files": [("model.pth", 176_000_000, "best weights")],
    }
    return Report(**(parts | changes))


def test_every_part_is_there_in_the_order_that_a_reader_needs() -> None:
    reader = Reader(to_html(full()))
    assert reader.open == []
    assert reader.headings == [
        "Learning curves",
        "Per class",
        "Worst images",
        "Best images",
        "Augmented samples",
        "Export certificate",
        "Settings",
        "Versions",
        "Files",
    ]
    text = " ".join(reader.words)
    for part in ("0.587", "resnet50_fpn", "model.backbone", "2.6.0", "176 MB", "Stopped early.", "3.1e-05", "0.0001"):
        assert part in text


def test_a_report_of_a_title_alone_has_no_empty_sections() -> None:
    reader = Reader(to_html(Report(title="empty")))
    assert reader.open == []
    assert reader.headings == []
    assert "section" not in [tag for tag, _ in reader.tags]


def test_page_loads_nothing_and_runs_nothing() -> None:
    text = to_html(full())
    reader = Reader(text)
    assert "script" not in [tag for tag, _ in reader.tags]
    assert "http://" not in text
    assert "https://" not in text
    assert "@import" not in text
    assert "url(" not in text
    sources = [attrs[key] for _, attrs in reader.tags for key in ("src", "href") if key in attrs]
    assert len(sources) == 3
    assert all(source is not None and source.startswith("data:image/jpeg;base64,") for source in sources)
    assert "default-src 'none'" in text


def test_words_of_the_user_are_escaped_everywhere() -> None:
    bad = "<script>alert(1)</script>\"'&"
    text = to_html(
        full(
            title=bad,
            subtitle=bad,
            figures={bad: 0.5, "mask_ap": 0.1},
            per_class={bad: {bad: 1.0}},
            history=[{"epoch": 1.0, f"loss{bad}": 1.0, bad: 2.0}],
            settings={bad: {bad: [bad]}, "x": bad},
            versions={bad: bad},
            notes=[bad],
            best=[ReportImage(image=picture(), caption=bad)],
            certificate={"holds": False, bad: bad, "files": [{"file": bad, bad: bad}]},
            files=[(bad, 1, bad)],
        )
    )
    reader = Reader(text)
    assert "<script" not in text
    assert reader.open == []
    assert not any(name.startswith("on") for _, attrs in reader.tags for name in attrs)
    assert sum(bad in word for word in reader.words) >= 15


def test_nan_and_null_are_written_as_a_dash() -> None:
    text = to_html(full(history=[{"epoch": 1, "train_loss": None, "valid_loss": 1.0, "mask_ap": math.nan}]))
    assert "—" in Reader(text).words
    assert not re.search(r"\bnan\b|\bNone\b", text)


def test_curve_points_can_be_read_one_by_one_and_the_plot_as_a_whole() -> None:
    text = to_html(full())
    reader = Reader(text)
    assert "training: 2 (epoch 1)" in reader.words
    assert "mask AP: 0.3 (epoch 2)" in reader.words
    labels = [attrs["aria-label"] for tag, attrs in reader.tags if tag == "svg"]
    assert labels[0] == "Loss: training from 2 to 1; validation from 2.5 to 1.5"
    assert [label.split(":")[0] for label in labels if label] == ["Loss", "Average precision", "loss mask"]


def test_every_picture_has_words_and_a_size() -> None:
    found = [attrs for tag, attrs in Reader(to_html(full())).tags if tag == "img"]
    assert [attrs["alt"] for attrs in found] == [
        "Worst images, 1 of 1: b.jpg: 1 missed",
        "Best images, 1 of 1: a.jpg: all matched",
        "Augmented samples, 1 of 1",
    ]
    assert all((attrs["width"], attrs["height"]) == ("80", "60") for attrs in found)


def test_export_that_does_not_hold_is_said_so() -> None:
    assert "differs from the trained model" in to_html(full(certificate={"holds": False, "files": []}))


def test_pictures_are_shrunk_to_900_px_and_keep_their_proportions() -> None:
    uri, width, height = data_uri(np.zeros((600, 1800, 3), np.uint8))
    assert (width, height) == (900, 300)
    data = base64.b64decode(uri.removeprefix("data:image/jpeg;base64,"))
    assert Image.open(io.BytesIO(data)).size == (900, 300)


def test_twelve_pictures_of_noise_stay_under_five_megabytes(tmp_path: Path) -> None:
    uri, *_ = data_uri(picture(0, (1200, 1200)))
    assert len(uri) * 12 < 4_600_000
    path = write_report(tmp_path / "new" / "report.html", full())
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert [item.name for item in path.parent.iterdir()] == ["report.html"]


def test_float_picture_is_refused() -> None:
    with pytest.raises(DataError, match=r"float64.*expected uint8"):
        data_uri(np.zeros((4, 4, 3)))  # type: ignore[arg-type]


def test_dark_theme_and_print_are_styled() -> None:
    text = to_html(Report(title="x"))
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text
