"""Rows of one class out of the big tables of Open Images: seconds and memory, beside duckdb, pandas and openimages.

Run: OMP_NUM_THREADS=2 python benchmarks/selecting.py [--folder DIR] [--rounds 3]

Two tables are written first, from a seed, with the headers and the size of the real ones: masks (2.69 M rows, 0.8 GB)
and boxes (14.6 M rows, 1.2 GB). In a folder that is given they stay, and are used again.
Each contestant runs in a fresh process, in turn with the others, round by round. Its seconds are those of the call, its
memory is the most that the process grew by during the call, after its imports. All read from the page cache.
  contorno    `mask_rows` and `box_rows`, with everything they do, and one pass over the typed rows
  duckdb      `select * ... where`, two threads, rows fetched
  pandas      `read_csv`, then the rows of the class
  openimages  the function with which the real package selects boxes
A peer that is not installed is left out, and named.
"""

from __future__ import annotations

import argparse
import atexit
import importlib
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import numpy as np

MASKS, BOXES = "train-annotations-object-segmentation.csv", "train-annotations-bbox.csv"
ROWS = {MASKS: 2_690_000, BOXES: 14_600_000}
HEADERS = {
    MASKS: "MaskPath,ImageID,LabelName,BoxID,BoxXMin,BoxXMax,BoxYMin,BoxYMax,PredictedIoU,Clicks",
    BOXES: "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,"
    "IsOccluded,IsTruncated,IsGroupOf,IsDepiction,IsInside",
}
RARE, COMMON = "/m/01b9xk", "/m/09j2d"  # in 1,500 and 300,000 rows of the masks, 3,000 and 1,600,000 of the boxes
COUNTS = {MASKS: (1_500, 300_000), BOXES: (3_000, 1_600_000)}
POOL = 1 << 14  # pieces of lines that are made once and put together at random


def write_table(path: Path) -> None:
    """Write a synthetic table."""
    rows, rng = ROWS[path.name], np.random.default_rng(5)
    labels = rng.integers(2, 350, rows)
    places = rng.permutation(rows)[: sum(COUNTS[path.name])]
    labels[places] = 1
    labels[places[: COUNTS[path.name][0]]] = 0
    names = [RARE, COMMON, *(f"/m/0{number:05x}" for number in rng.permutation(1 << 20)[:348].tolist())]
    lines = mask_lines if path.name == MASKS else box_lines
    part = path.with_name(path.name + ".part")
    with part.open("w", encoding="ascii", newline="") as file:
        file.write(HEADERS[path.name] + "\n")
        for start in range(0, rows, 100_000):
            file.writelines(lines([names[label] for label in labels[start : start + 100_000].tolist()], rng))
    part.replace(path)


def corners(rng: np.random.Generator) -> list[str]:
    """Corners of boxes: XMin,XMax,YMin,YMax."""
    x, y = np.sort(rng.random((POOL, 2)), 1).tolist(), np.sort(rng.random((POOL, 2)), 1).tolist()
    return [f"{a:.6f},{b:.6f},{c:.6f},{d:.6f}" for (a, b), (c, d) in zip(x, y, strict=True)]


def mask_lines(labels: list[str], rng: np.random.Generator) -> Iterator[str]:
    """Lines of the table of masks; their clicks are most of it."""
    clicks = [
        ";".join(f"{x:.5f} {y:.5f} {round(side)}.00000" for x, y, side in rng.random((count, 3)).tolist())
        for count in rng.integers(2, 14, POOL).tolist()
    ]
    boxes, guesses = corners(rng), [f"{guess:.5f}" for guess in rng.random(POOL).tolist()]
    numbers = rng.integers(0, 1 << 63, (len(labels), 2)).tolist()
    for label, (image, other) in zip(labels, numbers, strict=True):
        name, box = f"{image:016x}", f"{other & 0xFFFFFFFF:08x}"
        ends = f"{boxes[other % POOL]},{guesses[image % POOL]},{clicks[(other >> 20) % POOL]}"
        yield f"{name}_{label[1:].replace('/', '')}_{box}.png,{name},{label},{box},{ends}\n"


