"""A record while a parser written in IceVision's way fills it: `record.set_filepath(...)`, `record.detection.add_...`.

It becomes a `FoundImage` when the parser is through with it, and is checked there like any other.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from contorno.class_map import ClassMap
from contorno.detections import BBox
from contorno.errors import DataError
from contorno.masks import Geometry
from contorno.parsers.found import FoundImage, FoundObject
from contorno.parsers.given_pixels import rgb_pixels
from contorno.parsers.mask_words import MaskSource
from contorno.records import ImageId

ABSENT = "without a class map: call record.detection.set_class_map(class_map) before labels are added by id"


class ImgSize(NamedTuple):
    """The size of an image, pixels."""

    width: int
    height: int


class RecordComponent:
    """A part of IceVision's records; a record here has them all, so it is only named."""

    def __init__(self, *_: Any, **__: Any) -> None:
        """Take what IceVision's components take."""


class DraftObjects:
    """The objects of a record that is being filled, `record.detection`."""

    def __init__(self) -> None:
        self.class_map: ClassMap | None = None
        self.labels: list[str] = []
        self.bboxes: list[BBox] = []
        self.masks: list[MaskSource] = []
        self.iscrowds: list[bool] = []
        self.areas: list[float] = []

    def set_class_map(self, class_map: ClassMap) -> None:
        """State the classes; with `class_map.unlock()` new names are taken in as they come."""
        self.class_map = class_map

    def add_labels(self, labels_names: Iterable[Any]) -> None:
        """Add names of classes, one for each object."""
        self.labels += [str(name) for name in labels_names]

    def add_labels_by_id(self, labels: Iterable[int]) -> None:
        """Add labels, 1..K. Raises DataError without a class map that knows them."""
        if self.class_map is None:
            raise DataError(f"a record is {ABSENT}.")
        self.labels += [self.class_map.get_by_id(int(label)) for label in labels]

    def add_bboxes(self, bboxes: Iterable[BBox]) -> None:
        """Add boxes, one for each object. Raises DataError for what is no list of BBox."""
        self.bboxes += _boxes(bboxes)

    def add_masks(self, masks: Iterable[MaskSource]) -> None:
        """Add masks; one source, as MaskFile, may hold those of several objects.

        Raises DataError for what is no list of them.
        """
        self.masks += _sources(masks)

    def add_iscrowds(self, iscrowds: Iterable[int]) -> None:
        """Add flags of crowd regions, one for each object."""
        self.iscrowds += [bool(flag) for flag in iscrowds]

    def add_areas(self, areas: Iterable[float]) -> None:
        """Add areas in px², one for each object."""
        self.areas += [float(area) for area in areas]

    def set_labels(self, labels_names: Iterable[Any]) -> None:
        """Put these in place of the labels that were added; `set_bboxes` and the others likewise."""
        self.labels = []
        self.add_labels(labels_names)

    def set_labels_by_id(self, labels: Iterable[int]) -> None:
        """See `set_labels`."""
        self.labels = []
        self.add_labels_by_id(labels)

    def set_bboxes(self, bboxes: Iterable[BBox]) -> None:
        """See `set_labels`."""
        self.bboxes = _boxes(bboxes)

    def set_masks(self, masks: Iterable[MaskSource]) -> None:
        """See `set_labels`."""
        self.masks = _sources(masks)

    def set_iscrowds(self, iscrowds: Iterable[int]) -> None:
        """See `set_labels`."""
        self.iscrowds = [bool(flag) for flag in iscrowds]

    def set_areas(self, areas: Iterable[float]) -> None:
        """See `set_labels`."""
        self.areas = [float(area) for area in areas]


