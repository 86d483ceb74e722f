"""Numbers of every image and every object, as arrays; all statistics are made from these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contorno.class_map import fold_name
from contorno.masks import Polygons
from contorno.object_sizes import object_areas
from contorno.progress import Progress, silent
from contorno.records import Record, Records

_AT_ONCE = 2048  # images measured together: enough to be quick, few enough to report progress

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Measures:
    """Images and objects of all splits as structs of arrays, one split after the other.

    splits, classes: names; classes of all splits joined by name, label i + 1 being `classes[i]`.
    image_split:  int64 (M,), place in `splits`.   image_sizes: int64 (M, 2), height and width, px.
    image_objects: int64 (M,), objects, crowd regions included.
    image_of:     int64 (N,), the image of each object.   labels: int64 (N,), 1..K.   is_crowd: bool (N,).
    boxes:        float64 (N, 4), xyxy px.   areas: float64 (N,), px², see `object_sizes.object_areas`.
    has_mask:     bool (N,).   parts: int64 (N,), parts of a mask given as polygons; 0 for other objects.
    """

    splits: tuple[str, ...]
    classes: tuple[str, ...]
    image_split: Ints
    image_sizes: Ints
    image_objects: Ints
    image_of: Ints
    labels: Ints
    is_crowd: Flags
    boxes: Floats
    areas: Floats
    has_mask: Flags
    parts: Ints

    @property
    def split_of(self) -> Ints:
        """The split of each object, int64 (N,)."""
        return self.image_split[self.image_of]


def measure(records_by_split: Mapping[str, Records], progress: Progress = silent) -> Measures:
    """Measure all images and objects."""
    classes = _classes(records_by_split)
    place = {fold_name(name): label for label, name in enumerate(classes, start=1)}
    pairs = [(split, records) for split, records in enumerate(records_by_split.values())]
    tables = [np.array([0, *(place[fold_name(n)] for n in records.class_map.names)]) for _, records in pairs]
    everything = [(split, record) for split, records in pairs for record in records]
    columns: list[_Columns] = []
    for start in range(0, len(everything), _AT_ONCE):
        some = everything[start : start + _AT_ONCE]
        labels = [tables[split][record.instances.labels] for split, record in some]
        columns.append(_measure([record for _, record in some], labels, start))
        progress("measuring images", start + len(some), len(everything))

    def joined(name: str, empty: NDArray[np.generic]) -> NDArray[np.generic]:
        return np.concatenate([getattr(column, name) for column in columns]) if columns else empty

    ints, floats, flags = np.zeros(0, np.int64), np.zeros(0), np.zeros(0, bool)
    return Measures(
        splits=tuple(records_by_split),
        classes=classes,
        image_split=np.array([split for split, _ in everything], dtype=np.int64),
        image_sizes=np.array([record.size_hw for _, record in everything], dtype=np.int64).reshape(-1, 2),
        image_objects=np.array([len(record.instances) for _, record in everything], dtype=np.int64),
        image_of=joined("image_of", ints).astype(np.int64),
        labels=joined("labels", ints).astype(np.int64),
        is_crowd=joined("is_crowd", flags).astype(bool),
        boxes=joined("boxes", floats.reshape(0, 4)).astype(np.float64),
        areas=joined("areas", floats).astype(np.float64),
        has_mask=joined("has_mask", flags).astype(bool),
        parts=joined("parts", ints).astype(np.int64),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Columns:
    image_of: Ints
    labels: Ints
    is_crowd: Flags
    boxes: NDArray[np.float32]
    areas: Floats
    has_mask: Flags
    parts: Ints


def _measure(records: list[Record], labels: list[Ints], first: int) -> _Columns:
    many = [record.instances for record in records]
    shapes = [shape for instances in many for shape in instances.geometries]
    return _Columns(
        image_of=np.repeat(np.arange(first, first + len(many)), [len(instances) for instances in many]),
        labels=np.concatenate(labels),
        is_crowd=np.concatenate([instances.is_crowd for instances in many]),
        boxes=np.concatenate([instances.boxes for instances in many]),
        areas=object_areas(many),
        has_mask=np.array([shape is not None for shape in shapes], dtype=bool),
        parts=np.array([len(shape.parts) if isinstance(shape, Polygons) else 0 for shape in shapes], dtype=np.int64),
    )


def _classes(records_by_split: Mapping[str, Records]) -> tuple[str, ...]:
    """The classes of all splits, each once, in the order and spelling in which they come first."""
    joined: dict[str, str] = {}
    for records in records_by_split.values():
        for name in records.class_map.names:
            joined.setdefault(fold_name(name), name)
    return tuple(joined.values())
