"""How long masks take, beside pycocotools: encode with box and area, and exact polygons.

Run: OMP_NUM_THREADS=1 python benchmarks/masks.py [--count 10000] [--size 512]

Peers, on the same bitmaps in the same run: `pycocotools.mask.encode` alone, once on bitmaps already in Fortran order
(the least it can take) and once with the `np.asfortranarray` that its documentation asks of everyone else. The bitmaps
are drawn before the clock starts; each figure is the best of three passes.
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
    return blob.astype(np.uint8)


def seconds(work: Callable[[], object]) -> float:
    """Best of three."""
    times = []
    for _ in range(3):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--count", type=int, default=10_000)
    arguments.add_argument("--size", type=int, default=512, help="height and width, pixels")
    given = arguments.parse_args()
    rng = np.random.default_rng(0)
    drawn = [draw(rng, given.size) for _ in range(KINDS)]
    order = [index % KINDS for index in range(given.count)]
    fortran = [np.asfortranarray(bitmap) for bitmap in drawn]

    def ours() -> None:
        codes = [masks.encode(drawn[index]) for index in order]
        masks.boxes(codes)
        masks.areas(codes)

    took = seconds(ours)
    alone = seconds(lambda: [coco_mask.encode(fortran[index]) for index in order])
    reordered = seconds(lambda: [coco_mask.encode(np.asfortranarray(drawn[index])) for index in order])
    print(f"{given.count} masks, {given.size} x {given.size}")
    print(f"encode + box + area   {took:8.3f} s")
    print(f"pycocotools encode    {alone:8.3f} s  (Fortran order given)    ratio {took / alone:.2f}")
    print(f"pycocotools encode    {reordered:8.3f} s  (with asfortranarray)    ratio {took / reordered:.2f}")

    codes = [masks.encode(bitmap) for bitmap in drawn]
    polygons = [masks.to_polygons(code) for code in codes]
    points = sum(len(part) for polygon in polygons for part in polygon.parts) / KINDS
    differ = sum(masks.to_run_length(p, code.size) != code for p, code in zip(polygons, codes, strict=True))
    traced = seconds(lambda: [masks.to_polygons(code) for code in codes])
    redrawn = seconds(lambda: [masks.to_run_length(polygon, (given.size,) * 2) for polygon in polygons])
    print(
        f"exact polygons        {KINDS / traced:8.0f} masks/s  ({points:.0f} points each, {differ} of {KINDS} differ)"
    )
    print(f"pycocotools polygon to mask  {KINDS / redrawn:.0f} masks/s")


if __name__ == "__main__":
    main()
