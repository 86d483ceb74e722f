"""Where the label file of each image of a YOLO data set lies, by the rules that tools have."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

IMAGES, LABELS = "images", "labels"


@dataclass(slots=True, kw_only=True)
class YoloImage:
    """An image and its label file.   name: relative to the root.   label: the file it has, or None if there is none."""

    path: Path
    name: str
    split: str | None
    label: Path | None = None


def find_labels(images: Iterable[YoloImage], root: Path, home: Path) -> list[Path]:
    """Give each image its label file, all by the one rule that finds most; the folders that are looked in."""
    images = list(images)
    listed = _Listing()
    rules: list[Callable[[Path], Path]] = [
        lambda path: label_by_rule(path, root),
        lambda path: path.with_suffix(".txt"),
        lambda path: label_by_rule(path, root, labels=LABELS.capitalize()),
        lambda path: label_by_rule(path, root, labels=LABELS.upper()),
        lambda path: label_by_rule(path, root, "JPEGImages"),
        lambda path: path.parent / LABELS / f"{path.stem}.txt",
        lambda path: path.parent.parent / LABELS / f"{path.stem}.txt",
        lambda path: root / LABELS / f"{path.stem}.txt",
        lambda path: (root / LABELS / name_below(path, root)).with_suffix(".txt"),
        lambda path: (home / name_below(path, root)).with_suffix(".txt"),
        lambda path: (home / LABELS / name_below(path, root)).with_suffix(".txt"),
        lambda path: home / f"{path.stem}.txt",
        lambda path: home / "obj_train_data" / f"{path.stem}.txt",
        lambda path: label_by_rule(path, Path(path.anchor)),
    ]
    best: list[Path | None] = [None] * len(images)
    folders: set[Path] = set()
    for rule in rules:
        asked = [rule(image.path) for image in images]
        found = [label if listed.has(label) else None for label in asked]
        if sum(label is not None for label in found) > sum(label is not None for label in best):
            best, folders = found, {label.parent for label in asked}
        if None not in best:
            break
    for image, label in zip(images, best, strict=True):
        image.label = label
    return sorted(folders)


def label_by_rule(image: Path, root: Path, folder: str = IMAGES, labels: str = LABELS) -> Path:
    """The label file by Ultralytics' rule: the last folder `images` below the root, in any case, gives way to
    `labels`."""
    steps = list(image.relative_to(root).parts) if image.is_relative_to(root) else list(image.parts)
    for index in range(len(steps) - 2, -1, -1):
        if steps[index].casefold() == folder.casefold():
            steps[index] = labels
            break
    return root.joinpath(*steps).with_suffix(".txt")


def name_below(path: Path, root: Path) -> str:
    """The path of a file relative to `root`, with forward slashes; its name if it lies elsewhere."""
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name


def same_but_for_case(path: Path, root: Path) -> Path | None:
    """The file or folder below `root` that is called so but for upper and lower case; None if there is none."""
    found = root
    for step in path.relative_to(root).parts:
        place = found / step
        if not place.exists():
            others = sorted(found.iterdir()) if found.is_dir() else []
            place = next((other for other in others if other.name.casefold() == step.casefold()), place)
        found = place
    return found if found.exists() else None


class _Listing:
    """Asks whether files are there, and lists each folder once."""

    def __init__(self) -> None:
        self._names: dict[Path, frozenset[str]] = {}

    def has(self, path: Path) -> bool:
        names = self._names.get(path.parent)
        if names is None:
            try:
                with os.scandir(path.parent) as entries:
                    names = frozenset(entry.name for entry in entries if entry.is_file())
            except OSError:
                names = frozenset()
            self._names[path.parent] = names
        return path.name in names
