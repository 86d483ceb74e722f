"""How long masks take, beside pycocotools: encode with box and area, and exact polygons.

Run: OMP_NUM_THREADS=1 python benchmarks/masks.py [--count 10000] [--sizes 128 256 512]

Peers, on the same bitmaps in the same run: `pycocotools.mask.encode` alone, once on bitmaps already in Fortran order
(the least it can take) and once with the `np.asfortranarray` that its documentation asks of everyone else. contorno
gets the bitmaps in numpy's own order, and once in Fortran order too. The bitmaps are drawn before the clock starts;
each figure is the best of three passes.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from contorno import masks

KINDS = 200  # distinct shapes, met in turn


def draw(rng: np.random.Generator, size: int) -> NDArray[np.uint8]:
    """A wobbly blob of 10 to 45 % of the image's width, every third one with a hole: what annotators outline."""
    y, x = np.mgrid[:size, :size]
    radius = rng.uniform(0.05, 0.225) * size
    centre_y, centre_x = rng.uniform(0.2, 0.8, 2) * size
    angle = np.arctan2(y - centre_y, x - centre_x)
    wobble = sum(rng.uniform(0, 0.15) * np.cos(k * angle + rng.uniform(0, 6.3)) for k in range(2, 7))
    distance = np.hypot(y - centre_y, x - centre_x) / radius
    blob = distance < 1 + wobble
    if rng.random() < 1 / 3:
        blob &= distance > 0.3
    made: NDArray[np.uint8] = blob.astype(np.uint8)
    return made


def seconds(work: Callable[[], object]) -> float:
    """Best of three."""
    times = []
    for _ in range(3):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def encode_all(bitmaps: list[NDArray[np.uint8]]) -> None:
    codes = [masks.encode(bitmap) for bitmap in bitmaps]
    masks.boxes(codes)
    masks.areas(codes)


def measure(count: int, size: int) -> None:
    rng = np.random.default_rng(0)
    drawn = [draw(rng, size) for _ in range(KINDS)]
    in_turn = [drawn[index % KINDS] for index in range(count)]
    fortran = [np.asfortranarray(bitmap) for bitmap in drawn]
    fortran_in_turn = [fortran[index % KINDS] for index in range(count)]

    took = seconds(lambda: encode_all(in_turn))
    took_fortran = seconds(lambda: encode_all(fortran_in_turn))
    alone = seconds(lambda: [coco_mask.encode(bitmap) for bitmap in fortran_in_turn])
    reordered = seconds(lambda: [coco_mask.encode(np.asfortranarray(bitmap)) for bitmap in in_turn])
    print(f"{count} masks, {size} x {size}; encode + box + area {took:.3f} s, of Fortran order {took_fortran:.3f} s")
    print(f"  pycocotools encode, with asfortranarray   {reordered:8.3f} s   ratio {took / reordered:.2f}")
    print(
        f"  pycocotools encode, Fortran order given   {alone:8.3f} s   ratio {took / alone:.2f}, "
        f"given the same {took_fortran / alone:.2f}"
    )

    codes = [masks.encode(bitmap) for bitmap in drawn]
    polygons = [masks.to_polygons(code) for code in codes]
    points = sum(len(part) for polygon in polygons for part in polygon.parts) / KINDS
    differ = sum(masks.to_run_length(p, code.size) != code for p, code in zip(polygons, codes, strict=True))
    traced = seconds(lambda: [masks.to_polygons(code) for code in codes])
    redrawn = seconds(lambda: [masks.to_run_length(polygon, (size,) * 2) for polygon in polygons])
    print(f"  exact polygons  {KINDS / traced:.0f} masks/s  ({points:.0f} points each, {differ} of {KINDS} differ)")
    print(f"  pycocotools polygon to mask  {KINDS / redrawn:.0f} masks/s")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--count", type=int, default=10_000)
    arguments.add_argument("--sizes", type=int, nargs="+", default=[128, 256, 512], help="height and width, pixels")
    given = arguments.parse_args()
    for size in given.sizes:
        measure(given.count, size)


if __name__ == "__main__":
    main()
