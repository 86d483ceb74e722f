"""Several parts as one polygon, for formats that hold one polygon for each object, such as YOLO's."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from contorno import masks, outlines
from contorno.errors import DataError
from contorno.masks import Polygons, RunLength, Size

_MOST_PX = 1 << 28  # pixels of the box of parts that overlap, which have to be drawn


def join_parts(polygons: Polygons, *, size: Size | None = None) -> NDArray[np.float64]:
    """One polygon (n, 2), xy pixels, that fills what the parts fill together: one part comes back as it is.

    size: (height, width) of the image, if known; what lies beyond it is then not looked at.

    Parts are linked at vertices that lie near by an edge there and the same edge back. Filled by the even-odd rule the
    two cancel out, for any vertices at all: the mask that pycocotools draws from the one polygon is the very mask that
    it draws from the parts (IoU 1). An even-odd fill would leave out what two parts share, though. So a part that adds
    no pixel to the others is left out, and parts that share pixels otherwise become the outline of their union along
    its pixel edges, which decodes to the same mask with vertices of its own.
    A reader that paints a line along the edges besides, as OpenCV does, shows the links one pixel wide.
    Raises DataError for no parts, and for overlapping parts in a box of more than 2**28 pixels.
    """
    if not polygons.parts:
        raise DataError("an object without parts cannot be written as a polygon; leave it out.")
    if len(polygons.parts) == 1:
        return polygons.parts[0]
    return outlines.link(_apart(polygons, size))


@dataclass(slots=True, eq=False)
class _Group:
    """Parts that share pixels, directly or through others; in the end one that shares none."""

    parts: list[NDArray[np.float64]]
    codes: list[RunLength] = field(default_factory=list)


def _apart(polygons: Polygons, size: Size | None) -> list[NDArray[np.float64]]:
    """Loops that fill, without sharing a pixel, what the parts fill together."""
    if size is None:
        far = np.max([part.max(axis=0) for part in polygons.parts], axis=0)
        size = (max(1, int(far[1]) + 2), max(1, int(far[0]) + 2))
    codes = [masks.to_run_length(Polygons((part,)), size) for part in polygons.parts]
    areas = masks.areas(codes)
    if int(areas.sum()) == masks.area(masks.to_run_length(polygons, size)):
        return list(polygons.parts)
    # Largest first, so that what lies within another is found to add nothing.
    groups: list[_Group] = []
    for index in np.argsort(-areas, kind="stable").tolist():
        part, code = polygons.parts[index], codes[index]
        met = [group for group in groups if group.codes and masks.iou([code], group.codes).any()]
        groups = [group for group in groups if group not in met]
        made = _Group([*(p for group in met for p in group.parts)], [c for group in met for c in group.codes])
        if not met or masks.area(masks.union([code, *made.codes])) > masks.area(masks.union(made.codes)):
            made.parts.append(part)
            made.codes.append(code)
        groups.append(made)
    return [loop for group in groups for loop in _outline(group)]


def _outline(group: _Group) -> list[NDArray[np.float64]]:
    if len(group.parts) == 1:
        return group.parts
    whole = masks.union(group.codes)
    x_min, y_min, x_max, y_max = (float(value) for value in masks.box(whole))
    if (x_max - x_min) * (y_max - y_min) > _MOST_PX:
        raise DataError(
            f"parts of an object overlap in a box of {x_max - x_min:.0f} x {y_max - y_min:.0f} pixels, too large to be "
            "drawn as one polygon; correct the polygon, or give the size of the image."
        )
    return list(masks.to_polygons(whole).parts)
