"""Reading a COCO file of the size of COCO train: seconds and peak memory, beside pycocotools, hotcoco and icevision.

Run: OMP_NUM_THREADS=1 taskset -c 0,1 python benchmarks/parsing.py [--data DIR] [--rounds 3] [--slice 8]

The file is made from a seed: 118,287 images, 860,001 annotations, 446 MB; polygons of about 22 points with two
decimals, and 1.2 % crowd regions as run lengths. In a folder that is given it stays, and is used again. A slice of it,
one part in eight unless --slice says otherwise, is for icevision, which takes minutes for all of it. Image files are
hard links of one small JPEG, since icevision opens each for its size, and contorno looks whether each is there.
Each contestant runs in a fresh process, in turn with the others, round by round. Its seconds are those of the call; its
memory is the most that the whole process ever had, imports and all, and its growth over what it had after its imports.
  contorno     `COCOMaskParser(...).parse(SingleSplitter())`: every check, and records with all polygons
  pycocotools  `COCO(path)`: its index, nothing checked
  hotcoco      `COCO(path)`: the same in Rust
  json.load    the bare text to Python objects
  icevision    `COCOMaskParser(...).parse(...)`, repaired in memory by `contorno.integrations.icevision`
A peer that is not installed is left out, and named.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

IMAGES, ANNOTATIONS, CLASSES = 118_287, 860_001, 90
HEIGHT, WIDTH = 480, 640
LINKS = 30_000  # file systems allow so many names for one file, and more
FULL, SLICE = "full", "slice"

Work = Callable[[], int]
"""The call that is timed; gives the number of objects."""


def write_data(folder: Path, parts: int) -> None:
    """Write what is not there yet: the images, the file and its slice."""
    for name, share in ((FULL, 1), (SLICE, parts)):
        write_images(images_of(folder, name, parts), IMAGES // share)
        path = file_of(folder, name, parts)
        if not path.exists():
            part = path.with_name(path.name + ".part")
            write_annotations(part, IMAGES // share, ANNOTATIONS // share)
            part.replace(path)


def file_of(folder: Path, name: str, parts: int) -> Path:
    """Where a file lies."""
    return folder / (f"{FULL}.json" if name == FULL else f"{SLICE}_{parts}.json")


def images_of(folder: Path, name: str, parts: int) -> Path:
    """Where the images of a file lie."""
    return file_of(folder, name, parts).with_suffix("") / "images"


def write_images(folder: Path, count: int) -> None:
    """One small JPEG under as many names."""
    from contorno.images import write_image

    folder.mkdir(parents=True, exist_ok=True)
    source = folder / image_name(0)
    for number in range(count):
        path = folder / image_name(number)
        if number % LINKS == 0:
            source = path
        if path.exists():
            continue
        if source is path:
            write_image(path, np.full((HEIGHT, WIDTH, 3), 90, dtype=np.uint8))
        else:
            os.link(source, path)


def image_name(number: int) -> str:
    """As COCO names its images."""
    return f"{number + 1:012d}.jpg"


def write_annotations(path: Path, images: int, annotations: int) -> None:
    """Write a COCO file with as many entries; the same for the same numbers."""
    rng = np.random.default_rng(17)
    rest = {"license": 3, "height": HEIGHT, "width": WIDTH, "date_captured": "2013-11-14 11:18:45"}
    with path.open("w", encoding="ascii") as file:
        file.write('{"info": {"description": "made from a seed"}, "licenses": [], "images": [')
        for number in range(images):
            urls = {"coco_url": f"x/train/{image_name(number)}", "flickr_url": f"x/{number:09d}_z.jpg"}
            entry = {"id": number + 1, "file_name": image_name(number), **rest, **urls}
            file.write((", " if number else "") + json.dumps(entry))
        file.write('], "annotations": [')
        owners = rng.integers(1, images + 1, annotations).tolist()
        classes = rng.integers(1, CLASSES + 1, annotations).tolist()
        crowds = (rng.random(annotations) < 0.012).tolist()
        counts = np.clip(rng.lognormal(2.9, 0.55, annotations), 4, 200).astype(int).tolist()
        for number in range(annotations):
            points = outline(rng, counts[number])
            (left, top), (right, bottom) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
            shape = (
                runs(rng) if crowds[number] else "[[" + ", ".join(map("{:.2f}".format, points.ravel().tolist())) + "]]"
            )
            area = (right - left) * (bottom - top) * 0.7
            file.write(
                f'{", " if number else ""}{{"segmentation": {shape}, "area": {area:.4f}, '
                f'"iscrowd": {int(crowds[number])}, "image_id": {owners[number]}, '
                f'"bbox": [{left:.2f}, {top:.2f}, {right - left:.2f}, {bottom - top:.2f}], '
                f'"category_id": {classes[number]}, "id": {number + 1}}}'
            )
        categories = [{"supercategory": "thing", "id": key, "name": f"class {key}"} for key in range(1, CLASSES + 1)]
        file.write(f'], "categories": {json.dumps(categories)}}}')


def outline(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    """A wavy ellipse inside the image, (count, 2)."""
    radii = rng.uniform((8, 8), (130, 100))
    centre = rng.uniform(radii * 1.15, np.array([WIDTH, HEIGHT]) - radii * 1.15)
    angles = np.linspace(0, 2 * np.pi, count, endpoint=False)
    reach = (1 + 0.15 * rng.random(count))[:, None]
    points: NDArray[np.float64] = centre + radii * reach * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return points.round(2)


def runs(rng: np.random.Generator) -> str:
    """A crowd region of 300 runs."""
    lengths = rng.integers(1, 200, 300)
    lengths = lengths * (HEIGHT * WIDTH) // int(lengths.sum())
    lengths[-1] += HEIGHT * WIDTH - int(lengths.sum())
    return json.dumps({"counts": lengths.tolist(), "size": [HEIGHT, WIDTH]})


def contorno(path: Path, images: Path) -> Work:
    """Records."""
    from contorno.parsers import COCOMaskParser
    from contorno.splits import SingleSplitter

    return lambda: COCOMaskParser(path, images).parse(SingleSplitter())[0].num_objects


def index(package: str) -> Callable[[Path, Path], Work]:
    """pycocotools' index, or that of a package like it."""

    def prepare(path: Path, images: Path) -> Work:
        make = importlib.import_module(package).COCO
        return lambda: len(make(str(path)).getAnnIds())

    return prepare


