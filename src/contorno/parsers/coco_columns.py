"""The annotations of a large COCO file as columns, checked in bulk; what is unusual is left to be looked at alone."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contorno.masks import Geometry, Size
from contorno.parsers.coco_categories import Categories
from contorno.parsers.coco_document import ImageEntry, Lookup, clean_id, number, object_attributes
from contorno.parsers.coco_forms import counts_of_bytes
from contorno.parsers.coco_geometry import BadGeometry, Numbers, read_boxes, read_mask
from contorno.parsers.coco_polygons import check, is_fit, pack
from contorno.parsers.coco_reading import Reading
from contorno.parsers.coco_text import Entry, Refused, polygons, segmentation
from contorno.records import ImageId

_NO_MASK = (b"", b"[]", b"null")  # the usual ways; others are looked at alone


@dataclass(slots=True)
class Rows:
    """Some annotations of known images and categories, N of them, in the order of the file.

    image, category: int64 (N,), places among the images and categories.   boxes: float32 (N, 4), xyxy.
    areas: float64 (N,), NaN where not stated.   is_crowd: bool (N,).   keys: ids in the file.   ids: of the objects.
    geometries: masks, None where none was asked for.
    alone: by row, what the annotation says of box and mask where these have to be looked at alone.
    attributes: by row, for the rows that have any.
    """

    image: NDArray[np.int64]
    category: NDArray[np.int64]
    boxes: NDArray[np.float32]
    areas: Numbers
    is_crowd: NDArray[np.bool_]
    keys: list[ImageId]
    ids: list[ImageId]
    geometries: list[Geometry | None]
    alone: dict[int, dict[str, Any]] = field(default_factory=dict)
    attributes: dict[int, dict[str, Any]] = field(default_factory=dict)


class ColumnReader:
    """Turns annotations into rows, some hundreds at a time.

    sizes:  of the images, None where it is not known; their objects are looked at alone.
    """

    def __init__(
        self, reading: Reading, images: Sequence[ImageEntry], sizes: Sequence[Size | None], categories: Categories
    ) -> None:
        self._reading = reading
        self._sizes = sizes
        # In an image of no size nothing lies inside, which makes its objects be looked at alone.
        self._heights, self._widths = np.array([size or (0, 0) for size in sizes], np.float64).reshape(-1, 2).T
        self._image_of = {image.key: place for place, image in enumerate(images)}
        self._category_of = {key: place for place, key in enumerate(categories)}
        self._images, self._categories = Lookup(self._image_of, "image"), Lookup(categories, "category")
        self._read = 0

    def read(self, entries: Sequence[Entry]) -> Rows:
        """The rows of the next entries. Raises Refused for ids that need mending, and numbers that no float holds."""
        keys = [entry.id for entry in entries]
        if not {int, str} >= set(map(type, keys)) or "" in keys:
            raise Refused("an annotation without a usable id")
        image, category = self._tie(entries)
        self._read += len(entries)
        rows = np.flatnonzero((image >= 0) & (category >= 0))
        if len(rows) < len(entries):
            image, category = image[rows], category[rows]
            entries = [entries[row] for row in rows.tolist()]
            keys = [entry.id for entry in entries]
        try:
            return self._rows(entries, keys, image, category)
        except OverflowError as error:
            raise Refused(str(error)) from error

    def _rows(
        self,
        entries: Sequence[Entry],
        keys: list[ImageId],
        image: NDArray[np.int64],
        category: NDArray[np.int64],
    ) -> Rows:
        heights, widths = self._heights[image], self._widths[image]
        boxes, inside = read_boxes([entry.bbox for entry in entries], heights, widths)
        shown = [entry.contorno_id for entry in entries]
        found = Rows(
            image=image,
            category=category,
            boxes=np.where(inside[:, None], boxes, 0).astype(np.float32),
            areas=_numbers([entry.area for entry in entries], math.nan),
            is_crowd=_numbers([entry.iscrowd for entry in entries], 0.0) != 0,
            keys=keys,
            ids=_shown(keys, shown) if any(value is not None for value in shown) else keys,
            geometries=[None] * len(keys),
        )
        with_masks, usual = self._reading.with_masks, inside
        if with_masks is not False:
            usual = inside & self._masks(entries, found, heights, widths)
        if with_masks is None:
            usual |= inside & np.array([bytes(entry.segmentation) in _NO_MASK for entry in entries], dtype=bool)
        for row in np.flatnonzero(~usual).tolist():
            geometry = found.geometries[row]
            found.alone[row] = {"segmentation": segmentation(entries[row]) if geometry is None else geometry}
            if entries[row].has_box:
                found.alone[row]["bbox"] = entries[row].bbox
        for row, entry in enumerate(entries):
            if entry.attributes is not None or entry.score is not None:
                found.attributes[row] = object_attributes(entry.attributes, entry.score)
        return found

    def _masks(self, entries: Sequence[Entry], found: Rows, heights: Numbers, widths: Numbers) -> NDArray[np.bool_]:
        """Fill in the masks that can be read; bool (N,), True for those that cover a pixel."""
        read = [None if (parts := polygons(entry)) is None else pack(parts) for entry in entries]
        fit = [row for row, parts in enumerate(read) if parts]
        made = check([read[row] or () for row in fit], heights[fit], widths[fit], self._reading.vertex_offset)
        if made is None:
            fit = [row for row in fit if is_fit(read[row] or (), self._reading.vertex_offset)]
            made = check([read[row] or () for row in fit], heights[fit], widths[fit], self._reading.vertex_offset)
        assert made is not None
        sure = np.zeros(len(entries), dtype=bool)
        sure[fit] = made.sure
        for row, geometry in zip(fit, made.polygons, strict=True):
            found.geometries[row] = geometry
        for row in [row for row, parts in enumerate(read) if parts is None]:
            size, value = self._sizes[found.image[row]], segmentation(entries[row])
            if isinstance(value, dict) and size is not None and counts_of_bytes(value) is None:
                try:
                    found.geometries[row] = read_mask(
                        value, size, self._reading.vertex_offset, self._reading.findings, ""
                    )
                    sure[row] = True
                except BadGeometry:
                    continue  # met again, and counted, when its image is made
        return sure

    def _tie(self, entries: Sequence[Entry]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Places of the images and categories, -1 for unknown ones, which are counted."""
        image_ids, category_ids = [entry.image_id for entry in entries], [entry.category_id for entry in entries]
        image, category = _places(image_ids, self._image_of), _places(category_ids, self._category_of)
        for row in np.flatnonzero((image < 0) | (category < 0)).tolist():
            where = f"annotations[{self._read + row}], id {entries[row].id!r}"
            if image[row] < 0:
                key = self._images.find(image_ids[row], self._reading.findings, where)
                image[row] = -1 if key is None else self._image_of[key]
            if image[row] >= 0 and category[row] < 0:
                key = self._categories.find(category_ids[row], self._reading.findings, where)
                category[row] = -1 if key is None else self._category_of[key]
        return image, category


def _places(values: list[Any], place_of: dict[ImageId, int]) -> NDArray[np.int64]:
    """Where each id stands, -1 for those that are not there as they are."""
    if not {int, float, str} >= set(map(type, values)):
        values = [value if type(value) in (int, float, str) else None for value in values]  # True is no 1
    return np.fromiter(map(place_of.get, values, repeat(-1)), np.int64, len(values))


def _numbers(values: list[Any], otherwise: float) -> Numbers:
    """Numbers as float64, `otherwise` for what is no finite number."""
    try:
        found = array("d", values)  # a text is a number to numpy's own
    except TypeError:
        found = array("d", [number(value, otherwise) for value in values])
    return np.frombuffer(found, dtype=np.float64)


def _shown(keys: list[ImageId], stated: list[Any]) -> list[ImageId]:
    """Ids of the objects: those that contorno has written beside the ids in the file, if there are any."""
    cleaned = map(clean_id, stated)
    return [key if own is None else own for key, own in zip(keys, cleaned, strict=True)]
