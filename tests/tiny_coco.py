"""Builders of COCO documents: sound ones, to be spoilt by a test in one place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from contorno.doctor import CheckReport, check_path
from contorno.images import write_image

HEIGHT, WIDTH = 60, 80
SQUARE = [10, 10, 30, 10, 30, 30, 10, 30]
"""20 x 20 pixels, with the box 10, 10, 20, 20."""


def annotation(number: int, **changes: Any) -> dict[str, Any]:
    """A square on image 1, moved down and right a little by its number, so that no two are alike."""
    shift = 3 * (number % 10)
    sound = {
        "id": number,
        "image_id": 1 + (number - 1) // 10,
        "category_id": 1,
        "segmentation": [[value + shift for value in SQUARE]],
        "bbox": [10 + shift, 10 + shift, 20, 20],
        "area": 400,
        "iscrowd": 0,
    }
    return {**sound, **changes}


def document(*annotations: dict[str, Any], images: int = 3, count: int = 30) -> dict[str, Any]:
    """Images with ten squares each, of which `annotations` take the place of those with their ids."""
    made = {number: annotation(number) for number in range(1, count + 1)}
    extra = [entry for entry in annotations if entry.get("id") not in made]
    made |= {entry["id"]: entry for entry in annotations if entry.get("id") in made}
    return {
        "info": {"made": "by hand"},
        "images": [
            {"id": n, "file_name": f"{n}.jpg", "width": WIDTH, "height": HEIGHT, "camera": "k"}
            for n in range(1, images + 1)
        ],
        "annotations": [*made.values(), *extra],
        "categories": [{"id": 1, "name": "cat"}],
    }


def write(folder: Path, made: Any, *, name: str = "labels.json") -> Path:
    """Write a document, and pictures of noise for its images into images/ where there are none."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(made if isinstance(made, str) else json.dumps(made))
    entries = made.get("images", []) if isinstance(made, dict) else []
    for number, entry in enumerate(entries):
        name = entry.get("file_name") if isinstance(entry, dict) else None
        if isinstance(name, str) and name.endswith(".jpg") and ".." not in name and ":" not in name:
            picture(folder / "images" / name.replace("\\", "/"), seed=number)
    return path


def picture(path: Path, *, seed: int = 0, size: tuple[int, int] = (HEIGHT, WIDTH)) -> Path:
    """A picture of coloured patches that no other seed gives."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        patches = np.random.default_rng(seed).integers(0, 255, (8, 8, 3), dtype=np.uint8)
        rows, columns = (np.arange(side) * 8 // side for side in size)
        write_image(path, patches[np.ix_(rows, columns)])
    return path


def kinds(report: CheckReport) -> dict[str, int]:
    """How often each kind of fault was met."""
    return {fault.kind: fault.count for fault in report.faults}


def check(folder: Path, *annotations: dict[str, Any], **options: Any) -> CheckReport:
    """Write a document with these annotations and check it, image files left out."""
    return check_path(write(folder, document(*annotations)), **{"open_images": False, **options})