def bare(path: Path, images: Path) -> Work:
    """The standard library's parser."""

    def load() -> int:
        with path.open(encoding="utf-8") as file:
            return len(json.load(file)["annotations"])

    return load


def icevision(path: Path, images: Path) -> Work:
    """icevision's records; images without objects are not among them."""
    from contorno.integrations.icevision import mend

    ice = mend().ice
    importlib.import_module("loguru").logger.remove()

    def parse() -> int:
        parser = ice.parsers.COCOMaskParser(annotations_filepath=path, img_dir=images)
        (records,) = parser.parse(data_splitter=ice.SingleSplitSplitter(), show_pbar=False)
        return sum(len(record.detection.label_ids) for record in records)

    return parse


CONTESTANTS: dict[str, tuple[str, str, Callable[[Path, Path], Work]]] = {
    "contorno": (FULL, "contorno", contorno),
    "pycocotools": (FULL, "pycocotools", index("pycocotools.coco")),
    "hotcoco": (FULL, "hotcoco", index("hotcoco")),
    "json.load": (FULL, "contorno", bare),
    "contorno, slice": (SLICE, "contorno", contorno),
    "pycocotools, slice": (SLICE, "pycocotools", index("pycocotools.coco")),
    "icevision, slice": (SLICE, "icevision", icevision),
}
AGAINST = {FULL: "contorno", SLICE: "contorno, slice"}


def memory(field: str) -> float:
    """MiB of this process: VmRSS (now) or VmHWM (the most)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field))


def run_one(name: str, folder: Path, parts: int) -> None:
    """In the fresh process: print seconds, memory and objects."""
    which, _, prepare = CONTESTANTS[name]
    work = prepare(file_of(folder, which, parts), images_of(folder, which, parts))
    before = memory("VmRSS")
    start = time.perf_counter()
    objects = work()
    seconds = time.perf_counter() - start
    peak = memory("VmHWM")
    print(json.dumps({"seconds": seconds, "peak": peak, "growth": peak - before, "objects": objects}))


def compare(folder: Path, rounds: int, parts: int) -> None:
    """Run all contestants in turn and print the table."""
    there = {}
    for package in dict.fromkeys(package for _, package, _ in CONTESTANTS.values()):
        if find_spec(package) is None:
            print(f"{package} is not installed and is left out.")
        else:
            there[package] = version(package)
    names = [name for name, (_, package, _) in CONTESTANTS.items() if package in there]
    print(
        f"Python {platform.python_version()}, {', '.join(f'{name} {number}' for name, number in there.items())}; ",
        end="",
    )
    print(f"{processor()}, {len(os.sched_getaffinity(0))} of {os.cpu_count()} cores")
    for which in AGAINST:
        warm(file_of(folder, which, parts))
    found: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for _ in range(rounds):
        for name in names:
            command = [sys.executable, __file__, "--one", name, "--data", str(folder), "--slice", str(parts)]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            found[name].append(json.loads(done.stdout.splitlines()[-1]))
    print(
        f"{'':20}{'objects':>9}{'seconds':>9}   {'least to most':16}{'peak MiB':>9}{'x text':>8}{'growth':>8}   ",
        end="",
    )
    print("time beside contorno's")
    for name, measured in found.items():
        which = CONTESTANTS[name][0]
        text = file_of(folder, which, parts).stat().st_size / 2**20
        seconds = [run["seconds"] for run in measured]
        middle, ours = statistics.median(seconds), statistics.median(run["seconds"] for run in found[AGAINST[which]])
        peak, growth = (statistics.median(run[key] for run in measured) for key in ("peak", "growth"))
        span = f"{min(seconds):.2f} to {max(seconds):.2f}"
        shown = f"{name:20}{measured[0]['objects']:9,}{middle:9.2f}   {span:16}{peak:9.0f}{peak / text:8.2f}"
        print(f"{shown}{growth:8.0f}   {middle / ours:.2f}")


def warm(path: Path) -> None:
    """Read a file once, so that it lies in the page cache for all."""
    with path.open("rb") as file:
        while file.read(1 << 20):
            pass


def processor() -> str:
    """Name of the processor."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--data", type=Path, help="where the files are, or are written to (1.1 GB)")
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--slice", type=int, default=8, help="icevision reads one part in so many")
    arguments.add_argument("--one", choices=CONTESTANTS, help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.one is not None:
        run_one(given.one, given.data, given.slice)
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) if given.data is None else given.data
        write_data(folder, given.slice)
        compare(folder, given.rounds, given.slice)


if __name__ == "__main__":
    main()
