"""YOLO data of other tasks, which look like polygons: keypoints behind boxes, and oriented boxes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from contorno.masks import Size
from contorno.parsers.findings import Findings
from contorno.parsers.yolo_lines import YoloLine
from contorno.parsers.yolo_reading import ReadImage

KEYPOINTS = "keypoints behind a box, which outline nothing"
ORIENTED = "polygons that are all turned rectangles, as oriented boxes are, taken for outlines"
_BOX, _POINT = 4, 3
_FEWEST = 2
_ROUNDING_PX = 1.5


def take_boxes_of_poses(reads: Sequence[ReadImage], stated: int, findings: Findings) -> None:
    """Count lines with keypoints, and make boxes of them, in place, if they are not read as such already.

    stated: numbers behind each box by the yaml's kpt_shape, by which lines are read as boxes, so that they are counted
    only; 0 if it has none. Then lines are of poses, and made boxes, if all have 4 + 3n numbers and each third one
    behind the box is a visibility, that is 0, 1 or 2, with a 2 among them.
    """
    lines = [(found, line) for found in reads for line in found.lines]
    if not stated:
        lines = [(found, line) for found, line in lines if line.kind != "box"]
        if not _are_poses([line for _, line in lines]):
            return
        for _, line in lines:
            line.kind, line.numbers, line.strays = "box", line.numbers[:_BOX], False
    if lines:
        findings.leave_out(KEYPOINTS, len(lines), lines[0][0].image.name)


def count_oriented(reads: Iterable[ReadImage], findings: Findings) -> None:
    """Tell of data whose polygons are all rectangles, some of them turned: most likely oriented boxes, not outlines."""
    polygons = [(line, found) for found in reads for line in found.lines if line.kind == "polygon"]
    if len(polygons) < _FEWEST or not findings.autofix:
        return
    kinds = [_rectangle(line, found.size) for line, found in polygons]
    if None not in kinds and "turned" in kinds:
        findings.mend(ORIENTED, polygons[0][1].image.name, f"{len(polygons)} polygons of 4 points with right angles")


def _are_poses(lines: Sequence[YoloLine]) -> bool:
    counts = {len(line.numbers) for line in lines}
    if len(counts) != 1 or (count := counts.pop()) <= _BOX or (count - _BOX) % _POINT:
        return False
    visible = [value for line in lines for value in line.numbers[_BOX + _POINT - 1 :: _POINT]]
    return set(visible) <= {0.0, 1.0, 2.0} and 2.0 in visible


def _rectangle(line: YoloLine, size: Size) -> str | None:
    """ "upright" or "turned" for a polygon of four right angles in pixels; None for others."""
    if len(line.numbers) != 2 * _BOX:
        return None
    points = np.array(line.numbers).reshape(-1, 2) * (size[1], size[0])
    a, b, c, d = points
    is_rectangle = (
        np.abs(a + c - b - d).max() <= _ROUNDING_PX
        and abs(np.hypot(*(a - c)) - np.hypot(*(b - d))) <= _ROUNDING_PX
        and min(np.hypot(*(a - b)), np.hypot(*(b - c))) > _ROUNDING_PX
    )
    if not is_rectangle:
        return None
    side = np.abs(b - a)
    return "turned" if side.min() > _ROUNDING_PX else "upright"
