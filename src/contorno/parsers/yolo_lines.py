"""Lines of YOLO label files: one object each, `class x y x y ...` or `class cx cy w h`, as fractions of the image."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from contorno.parsers.coco_geometry import BadGeometry

Kind = Literal["box", "polygon", "odd"]

_BOX = 4
_TRIANGLE = 6
_TOLERANCE = 0.01
"""So far beyond 0..1 is a rounding, as in Ultralytics' own check."""
_SURELY_PIXELS = 1.0
"""No fraction lies farther beyond the image than the image is wide, but for pixels taken for fractions."""
_SNAP = 1e-5


@dataclass(slots=True, kw_only=True)
class YoloLine:
    """One object of a label file.

    index:   of its class.   kind: "odd" for a polygon with a number too many, which is a score where all of the data
             set have one, and a fault otherwise.
    numbers: fractions of width and height by turns: the vertices, or cx, cy, w, h of a box.
    score:   0..1, None if there is none.   number: of the line, from 1.
    strays:  True if a coordinate lies beyond 0..1 by more than rounding.
    """

    index: int
    kind: Kind
    numbers: list[float]
    number: int
    score: float | None = None
    strays: bool = False


def parse_line(fields: Sequence[str], number: int, keypoints: int = 0) -> YoloLine:
    """Read the fields of a line. keypoints: numbers that follow a box in pose data, which are passed over.

    Raises BadGeometry with a reason for a line that cannot be used.
    """
    index = _class_index(fields[0])
    try:
        numbers = [float(field) for field in fields[1:]]
    except ValueError as error:
        raise BadGeometry("line with something that is not a number", str(error)[:80]) from error
    if not all(map(math.isfinite, numbers)):
        raise BadGeometry("coordinate that is not a finite number")
    count = len(numbers)
    score = None
    kind: Kind = "polygon"
    if keypoints and count in (_BOX + keypoints, _BOX + keypoints + 1):
        numbers, kind = numbers[:_BOX], "box"
    elif count in (_BOX, _BOX + 1):
        kind = "box"
        if count > _BOX:
            score = numbers.pop()
    elif count < _BOX:
        raise BadGeometry("polygon with fewer than 3 points", f"{count} numbers after the class")
    elif count % 2:
        kind = "odd"
    coordinates = numbers[:-1] if kind == "odd" else numbers
    least, most = min(coordinates), max(coordinates)
    if least < -_SURELY_PIXELS or most > 1 + _SURELY_PIXELS:
        raise BadGeometry(
            "coordinates look like pixels, not fractions of the image", f"they reach from {least:g} to {most:g}"
        )
    strays = least < -_TOLERANCE or most > 1 + _TOLERANCE
    if score is not None and not 0 <= score <= 1:
        raise BadGeometry("box with a fifth number that is no score", f"{score:g}")
    return YoloLine(index=index, kind=kind, numbers=numbers, number=number, score=score, strays=strays)


def take_score(line: YoloLine) -> YoloLine:
    """An odd line as a polygon with a score at its end. Raises BadGeometry if that number is no score."""
    score = line.numbers[-1]
    if not 0 <= score <= 1:
        raise odd_fault(line)
    return YoloLine(
        index=line.index, kind="polygon", numbers=line.numbers[:-1], number=line.number, score=score, strays=line.strays
    )


def odd_fault(line: YoloLine) -> BadGeometry:
    """What is wrong with an odd line where others are even."""
    return BadGeometry("polygon with an odd number of coordinates", f"{len(line.numbers)} numbers after the class")


def box_edges(numbers: Sequence[float]) -> tuple[float, float, float, float]:
    """The left, top, right and bottom edge for cx, cy, w, h; what lies a rounding beyond 0..1 is put onto it.

    Raises BadGeometry if the box has no area.
    """
    centre_x, centre_y, width, height = numbers
    if width <= 0 or height <= 0:
        raise BadGeometry("box without area inside the image", f"width {width:g}, height {height:g}")
    half_w, half_h = width / 2, height / 2
    left, top, right, bottom = map(
        _snapped, (centre_x - half_w, centre_y - half_h, centre_x + half_w, centre_y + half_h)
    )
    return left, top, right, bottom


def split_line(line: str) -> list[str]:
    """The fields of a line: parted by blanks or tabs, or by commas with or without a blank behind each."""
    fields = line.split()
    commas = sum(field.endswith(",") for field in fields)
    if len(fields) == 1 or (commas and commas >= len(fields) - 1):
        return [field.strip() for field in line.strip().rstrip(",").split(",")]
    return fields


def _class_index(text: str) -> int:
    try:
        value = float(text)
        index = int(value)
    except (ValueError, OverflowError) as error:
        raise BadGeometry("class index that is not a number", repr(text[:40])) from error
    if value != index:
        raise BadGeometry("class index that is not a whole number", text[:40])
    if index < 0:
        raise BadGeometry("negative class index", text[:40])
    return index


def _snapped(edge: float) -> float:
    if -_SNAP <= edge < 0:
        return 0.0
    return 1.0 if 1 < edge <= 1 + _SNAP else edge
