"""Records from the columns of a large COCO file, made in bulk for all images whose objects are as usual."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contorno.images import image_size
from contorno.masks import Geometry, Size
from contorno.parsers.coco_columns import Rows
from contorno.parsers.coco_document import ImageEntry
from contorno.parsers.coco_geometry import BadGeometry
from contorno.parsers.coco_reading import Reading
from contorno.parsers.coco_text import Refused
from contorno.records import ImageId, Instances, Record

_IMAGES_AT_ONCE = 512  # arrays of so many images are cut into views, which keep no more than these alive


@dataclass(frozen=True, slots=True)
class Table:
    """All rows of a file. Raises Refused if two have the same id in the file, which takes their text to tell apart."""

    rows: Rows

    @classmethod
    def join(cls, batches: list[Rows]) -> Table:
        """Put batches together; the list is emptied."""
        starts = np.cumsum([0, *(len(batch.keys) for batch in batches)]).tolist()
        joined = Rows(
            image=_join([batch.image for batch in batches], np.int64),
            category=_join([batch.category for batch in batches], np.int64),
            boxes=_join([batch.boxes for batch in batches], np.float32).reshape(-1, 4),
            areas=_join([batch.areas for batch in batches], np.float64),
            is_crowd=_join([batch.is_crowd for batch in batches], np.bool_),
            keys=list(chain.from_iterable(batch.keys for batch in batches)),
            ids=list(chain.from_iterable(batch.ids for batch in batches)),
            geometries=list(chain.from_iterable(batch.geometries for batch in batches)),
        )
        for start, batch in zip(starts, batches, strict=False):
            joined.alone.update((start + row, stated) for row, stated in batch.alone.items())
            joined.attributes.update((start + row, found) for row, found in batch.attributes.items())
        batches.clear()
        if len(set(joined.keys)) < len(joined.keys):
            raise Refused("an annotation id used twice")
        return cls(joined)

    def records(
        self,
        reading: Reading,
        images: Sequence[ImageEntry],
        sizes: Sequence[Size | None],
        present: NDArray[np.bool_],
        labels: NDArray[np.int64],
    ) -> Iterator[Record]:
        """The records of the images that are `present`, in order.

        sizes:   None to read it from the file.   present: bool, for each image.
        labels:  int64, for each row, below 1 for objects that are left out.
        """
        rows = self.rows
        wanted = np.flatnonzero((labels > 0) & present[rows.image])
        order = wanted[np.argsort(rows.image[wanted], kind="stable")]
        starts = np.searchsorted(rows.image[order], np.arange(len(images) + 1))
        odd = np.zeros(len(rows.keys), dtype=bool)
        odd[list(rows.alone)] = True
        for first in range(0, len(images), _IMAGES_AT_ONCE):
            places = range(first, min(first + _IMAGES_AT_ONCE, len(images)))
            cut = _Cut(rows, order[starts[first] : starts[places.stop]], labels, odd)
            ends = (starts[first : places.stop + 1] - starts[first]).tolist()
            for place, start, end in zip(places, ends[:-1], ends[1:], strict=True):
                if not present[place]:
                    continue
                image = images[place]
                path = reading.img_dir / image.file_name
                size = sizes[place] or image_size(path)
                if cut.has_odd(start, end):
                    instances = _looked_at(reading, image, size, rows.alone, cut, start, end)
                else:
                    instances = cut.instances(size, start, end)
                yield Record(image_id=image.shown_id, path=path, size_hw=size, instances=instances, split=image.split)


class _Cut:
    """The rows of some images in their order, from which the objects of each are cut."""

    def __init__(
        self, rows: Rows, here: NDArray[np.int64], label_of: NDArray[np.int64], odd: NDArray[np.bool_]
    ) -> None:
        self.rows: list[int] = here.tolist()
        self.labels = label_of[here]
        self.boxes = rows.boxes[here]
        self.areas = rows.areas[here]
        self.is_crowd = rows.is_crowd[here]
        self.geometries = tuple(map(rows.geometries.__getitem__, self.rows))
        self.ids = tuple(map(rows.ids.__getitem__, self.rows))
        self._odd = [0, *np.cumsum(odd[here]).tolist()]
        # None for most files, at no cost
        own = [rows.attributes.get(row, {}) for row in self.rows] if rows.attributes else []
        self.attributes: tuple[dict[str, Any], ...] | None = tuple(own) if any(own) else None

    def has_odd(self, start: int, end: int) -> bool:
        return bool(self._odd[end] > self._odd[start])

    def instances(self, size: Size, start: int, end: int) -> Instances:
        own = None if self.attributes is None else self.attributes[start:end]
        return Instances.checked(
            size,
            self.labels[start:end],
            self.boxes[start:end],
            self.geometries[start:end],
            self.is_crowd[start:end],
            self.areas[start:end],
            self.ids[start:end],
            own if own and any(own) else None,
        )


def _looked_at(
    reading: Reading, image: ImageEntry, size: Size, alone: dict[int, dict[str, Any]], cut: _Cut, start: int, end: int
) -> Instances:
    """The objects of an image that has some to be looked at alone."""
    kept: list[int] = []
    geometries: list[Geometry | None] = []
    boxes: list[Any] = []
    for at in range(start, end):
        row = cut.rows[at]
        geometry: Geometry | None = cut.geometries[at]
        box: Any = cut.boxes[at]
        if row in alone:
            where = f"image {image.file_name!r}, annotation {cut.ids[at]!r}"
            try:
                geometry, box = reading.look(alone[row], size, where)
            except BadGeometry as fault:
                reading.findings.drop(fault.reason, where, fault.detail)
                continue
        kept.append(at)
        geometries.append(geometry)
        boxes.append(box)
    own = [cut.attributes[at] for at in kept] if cut.attributes is not None else []
    ids: list[ImageId] = [cut.ids[at] for at in kept]
    return Instances.build(
        size,
        labels=cut.labels[kept],
        geometries=geometries,
        boxes=boxes,
        is_crowd=cut.is_crowd[kept],
        areas=cut.areas[kept],
        ids=ids,
        attributes=own if any(own) else None,
    )


def _join(arrays: list[NDArray[Any]], dtype: type) -> NDArray[Any]:
    return np.concatenate(arrays) if arrays else np.zeros(0, dtype=dtype)
