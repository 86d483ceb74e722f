"""What a YOLO data set says of itself: class names and the images of each split, from data.yaml or Darknet's files."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from contorno.errors import DataError
from contorno.parsers.yolo_names import (
    names_from,
    read_class_file,
    read_text,
    short,
)

SPLIT_KEYS = {"train": "train", "val": "validation", "valid": "validation", "validation": "validation", "test": "test"}
"""Keys of data.yaml and obj.data, and folders, that hold the images of a split."""


_YAML_SUFFIXES = (".yaml", ".yml")
_USUAL_NAMES = ("data.yaml", "dataset.yaml", "data.yml", "dataset.yml")
_MOST_CLASSES = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class YoloConfig:
    """What the file says.

    names:     class names by index; indices may have gaps.   nc: number of classes as stated, None if it is not.
    root:      the text of `path`, "" if unset.
    parts:     for each split its folders, image files or lists of images, as written.
    keypoints: numbers an object has after its box, for pose data; 0 for others.
    repeated:  the first key that stands twice in the same mapping, with its line; "" if none does.
    """

    names: dict[int, str] = field(default_factory=dict)
    nc: int | None = None
    root: str = ""
    parts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    keypoints: int = 0
    repeated: str = ""


class _PlainLoader(yaml.BaseLoader):
    """Texts, lists and mappings only, so that a class called `no` or `007` keeps its name; aliases are refused, since a
    few lines of them can stand for gigabytes.

    repeated: the first key that stands twice, with its line."""

    repeated = ""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.events.AliasEvent):
            event = self.get_event()  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, "aliases (*) are not read", event.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """As YAML's own, which lets the last of several equal keys win without a word."""
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key.value, str) and key.value in seen and not self.repeated:
                self.repeated = f"{key.value!r} at line {key.start_mark.line + 1}"
            seen.add(str(key.value)[:200])
        return super().construct_mapping(node, deep)


def find_yaml(folder: Path) -> Path | None:
    """The data.yaml of a data set's folder, whatever it is called; None if there is none.

    Raises DataError if there are several and none has a usual name.
    """
    found = [
        path
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in _YAML_SUFFIXES and path.is_file() and _is_config(path)
    ]
    for name in _USUAL_NAMES:
        usual = [path for path in found if path.name.lower() == name]
        if usual:
            return usual[0]
    if len(found) > 1:
        raise DataError(
            f"{folder} has several YOLO files ({', '.join(path.name for path in found)}); give the one that is meant."
        )
    return found[0] if found else None


def read_config(path: Path) -> YoloConfig:
    """Read data.yaml, or Darknet's obj.data, by its suffix.

    Raises DataError that names the file, and the line of bad YAML; also for aliases, for a text of over 1 MB, and for
    `names` or a split that is not of the format.
    """
    if path.suffix.lower() in _YAML_SUFFIXES:
        return _from_mapping(*_read_yaml(path), path)
    return _from_darknet(path)


def _read_yaml(path: Path) -> tuple[dict[str, Any], str]:
    """The mapping in a file, and the first key that stands twice."""
    try:
        loader = _PlainLoader(read_text(path))
        document, repeated = loader.get_single_data(), loader.repeated
    except RecursionError as error:
        raise DataError(f"{path} is not YAML that can be read: it is nested too deeply.") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f" at line {mark.line + 1}, column {mark.column + 1}" if mark is not None else ""
        raise DataError(f"{path} is not YAML that can be read: {error.problem or error.context}{place}.") from error
    except (yaml.YAMLError, ValueError, TypeError) as error:
        raise DataError(f"{path} is not YAML that can be read: {error}.") from error
    if not isinstance(document, dict):
        raise DataError(f"{path} is not a YOLO file: it holds {short(document)}; expected keys names, train and val.")
    return {str(key): value for key, value in document.items()}, repeated


