"""Tables and plots of the page about a data set, one function for each of its sections."""

from __future__ import annotations

from html import escape

from contorno.report.data_plots import class_bars, heat_map, histogram
from contorno.report.plots import number
from contorno.report.tables import facts_table, rows_table
from contorno.stats import Statistics
from contorno.stats.overlaps import IOU_EDGES
from contorno.stats.statistics import ClassCounts, SplitCounts, Spread

MOST_BARS = 40

_QUANTILE_NAMES = ("least", "5 %", "25 %", "median", "75 %", "95 %", "most")


def splits(found: Statistics) -> str:
    """Counts of each split, and of all."""
    rows = {name: _split_row(counts) for name, counts in found.splits.items()}
    if len(rows) > 1:
        rows["all"] = _split_row(found.total)
    return rows_table(rows, "split")


def _split_row(counts: SplitCounts) -> dict[str, int]:
    return {
        "images": counts.images,
        "without objects": counts.negatives,
        "objects": counts.objects,
        "crowd": counts.crowd,
        "with a mask": counts.masks,
        "box only": counts.boxes_only,
        "small": counts.small,
        "medium": counts.medium,
        "large": counts.large,
    }


def _ranked(found: Statistics) -> list[tuple[str, ClassCounts]]:
    """Classes with objects, those with the most first."""
    used = [(name, counts) for name, counts in found.classes.items() if sum(counts.objects.values())]
    return sorted(used, key=lambda pair: -sum(pair[1].objects.values()))


def _left_out(found: Statistics) -> str:
    """A line on the classes that are not among the bars."""
    ranked = _ranked(found)
    bare = [name for name, counts in found.classes.items() if not sum(counts.objects.values())]
    shown = min(MOST_BARS, len(ranked))
    said = f"The {shown} of {len(ranked)} classes with the most objects. " if len(ranked) > shown else ""
    if bare:
        said += f"Without objects: {', '.join(bare[:30])}" + (f" and {len(bare) - 30} more." if len(bare) > 30 else ".")
    return f'<p class="quiet">{escape(said)}</p>' if said else ""


def classes(found: Statistics) -> str:
    """Bars of the commonest classes, and a table of all that have objects."""
    bars = class_bars({name: counts.objects for name, counts in _ranked(found)[:MOST_BARS]}, "objects")
    rows = {}
    for name, counts in _ranked(found):
        row: dict[str, float] = {"objects": sum(counts.objects.values()), "images": sum(counts.images.values())}
        if len(found.splits) > 1:
            row |= {f"in {split}": counts.objects[split] for split in found.splits}
        row |= {"small": counts.small, "medium": counts.medium, "large": counts.large}
        row |= {"median px²": counts.median_area, "median % of image": counts.median_relative_area * 100}
        rows[name] = row
    table = rows_table(rows, "class")
    return (
        _left_out(found)
        + bars
        + (f"<details><summary>All classes as a table</summary>{table}</details>" if table else "")
    )


def sizes(found: Statistics) -> str:
    """Plots and quantiles of sizes and shapes."""
    area, share = found.area, found.relative_area
    plots = [
        histogram("Area of objects", area.edges, area.counts, x_label="px²", what="objects"),
        histogram(
            "Area as a share of the image",
            [100 * edge for edge in share.edges],
            share.counts,
            x_label="per cent",
            what="objects",
        ),
        heat_map("Where objects lie", found.heat, x_label="the image, scaled to a square"),
        histogram(
            "Objects an image",
            found.objects_per_image.edges,
            found.objects_per_image.counts,
            x_label="objects",
            what="images",
        ),
        histogram(
            "Width to height of objects",
            found.aspect.edges,
            found.aspect.counts,
            x_label="width / height",
            what="objects",
        ),
    ]
    rows = {
        "area, px²": _quantiles(found.area),
        "area, % of image": _quantiles(found.relative_area, 100.0),
        "box side, px": _quantiles(found.box_side),
        "box width / height": _quantiles(found.aspect),
        "objects an image": _quantiles(found.objects_per_image),
    }
    if not any(plots):
        return ""
    return f'<div class="plots">{"".join(plots)}</div>' + rows_table(rows, "objects")


def _quantiles(spread: Spread, times: float = 1.0) -> dict[str, float]:
    values = {name: times * value for name, value in zip(_QUANTILE_NAMES, spread.quantiles, strict=True)}
    return {"mean": times * spread.mean, **values}


def images(found: Statistics) -> str:
    """Sizes of images, and the commonest of them."""
    rows = {
        "width, px": _quantiles(found.image_width),
        "height, px": _quantiles(found.image_height),
        "width / height": _quantiles(found.image_aspect),
    }
    common = {f"{width} × {height} px": {"images": count} for height, width, count in found.image_sizes}
    return rows_table(rows, "images") + rows_table(common, "commonest sizes") if found.total.images else ""


def overlaps(found: Statistics) -> str:
    """How many objects overlap, and how far."""
    seen = found.overlaps
    facts = {
        "images looked at": f"{number(seen.images)} of {number(seen.of_images)}",
        "objects that share pixels with another": f"{number(seen.overlapping)} of {number(seen.objects)}",
        "pairs that share pixels": seen.pairs,
        "pairs of which one lies in the other (95 %)": seen.contained,
        "pairs of one class with IoU of 0.9 or more": seen.doubled,
    }
    plot = histogram("IoU of overlapping pairs", IOU_EDGES, seen.pairs_by_iou, x_label="IoU", what="pairs")
    return facts_table(facts) + (f'<div class="plots">{plot}</div>' if plot else "")


def training_sizes(found: Statistics) -> str:
    """How large boxes are at each size of training images, and which size is advised."""
    rows = {
        f"{hint.image_size} px": {
            "median box side, px": hint.median_px,
            "boxes below 16 px, %": 100 * hint.tiny_fraction,
        }
        for hint in found.hints
    }
    if not rows:
        return ""
    size = found.suggested_image_size
    advice = (
        "At none of these sizes do nine tenths of the boxes reach 16 px: cut the images into tiles."
        if size is None
        else f"From {size} px on nine tenths of the boxes reach 16 px."
    )
    return rows_table(rows, "longest side") + f'<p class="note">{escape(advice)}</p>'
