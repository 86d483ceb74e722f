"""Bars, histograms and maps of the page about a data set, coloured by the page's CSS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from contorno.report.plots import number, ticks

TONES = 4


def class_bars(counts: Mapping[str, Mapping[str, int]], what: str) -> str:
    """A row for each class: its name, a bar divided by split, the count; "" if there is nothing.

    counts: by class, then by split.   what: is counted ("objects").
    """
    if not counts:
        return ""
    splits = list(next(iter(counts.values())))
    most = max(sum(by_split.values()) for by_split in counts.values())
    rows = []
    for name, by_split in counts.items():
        pieces = "".join(
            f'<span class="tone{place % TONES + 1}" style="width:{100 * count / max(most, 1):.2f}%" '
            f'title="{escape(f"{name}, {split}: {count} {what}")}"></span>'
            for place, (split, count) in enumerate(by_split.items())
            if count
        )
        total = sum(by_split.values())
        rows.append(
            f'<div role="row"><span role="rowheader" class="name">{escape(name)}</span>'
            f'<span role="cell" class="bar">{pieces}</span><span role="cell" class="count">{number(total)}</span></div>'
        )
    return key_of(splits) + f'<div class="bars" role="table" aria-label="{escape(what)} by class">{"".join(rows)}</div>'


def key_of(splits: Sequence[str]) -> str:
    """Which tone stands for which split; "" for a single one."""
    if len(splits) < 2:
        return ""
    chips = (f'<li><span class="tone{i % TONES + 1}"></span>{escape(name)}</li>' for i, name in enumerate(splits))
    return f'<ul class="keys tones">{"".join(chips)}</ul>'


def histogram(
    title: str,
    edges: Sequence[float],
    counts: Sequence[int],
    *,
    x_label: str,
    what: str,
    width: int = 420,
    height: int = 250,
) -> str:
    """An SVG histogram with bars of one width whatever their edges, so that doublings stand evenly; "" if empty.

    edges: one more than counts.   x_label: of the edges.   what: is counted ("objects").
    Empty bins at either end are left out.
    """
    filled = [place for place, count in enumerate(counts) if count]
    if not filled:
        return ""
    first, last = filled[0], filled[-1] + 1
    edges, counts = edges[first : last + 1], counts[first:last]
    left, right, top, bottom = 52.0, width - 16.0, 38.0, height - 40.0
    y_ticks = ticks(0.0, float(max(counts)), 5, whole=True)
    high = y_ticks[-1]
    step = (right - left) / len(counts)
    said = f"{title}: {sum(counts)} {what} from {number(edges[0])} to {number(edges[-1])} ({x_label})"
    parts = [
        f'<svg class="plot" viewBox="0 0 {width} {height}" role="img" aria-label="{escape(said)}">',
        f'<text class="plot-title" x="16" y="21">{escape(title)}</text>',
    ]
    for tick in y_ticks:
        y = round(bottom - tick / high * (bottom - top), 1)
        parts.append(f'<line class="rule" x1="{left}" x2="{right}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text class="tick" x="{left - 7}" y="{y + 3.5}" text-anchor="end">{number(tick)}</text>')
    gap = min(2.0, step * 0.15)
    for place, count in enumerate(counts):
        x, tall = left + place * step, count / high * (bottom - top)
        note = escape(f"{number(edges[place])} to {number(edges[place + 1])}: {count} {what}")
        parts.append(
            f'<g><title>{note}</title><rect class="column" x="{x + gap / 2:.1f}" y="{bottom - tall:.1f}" '
            f'width="{step - gap:.1f}" height="{tall:.1f}"/>'
            f'<rect class="touch" x="{x:.1f}" y="{top}" width="{step:.1f}" height="{bottom - top}"/></g>'
        )
    every = -(-len(edges) // 9)
    for place in range(0, len(edges), every):
        x = round(left + place * step, 1)
        parts.append(f'<line class="axis" x1="{x}" x2="{x}" y1="{bottom}" y2="{bottom + 4}"/>')
        parts.append(
            f'<text class="tick" x="{x}" y="{bottom + 16}" text-anchor="middle">{edge_text(edges[place])}</text>'
        )
    middle = (left + right) / 2
    parts.append(f'<text class="tick" x="{middle}" y="{height - 7}" text-anchor="middle">{escape(x_label)}</text>')
    return "".join([*parts, "</svg>"])


def edge_text(value: float) -> str:
    """An edge in at most two digits that count, or whole."""
    return number(value if value >= 10 else float(f"{value:.2g}"))


def heat_map(title: str, rows: Sequence[Sequence[float]], *, x_label: str, size: int = 300) -> str:
    """An SVG of cells as dark as their figure, 0..1, the first row on top; "" if all are 0."""
    if not any(any(row) for row in rows):
        return ""
    left, top = 16.0, 38.0
    cell = (size - 32.0) / len(rows)
    parts = [
        f'<svg class="plot heat" viewBox="0 0 {size} {size + 32}" role="img" aria-label="{escape(title)}">',
        f'<text class="plot-title" x="{left}" y="21">{escape(title)}</text>',
        f'<rect class="ground" x="{left}" y="{top}" width="{size - 32}" height="{size - 32}"/>',
    ]
    for place, row in enumerate(rows):
        y = top + place * cell
        parts += [
            f'<rect class="cell" x="{left + column * cell:.3f}" y="{y:.3f}" width="{cell:.3f}" height="{cell:.3f}" '
            f'fill-opacity="{value:.2f}"/>'
            for column, value in enumerate(row)
            if value >= 0.005
        ]
    parts.append(f'<text class="tick" x="{size / 2}" y="{size + 22}" text-anchor="middle">{escape(x_label)}</text>')
    return "".join([*parts, "</svg>"])
