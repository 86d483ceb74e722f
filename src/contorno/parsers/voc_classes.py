"""The numbers and colours of classes in SegmentationClass pictures, and the names that they stand for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from contorno.class_map import fold_name
from contorno.errors import DataError
from contorno.parsers.voc_pictures import Colour, voc_palette

VOC_CLASSES = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
)
"""The twenty classes of PASCAL VOC; the first has the number 1."""

_LISTS = ("class_names.txt", "labels.txt", "classes.txt")
_BACKGROUND = frozenset({"background", "_background_", "__background__"})
_IGNORED = frozenset({"__ignore__", "_ignore_", "ignore"})
_MOST_BYTES = 1 << 22


@dataclass(frozen=True, slots=True)
class ClassTable:
    """What the numbers of class pictures stand for.

    names:   the name of each number from 1 on.   colours: the number of each RGB colour, None for VOC's palette.
    stated:  True if the data set has a list of its classes, in whose order labels are then given.
    """

    names: dict[int, str]
    colours: dict[Colour, int] | None = None
    stated: bool = True

    def covers(self, names: Iterable[str]) -> bool:
        """True if all of these classes are in the table, so that it may be trusted to be theirs."""
        known = {_fold(name) for name in self.names.values()}
        return all(_fold(name) in known for name in names if name.strip())


NO_CLASSES = ClassTable({}, stated=False)
"""Used where the list that there is lacks a class of the XML files, and so is not theirs."""


def read_class_table(root: Path) -> ClassTable:
    """The table of a data set: labelmap.txt as CVAT and Datumaro write it, a list of names, or else VOC's own.

    labelmap.txt: `name:red,green,blue:parts:actions` in each line; background is 0, the others count from 1.
    class_names.txt, labels.txt, classes.txt: a name in each line; background, where it is listed, is 0, the first of
    the others 1. What is to be ignored (`__ignore__`, as labelme writes it) has no number.
    Raises DataError for a list that cannot be read.
    """
    labelmap = root / "labelmap.txt"
    if labelmap.is_file():
        return _labelmap(_lines(labelmap))
    for name in _LISTS:
        if (root / name).is_file():
            named = [line for line in _lines(root / name) if line.lower() not in _BACKGROUND | _IGNORED]
            return ClassTable(dict(enumerate(named, start=1)))
    return ClassTable(dict(enumerate(VOC_CLASSES, start=1)), stated=False)


def same_class(one: str, other: str) -> bool:
    """True for two spellings of one class; VOC's "diningtable" is often written as two words."""
    return _fold(one) == _fold(other)


def _labelmap(lines: list[str]) -> ClassTable:
    names: dict[int, str] = {}
    colours: dict[Colour, int] = {(0, 0, 0): 0}
    palette = voc_palette()
    for line in lines:
        if line.startswith("#"):
            continue
        name, *rest = line.rsplit(":", 3) if line.count(":") >= 3 else line.split(":")
        number = 0 if name.strip().lower() in _BACKGROUND else len(names) + 1
        if number:
            names[number] = name.strip()
        parts = [part.strip() for part in rest[0].split(",")] if rest else []
        if len(parts) == 3 and all(part.isdigit() and int(part) < 256 for part in parts):
            colours[(int(parts[0]), int(parts[1]), int(parts[2]))] = number
        elif number < len(palette):
            red, green, blue = palette[number].tolist()
            colours[(red, green, blue)] = number
    colours.setdefault((224, 224, 192), 255)
    return ClassTable(names, colours)


def _lines(path: Path) -> list[str]:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise DataError(f"{path} has more than {_MOST_BYTES:,} bytes; expected a list of class names.")
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read as a list of class names: {error}.") from error
    return [line.strip() for line in text.splitlines() if line.strip()]


def _fold(name: str) -> str:
    return fold_name(name).replace(" ", "")
