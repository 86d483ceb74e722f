"""Files of a YOLO data set: the splits, the names of images, and data.yaml."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from contorno.errors import ConfigError
from contorno.records import Record, Records
from contorno.writers.image_files import relative_names

FOLDERS = {"train": "train", "validation": "val", "test": "test"}


def parts_of(
    records: Records | Mapping[str, Records], lost: Counter[str]
) -> tuple[dict[str, list[Record]], Sequence[str]]:
    """The records by the three splits that the format knows, and the classes that they share."""
    named = {"": records} if isinstance(records, Records) else dict(records)
    if not named:
        raise ConfigError("there are no records to write; give at least one part.")
    class_names = next(iter(named.values())).class_map.names
    parts: dict[str, list[Record]] = {}
    for split, part in named.items():
        if part.class_map.names != class_names:
            raise ConfigError(
                f"the classes of {split!r} are {', '.join(part.class_map.names)}; expected those of the first part, "
                f"{', '.join(class_names)}; give all parts one class map."
            )
        for record in part:
            own = split or record.split or "train"
            if own not in FOLDERS:
                lost[f"split {own!r}, put into train"] += 1
            parts.setdefault(own if own in FOLDERS else "train", []).append(record)
    return {split: parts[split] for split in FOLDERS if split in parts}, class_names


def file_names(parts: Mapping[str, Sequence[Record]], img_dir: Path | None) -> dict[str, list[str]]:
    """A file name without folders for each image; a stem stands once in a split, whatever the case."""
    return {split: _flat_names(relative_names(part, img_dir)) for split, part in parts.items()}


def _flat_names(relative: Sequence[str]) -> list[str]:
    taken: set[str] = set()
    flat = []
    for name in relative:
        path = PurePosixPath(name)
        # A leading dot would hide the file from every reader.
        stem, suffix = path.stem.lstrip(".") or "image", path.suffix
        if stem.casefold() in taken:
            stem = "_".join((*path.parent.parts, stem))
        if stem.casefold() in taken:
            number = 2
            while f"{stem}_{number}".casefold() in taken:
                number += 1
            stem = f"{stem}_{number}"
        taken.add(stem.casefold())
        flat.append(f"{stem}{suffix}")
    return flat


def data_yaml(parts: Mapping[str, Sequence[Record]], class_names: Sequence[str]) -> str:
    """No `path`: Ultralytics then takes the folder of the file, wherever the data set is moved to."""
    lines = [f"{FOLDERS[split]}: images/{FOLDERS[split]}" for split in parts]
    if "train" in parts and "validation" not in parts:
        lines.insert(1, "val: images/train  # there is no validation part, and Ultralytics asks for one")
    lines += ["", f"nc: {len(class_names)}", "names:" if class_names else "names: {}"]
    # A JSON text is a YAML text too; names that are not printable are written by their numbers.
    lines += [
        f"  {index}: {json.dumps(name, ensure_ascii=not name.isprintable())}" for index, name in enumerate(class_names)
    ]
    return "\n".join(lines) + "\n"
