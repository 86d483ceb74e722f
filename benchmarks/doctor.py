"""How long the doctor takes for a COCO file of 100,000 polygons, beside pycocotools reading and drawing it.

Run: OMP_NUM_THREADS=1 python benchmarks/doctor.py [--images 20000] [--objects 100000]

The file is made up: outlines of 12 to 50 points, one in ten with a fault of some kind. No image files are opened.
Peer: `pycocotools.coco.COCO(file)` and `annToMask` of every annotation, in the same run; it finds no fault, and is the
least that a check of every mask has to do with the usual tools. Each figure is one run, after a first short one.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools.coco import COCO

from contorno import doctor
from contorno.progress import ProgressLine

HEIGHT, WIDTH = 480, 640


def document(images: int, objects: int) -> dict[str, Any]:
    """A COCO document with faults."""
    rng = np.random.default_rng(0)
    annotations = []
    for number in range(objects):
        count = int(rng.integers(12, 50))
        radius = float(np.exp(rng.uniform(2.0, 4.6)))
        centre = rng.uniform([radius, radius], [WIDTH - radius, HEIGHT - radius])
        reach = radius * (1 - 0.35 * rng.random(count))
        angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
        points = np.round(centre + reach[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1), 2)
        low, high = points.min(axis=0), points.max(axis=0)
        x, y = points[:, 0], points[:, 1]
        area = abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2
        annotation = {
            "id": number + 1,
            "image_id": int(rng.integers(images)) + 1,
            "category_id": int(rng.integers(80)) + 1,
            "segmentation": [points.ravel().tolist()],
            "bbox": [float(low[0]), float(low[1]), *np.round(high - low, 2).tolist()],
            "area": area,
            "iscrowd": 0,
        }
        if number % 10 == 0:
            _spoil(annotation, number // 10 % 5)
        annotations.append(annotation)
    return {
        "images": [{"id": i + 1, "file_name": f"{i:06d}.jpg", "width": WIDTH, "height": HEIGHT} for i in range(images)],
        "annotations": annotations,
        "categories": [{"id": i + 1, "name": f"class {i}"} for i in range(80)],
    }


def _spoil(annotation: dict[str, Any], kind: int) -> None:
    x, y, w, h = annotation["bbox"]
    if kind == 0:
        annotation["bbox"] = [x, y, x + w, y + h]
    elif kind == 1:
        annotation["area"] = w * h
    elif kind == 2:
        points = annotation["segmentation"][0]
        points[:4] = points[2:4] + points[:2]
    elif kind == 3:
        annotation["category_id"] = 999
    else:
        annotation["segmentation"] = annotation["segmentation"][0]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--images", type=int, default=20_000)
    arguments.add_argument("--objects", type=int, default=100_000)
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "labels.json"
        made = document(given.images, given.objects)
        path.write_text(json.dumps(made))
        print(f"{given.images} images, {given.objects} polygons, {path.stat().st_size / 1e6:.0f} MB of JSON")
        start = time.perf_counter()
        with ProgressLine() as line:
            report = doctor.check_path(path, open_images=False, progress=line)
        took = time.perf_counter() - start
        print(f"doctor                        {took:7.2f} s   {report.summary}")

        flat = {a["id"] for a in made["annotations"] if isinstance(a["segmentation"][0], float)}
        start = time.perf_counter()
        with contextlib.redirect_stdout(io.StringIO()):
            peer = COCO(str(path))
        read = time.perf_counter() - start
        for annotation in peer.dataset["annotations"]:
            if annotation["id"] not in flat:  # of which pycocotools makes an exception
                peer.annToMask(annotation)
        drawn = time.perf_counter() - start
        print(f"pycocotools COCO()            {read:7.2f} s")
        print(f"pycocotools COCO() + annToMask {drawn:6.2f} s   ratio {took / drawn:.2f}")


if __name__ == "__main__":
    main()