def _is_config(path: Path) -> bool:
    """True if a YAML file names classes and images. One that cannot be read is told of when it is the only one."""
    try:
        document, _ = _read_yaml(path)
    except DataError:
        return path.name.lower() in _USUAL_NAMES
    usual = path.name.lower() in _USUAL_NAMES
    return bool(document.keys() & SPLIT_KEYS.keys()) and (usual or bool(document.keys() & {"names", "nc"}))


def _from_mapping(document: dict[str, Any], repeated: str, path: Path) -> YoloConfig:
    if not document.keys() & {"names", "nc", *SPLIT_KEYS}:
        found = ", ".join(map(repr, list(document)[:8])) or "none"
        raise DataError(f"{path} is not a YOLO file: it has none of names, train and val; its keys are {found}.")
    where = str(path)
    parts: dict[str, tuple[str, ...]] = {}
    for key, split in SPLIT_KEYS.items():
        entries = _entries(document.get(key), key, where)
        if entries:
            parts[split] = parts.get(split, ()) + entries
    root = document.get("path")
    if root is not None and not isinstance(root, str):
        raise DataError(f"{where}: 'path' is {short(root)}; expected the folder of the data set.")
    return YoloConfig(
        names=_names(document.get("names"), path),
        nc=_count(document.get("nc"), where),
        root=_set(root),
        parts=parts,
        keypoints=_keypoints(document.get("kpt_shape"), where),
        repeated=repeated,
    )


def _from_darknet(path: Path) -> YoloConfig:
    """obj.data: `key = value` lines with classes, train, valid, names."""
    values: dict[str, str] = {}
    for line in read_text(path).splitlines():
        key, separator, value = line.partition("=")
        if separator and not line.lstrip().startswith("#"):
            values[key.strip().lower()] = value.strip()
    if not values.keys() & {"names", "train", "valid"}:
        raise DataError(
            f"{path} is not a Darknet data file: expected lines as 'train = train.txt', 'names = obj.names'."
        )
    names: dict[int, str] = {}
    stated = values.get("names", "")
    # Written on another machine, mostly relative to the folder of the program: the file itself lies beside.
    for place in (path.parent / Path(stated).name, path.with_suffix(".names")):
        if stated and place.is_file():
            names = read_class_file(place)
            break
    parts: dict[str, tuple[str, ...]] = {}
    for key, split in SPLIT_KEYS.items():
        if values.get(key):
            parts[split] = (*parts.get(split, ()), values[key])
    return YoloConfig(names=names, nc=_count(values.get("classes"), str(path)), parts=parts)


def _names(value: object, path: Path) -> dict[int, str]:
    if value is None or value == "":
        return {}
    if isinstance(value, str):
        file = path.parent / Path(value.replace("\\", "/")).name
        if file.is_file():
            return read_class_file(file)
    return names_from(value, str(path))


def _entries(value: object, key: str, where: str) -> tuple[str, ...]:
    listed: list[Any] = value if isinstance(value, list) else [] if value is None else [value]
    if not all(isinstance(entry, str) for entry in listed):
        raise DataError(f"{where}: {key!r} is {short(value)}; expected a folder, a list of folders, or a .txt file.")
    return tuple(text for entry in listed if (text := _set(entry)))


def _set(value: Any) -> str:
    """A scalar of the loader that keeps all as text, without YAML's words for nothing."""
    text = str(value or "").strip()
    return "" if text in ("~", "null", "Null", "NULL", "None") else text


def _count(value: object, where: str) -> int | None:
    if value is None or not str(value).strip():
        return None
    try:
        count = float(str(value))
        if count == int(count) and 0 <= count <= _MOST_CLASSES:
            return int(count)
    except (ValueError, OverflowError):
        pass
    raise DataError(f"{where}: the number of classes is {short(value)}; expected a whole number.")


def _keypoints(value: object, where: str) -> int:
    if value is None:
        return 0
    try:
        number, dimensions = (int(str(item)) for item in value)  # type: ignore[attr-defined]
    except (TypeError, ValueError) as error:
        raise DataError(f"{where}: 'kpt_shape' is {short(value)}; expected two whole numbers.") from error
    return max(0, int(number * dimensions))
