"""One HTML file about a data set: samples, figures, plots. It loads nothing and runs no script."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from importlib import resources
from pathlib import Path

from contorno import files
from contorno.progress import Progress, silent
from contorno.records import Records
from contorno.report import data_sections
from contorno.report.gallery import gallery
from contorno.report.plots import number
from contorno.stats import Statistics


def write_data_page(
    records_by_split: Mapping[str, Records],
    statistics: Statistics,
    path: Path,
    *,
    title: str = "Data set",
    samples: int = 24,
    seed: int = 42,
    progress: Progress = silent,
) -> Path:
    """Write the page as one self-contained HTML file, whole or not at all; returns the path.

    statistics: of the same records, by `stats.describe`.
    samples:    images in the gallery: one of each class, the rarest first, the most crowded, negatives, others drawn by
                `seed`. One that cannot be read says so.
    """
    path = Path(path)
    files.write_text(path, data_page(records_by_split, statistics, title, samples, seed, progress))
    return path


def data_page(
    records_by_split: Mapping[str, Records],
    statistics: Statistics,
    title: str,
    samples: int = 24,
    seed: int = 42,
    progress: Progress = silent,
) -> str:
    """The page as HTML text; see `write_data_page`."""
    package = resources.files("contorno.report")
    style = "".join(package.joinpath(name).read_text(encoding="utf-8") for name in ("page.css", "data_page.css"))
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; '
        "style-src 'unsafe-inline'\">",
        f"<title>{escape(title)}</title><style>{style}</style></head><body><main>",
        f'<header><p class="brand">contorno data</p><h1>{escape(title)}</h1></header>',
        _cards(statistics),
        _section("Samples", gallery(records_by_split, samples, seed, progress), _GALLERY),
        _section("Splits", data_sections.splits(statistics)),
        _section("Classes", data_sections.classes(statistics)),
        _section("Sizes and shapes", data_sections.sizes(statistics), " ".join(statistics.notes)),
        _section("Images", data_sections.images(statistics)),
        _section("Overlaps", data_sections.overlaps(statistics), _OVERLAPS),
        _section("Size of training images", data_sections.training_sizes(statistics), _HINTS),
        "<footer>Made by contorno. This file is complete: it loads nothing and runs no script.</footer>",
        "</main></body></html>\n",
    ]
    return "".join(parts)


_GALLERY = (
    "One image of each class, the rarest class first; then the most crowded ones, images without objects, and others "
    "drawn by chance. Colours stand for classes, or for single objects where there is one class; hatched grey regions "
    "are crowds."
)
_OVERLAPS = (
    "Pairs of objects of one image that share pixels. Objects of one class that overlap almost wholly may be one "
    "object annotated twice."
)
_HINTS = (
    "What a model would see if images were scaled to this longest side. Boxes below 16 px (the root of their area) "
    "cover four cells of a detector's finest level, and are hard to learn."
)


def _section(title: str, body: str, lead: str = "") -> str:
    if not body:
        return ""
    quiet = f'<p class="quiet">{escape(lead)}</p>' if lead else ""
    return f"<section><h2>{escape(title)}</h2>{quiet}{body}</section>"


def _cards(found: Statistics) -> str:
    total = found.total
    with_objects = sum(1 for counts in found.classes.values() if sum(counts.objects.values()))
    unused = len(found.classes) - with_objects
    shown = {
        "images": (total.images, f"{number(total.negatives)} without objects"),
        "objects": (
            total.objects,
            f"{number(total.crowd)} of them crowd regions" if total.crowd else "no crowd regions",
        ),
        "classes": (with_objects, f"{unused} more without objects" if unused else ""),
        "objects an image": (found.objects_per_image.median, "median"),
        "object area": (found.area.median, "px², median"),
    }
    cards = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{number(float(value))}<small>{escape(more)}</small></dd></div>"
        for name, (value, more) in shown.items()
    )
    return f'<section><dl class="cards">{cards}</dl></section>'
