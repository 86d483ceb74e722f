"""Builders of small inputs for tests: masks drawn as text, records, a folder of images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from contorno import masks
from contorno.records import ClassMap, Instances, Record, Records


def bitmap(*rows: str) -> NDArray[np.uint8]:
    """A mask from rows of text: '#' is in, anything else is out."""
    return np.array([[cell == "#" for cell in row] for row in rows], dtype=np.uint8)


def disc(size_hw: tuple[int, int], centre_xy: tuple[float, float], radius: float) -> NDArray[np.uint8]:
    """A filled disc; centre and radius in pixels."""
    rows, columns = np.mgrid[: size_hw[0], : size_hw[1]]
    inside = (columns + 0.5 - centre_xy[0]) ** 2 + (rows + 0.5 - centre_xy[1]) ** 2 <= radius**2
    return inside.astype(np.uint8)


def record(
    image_id: int | str = 1,
    size_hw: tuple[int, int] = (32, 40),
    objects: list[tuple[int, NDArray[np.uint8]]] | None = None,
    path: Path | None = None,
) -> Record:
    """A record of (label, mask) pairs over a grey image in memory (or at `path`)."""
    pairs = objects if objects is not None else [(1, disc(size_hw, (size_hw[1] / 2, size_hw[0] / 2), 8))]
    instances = Instances.build(size_hw, [label for label, _ in pairs], [masks.encode(mask) for _, mask in pairs])
    image = None if path is not None else np.full((*size_hw, 3), 128, dtype=np.uint8)
    return Record(image_id=image_id, size_hw=size_hw, instances=instances, path=path, image=image)


def disc_records(count: int, size_hw: tuple[int, int] = (64, 64), *, seed: int = 0, discs: int = 2) -> Records:
    """Bright discs and rings on dark noise, in memory: two classes that a small model learns in a few steps."""
    rng = np.random.default_rng(seed)
    made = []
    for image_id in range(1, count + 1):
        image = rng.integers(0, 50, (*size_hw, 3), dtype=np.uint8)
        objects = []
        for _ in range(discs):
            radius = rng.uniform(8, min(size_hw) / 4)
            centre = (rng.uniform(radius, size_hw[1] - radius), rng.uniform(radius, size_hw[0] - radius))
            mask = disc(size_hw, centre, radius)
            label = int(rng.integers(1, 3))
            if label == 2:
                mask &= 1 - disc(size_hw, centre, radius / 2)
            for _, earlier in objects:
                earlier &= 1 - mask
            image[mask == 1] = (230, 60, 40) if label == 1 else (40, 200, 230)
            objects.append((label, mask))
        objects = [(label, mask) for label, mask in objects if mask.sum() > 20]
        instances = Instances.build(size_hw, [label for label, _ in objects], [masks.encode(m) for _, m in objects])
        made.append(Record(image_id=image_id, size_hw=size_hw, instances=instances, image=image))
    return Records(made, ClassMap(["disc", "ring"]))
