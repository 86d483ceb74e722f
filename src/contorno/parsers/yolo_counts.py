"""What is said of images without label files and of label files without images in YOLO data."""

from __future__ import annotations

from pathlib import Path

from contorno.parsers.findings import Findings
from contorno.parsers.yolo_layout import YoloLayout, is_image
from contorno.parsers.yolo_names import CLASS_FILES

UNLABELLED = "image without a label file, taken for a negative"
"""How the report counts these; negatives beyond them have a label file that is empty."""


def count_labels(layout: YoloLayout, findings: Findings) -> None:
    """Tell of images without label files, which are lawful, yet mostly a mistake where most have none; and of label
    files without images."""
    without = [image for image in layout.images if image.label is None and image.path.is_file()]
    if findings.autofix or 2 * len(without) > len(layout.images):
        for image in without:
            findings.mend(UNLABELLED, image.name, f"{len(without)} of {len(layout.images)} images have no label file")
    used = {image.label for image in layout.images}
    unmatched = {image.path.stem for image in without}
    homes: dict[Path, set[Path]] = {}
    for image in layout.images:
        if image.label is not None:
            homes.setdefault(image.label.parent, set()).add(image.path.parent)
    for folder in layout.label_folders:
        if not folder.is_dir():
            continue
        unused = sorted(set(folder.glob("*.txt")) - used)
        unused = [path for path in unused if path.name.lower() not in _NOT_LABELS and path.stem not in unmatched]
        places = homes.get(folder, set()) | {folder} if unused else set()
        pictures = {path.stem for place in places if place.is_dir() for path in place.iterdir() if is_image(path)}
        for path in unused:
            listed_nowhere = path.stem in pictures
            reason = "label file of an image that no split lists" if listed_nowhere else "label file without an image"
            findings.leave_out(reason, 1, _shown(path, layout))


_NOT_LABELS = {*CLASS_FILES, "train.txt", "val.txt", "valid.txt", "test.txt", "readme.txt", "license.txt", "notes.txt"}


def _shown(path: Path, layout: YoloLayout) -> str:
    return path.relative_to(layout.root).as_posix() if path.is_relative_to(layout.root) else path.name
