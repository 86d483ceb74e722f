"""Whole data sets for round trips through files: every kind of object and image that a format may have to hold."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from contorno import masks
from contorno.geometry import Geometry, Polygons, RunLength
from contorno.images import write_image
from contorno.records import ClassMap, Instances, Record, Records

SIZES = ((9, 12), (12, 9))
CLASSES = ClassMap(["zebra", "ant 2", "Käse/Brot"])
# Names of one stem in two folders, with spaces, signs and several points; the suffix is that of the bytes.
NAMES = ("a/same.png", "b/same.png", "c d/ü ñ.png", "v.1.png", "b/other.jpg", "10.png")
SPLITS = (("",), ("train", "validation"), ("train", "validation", "test"), ("validation",), ("train", "test"))

Parts = Mapping[str, Records]

_coordinates = st.one_of(st.integers(0, 9).map(float), st.floats(0, 9, allow_subnormal=False))


@st.composite
def _polygons(draw: st.DrawFn) -> Polygons:
    parts = draw(
        st.lists(st.lists(st.tuples(_coordinates, _coordinates), min_size=3, max_size=5), min_size=1, max_size=2)
    )
    return Polygons(tuple(np.array(part, dtype=np.float64) for part in parts))


@st.composite
def _pixels(draw: st.DrawFn, size: tuple[int, int]) -> RunLength:
    kind = draw(st.sampled_from(["any", "one pixel", "hole", "all", "parts"]))
    bitmap = np.zeros(size, dtype=np.uint8)
    if kind == "any":
        bitmap = draw(arrays.arrays(np.uint8, size, elements=st.integers(0, 1)))
    elif kind == "one pixel":
        bitmap[draw(st.integers(0, size[0] - 1)), draw(st.integers(0, size[1] - 1))] = 1
    elif kind == "hole":
        bitmap[1:8, 1:7] = 1
        bitmap[3:5, 3:5] = 0
    elif kind == "all":
        bitmap[:] = 1
    else:
        bitmap[0:3, 0:3] = bitmap[6:8, 5:9] = 1
    return masks.encode(bitmap)


@st.composite
def _record(draw: st.DrawFn, name: str, image_id: int | str, first_id: int) -> Record:
    size = draw(st.sampled_from(SIZES))

    def has_pixels(geometry: Geometry) -> bool:
        return masks.area(masks.to_run_length(geometry, size)) > 0

    one = st.one_of(st.none(), _polygons().filter(has_pixels), _pixels(size).filter(has_pixels))
    shapes: list[Geometry | None] = draw(st.lists(one, max_size=3))
    count = len(shapes)
    corners = st.tuples(*[st.integers(0, 16)] * 2, *[st.integers(20, 36)] * 2)
    boxes = [
        np.array(draw(corners)) / 4 if shape is None else masks.box(masks.to_run_length(shape, size))
        for shape in shapes
    ]
    instances = Instances.build(
        size,
        labels=draw(st.lists(st.integers(1, 3), min_size=count, max_size=count)),
        geometries=shapes,
        boxes=boxes,
        is_crowd=draw(st.lists(st.booleans(), min_size=count, max_size=count)),
        ids=range(first_id, first_id + count) if draw(st.booleans()) else None,
    )
    return Record(image_id=image_id, size_hw=size, instances=instances, path=Path(name))


@st.composite
def some_sets(draw: st.DrawFn) -> dict[str, Records]:
    """Two to five images, their paths without a folder, in one to three parts, none of them empty."""
    names = draw(st.permutations(NAMES))[: draw(st.integers(3, 5))]
    splits = draw(st.sampled_from(SPLITS))
    records: dict[str, list[Record]] = {split: [] for split in splits}
    for number, name in enumerate(names):
        image_id = draw(st.sampled_from([number, f"id {number}", name]))
        records[splits[number % len(splits)]].append(draw(_record(name, image_id, 5 + 3 * number)))
    return {split: Records(part, CLASSES) for split, part in records.items()}


def on_disk(parts: Parts, folder: Path) -> dict[str, Records]:
    """The same records with an image file each, no two of the same bytes."""
    placed = {}
    for split, part in parts.items():
        there = []
        for record in part:
            path = folder / str(record.path)
            seed = int.from_bytes(hashlib.blake2b(path.name.encode() + path.parent.name.encode()).digest()[:4], "big")
            pixels = np.random.default_rng(seed).integers(0, 255, (*record.size_hw, 3), dtype=np.uint8)
            write_image(path, pixels)
            there.append(replace(record, path=path))
        placed[split] = Records(there, part.class_map)
    return placed


def by_image(parts: Parts) -> dict[str, tuple[str, Record, Records]]:
    """Split, record and its set, by the bytes of the image file."""
    found = {}
    for split, part in parts.items():
        for record in part:
            assert record.path is not None
            found[hashlib.sha256(record.path.read_bytes()).hexdigest()] = (split, record, part)
    assert len(found) == sum(map(len, parts.values()))
    return found


def objects(record: Record, part: Records, *, masked: bool, crowd: bool = True) -> Counter[Any]:
    """The objects of an image that have a mask, or those that have none: class, pixels or box, crowd flag."""
    instances = record.instances
    return Counter(
        (
            part.class_map.get_by_id(int(instances.labels[index])),
            masks.to_run_length(shape, record.size_hw) if shape is not None else tuple(instances.boxes[index].tolist()),
            bool(instances.is_crowd[index]) if crowd else None,
        )
        for index, shape in enumerate(instances.geometries)
        if (shape is not None) == masked
    )


def vertices(record: Record) -> Counter[Geometry]:
    """The polygons of an image, vertex for vertex."""
    return Counter(shape for shape in record.instances.geometries if isinstance(shape, Polygons))
