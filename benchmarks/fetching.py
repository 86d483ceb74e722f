"""What a fetch costs: bytes of masks against whole zips, and images a second against what the latency allows.

Run: taskset -c 0,1 python benchmarks/fetching.py [--members 10000] [--wanted 1500] [--images 2000] [--rounds 5]
     [--workers 16]

Both parts run the library's own code against its loopback server, which runs in a process of its own.
  masks   16 zips like those of train are made, of `--members` each, 1 to 3 kB a member, incompressible; `--wanted`
          members at random are fetched. Bytes are those of the bodies of all answers. The peer is what other tools do:
          all the zips, whole.
  images  `--images` small pictures through `fetch`, 20 ms of added latency a request, beside the bare
          client in a pool of threads, which decodes and writes nothing. At most `--workers` / 0.020 s images a
          second are possible.
"""

from __future__ import annotations

import argparse
import io
import multiprocessing
import os
import random
import resource
import statistics
import struct
import tempfile
import threading
import time
import zipfile
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
from PIL import Image

from contorno.openimages import Bucket, HttpSource, fetch
from contorno.openimages.zip_directory import Directory
from contorno.openimages.zips import fetch_members
from contorno.rehearsal import serve

DIGITS = "0123456789abcdef"
WORKERS, LATENCY_SECONDS = 16, 0.020


def keep_serving(root: str, latency: float, pipe: Connection) -> None:
    """Serve a folder until the pipe closes."""
    with serve(Path(root), latency_seconds=latency) as server:
        pipe.send(server.url)
        pipe.recv()


