"""Masks as polygons, for formats that hold outlines only, with the proof of what they decode to."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np

from contorno import masks
from contorno.errors import ConfigError
from contorno.geometry import Geometry, Polygons
from contorno.instances import Instances
from contorno.masks import Size
from contorno.receipts import Receipt, round_trip_receipt
from contorno.simplify import simplified

PolygonForm = Literal["exact", "simplified"]
"""exact: along the pixel edges, which decodes to the very same mask.   simplified: few vertices, for people to drag."""


@dataclass(slots=True)
class PolygonForms:
    """Turns masks into polygons of one form, and keeps the round trip of each mask whose form that changes.

    form:     for masks of pixels; polygons keep their own vertices.   min_iou: the bound for "simplified", 0..1.
    Raises ConfigError for a form that is not known.
    """

    form: PolygonForm = "exact"
    min_iou: float = 0.98
    ious: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.form not in get_args(PolygonForm):
            raise ConfigError(f"form={self.form!r} is not known; choose one of {', '.join(get_args(PolygonForm))}.")

    def outline(self, geometry: Geometry) -> Polygons:
        """The polygons to write for one mask; none for an empty one."""
        if isinstance(geometry, Polygons):
            return geometry
        exact = self.form == "exact"
        made = masks.to_polygons(geometry) if exact else simplified(geometry, min_iou=self.min_iou)
        self.ious.extend(round_trip_receipt([geometry], [made]).ious.tolist())
        return made

    @property
    def receipt(self) -> Receipt | None:
        """The round trip of all masks that were changed; None if none was."""
        return Receipt(np.array(self.ious)) if self.ious else None


def count_lost(instances: Instances, index: int, size: Size, lost: Counter[str]) -> None:
    """Count what formats of outlines cannot say of one object: a box that is not that of its mask, a stated area."""
    geometry = instances.geometries[index]
    if geometry is not None and not np.array_equal(
        instances.boxes[index], masks.box(masks.to_run_length(geometry, size))
    ):
        lost["box that is not the tight box of its mask"] += 1
    if np.isfinite(instances.areas[index]):
        lost["stated area"] += 1


def kept_attributes(instances: Instances, index: int, taken: frozenset[str], lost: Counter[str]) -> dict[str, Any]:
    """The attributes of one object that a format can hold under their own names; the others are counted.

    taken: names that mean something else in the format.
    """
    attributes = {} if instances.attributes is None else instances.attributes[index]
    kept = {}
    for name, value in attributes.items():
        if name in taken:
            lost[f"attribute {name!r}, which means something else in this format"] += 1
        elif value is None or value in ("", {}, []):
            lost["attribute without a value"] += 1
        else:
            kept[name] = value
    return kept


def plain_number(value: float) -> int | float:
    """A whole number without its point, as people and tools write coordinates."""
    return int(value) if value.is_integer() else value
