"""What the values of mask pictures mean, where a file beside them says so.

Read are `classes.json`, which contorno's writer leaves, tables as `class_dict.csv` (name, r, g, b), `classes.csv`
(value, name) or Roboflow's `_classes.csv` (Pixel Value, Class), and CVAT's `labelmap.txt` (name:r,g,b::).
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from contorno.class_map import BACKGROUND, fold_name
from contorno.errors import DataError
from contorno.files import read_json

Colour = tuple[int, int, int]
Values = Mapping[int | Colour, str]

CLASSES_FILE = "classes.json"
_TABLES = ("_classes.csv", "class_dict.csv", "classes.csv", "labels.csv", "label_map.csv", "labelmap.txt")
_NAMES = ("name", "class", "class_name", "label", "label_name", "category")
_NOTHING = frozenset({"void", "unlabeled", "unlabelled", "ignore", "__ignore__", "_background_", "__background__"})
"""What tables call values that are no objects, folded; taken for background."""
_NUMBERS = ("value", "id", "index", "label_id", "class_id", "pixel_value", "pixel value", "pixel", "grey", "gray")


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedClasses:
    """What a file says of a folder of masks.

    kind: of its pictures.   classes: in the order of their labels.   values: value or colour to class.
    ids: the id of an image, by its path below the folder.   objects: by that path, the class of each value.
    splits: folders of the data set that are splits, by their own names.
    """

    path: Path
    kind: str | None = None
    classes: tuple[str, ...] = ()
    values: dict[int | Colour, str] | None = None
    ids: dict[str, int | str] = field(default_factory=dict)
    objects: dict[str, dict[int, str]] = field(default_factory=dict)
    splits: tuple[str, ...] = ()


def stated_classes(folder: Path) -> StatedClasses | None:
    """What a file in `folder` says of the values of its masks, or None if there is none that can be understood.

    Raises DataError for a `classes.json` that is not JSON.
    """
    if (folder / CLASSES_FILE).is_file():
        return _from_json(folder / CLASSES_FILE)
    for name in _TABLES:
        if (folder / name).is_file():
            try:
                values = read_values(folder / name)
            except DataError:
                continue  # some other table; what the values mean is not known then
            return StatedClasses(path=folder / name, classes=tuple(dict.fromkeys(values.values())), values=values)
    return None


def read_values(path: Path) -> dict[int | Colour, str]:
    """The classes of values or colours from a table (CSV with a header), CVAT's `labelmap.txt`, or JSON.

    JSON is {"1": "cat"}, {"255,0,0": "cat"}, {"cat": 1} or {"cat": [255, 0, 0]}.
    Raises DataError for a file without such columns, and for numbers that are none.
    """
    path = Path(path)
    if path.suffix.lower() == ".json":
        return _from_plain_json(path)
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not a text: byte {error.start} is not UTF-8.") from error
    try:
        values = _from_labelmap(text) if path.suffix.lower() == ".txt" else _from_table(text)
    except (ValueError, csv.Error) as error:
        raise DataError(f"{path} has a value or colour that is no whole number: {error}.") from error
    if not values:
        raise DataError(f"{path} names no classes; expected the columns name, r, g, b or value, name.")
    return values


def _from_plain_json(path: Path) -> dict[int | Colour, str]:
    held = read_json(path)
    if isinstance(held, dict) and isinstance(held.get("values"), dict):
        held = held["values"]  # classes.json of the writer
    values: dict[int | Colour, str] = {}
    for key, value in held.items() if isinstance(held, dict) else ():
        name, number = (value, key.split(",")) if isinstance(value, str) else (key, value)
        parts = number if isinstance(number, list) else [number]
        try:
            whole = [int(str(part)) for part in parts]
        except ValueError:
            whole = []
        if len(whole) not in (1, 3) or min(whole) < 0 or not name.strip():
            raise DataError(
                f'{path}: {key!r}: {value!r} is no value of a class; expected as in {{"1": "cat"}} or '
                '{"255,0,0": "cat"}.'
            )
        values[whole[0] if len(whole) == 1 else (whole[0], whole[1], whole[2])] = name.strip()
    if not values:
        raise DataError(f'{path} names no classes; expected as in {{"1": "cat"}} or {{"255,0,0": "cat"}}.')
    return values


def _from_table(text: str) -> dict[int | Colour, str]:
    values: dict[int | Colour, str] = {}
    for row in csv.DictReader(text.splitlines(), skipinitialspace=True):
        cells = {str(key).strip().casefold(): (cell or "").strip() for key, cell in row.items() if key is not None}
        name = next((cells[key] for key in _NAMES if key in cells), None)
        if not name:
            continue
        bands = [next((cells[key] for key in (band, band[0]) if key in cells), "") for band in ("red", "green", "blue")]
        number = next((cells[key] for key in _NUMBERS if key in cells), "")
        if all(bands):
            red, green, blue = (int(band) for band in bands)
            values[red, green, blue] = _object_name(name)
        elif number:
            values[int(number)] = _object_name(name)
    return values


def _from_labelmap(text: str) -> dict[int | Colour, str]:
    values: dict[int | Colour, str] = {}
    for line in text.splitlines():
        parts = line.split("#")[0].split(":")
        bands = parts[1].split(",") if len(parts) > 1 else []
        if len(bands) == 3:
            red, green, blue = (int(band) for band in bands)
            values[red, green, blue] = _object_name(parts[0].strip())
    return values


def _object_name(name: str) -> str:
    return BACKGROUND if fold_name(name) in _NOTHING else name


def _from_json(path: Path) -> StatedClasses | None:
    held = read_json(path)
    if not isinstance(held, dict):
        return None
    classes, images = held.get("classes"), held.get("images")
    if not isinstance(classes, list) or not all(isinstance(name, str) for name in classes):
        return None
    ids: dict[str, int | str] = {}
    objects: dict[str, dict[int, str]] = {}
    for name, said in (images if isinstance(images, dict) else {}).items():
        if isinstance(said, dict):
            image_id = said.get("id")
            if isinstance(image_id, int | str) and not isinstance(image_id, bool):
                ids[name] = image_id
            objects[name] = _numbered(said.get("values"))
    kind, splits = held.get("kind"), held.get("splits")
    values: dict[int | Colour, str] = {}
    for value, name in _numbered(held.get("values")).items():
        values[value] = name
    return StatedClasses(
        path=path,
        kind=kind if isinstance(kind, str) else None,
        classes=tuple(classes),
        values=values or None,
        ids=ids,
        objects=objects,
        splits=tuple(name for name in splits if isinstance(name, str)) if isinstance(splits, list) else (),
    )


def _numbered(value: Any) -> dict[int, str]:
    if not isinstance(value, dict):
        return {}
    return {int(key): name for key, name in value.items() if key.isascii() and key.isdigit() and isinstance(name, str)}
