"""One HTML file about a training: figures, curves, pictures, settings. It loads nothing and runs no script."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from contorno import files
from contorno.draw.pictures import FALSE, MATCHED, MISSED
from contorno.errors import DataError
from contorno.report.plots import Line, line_plot, number
from contorno.report.tables import duration, facts_table, file_size, flatten, plain_name, rows_table, score, to_float

LONGEST_PX = 900
JPEG_QUALITY = 85
IMAGE_BYTES = 280_000
"""Most bytes of one JPEG, so that twelve make a page under 5 MB; beyond it the quality and then the size go down."""

HEADLINES = ("mask_ap", "mask_ap50", "mask_ap75", "box_ap")
MASK_AP = (
    "Mask AP says how well the model finds and outlines objects, from 0 (nothing right) to 1 (perfect). It is COCO's "
    "average precision, averaged over ten demands on the outline: from overlapping the true one by half (IoU 0.50, "
    "which alone is AP50) to being almost exact (IoU 0.95)."
)
BOX_AP = "Box AP is the same with boxes in place of outlines."


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReportImage:
    """A picture and what is said below it.   image: uint8 (H, W, 3) RGB, of any size."""

    image: NDArray[np.uint8]
    caption: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Report:
    """What a report says; a part that is empty is left out. NaN is shown as —.

    figures:     by key (`mask_ap`, `box_ap`, ...), 0..1.   per_class: the same for each class, by its name.
    history:     a row per epoch: `epoch`, `train_loss`, `valid_loss`, `train_<name>` and `valid_<name>` of each loss,
                 figures by key, `seconds`.
    settings:    may be nested.   notes: sentences shown at the top.
    best, worst: truth beside prediction.   samples: augmented training samples.
    certificate: what `contorno.export.export` returns.   files: (name, bytes, what it is).
    """

    title: str
    subtitle: str = ""
    figures: Mapping[str, float] = field(default_factory=dict)
    per_class: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    history: Sequence[Mapping[str, float]] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()
    best: Sequence[ReportImage] = ()
    worst: Sequence[ReportImage] = ()
    samples: Sequence[ReportImage] = ()
    certificate: Mapping[str, Any] | None = None
    files: Sequence[tuple[str, int, str]] = ()


def write_report(path: Path, report: Report) -> Path:
    """Write `report` as one self-contained HTML file, whole or not at all; returns the path."""
    path = Path(path)
    files.write_text(path, to_html(report))
    return path


def to_html(report: Report) -> str:
    """The report as HTML text."""
    style = resources.files("contorno.report").joinpath("page.css").read_text(encoding="utf-8")
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        # The page says itself that it loads nothing and runs nothing, and the browser holds it to that.
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; '
        "style-src 'unsafe-inline'\">",
        f"<title>{escape(report.title)}</title><style>{style}</style></head><body><main>",
        f'<header><p class="brand">contorno report</p><h1>{escape(report.title)}</h1>',
        f'<p class="lead">{escape(report.subtitle)}</p>' if report.subtitle else "",
        "</header>",
        *(f'<p class="note">{escape(note)}</p>' for note in report.notes),
        _headlines(report.figures),
        _curves(report.history),
        _section("Per class", rows_table(report.per_class, "class")),
        _pictures("Worst images", report.worst, "Truth on the left, prediction on the right; the least right first."),
        _pictures("Best images", report.best, "Truth on the left, prediction on the right; the most right first."),
        _pictures("Augmented samples", report.samples, "Training images as the model sees them.", small=True),
        _section("Export certificate", _certificate(report.certificate)),
        _section("Settings", facts_table(flatten(report.settings))),
        _section("Versions", facts_table(report.versions)),
        _section("Files", _files(report.files)),
        "<footer>Made by contorno. This file is complete: it loads nothing and runs no script.</footer>",
        "</main></body></html>\n",
    ]
    return "".join(parts)


def data_uri(image: NDArray[np.uint8]) -> tuple[str, int, int]:
    """A JPEG data URI of at most 900 px and 280 kB, with its width and height.

    image: uint8 (H, W, 3) RGB or (H, W). Raises DataError for anything else.
    """
    if image.dtype != np.uint8 or image.ndim not in (2, 3) or 0 in image.shape or image.shape[2:] not in ((), (3,)):
        raise DataError(
            f"a picture of the report is {image.dtype} of shape {image.shape}; expected uint8 (height, width, 3)."
        )
    picture = Image.fromarray(image)
    longest, quality = LONGEST_PX, JPEG_QUALITY
    while True:
        small = picture.copy()
        small.thumbnail((longest, longest), Image.Resampling.LANCZOS)
        out = io.BytesIO()
        # Thin coloured outlines smear if colours are stored at half size, as JPEG does by default.
        small.save(out, "JPEG", quality=quality, subsampling=0)
        if out.tell() <= IMAGE_BYTES:
            return f"data:image/jpeg;base64,{base64.b64encode(out.getvalue()).decode()}", small.width, small.height
        quality, longest = (quality - 10, longest) if quality > 65 else (quality, longest * 3 // 4)


def _section(title: str, body: str, lead: str = "") -> str:
    if not body:
        return ""
    quiet = f'<p class="quiet">{escape(lead)}</p>' if lead else ""
    return f"<section><h2>{escape(title)}</h2>{quiet}{body}</section>"


def _headlines(figures: Mapping[str, float]) -> str:
    shown = [key for key in HEADLINES if key in figures] or list(figures)[:4]
    if not shown:
        return ""
    cards = []
    for key in shown:
        value = to_float(figures[key])
        share = min(max(value, 0.0), 1.0) * 100 if math.isfinite(value) else 0.0
        meter = f'<span class="meter" aria-hidden="true"><span style="width:{share:.1f}%"></span></span>'
        cards.append(f"<div><dt>{escape(plain_name(key))}</dt><dd>{score(value)}</dd>{meter}</div>")
    text = [MASK_AP] if "mask_ap" in shown else []
    text += [BOX_AP] if "box_ap" in shown and text else []
    rest = {plain_name(key): score(to_float(value)) for key, value in figures.items() if key not in shown}
    more = f"<details><summary>All figures</summary>{facts_table(rest)}</details>" if rest else ""
    return (
        f'<section><dl class="cards">{"".join(cards)}</dl><p class="quiet">{escape(" ".join(text))}</p>{more}</section>'
    )


def _curves(history: Sequence[Mapping[str, float]]) -> str:
    if not history:
        return ""

    def line(name: str, key: str, tone: int) -> Line:
        at = [to_float(row.get("epoch", index)) for index, row in enumerate(history, 1)]
        return Line(
            name=name, tone=tone, points=[(x, to_float(row.get(key))) for x, row in zip(at, history, strict=True)]
        )

    keys = list(dict.fromkeys(key for row in history for key in row))
    main = [line_plot("Loss", [line("training", "train_loss", 1), line("validation", "valid_loss", 2)])]
    scores = [key for key in HEADLINES if key in keys]
    main.append(
        line_plot(
            "Average precision",
            [line(plain_name(key), key, tone) for tone, key in enumerate(scores, 1)],
            unit_range=True,
        )
    )
    losses = dict.fromkeys(key.removeprefix("train_").removeprefix("valid_") for key in keys if "loss" in key)
    small = []
    for loss in losses:
        if loss == "loss":
            continue
        pair = [line("training", f"train_{loss}", 1), line("validation", f"valid_{loss}", 2), line(loss, loss, 3)]
        small.append(line_plot(plain_name(loss), pair, width=360, height=225))
    rows = {
        number(to_float(row.get("epoch", i))): {k: v for k, v in row.items() if k != "epoch"}
        for i, row in enumerate(history, 1)
    }
    table = f"<details><summary>All epochs as a table</summary>{rows_table(rows, 'epoch')}</details>"
    charts = f'<div class="plots wide">{"".join(main)}</div><div class="plots">{"".join(small)}</div>'
    seconds = sum(s for s in (to_float(row.get("seconds")) for row in history) if math.isfinite(s))
    lead = f"{len(history)} epoch{'s' if len(history) != 1 else ''}" + (f" in {duration(seconds)}" if seconds else "")
    return _section("Learning curves", charts + table, f"{lead}. Point at a dot for its value.")


def _keys() -> str:
    items = (("matched", MATCHED), ("missed", MISSED), ("false", FALSE))
    chips = (f'<li><span style="background:rgb{color}"></span>{name}</li>' for name, color in items)
    return f'<ul class="keys">{"".join(chips)}</ul>'


def _pictures(title: str, pictures: Sequence[ReportImage], lead: str, *, small: bool = False) -> str:
    figures = []
    for index, item in enumerate(pictures, 1):
        uri, width, height = data_uri(item.image)
        wide = ' class="wide"' if width > 1.8 * height else ""
        alt = escape(f"{title}, {index} of {len(pictures)}" + (f": {item.caption}" if item.caption else ""))
        caption = f"<figcaption>{escape(item.caption)}</figcaption>" if item.caption else ""
        figures.append(
            f'<figure{wide}><img src="{uri}" width="{width}" height="{height}" alt="{alt}">{caption}</figure>'
        )
    body = "" if small else _keys()
    body += f'<div class="pictures{" small" if small else ""}">{"".join(figures)}</div>'
    return _section(title, body if figures else "", lead)


def _certificate(certificate: Mapping[str, Any] | None) -> str:
    if not certificate:
        return ""
    rows = certificate.get("files", certificate.get("rows", []))
    said = ""
    if "holds" in certificate:
        good = bool(certificate["holds"])
        said = (
            "Every exported file gives what the trained model gives."
            if good
            else "An exported file differs from the trained model."
        )
        said = f'<p class="{"yes" if good else "no"}">{said}</p>'
    table = rows_table(
        {str(row.get("file", i)): {k: v for k, v in row.items() if k != "file"} for i, row in enumerate(rows, 1)},
        "file",
    )
    rest = {key: value for key, value in certificate.items() if key not in ("files", "rows", "holds")}
    return said + table + facts_table(flatten(rest))


def _files(items: Sequence[tuple[str, int, str]]) -> str:
    return rows_table({name: {"size": file_size(size), "what": what} for name, size, what in items}, "file")
