"""The masks of annotations as numbers: area, box, and how far their outlines reach. Each mask is drawn once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contorno import masks
from contorno.masks import Geometry, Polygons, RunLength, Size
from contorno.progress import Progress, silent

_REPORT_EVERY = 1024


@dataclass(slots=True)
class Measured:
    """Masks of N annotations as numbers. NaN where there is no readable mask.

    codes:  run lengths, None where there is no mask.   areas: float64 (N,) pixels of the mask.
    boxes:  float64 (N, 4) xyxy tight box of the pixels.   bounds: the same of the vertices, wherever they lie.
    """

    codes: list[RunLength | None]
    areas: NDArray[np.float64]
    boxes: NDArray[np.float64]
    bounds: NDArray[np.float64]


def measure(geometries: list[Geometry | None], sizes: list[Size], progress: Progress = silent) -> Measured:
    """Draw every mask once, in images of `sizes`."""
    count = len(geometries)
    measured = Measured(
        [None] * count, np.full(count, np.nan), np.full((count, 4), np.nan), np.full((count, 4), np.nan)
    )
    rows, codes = [], []
    for row, (geometry, size) in enumerate(zip(geometries, sizes, strict=True)):
        if geometry is None:
            continue
        code = masks.to_run_length(geometry, size)
        measured.codes[row] = code
        rows.append(row)
        codes.append(code)
        if row % _REPORT_EVERY == 0:
            progress("drawing masks", row, count)
    if rows:
        measured.areas[rows] = masks.areas(codes)
        measured.boxes[rows] = masks.boxes(codes)
        measured.bounds[rows] = measured.boxes[rows]
    outlined = [row for row in rows if isinstance(geometries[row], Polygons)]
    if outlined:
        parts = [np.concatenate(g.parts) for r in outlined if isinstance(g := geometries[r], Polygons)]
        starts = np.cumsum([0, *(len(part) for part in parts[:-1])])
        points = np.concatenate(parts)
        measured.bounds[outlined, :2] = np.minimum.reduceat(points, starts)
        measured.bounds[outlined, 2:] = np.maximum.reduceat(points, starts)
    return measured
