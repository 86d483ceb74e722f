"""Records of all kinds of objects for round trips of formats of outlines, made by hypothesis."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from contorno import masks
from contorno.geometry import Geometry, Polygons, RunLength
from contorno.records import ClassMap, Instances, Record, Records

SIZE = (12, 14)
CLASSES = ClassMap(["zebra", "ant 2", "Käse"])

_coordinates = st.one_of(st.integers(0, 12).map(float), st.floats(0, 12, allow_subnormal=False))


@st.composite
def _polygon(draw: st.DrawFn) -> Polygons:
    count = draw(st.integers(1, 2))
    parts = [draw(st.lists(st.tuples(_coordinates, _coordinates), min_size=3, max_size=6)) for _ in range(count)]
    return Polygons(tuple(np.array(part, dtype=np.float64) for part in parts))


def _pixels() -> st.SearchStrategy[RunLength]:
    return arrays.arrays(np.uint8, SIZE, elements=st.integers(0, 1)).map(masks.encode)


def _has_pixels(geometry: Geometry) -> bool:
    return masks.area(masks.to_run_length(geometry, SIZE)) > 0


_attributes = st.fixed_dictionaries(
    {},
    optional={
        "score": st.floats(0, 1),
        "colour": st.sampled_from(["red", "grün", 'a "quoted", word']),
        "difficult": st.booleans(),
        "quality": st.fixed_dictionaries({"sharp": st.booleans()}),
    },
)


@st.composite
def _instances(draw: st.DrawFn) -> Instances:
    geometries: list[Geometry | None] = draw(
        st.lists(st.one_of(st.none(), _polygon().filter(_has_pixels), _pixels().filter(_has_pixels)), max_size=3)
    )
    corners = st.tuples(*[st.integers(0, 20)] * 2, *[st.integers(24, 48)] * 2)
    boxes = [
        np.array(draw(corners)) / 4 if geometry is None else masks.box(masks.to_run_length(geometry, SIZE))
        for geometry in geometries
    ]
    count = len(geometries)
    with_ids = draw(st.booleans())
    attributes = draw(st.lists(_attributes, min_size=count, max_size=count))
    return Instances.build(
        SIZE,
        labels=draw(st.lists(st.integers(1, len(CLASSES) - 1), min_size=count, max_size=count)),
        geometries=geometries,
        boxes=boxes,
        is_crowd=draw(st.lists(st.booleans(), min_size=count, max_size=count)),
        ids=list(range(5, 5 + count)) if with_ids else None,
        attributes=attributes if any(attributes) else None,
    )


@st.composite
def some_records(draw: st.DrawFn) -> Records:
    """One to three images in memory, with boxes, polygons of one or two parts and masks of any pixels in them."""
    records = []
    for number in range(draw(st.integers(1, 3))):
        records.append(
            Record(
                image_id=draw(st.sampled_from([number, f"{number}.png", f"image {number}"])),
                size_hw=SIZE,
                instances=draw(_instances()),
                image=np.zeros((*SIZE, 3), dtype=np.uint8),
                split=draw(st.sampled_from([None, "train", "fold 1"])),
            )
        )
    return Records(records, CLASSES)
