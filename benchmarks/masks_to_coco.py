"""How long a folder of masks takes to become a COCO file, beside the hot-dog tutorial's function.

Run: OMP_NUM_THREADS=2 python benchmarks/masks_to_coco.py [--images 100 200 500 1000] [--rounds 5] [--mask-edge 1024]

Drawn first: JPEG images of 1024 x 768, each with three 1-bit PNG masks (wavy ellipses, every other one with a hole),
named as Open Images names them. In each round the two run in turn over the same files, from the folder to the file:
  tutorial  `_create_coco_annotation_json` as the tutorial prints it, with the real imantics, on one core: all it uses
  contorno  `create_coco_annotation_json`, on all cores, on two and on one
Ratios are taken within a round; printed are their medians, with the least and the most. Then each annotation of both is
decoded and held against the mask that it was made of.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import imantics
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pycocotools import mask as coco_mask

from contorno import images, masks
from contorno.openimages.tutorial import create_coco_annotation_json

WIDTH, HEIGHT = 1024, 768
PER_IMAGE = 3
CLASS = "Hot dog"
PACKAGES = ("contorno", "imantics", "opencv-python", "pycocotools", "pillow", "numpy")


def wavy_ellipse(rng: np.random.Generator, height: int, width: int) -> NDArray[np.bool_]:
    """An ellipse of 16 to 56 % of the image's sides with a wavy outline, every other one with a hole."""
    radius_y, radius_x = rng.uniform(0.08, 0.28, 2) * (height, width)
    centre_y, centre_x = (rng.uniform(0.7 * r, side - 0.7 * r) for r, side in ((radius_y, height), (radius_x, width)))
    y, x = np.ogrid[:height, :width]
    y, x = (y - centre_y) / radius_y, (x - centre_x) / radius_x
    angle = np.arctan2(y, x)
    waves = 0.1 * np.sin(rng.integers(5, 12) * angle + rng.uniform(0, 6))
    waves += 0.03 * np.sin(rng.integers(13, 30) * angle + rng.uniform(0, 6))
    mask = np.hypot(y, x) < 1 + waves
    if rng.random() < 0.5:
        hole_y, hole_x = rng.uniform(-0.3, 0.3, 2)
        mask &= np.hypot((y - hole_y) / 0.3, (x - hole_x) / 0.25) > 1
    return mask


