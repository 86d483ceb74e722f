"""What the files of one image of a YOLO data set hold: its size, and the lines of its label file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from contorno.errors import DataError
from contorno.images import image_size
from contorno.masks import Size
from contorno.parsers.coco_geometry import BadGeometry
from contorno.parsers.yolo_labels import YoloImage
from contorno.parsers.yolo_lines import YoloLine, parse_line, split_line
from contorno.parsers.yolo_names import read_text
from contorno.records import fold_name

_MOST_LABEL_BYTES = 1 << 25


@dataclass(slots=True, kw_only=True)
class ReadImage:
    """What the files of one image hold.

    faults:   line numbers and what is wrong there.   repeated: numbers of lines that stand there already.
    fault:    why nothing of it can be used, as (reason, detail).
    """

    image: YoloImage
    size: Size = (0, 0)
    lines: list[YoloLine] = field(default_factory=list)
    faults: list[tuple[int, BadGeometry]] = field(default_factory=list)
    repeated: list[int] = field(default_factory=list)
    fault: tuple[str, str] | None = None


def read_image(image: YoloImage, keypoints: int, by_name: Mapping[str, str]) -> ReadImage:
    """Read the size of an image and the lines of its label file.

    keypoints: numbers after each box in pose data.   by_name: indices as text by folded class name, for tools that
    write the name in place of the index.
    """
    found = ReadImage(image=image)
    if not image.path.is_file():
        return found  # told of with all others that are missing
    try:
        found.size = image_size(image.path)
    except DataError as error:
        found.fault = ("image that cannot be read", str(error))
        return found
    try:
        read_lines(found, keypoints, by_name)
    except DataError as error:
        found.fault = ("label file that cannot be read", str(error))
    return found


def read_lines(found: ReadImage, keypoints: int, by_name: Mapping[str, str]) -> None:
    """Add the lines of the label file to `found`, and what is wrong with others. Raises DataError if it is no text."""
    if found.image.label is None:
        return
    seen: set[tuple[str, ...]] = set()
    for number, text in enumerate(read_text(found.image.label, _MOST_LABEL_BYTES).splitlines(), start=1):
        fields = split_line(text)
        if not fields:
            continue
        if not fields[0][:1].isdigit():  # a class may be called "1" and have another index
            fields[0] = by_name.get(fold_name(fields[0]), fields[0])
        if tuple(fields) in seen:
            found.repeated.append(number)
            continue
        seen.add(tuple(fields))
        try:
            found.lines.append(parse_line(fields, number, keypoints))
        except BadGeometry as fault:
            found.faults.append((number, fault))
