"""The statistics of a data set, and how they are written as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from contorno.object_sizes import AREA_RULE
from contorno.stats.overlaps import IOU_EDGES, Overlaps
from contorno.stats.text import to_text

QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
SMALL, LARGE = 32.0**2, 96.0**2
"""px²: objects are small below the first, large from the second on, medium between, as in COCO."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How a figure is spread: its mean, and its quantiles by `QUANTILES`; NaN where there is nothing.

    counts: a histogram, `counts[i]` values from `edges[i]` to below `edges[i + 1]`; the last bin holds its upper edge.
    """

    mean: float
    quantiles: tuple[float, ...]
    edges: tuple[float, ...]
    counts: tuple[int, ...]

    @property
    def median(self) -> float:
        """The quantile 0.5."""
        return self.quantiles[QUANTILES.index(0.5)]


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitCounts:
    """Counts of one split, or of all.

    negatives: images without objects.   objects: crowd regions included.   masks, boxes_only: with and without a mask.
    several_parts: given as two polygons or more (run-length code is not taken apart).
    small, medium, large: objects that are no crowd regions.
    """

    images: int
    negatives: int
    objects: int
    crowd: int
    masks: int
    boxes_only: int
    several_parts: int
    small: int
    medium: int
    large: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassCounts:
    """Counts of one class. objects (crowd regions included), images: by split. The rest without crowd regions.

    median_area: px².   median_relative_area: of the image, 0..1.   NaN where there is nothing.
    """

    objects: Mapping[str, int]
    images: Mapping[str, int]
    crowd: int
    small: int
    medium: int
    large: int
    median_area: float
    median_relative_area: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeHint:
    """What training at one image size would see.

    image_size: px, the longest side that images are scaled to.   tiny_fraction: of objects whose box, so scaled, is
    below 16 px (the root of its area), the share, 0..1.   median_px: the median of that root.
    """

    image_size: int
    tiny_fraction: float
    median_px: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """What `stats.describe` finds. Sizes and shapes are those of objects that are no crowd regions.

    splits:  counts of each split.   total: of all of them.   classes: counts of each class, by its name.
    area:    px².   relative_area: of the image, 0..1.   box_side: root of the box's area, px.
    aspect:  of the boxes, width / height.   objects_per_image: crowd regions included.
    image_width, image_height: px.   image_aspect: width / height.   image_sizes: the commonest (height, width, images).
    heat:    rows of figures 0..1: where on the image, scaled to a square, boxes lie; 1 is the place with the most.
    hints:   sizes of training images;   suggested_image_size: the least of them at which at most a tenth of the
             objects is tiny, or None if at none.
    """

    splits: Mapping[str, SplitCounts]
    total: SplitCounts
    classes: Mapping[str, ClassCounts]
    area: Spread
    relative_area: Spread
    box_side: Spread
    aspect: Spread
    objects_per_image: Spread
    image_width: Spread
    image_height: Spread
    image_aspect: Spread
    image_sizes: tuple[tuple[int, int, int], ...]
    overlaps: Overlaps
    heat: tuple[tuple[float, ...], ...]
    hints: tuple[SizeHint, ...]
    suggested_image_size: int | None
    notes: tuple[str, ...] = field(default=(AREA_RULE,))

    def to_json(self) -> dict[str, Any]:
        """Everything as what JSON can hold: dicts, lists, numbers, text; None for NaN."""
        found = asdict(self)
        found["quantiles"] = list(QUANTILES)
        found["small_below_px2"], found["large_from_px2"] = SMALL, LARGE
        found["overlaps"]["iou_edges"] = list(IOU_EDGES)
        plain: dict[str, Any] = json.loads(json.dumps(_plain(found), allow_nan=False))
        return plain

    def table(self) -> str:
        """The figures as text, for people."""
        return to_text(self)


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