def draw_folder(root: Path, count: int, mask_edge: int) -> None:
    """Draw the class folder of `count` images."""
    folder = root / CLASS.lower()
    (folder / "segmentations").mkdir(parents=True)
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    waves = [np.sin(x * a + y * b) for a, b in rng.uniform(0, 0.1, (3, 2))]
    photo = np.clip(np.stack(waves, axis=2) * 60 + 120 + rng.normal(0, 9, (HEIGHT, WIDTH, 3)), 0, 255).astype(np.uint8)
    for number in range(count):
        image_id = f"{int(rng.integers(0, 2**63)):016x}"
        images.write_image(folder / "images" / f"{image_id}.jpg", np.roll(photo, number * 7, axis=1))
        for _ in range(PER_IMAGE):
            mask = wavy_ellipse(rng, mask_edge * HEIGHT // WIDTH, mask_edge)
            name = f"{image_id}_m01b9xk_{int(rng.integers(0, 2**32)):08x}.png"
            Image.fromarray(mask).save(folder / "segmentations" / name)


def first_of(whole: Path, root: Path, count: int) -> None:
    """A folder with the first images of another one, by hard links."""
    for part in ("images", "segmentations"):
        (root / CLASS.lower() / part).mkdir(parents=True)
    chosen = sorted((whole / CLASS.lower() / "images").iterdir())[:count]
    stems = {path.stem for path in chosen}
    of_them = [p for p in (whole / CLASS.lower() / "segmentations").iterdir() if p.name[:16] in stems]
    for path in [*chosen, *of_them]:
        os.link(path, root / CLASS.lower() / path.parent.name / path.name)


def tutorial(input_dir: str, class_label: str, fname: str = "tutorial.json") -> tuple[dict[str, Any], list[str]]:
    """The tutorial's function as it is printed, without what it prints; with the mask that each annotation is of."""
    data_dir = Path(f"{input_dir}/{class_label.lower()}")
    images_dir = data_dir / "images"
    segmentations_dir = data_dir / "segmentations"
    list_of_images = [x for x in images_dir.rglob("*.jpg")]  # noqa: C416
    list_of_segmentations = [x for x in segmentations_dir.rglob("*.png")]  # noqa: C416

    coco_segm_dict: dict[str, list[str]] = defaultdict(list, {str(k): [] for k in list_of_images})
    for img in list_of_images:
        for mask in list_of_segmentations:
            if img.stem in str(mask):
                coco_segm_dict[str(img)].append(str(mask))

    coco: dict[str, Any] = {
        "info": {"description": "Custom COCO Dataset", "date_created": date.today().strftime("%d/%m/%Y")},
        "images": [],
        "annotations": [],
        "categories": [],
    }
    annotations = []
    shown = []
    segm_id = 0
    for id, (path, mask_paths) in enumerate(list(coco_segm_dict.items())):
        image = imantics.Image.from_path(path)
        for x in mask_paths:
            array = np.asarray(Image.open(x).resize(image.size))
            image.add(imantics.Mask(array), category=imantics.Category(class_label))
            image.id = id
            coco_json = image.export(style="coco")
            annotation = coco_json["annotations"][0]
            annotation["segmentation"] = [x for x in annotation["segmentation"] if len(x) > 2]
            annotation["id"] = segm_id
            annotations.append(coco_json["annotations"][0])
            segm_id += 1
        shown.append(coco_json["images"][0])
    coco["categories"] = coco_json["categories"]
    coco["annotations"] = annotations
    coco["images"] = shown
    with open(f"{input_dir}/{fname}", "w") as f:  # noqa: PTH123
        json.dump(coco, f)
    return coco, [Path(mask).name for mask_paths in coco_segm_dict.values() for mask in mask_paths]


@contextmanager
def on_cores(count: int) -> Iterator[None]:
    """Run on some of the cores only, processes that are started among them."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, set(sorted(before)[:count]))
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def faithful(annotations: list[dict[str, Any]], names: list[str], folder: Path) -> tuple[int, list[float]]:
    """How many annotations decode to the very mask they were made of, and the IoU of each with it."""
    exact, overlaps = 0, []
    for annotation, name in zip(annotations, names, strict=True):
        mask = masks.encode(masks.fit_mask(images.read_mask(folder / name), (HEIGHT, WIDTH)))
        segmentation = annotation["segmentation"]
        if isinstance(segmentation, list):  # pycocotools takes four numbers for a box
            parts = coco_mask.frPyObjects([part for part in segmentation if len(part) >= 6], HEIGHT, WIDTH)
            segmentation = coco_mask.merge(parts)
        code = masks.from_coco({"size": [HEIGHT, WIDTH], "counts": segmentation["counts"]}, (HEIGHT, WIDTH))
        assert isinstance(code, masks.RunLength)
        exact += code == mask
        overlaps.append(float(masks.iou([code], [mask])[0, 0]))
    return exact, overlaps


def spread(values: list[float]) -> str:
    return f"{statistics.median(values):5.1f} ({min(values):.1f} to {max(values):.1f})"


def compare(root: Path, count: int, rounds: int, cores: list[int]) -> None:
    """Time both on one folder, in turn."""
    total = count * PER_IMAGE
    theirs: list[float] = []
    ours: dict[int, list[float]] = {number: [] for number in cores}
    for _ in range(rounds):
        theirs.append(seconds(lambda: tutorial(str(root), CLASS)))
        for number in cores:
            with on_cores(number):
                ours[number].append(seconds(lambda: create_coco_annotation_json(root, CLASS)))
    print(f"\n{count} images, {total} masks")
    print(f"  tutorial             {total / statistics.median(theirs):6.0f} masks/s")
    for number, times in ours.items():
        ratios = [slow / quick for slow, quick in zip(theirs, times, strict=True)]
        middle = statistics.median(times)
        print(
            f"  contorno, {number} core{'s' if number > 1 else ' '}    {total / middle:6.0f} masks/s  "
            f"{middle / total * 1e6:4.0f} us a mask   {spread(ratios)} x tutorial"
        )


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--images", type=int, nargs="+", default=[100, 200, 500, 1000])
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--mask-edge", type=int, default=WIDTH, help="width of the masks; up to 1600 in Open Images")
    given = arguments.parse_args()
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    cores = sorted({available, min(2, available), 1}, reverse=True)
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES)
    machine = platform.processor() or platform.machine()
    print(f"{machine}, {available} cores, Python {platform.python_version()}; {versions}")
    with tempfile.TemporaryDirectory() as name:
        whole = Path(name) / "all"
        draw_folder(whole, max(given.images), given.mask_edge)
        for count in given.images:
            root = Path(name) / str(count)
            first_of(whole, root, count)
            compare(root, count, given.rounds, cores)
        folder = root / CLASS.lower() / "segmentations"
        print(f"\nannotations that decode to their own mask, of {count * PER_IMAGE}")
        document, names = tutorial(str(root), CLASS)
        coco, _, _ = create_coco_annotation_json(root, CLASS)
        for title, annotations, of in (
            ("tutorial", document["annotations"], names),
            ("contorno", coco["annotations"], [item["mask_path"] for item in coco["annotations"]]),
        ):
            exact, overlaps = faithful(annotations, of, folder)
            print(f"  {title}  {exact:5}   mean IoU {statistics.fmean(overlaps):.4f}, least {min(overlaps):.4f}")


if __name__ == "__main__":
    sys.exit(main())