@contextmanager
def served(root: Path, latency: float = 0.0) -> Iterator[str]:
    """Address of a server in a process of its own."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=keep_serving, args=(str(root), latency, there))
    process.start()
    try:
        yield here.recv()
    finally:
        here.send(None)
        process.join()


def make_zip(path: Path, digit: str, count: int, rng: random.Random) -> list[str]:
    """Write a zip as Info-ZIP does, with its extra fields; returns the names of its members."""
    names: list[str] = []
    directory = bytearray()
    at = 0
    with path.open("wb") as file:
        for i in range(count):
            name = f"{digit}{rng.getrandbits(60):015x}_m0{rng.getrandbits(20):05x}_{i:08x}.png"
            content = rng.randbytes(rng.randint(1000, 3000))
            local, central = b"UT\x09\x00\x03" + b"0" * 8, b"UT\x05\x00\x03" + b"0" * 4
            facts = (20, 0, 0, 0, 0, zlib.crc32(content), len(content), len(content), len(name))
            file.write(struct.pack("<4s5H3L2H", b"PK\x03\x04", *facts, len(local)) + name.encode() + local + content)
            directory += struct.pack("<4s6H3L5H2L", b"PK\x01\x02", 20, *facts, len(central), 0, 0, 0, 0, at)
            directory += name.encode() + central
            at += 30 + len(name) + len(local) + len(content)
            names.append(name)
        file.write(directory)
        if count > 0xFFFE:  # as for the real zips of train
            facts64 = (44, 45, 45, 0, 0, count, count, len(directory), at)
            file.write(struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", *facts64))
            file.write(struct.pack("<4sLQL", b"PK\x06\x07", 0, at + len(directory), 1))
        short = min(count, 0xFFFF)
        file.write(struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, short, short, len(directory), at, 0))
    return names


class Memory:
    """Watches the memory of this process from a thread, and says how far it rose in a `with` block."""

    def __init__(self) -> None:
        self.grown_mib = 0.0

    @staticmethod
    def _now_mib() -> float:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * resource.getpagesize() / (1 << 20)

    def __enter__(self) -> Memory:
        self._start = self._now_mib()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._end.wait(0.005):
            self.grown_mib = max(self.grown_mib, self._now_mib() - self._start)


def compressed_bytes(path: Path, names: list[str]) -> tuple[int, int]:
    """Compressed bytes of some members, and bytes of the directory."""
    with path.open("rb") as file:

        def read(start: int, end: int) -> bytes:
            file.seek(start)
            return file.read(end - start)

        directory = Directory.read(read, path.stat().st_size, path.name)
    return sum(member.compressed_bytes for member in directory.find(names).values()), len(directory.raw)


def masks(folder: Path, members: int, wanted: int, rounds: int) -> None:
    """Fetch members of 16 zips, and print the bytes."""
    rng = random.Random(0)
    root = folder / "zips"
    root.mkdir()
    names = {digit: make_zip(root / f"{digit}.zip", digit, members, rng) for digit in DIGITS}
    whole = sum(path.stat().st_size for path in root.iterdir())
    print(f"\n16 zips of {members:,} members, {whole / 1e6:,.1f} MB; {wanted:,} wanted at random")
    everything = [(digit, name) for digit in DIGITS for name in names[digit]]
    seconds: dict[str, list[float]] = {"first class": [], "next class": []}
    ratios: dict[str, list[float]] = {"first class": [], "next class": []}
    memory = Memory()
    with served(root, LATENCY_SECONDS) as url:
        for number in range(rounds):
            for what in seconds:
                chosen: dict[str, list[str]] = {}
                for digit, name in rng.sample(everything, wanted):
                    chosen.setdefault(digit, []).append(name)
                got: dict[str, int] = {}
                begin = time.perf_counter()
                with HttpSource(connections=WORKERS) as source:
                    with memory:
                        report = fetch_members(
                            source,
                            {f"{url}{digit}.zip": some for digit, some in chosen.items()},
                            lambda name, content, got=got: got.__setitem__(name, len(content)),  # type: ignore[misc]
                            folder=folder / "whole",
                            cache_path=lambda name, *_, number=number: folder / f"{number}-{name}",
                            workers=WORKERS,
                        )
                    seconds[what].append(time.perf_counter() - begin)
                    assert (len(got), report.missing, report.damaged, report.whole) == (wanted, [], {}, [])
                    own, directories = 0, 0
                    for digit, some in chosen.items():
                        more, raw = compressed_bytes(root / f"{digit}.zip", some)
                        own, directories = own + more, directories + raw
                    needed = own + (directories if what == "first class" else 0)
                    ratios[what].append(source.bytes_received / needed)
                    if number == 0:
                        print(
                            f"{what:12} {source.bytes_received / 1e6:8.2f} MB fetched: {own / 1e6:.2f} MB of members, "
                            f"{directories / 1e6:.2f} MB of directories"
                            f"{'' if what == 'first class' else ' (kept from before)'};"
                            f" whole zips are {whole / source.bytes_received:.1f} times that"
                        )
    for what, found in ratios.items():
        middle = statistics.median(seconds[what])
        print(
            f"{what:12} fetched / needed {statistics.median(found):.3f} ({min(found):.3f} to {max(found):.3f}), "
            f"{middle:.2f} s at {LATENCY_SECONDS * 1000:.0f} ms a request"
        )
    print(f"memory grew by at most {memory.grown_mib:.0f} MiB")


def make_bucket(root: Path, count: int) -> None:
    """Write a bucket of `count` small training images with one hot dog each."""
    rng = np.random.default_rng(0)
    meta, images = root / "openimages", root / "open-images-dataset/train"
    (meta / "v5/train-masks").mkdir(parents=True)
    images.mkdir(parents=True)
    jpeg, png = io.BytesIO(), io.BytesIO()
    Image.fromarray(rng.integers(0, 255, (48, 64, 3), dtype=np.uint8)).save(jpeg, "JPEG", quality=60)
    bitmap = np.zeros((48, 64), dtype=bool)
    bitmap[8:40, 8:40] = True
    Image.fromarray(bitmap).save(png, "PNG")
    (meta / "v5/class-descriptions-boxable.csv").write_text("/m/01b9xk,Hot dog\n")
    (meta / "v5/classes-segmentation.txt").write_text("/m/01b9xk\n")
    lines = ["MaskPath,ImageID,LabelName,BoxID,BoxXMin,BoxXMax,BoxYMin,BoxYMax,PredictedIoU,Clicks"]
    zips: dict[str, list[str]] = {digit: [] for digit in DIGITS}
    for i in range(count):
        image_id = f"{i % 16:x}{i:015x}"
        (images / f"{image_id}.jpg").write_bytes(jpeg.getvalue())
        name = f"{image_id}_m01b9xk_{i:08x}.png"
        lines.append(f"{name},{image_id},/m/01b9xk,{i:08x},0.1,0.6,0.2,0.8,0.8,")
        zips[image_id[0]].append(name)
    (meta / "v5/train-annotations-object-segmentation.csv").write_text("\n".join(lines) + "\n")
    for digit, names in zips.items():
        with zipfile.ZipFile(meta / f"v5/train-masks/train-masks-{digit}.zip", "w") as archive:
            for name in names:
                archive.writestr(name, png.getvalue())


class Clock:
    """Progress that notes when the first and the last image came."""

    def __init__(self) -> None:
        self.first = self.last = 0.0
        self.done = 0

    def __call__(self, what: str, done: int, total: int | None) -> None:
        if what == "images":
            self.last = time.perf_counter()
            self.first = self.first or self.last
            self.done = done

    @property
    def rate(self) -> float:
        """Images a second."""
        return (self.done - 1) / (self.last - self.first)


def images(folder: Path, count: int, rounds: int, workers: int) -> None:
    """Fetch images, and print how many came a second."""
    root = folder / "bucket"
    make_bucket(root, count)
    rates: dict[str, list[float]] = {"fetch": [], "client alone": []}
    with served(root, LATENCY_SECONDS) as url:
        bucket = Bucket(f"{url}openimages/", f"{url}open-images-dataset/")
        for number in range(rounds):
            clock = Clock()
            out = folder / f"out-{number}"
            fetch(["Hot dog"], out=out, splits=["train"], bucket=bucket, workers=workers, progress=clock)
            rates["fetch"].append(clock.rate)
            names = [path.name for path in (out / "images/train").iterdir()]
            clock = Clock()
            with HttpSource(connections=workers) as source, ThreadPoolExecutor(workers) as pool:
                answers = pool.map(lambda name: source.read(f"{bucket.images_url}train/{name}"), names)
                for done, _ in enumerate(answers, start=1):
                    clock("images", done, None)
            rates["client alone"].append(clock.rate)
    most = workers / LATENCY_SECONDS
    size = next((root / "open-images-dataset/train").iterdir()).stat().st_size
    latency = f"{LATENCY_SECONDS * 1000:.0f} ms"
    print(f"\n{count:,} images of {size:,} bytes, {workers} workers, {latency}: at most {most:.0f} img/s")
    for what, found in rates.items():
        middle = statistics.median(found)
        print(f"{what:12} {middle:6.0f} img/s ({min(found):.0f} to {max(found):.0f})   {middle / most:.1%} of the most")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--members", type=int, default=10_000)
    arguments.add_argument("--wanted", type=int, default=1_500)
    arguments.add_argument("--images", type=int, default=2_000)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--workers", type=int, default=WORKERS)
    arguments.add_argument("--only", choices=["masks", "images"])
    given = arguments.parse_args()
    print(f"{os.cpu_count()} cores, {len(os.sched_getaffinity(0))} of them used")
    with tempfile.TemporaryDirectory() as name:
        if given.only != "images":
            masks(Path(name), given.members, given.wanted, given.rounds)
        if given.only != "masks":
            images(Path(name), given.images, given.rounds, given.workers)


if __name__ == "__main__":
    main()
