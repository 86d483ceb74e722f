"""The same picture in two places: told by path or bytes, and the objects of both on one record."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from contorno import boxes, masks
from contorno.errors import DataError
from contorno.files import checksum
from contorno.instances import Instances
from contorno.progress import Progress, silent
from contorno.records import Record

SAME_IOU = 0.9
"""Two objects of one class on one image that overlap so far are one object, annotated twice."""


def same_images(records: Sequence[Record], progress: Progress = silent) -> list[list[int]]:
    """Places of the records that show the same picture, two or more in each list, rising.

    Files are the same if they are one file, by links too, or have the same bytes; only files of equal length are read.
    Pixels in memory are compared with pixels in memory. A file that is not there equals none but its own path.
    """
    groups: dict[object, list[int]] = {}
    by_length: dict[int, list[int]] = {}
    for index, record in enumerate(records):
        if record.path is None:
            assert record.image is not None
            pixels = np.ascontiguousarray(record.image)
            key: object = (record.image.shape, hashlib.blake2b(pixels.data, digest_size=16).digest())
            groups.setdefault(key, []).append(index)
            continue
        try:
            length = record.path.stat().st_size
        except OSError:
            groups.setdefault(record.path.absolute(), []).append(index)
            continue
        by_length.setdefault(length, []).append(index)
    alike = [indices for indices in by_length.values() if len(indices) > 1]
    total, done = sum(len(indices) for indices in alike), 0
    for indices in alike:
        sums: dict[object, str] = {}
        for index in indices:
            path = records[index].path
            assert path is not None
            real = path.resolve()
            if real not in sums:
                sums[real] = checksum(real)
            groups.setdefault(sums[real], []).append(index)
            done += 1
            progress("comparing image files", done, total)
    return sorted(indices for indices in groups.values() if len(indices) > 1)


def join_objects(first: Record, other: Record) -> tuple[Record, int]:
    """The objects of two records of one picture on the first one, and how many of the other's were there already.

    An object is there already if one of the same class and crowd flag has an IoU of at least 0.9 with it, by masks
    where both have them, else by boxes.
    Raises DataError if the records state different sizes.
    """
    if first.size_hw != other.size_hw:
        raise DataError(
            f"image {first.image_id} is stated as {first.size_hw} and, the same picture, as {other.size_hw} "
            "(height, width); correct the one that is wrong."
        )
    mine, theirs = first.instances, other.instances
    overlap = _overlaps(theirs, mine)
    same_kind = (theirs.labels[:, None] == mine.labels) & (theirs.is_crowd[:, None] == mine.is_crowd)
    new = ~((overlap >= SAME_IOU) & same_kind).any(axis=1)
    return replace(first, instances=_concatenated(mine, theirs.select(new))), int((~new).sum())


def _overlaps(a: Instances, b: Instances) -> NDArray[np.float64]:
    """IoU of each object of `a` with each of `b`: (N, M)."""
    found: NDArray[np.float64] = boxes.iou(a.boxes, b.boxes).astype(np.float64)
    mine, theirs = ([i for i, shape in enumerate(x.geometries) if shape is not None] for x in (a, b))
    if mine and theirs:
        codes = [x.select(chosen).run_lengths() for x, chosen in ((a, mine), (b, theirs))]
        found[np.ix_(mine, theirs)] = masks.iou(codes[0], codes[1])
    return found


def _concatenated(a: Instances, b: Instances) -> Instances:
    with_ids = (a.ids is not None or not len(a)) and (b.ids is not None or not len(b))
    attributes = None
    if a.attributes is not None or b.attributes is not None:
        attributes = tuple(({},) * len(a) if a.attributes is None else a.attributes)
        attributes += tuple(({},) * len(b) if b.attributes is None else b.attributes)
    return Instances(
        size_hw=a.size_hw,
        labels=np.concatenate([a.labels, b.labels]),
        boxes=np.concatenate([a.boxes, b.boxes]),
        geometries=a.geometries + b.geometries,
        is_crowd=np.concatenate([a.is_crowd, b.is_crowd]),
        areas=np.concatenate([a.areas, b.areas]),
        ids=(a.ids or ()) + (b.ids or ()) if with_ids else None,
        attributes=attributes,
    )
