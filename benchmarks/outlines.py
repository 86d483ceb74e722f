"""Masks to polygons: how many a second, with how many vertices, and how much of the mask comes back.

Run: OMP_NUM_THREADS=1 python benchmarks/outlines.py [--count 200] [--size 512] [--min-iou 0.98]

The masks are wobbly blobs of 10 to 45 % of the image's width, every second one with a hole, as run-length code. Beside
`masks.to_polygons` and `simplify.simplified` stand, on the same masks in the same run:
- cv2.findContours, which runs through pixel centres, as it is and moved by half a pixel, then cv2.approxPolyDP with the
  coarsest tolerance that keeps the IoU bound (found by halving, for each mask by itself); outer outlines, since a list
  of COCO polygons has no holes;
- cv2.approxPolyDP on contorno's own exact outlines, holes and all, linked as contorno links them, in the same way;
- imantics, as it is.
IoU is that of the mask with the one that pycocotools draws from the polygons. Where a peer cannot keep the bound, the
mask counts as not reached, and vertices are compared on the masks that it reaches. Times are the best of three passes
on one core, the search for a tolerance included in either case.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from contorno import masks, outlines
from contorno.integrations.imantics import to_polygons_imantics
from contorno.masks import Polygons, RunLength
from contorno.receipts import round_trip_receipt
from contorno.simplify import count_vertices, simplified

HALVINGS = 12
COARSEST_PX = 32.0


def draw(rng: np.random.Generator, size: int, hole: bool) -> NDArray[np.uint8]:
    """One mask (size, size)."""
    y, x = np.mgrid[:size, :size]
    radius = rng.uniform(0.05, 0.225) * size
    centre_y, centre_x = rng.uniform(0.2, 0.8, 2) * size
    angle = np.arctan2(y - centre_y, x - centre_x)
    wobble = sum(rng.uniform(0, 0.15) * np.cos(k * angle + rng.uniform(0, 6.3)) for k in range(2, 7))
    distance = np.hypot(y - centre_y, x - centre_x) / radius
    blob = distance < 1 + wobble
    made: NDArray[np.uint8] = (blob & (distance > 0.3) if hole else blob).astype(np.uint8)
    return made


def coarsest(code: RunLength, min_iou: float, made_at: Callable[[float], Polygons]) -> Polygons | None:
    """The polygons of the coarsest tolerance found that keeps the bound, or None."""
    best, fine, coarse = None, 0.0, COARSEST_PX
    for _ in range(HALVINGS):
        tolerance = (fine + coarse) / 2
        made = made_at(tolerance)
        if made.parts and masks.iou([masks.to_run_length(made, code.size)], [code])[0, 0] >= min_iou:
            best, fine = made, tolerance
        else:
            coarse = tolerance
    return best


def by_contours(code: RunLength, min_iou: float, shift: float) -> Polygons | None:
    contours, _ = cv2.findContours(masks.decode(code), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)

    def made_at(tolerance: float) -> Polygons:
        kept = [np.array(cv2.approxPolyDP(c, tolerance, True)[:, 0] + shift, dtype=np.float64) for c in contours]
        return Polygons(tuple(part for part in kept if len(part) >= 3))

    return coarsest(code, min_iou, made_at)


def by_exact_outlines(code: RunLength, min_iou: float) -> Polygons | None:
    parts = masks.rings(code)

    def made_at(tolerance: float) -> Polygons:
        kept = [[cv2.approxPolyDP(r.astype(np.float32), tolerance, True)[:, 0] for r in part] for part in parts]
        loops = [[np.array(loop, dtype=np.float64) for loop in part if len(loop) >= 3] for part in kept]
        return Polygons(tuple(outlines.link(part) for part in loops if part))

    return coarsest(code, min_iou, made_at)


def timed(work: Callable[[], list[Polygons | None]]) -> tuple[float, list[Polygons | None]]:
    """Best of three, and what came of it."""
    times = []
    for _ in range(3):
        start = time.perf_counter()
        found = work()
        times.append(time.perf_counter() - start)
    return min(times), found


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--count", type=int, default=200)
    arguments.add_argument("--size", type=int, default=512, help="height and width, pixels")
    arguments.add_argument("--min-iou", type=float, default=0.98)
    given = arguments.parse_args()
    rng = np.random.default_rng(0)
    codes = [masks.encode(draw(rng, given.size, hole=index % 2 == 1)) for index in range(given.count)]
    solid = list(range(0, given.count, 2))
    ours: list[int] = []

    def tell(name: str, work: Callable[[RunLength], Polygons | None], which: Sequence[int]) -> None:
        took, found = timed(lambda: [work(codes[index]) for index in which])
        reached = [(index, made) for index, made in zip(which, found, strict=True) if made is not None]
        line = f"{name:<44} {len(which) / took:7.0f} masks/s  {len(reached):4d} of {len(which)}"
        if reached:
            vertices = [count_vertices(made) for _, made in reached]
            receipt = round_trip_receipt([codes[index] for index, _ in reached], [made for _, made in reached])
            line += f"  vertices {np.mean(vertices):6.1f}  IoU min {receipt.minimum:.4f} median {receipt.median:.4f}"
            if ours:
                line += f"  (ours there {np.mean([ours[index] for index, _ in reached]):.1f})"
        print(line)

    print(f"{given.count} masks, {given.size} x {given.size}, half of them with a hole; bound {given.min_iou}")
    everything = list(range(given.count))
    tell("exact", masks.to_polygons, everything)
    tell("simplified", lambda code: simplified(code, given.min_iou), everything)
    ours = [count_vertices(simplified(code, given.min_iou)) for code in codes]
    tell("approxPolyDP on exact outlines", lambda code: by_exact_outlines(code, given.min_iou), everything)
    tell("findContours, approxPolyDP; no holes", lambda code: by_contours(code, given.min_iou, 0.0), solid)
    tell("the same, moved half a pixel; no holes", lambda code: by_contours(code, given.min_iou, 0.5), solid)
    tell("imantics; no bound; no holes", lambda code: to_polygons_imantics(code).polygons, solid)


if __name__ == "__main__":
    main()
