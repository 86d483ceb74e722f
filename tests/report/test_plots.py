"""Axes and curves of the report."""

from __future__ import annotations

import math
import re
from xml.etree import ElementTree as Xml

import pytest

from contorno.report.plots import Line, line_plot, number, ticks


def curves(*ys: float) -> str:
    points = [(float(x), y) for x, y in enumerate(ys, 1)]
    return line_plot("Loss", [Line(name="training", tone=1, points=points)])


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, [0, 0.25, 0.5, 0.75, 1]),
        (0, 2.3, [0, 1, 2, 3]),
        (-0.4, 0.4, [-0.4, -0.2, 0, 0.2, 0.4]),
        (0, 0.0007, [0, 0.0002, 0.0004, 0.0006, 0.0008]),
        (0, 4300, [0, 2000, 4000, 6000]),
    ],
)
def test_ticks_are_round_and_enclose_the_values(low: float, high: float, expected: list[float]) -> None:
    assert ticks(low, high, 5) == expected


def test_epochs_are_ticked_at_whole_numbers() -> None:
    assert ticks(1, 3, 7, whole=True) == [1, 2, 3]
    assert all(tick == int(tick) for tick in ticks(1, 217, 7, whole=True))
    assert len(ticks(1, 217, 7, whole=True)) <= 8


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.5, "0.5"),
        (1234567, "1234567"),
        (3.1e-5, "3.1e-05"),
        (12.3456, "12.35"),
        (-2, "−2"),
        (math.nan, "—"),
        (0, "0"),
    ],
)
def test_numbers_are_short(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize("ys", [(1.0,), (0.0, 0.0), (5.0, 5.0), (-1.0, -1.9), (1e9, 1e-9), (math.inf, 1.0, 2.0)])
def test_odd_values_still_make_a_plot_inside_its_frame(ys: tuple[float, ...]) -> None:
    root = Xml.fromstring(curves(*ys))
    dots = [node for node in root.iter() if node.get("class", "").startswith("dot") and node.tag == "circle"]
    assert len(dots) == sum(math.isfinite(y) for y in ys)
    for rule in (node for node in root.iter() if node.get("class") == "rule"):
        assert 54 <= float(rule.get("y1", "nan")) <= 222
    for dot in dots:
        assert 0 <= float(dot.get("cx", "nan")) <= 420
        assert 0 <= float(dot.get("cy", "nan")) <= 260


def test_higher_values_stand_higher() -> None:
    heights = [float(y) for y in re.findall(r'class="dot tone1" cx="[^"]+" cy="([^"]+)"', curves(1.0, 3.0, 2.0))]
    assert heights[1] < heights[2] < heights[0]


def test_nan_leaves_a_gap_in_the_line() -> None:
    assert curves(1, 2, 3, 4).count("<polyline") == 1
    assert curves(1, 2, math.nan, 3, 4).count("<polyline") == 2


def test_nothing_to_draw_makes_no_plot() -> None:
    assert curves(math.nan, math.nan) == ""
    assert line_plot("Loss", []) == ""
