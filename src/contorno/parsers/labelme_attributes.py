"""What LabelMe files say of shapes and images beside their outlines."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from contorno.splits.words import SPLIT_WORDS

LABELS_FILE = "labels.txt"
"""The list of classes that LabelMe is started with, one a line."""

NO_CLASSES = ("__ignore__", "_background_")
"""LabelMe's own marks."""

_KNOWN = ("label", "points", "group_id", "shape_type", "mask", "is_crowd", "contorno_id", "line_color", "fill_color")


def listed_classes(folder: Path) -> list[str]:
    """The classes of labels.txt in a folder, or beside a folder of one split; empty if there is none."""
    homes = [folder, *([folder.parent] if folder.name.lower() in SPLIT_WORDS else [])]
    file = next((home / LABELS_FILE for home in homes if (home / LABELS_FILE).is_file()), None)
    lines = [] if file is None else file.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    return [line.strip() for line in lines if line.strip() and line.strip() not in NO_CLASSES]


def split_of(where: str) -> str | None:
    """The split that a folder on the way to a label file is named for: train/a.json, labels/train/a.json."""
    folders = (part.lower() for part in Path(where).parts[:-1])
    return next((SPLIT_WORDS[part] for part in folders if part in SPLIT_WORDS), None)


def attributes_of(shape: Mapping[str, Any]) -> dict[str, Any]:
    """What else a shape says, without members that say nothing."""
    found = {key: value for key, value in shape.items() if key not in _KNOWN and value not in (None, "", {}, [])}
    if "score" in found and found.get("description") == score_text(found["score"]):
        del found["description"]
    return found


def score_text(score: Any) -> str:
    """How `writers.labelme` shows a score in the description, where a shape has none."""
    return f"score {score}"
