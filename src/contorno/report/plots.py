"""Learning curves as inline SVG, coloured by the page's CSS, so that they follow its light and dark themes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One curve: points (x, y); a y that is NaN or infinite leaves a gap.   tone: 1..4, a colour of the page."""

    name: str
    points: Sequence[tuple[float, float]]
    tone: int


def line_plot(
    title: str,
    lines: Sequence[Line],
    *,
    x_label: str = "epoch",
    unit_range: bool = False,
    width: int = 420,
    height: int = 260,
) -> str:
    """An SVG element with axes, ticks, a legend and a note on each point; "" if no line has a finite point.

    unit_range: the values are 0..1 (AP), so the axis starts at 0 and never goes beyond 1.
    """
    drawn = [(line, [p for p in line.points if math.isfinite(p[1])]) for line in lines]
    drawn = [(line, points) for line, points in drawn if points]
    if not drawn:
        return ""
    xs = [x for line, _ in drawn for x, _ in line.points]
    ys = [y for _, points in drawn for _, y in points]
    low, high = (0.0, min(1.0, max(*ys, 0.05) * 1.08)) if unit_range else (min(0.0, *ys), max(ys) * 1.04)
    y_ticks = ticks(low, high if high > low else low + 1.0, 5)
    low, high = min(low, y_ticks[0]), max(y_ticks[-1], high)
    first, last = min(xs), max(xs)
    if first == last:
        first, last = first - 0.5, last + 0.5
    x_ticks = [t for t in ticks(first, last, 7, whole=True) if first <= t <= last]
    left, right, top, bottom = 46.0, width - 14.0, 54.0, height - 38.0

    def at(x: float, y: float) -> tuple[float, float]:
        across = left + (x - first) / (last - first) * (right - left)
        return round(across, 1), round(bottom - (y - low) / (high - low) * (bottom - top), 1)

    parts = [
        f'<svg class="plot" viewBox="0 0 {width} {height}" role="img" aria-label="{escape(_summary(title, drawn))}">',
        f'<text class="plot-title" x="{left}" y="21">{escape(title)}</text>',
    ]
    for tick in y_ticks:
        _, y = at(first, tick)
        parts.append(f'<line class="rule" x1="{left}" x2="{right}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text class="tick" x="{left - 7}" y="{y + 3.5}" text-anchor="end">{number(tick)}</text>')
    for tick in x_ticks:
        x, _ = at(tick, low)
        parts.append(f'<line class="axis" x1="{x}" x2="{x}" y1="{bottom}" y2="{bottom + 4}"/>')
        parts.append(f'<text class="tick" x="{x}" y="{bottom + 16}" text-anchor="middle">{number(tick)}</text>')
    parts.append(f'<line class="axis" x1="{left}" x2="{right}" y1="{bottom}" y2="{bottom}"/>')
    middle = (left + right) / 2
    parts.append(f'<text class="tick" x="{middle}" y="{height - 6}" text-anchor="middle">{escape(x_label)}</text>')
    for line, _ in drawn:
        for run in _runs(line.points):
            path = " ".join(f"{x},{y}" for x, y in (at(*point) for point in run))
            parts.append(f'<polyline class="curve tone{line.tone}" points="{path}"/>')
    for line, points in drawn:
        # Each point has a note; on long curves the dots themselves would hide the line.
        radius = 2.6 if len(points) <= 40 else 0
        for x, y in points:
            cx, cy = at(x, y)
            note = escape(f"{line.name}: {number(y)} ({x_label} {number(x)})")
            parts.append(
                f'<g><title>{note}</title><circle class="dot tone{line.tone}" cx="{cx}" cy="{cy}" r="{radius}"/>'
                f'<circle class="touch" cx="{cx}" cy="{cy}" r="8"/></g>'
            )
    if len(drawn) > 1 or drawn[0][0].name != title:
        parts.append(_legend([line for line, _ in drawn], left))
    return "".join([*parts, "</svg>"])


def ticks(low: float, high: float, most: int, *, whole: bool = False) -> list[float]:
    """Round numbers, at most about `most`, from at or below `low` to at or above `high`.

    whole: only whole numbers.
    """
    raw = (high - low) / max(most - 1, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * m for m in (1, 2, 2.5, 5, 10) if power * m >= raw * 0.999)
    if whole:
        step = max(1.0, math.ceil(step))
    start, end = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(index * step, 10) for index in range(start, end + 1)]


def number(value: float) -> str:
    """A number as people read it: four significant digits, no tail of noughts, — for NaN."""
    if not math.isfinite(value):
        return "—" if math.isnan(value) else ("∞" if value > 0 else "−∞")
    text = f"{value:.4g}"
    if "e" in text and 1 <= abs(value) < 1e7:
        text = f"{value:.0f}"
    return text.replace("-", "−", 1) if text.startswith("-") else text


def _runs(points: Sequence[tuple[float, float]]) -> list[list[tuple[float, float]]]:
    """Stretches without a gap, of two points or more."""
    runs: list[list[tuple[float, float]]] = [[]]
    for point in points:
        if math.isfinite(point[1]):
            runs[-1].append(point)
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if len(run) > 1]


def _legend(lines: Sequence[Line], left: float) -> str:
    # Bullets and names are one text, so that the browser, which knows the font, lays them out.
    keys = (f'<tspan class="bullet tone{line.tone}">●</tspan> {escape(line.name)}' for line in lines)
    return f'<text class="key" x="{left}" y="37" xml:space="preserve">{"    ".join(keys)}</text>'


def _summary(title: str, drawn: Sequence[tuple[Line, list[tuple[float, float]]]]) -> str:
    ends = [f"{line.name} from {number(points[0][1])} to {number(points[-1][1])}" for line, points in drawn]
    return f"{title}: " + "; ".join(ends)