class BaseRecord:
    """A record that a parser fills; also the template that says what it is to hold."""

    def __init__(self, components: Sequence[RecordComponent] = ()) -> None:
        self.detection = DraftObjects()
        self.record_id: Any = None
        self.filepath: Path | None = None
        self.img: NDArray[np.uint8] | None = None
        self.img_size: ImgSize | None = None
        self.is_new = True

    def set_record_id(self, record_id: Any) -> None:
        """Name the image; the parser does it with what its `record_id` gives."""
        self.record_id = record_id

    def set_filepath(self, filepath: Path | str) -> None:
        """State the image file."""
        self.filepath = Path(filepath)

    def set_img(self, img: Any) -> None:
        """Give the pixels instead of a file: uint8 RGB, grey or RGBA, or a Pillow image; see `rgb_pixels`."""
        self.img = rgb_pixels(img, f"record {self.record_id!r}")

    def set_img_size(self, size: tuple[int, int], original: bool = False) -> None:
        """State the size, ImgSize(width, height); without it the file is asked."""
        self.img_size = ImgSize(int(size[0]), int(size[1]))

    def add_component(self, component: RecordComponent) -> None:
        """Take a part that is there already."""

    def mark(self) -> Callable[[], None]:
        """Note what it holds; the function that is returned puts it back."""
        kept, found = vars(self).copy(), self.detection
        # Lists and their lengths: a copy of each, for each of many objects, would take its time.
        lists = [(name, held, len(held)) for name, held in vars(found).items() if isinstance(held, list)]

        def go_back() -> None:
            vars(self).update(kept)
            for name, held, length in lists:
                del held[length:]
                setattr(found, name, held)

        return go_back

    def found_image(self, image_id: ImageId) -> FoundImage:
        """The image with its objects.

        Raises DataError if it has neither a file nor pixels, or its labels, boxes and masks differ in number.
        """
        where = f"record {image_id!r}"
        if self.filepath is None and self.img is None:
            raise DataError(f"{where} has no image; parse_fields must call record.set_filepath(path).")
        image = self.img
        size = None if self.img_size is None else (self.img_size.height, self.img_size.width)
        if image is not None:
            size = (int(image.shape[0]), int(image.shape[1]))
        if size is None and self.detection.masks:
            raise DataError(
                f"{where} has masks and no size; call record.set_img_size(get_img_size(path)) in parse_fields."
            )
        return FoundImage(
            file_name=str(image_id) if self.filepath is None else self.filepath.as_posix(),
            where=where,
            image_id=image_id,
            size=size,
            objects=self._objects(where, size),
            path=self.filepath if image is None else None,
            image=image,
        )

    def _objects(self, where: str, size: tuple[int, int] | None) -> list[FoundObject]:
        found = self.detection
        geometries: list[Geometry] = []
        for source in found.masks:
            assert size is not None
            try:
                geometries += source.geometries(size)
            except DataError as error:
                raise DataError(f"{where}: {error}") from error
        counts = {
            "labels": len(found.labels),
            "bboxes": len(found.bboxes),
            "masks": len(geometries),
            "iscrowds": len(found.iscrowds),
            "areas": len(found.areas),
        }
        given = {name: count for name, count in counts.items() if count or name == "labels"}
        if len(set(given.values())) > 1 or (found.labels and not (found.bboxes or geometries)):
            told = ", ".join(
                f"{count} {name}" for name, count in counts.items() if count or name in ("labels", "bboxes")
            )
            raise DataError(f"{where} has {told}; parse_fields must add one of each for every object.")
        return [
            FoundObject(
                class_name=name,
                geometry=geometries[index] if geometries else None,
                box=_corners(found.bboxes[index]) if found.bboxes else None,
                where=f"object {index + 1}",
                is_crowd=found.iscrowds[index] if found.iscrowds else False,
                area=found.areas[index] if found.areas else math.nan,
            )
            for index, name in enumerate(found.labels)
        ]


def _boxes(given: Iterable[BBox]) -> list[BBox]:
    how = "[BBox.from_xyxy(xmin, ymin, xmax, ymax)], or BBox.from_xywh(x, y, width, height)"
    # Boxes of the real icevision have the same corners.
    return _listed(given, lambda box: hasattr(box, "xyxy"), "bboxes takes a list of BBox", how)


def _sources(given: Iterable[MaskSource]) -> list[MaskSource]:
    how = "[MaskArray(array)] for pixels, or MaskFile, VocMaskFile, Polygon, RLE or EncodedRLEs"
    return _listed(given, lambda source: isinstance(source, MaskSource), "masks takes a list of masks", how)


def _listed(given: Iterable[Any], is_one: Callable[[Any], bool], taken: str, how: str) -> list[Any]:
    if not isinstance(given, Iterable):
        raise DataError(f"{taken}; got {type(given).__name__}: write {how}.")
    held = list(given)
    for each in held:
        if not is_one(each):
            raise DataError(f"{taken}; got {type(given).__name__} of {type(each).__name__}: write {how}.")
    return held


def _corners(box: BBox) -> tuple[float, float, float, float]:
    left, top, right, bottom = (float(corner) for corner in box.xyxy)
    return left, top, right, bottom


def image_id_of(record_id: Any) -> ImageId:
    """What a parser's `record_id` gives, as an id of an image: a number or text."""
    if isinstance(record_id, int | np.integer) and not isinstance(record_id, bool):
        return int(record_id)
    return os.fspath(record_id) if isinstance(record_id, str | os.PathLike) else str(record_id)
