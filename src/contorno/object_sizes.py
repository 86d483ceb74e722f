"""How large objects are: the one rule for area that statistics and subsets share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from contorno import boxes, masks
from contorno.instances import Instances
from contorno.masks import Polygons, RunLength

AREA_RULE = (
    "Area is that of the mask: pixels of run-length code, what a polygon's parts enclose (as in COCO's own files), "
    "and of the box for an object without a mask."
)


def object_areas(many: Sequence[Instances]) -> NDArray[np.float64]:
    """Area in px² of all objects of `many` images, (N,), one image after the other.

    Of a mask in run-length code its pixels; of polygons what each part encloses, summed, as COCO's own files state it
    (nothing is drawn, so that a million polygons take seconds; overlapping parts count twice); of an object without a
    mask its box. Areas that the source states are not looked at.
    """
    shapes = [geometry for instances in many for geometry in instances.geometries]
    edges = [instances.boxes for instances in many]
    found = boxes.area(np.concatenate(edges) if edges else np.zeros((0, 4))).astype(np.float64)
    coded = [index for index, shape in enumerate(shapes) if isinstance(shape, RunLength)]
    found[coded] = masks.areas([shape for shape in shapes if isinstance(shape, RunLength)])
    drawn = [(index, shape) for index, shape in enumerate(shapes) if isinstance(shape, Polygons)]
    if drawn:
        owner = np.repeat([index for index, _ in drawn], [len(shape.parts) for _, shape in drawn])
        parts = [part for _, shape in drawn for part in shape.parts]
        found[[index for index, _ in drawn]] = 0.0
        np.add.at(found, owner, enclosed_areas(parts))
    return found


def enclosed_areas(parts: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """What each closed polygon (n, 2) encloses, px², (len(parts),), by the surveyor's formula."""
    if not parts:
        return np.zeros(0)
    lengths = np.array([len(part) for part in parts])
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    points = np.concatenate(parts)
    # From each polygon's own first point: far from the origin the products would lose the small areas.
    points = points - np.repeat(points[starts], lengths, axis=0)
    after = np.arange(1, len(points) + 1)
    after[starts + lengths - 1] = starts
    x, y = points[:, 0], points[:, 1]
    twice = np.add.reduceat(x * y[after] - x[after] * y, starts)
    areas: NDArray[np.float64] = np.abs(twice) / 2
    return areas