def box_lines(labels: list[str], rng: np.random.Generator) -> Iterator[str]:
    """Lines of the table of boxes; an image has about eight."""
    boxes = corners(rng)
    shares = np.array([0.66, 0.25, 0.06, 0.05, 0.001])
    flags = [",".join(map(str, row)) for row in (rng.random((POOL, 5)) < shares).astype(int).tolist()]
    images = np.sort(rng.integers(0, 1 << 63, len(labels) // 8 + 1)).tolist()
    for at, (label, number) in enumerate(zip(labels, rng.integers(0, 1 << 63, len(labels)).tolist(), strict=True)):
        yield f"{images[at // 8]:016x},xclick,{label},1,{boxes[number % POOL]},{flags[(number >> 20) % POOL]}\n"


def other_classes(path: Path, count: int) -> list[str]:
    """Some classes of a table besides the two."""
    found: dict[str, None] = {}
    with path.open(encoding="ascii") as file:
        next(file)
        for line in file:
            found[line.split(",", 3)[2]] = None
            if len(found) == count + 2:
                break
    return [name for name in found if name not in (RARE, COMMON)][:count]


def contorno(path: Path, *wanted: str, passes: int = 1) -> Callable[[], int]:
    """Rows by contorno. wanted: classes, or a number of other classes; passes: the time of the last is taken."""
    from contorno.openimages import Bucket, HttpSource, MetaFiles
    from contorno.openimages.tables import box_rows, mask_rows

    kept = Path(tempfile.mkdtemp(prefix="selecting"))
    atexit.register(shutil.rmtree, kept)
    (kept / (path.name if path.name == MASKS else f"oidv6-{path.name}")).symlink_to(path.resolve())
    mids = [mid for name in wanted for mid in (other_classes(path, int(name)) if name.isdigit() else [name])]
    source = HttpSource()
    meta = MetaFiles(Bucket(), source, kept)

    def select() -> int:
        rows = mask_rows(meta, "train", mids) if path.name == MASKS else box_rows(meta, "train", mids)
        return sum(1 for found in rows.values() for _ in found)

    for _ in range(passes - 1):
        select()
    return select


def duckdb(path: Path, mid: str) -> Callable[[], int]:
    """Rows by duckdb."""
    connect = importlib.import_module("duckdb").connect
    question = f"select * from read_csv('{path}') where LabelName = '{mid}'"
    return lambda: len(connect(config={"threads": 2}).execute(question).fetchall())


def pandas(path: Path, mid: str) -> Callable[[], int]:
    """Rows by pandas."""
    read_csv = importlib.import_module("pandas").read_csv

    def select() -> int:
        frame = read_csv(path)
        return len(frame[frame["LabelName"] == mid])

    return select


def openimages(path: Path, mid: str) -> Callable[[], int]:
    """Rows by the real openimages; it leaves out each box with a flag."""
    group = importlib.import_module("openimages.download")._group_bounding_boxes
    return lambda: sum(map(len, group("train", {"it": mid}, None, str(path.parent))["it"].groups.values()))


CONTESTANTS: dict[str, tuple[str, str, Callable[[Path], Callable[[], int]]]] = {
    "contorno": (MASKS, "contorno", lambda path: contorno(path, RARE)),
    "contorno, same class again": (MASKS, "contorno", lambda path: contorno(path, RARE, passes=2)),
    "contorno, 20 classes at once": (MASKS, "contorno", lambda path: contorno(path, "20")),
    "contorno, class of 300,000 rows": (MASKS, "contorno", lambda path: contorno(path, COMMON)),
    "duckdb": (MASKS, "duckdb", lambda path: duckdb(path, RARE)),
    "duckdb, class of 300,000 rows": (MASKS, "duckdb", lambda path: duckdb(path, COMMON)),
    "pandas": (MASKS, "pandas", lambda path: pandas(path, RARE)),
    "contorno, boxes": (BOXES, "contorno", lambda path: contorno(path, RARE)),
    "openimages, boxes": (BOXES, "openimages", lambda path: openimages(path, RARE)),
}
AGAINST = {MASKS: "contorno", BOXES: "contorno, boxes"}


def memory(field: str) -> float:
    """MiB of this process: VmRSS (now) or VmHWM (the most)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field))


def run_one(name: str, folder: Path) -> None:
    """In the fresh process: print seconds, growth and rows."""
    table, _, prepare = CONTESTANTS[name]
    select = prepare(folder / table)
    before = memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # VmHWM starts anew
    start = time.perf_counter()
    rows = select()
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "growth": memory("VmHWM") - before, "rows": rows}))


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--folder", type=Path, help="where the tables are, or are written to (2 GB)")
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--one", choices=CONTESTANTS, help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.one is not None:
        run_one(given.one, given.folder)
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) if given.folder is None else given.folder
        folder.mkdir(parents=True, exist_ok=True)
        for table in ROWS:
            if not (folder / table).exists():
                write_table(folder / table)
        compare(folder, given.rounds)


def compare(folder: Path, rounds: int) -> None:
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
    for table in ROWS:
        warm(folder / table)
    found: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for _ in range(rounds):
        for name in names:
            command = [sys.executable, __file__, "--one", name, "--folder", str(folder)]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            found[name].append(json.loads(done.stdout.splitlines()[-1]))
    print(f"{'':34}{'rows':>9}{'seconds':>9}   {'least to most':17}{'GB/s':>6}{'MiB':>7}   time beside contorno's")
    for name, runs in found.items():
        table = CONTESTANTS[name][0]
        seconds = [run["seconds"] for run in runs]
        middle, ours = statistics.median(seconds), statistics.median(run["seconds"] for run in found[AGAINST[table]])
        rate = (folder / table).stat().st_size / 1e9 / middle
        growth = statistics.median(run["growth"] for run in runs)
        span = f"{min(seconds):.3f} to {max(seconds):.3f}"
        print(f"{name:34}{runs[0]['rows']:9,}{middle:9.3f}   {span:17}{rate:6.2f}{growth:7.0f}   {middle / ours:.2f}")


def warm(path: Path) -> None:
    """Read a file once, so that it lies in the page cache for all."""
    with path.open("rb") as file:
        while file.read(1 << 20):
            pass


def processor() -> str:
    """Name of the processor."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


if __name__ == "__main__":
    main()
