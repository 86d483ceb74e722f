"""What a data set is made of: images as records, each with its objects, and the class map that they share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray

from contorno.class_map import BACKGROUND, ClassMap, fold_name
from contorno.detections import Detection, ImageWords, boxes_of
from contorno.errors import DataError
from contorno.instances import Instances
from contorno.masks import Size, to_run_length

__all__ = ["BACKGROUND", "ClassMap", "ImageId", "Instances", "ParseReport", "Record", "Records", "fold_name"]

ImageId = int | str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Record(ImageWords):
    """One image and its annotated objects; an image without objects is a negative and stays.

    image_id:  the id that the source gave.
    path:      the image file, or None if `image` holds it.
    size_hw:   size of the image as shown, EXIF orientation applied.
    image:     uint8 (H, W, 3) RGB, for images that are not files.
    split:     the split that the source put it in, if any.
    """

    image_id: ImageId
    size_hw: Size
    instances: Instances
    path: Path | None = None
    image: NDArray[np.uint8] | None = None
    split: str | None = None

    def __post_init__(self) -> None:
        if self.instances.size_hw != self.size_hw:
            raise DataError(
                f"image {self.image_id}: its instances are for a size of {self.instances.size_hw}; "
                f"the image is {self.size_hw} (height, width)."
            )
        if self.path is None and self.image is None:
            raise DataError(f"image {self.image_id}: has neither a path nor pixels.")

    @property
    def filepath(self) -> Path | None:
        """`path`, under IceVision's name."""
        return self.path

    @property
    def detection(self) -> Detection:
        """The objects in IceVision's words; names of classes are not known here, `label_ids` are."""
        found = self.instances
        has_masks = any(geometry is not None for geometry in found.geometries)
        codes = [None if shape is None else to_run_length(shape, self.size_hw) for shape in found.geometries]
        return Detection(
            bboxes=boxes_of(found.boxes),
            label_ids=found.labels.tolist(),
            scores=None,
            masks=tuple(codes) if has_masks else None,
            iscrowds=found.is_crowd.tolist(),
            class_map=None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ParseReport:
    """What a parser did: images and objects kept, and a count of each thing that was mended or dropped.

    places: for each of these things, where the first few were.   details: what was so in the first case, if said.
    """

    images: int = 0
    objects: int = 0
    negatives: int = 0
    mended: dict[str, int] = field(default_factory=dict)
    dropped: dict[str, int] = field(default_factory=dict)
    places: dict[str, tuple[str, ...]] = field(default_factory=dict)
    details: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        lines = [f"{self.images} images ({self.negatives} without objects), {self.objects} objects"]
        lines += [f"mended: {count} × {what}" for what, count in self.mended.items()]
        lines += [f"dropped: {count} × {what}" for what, count in self.dropped.items()]
        return "\n".join(lines)


class Records(Sequence[Record]):
    """An ordered set of records that share a class map. Slices are Records too. Image ids are unique."""

    def __init__(self, records: Iterable[Record], class_map: ClassMap, report: ParseReport | None = None) -> None:
        self._records = tuple(records)
        self.class_map = class_map
        self.report = report
        seen: set[ImageId] = set()
        highest = len(class_map) - 1
        for record in self._records:
            if record.image_id in seen:
                raise DataError(f"image id {record.image_id!r} stands twice; every image needs an id of its own.")
            seen.add(record.image_id)
            labels = record.instances.labels
            if len(labels) and labels.max() > highest:
                raise DataError(
                    f"image {record.image_id}: label {labels.max()} is not in the class map, "
                    f"which has labels 1 to {highest}."
                )

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> Records: ...
    def __getitem__(self, index: int | slice) -> Record | Records:
        if isinstance(index, slice):
            return Records(self._records[index], self.class_map)
        return self._records[index]

    def __add__(self, other: Records) -> Records:
        """These records and others of the same classes. Raises DataError for other classes, or an image id twice."""
        if not isinstance(other, Records):
            return NotImplemented
        if other.class_map != self.class_map:
            raise DataError(
                f"records of the classes {list(self.class_map.names)} and {list(other.class_map.names)} do not go "
                "together; give both the same class map: records.with_class_map(class_map)."
            )
        return Records([*self._records, *other._records], self.class_map)

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[Record]:
        return iter(self._records)

    def __repr__(self) -> str:
        return f"Records({len(self)} images, {self.num_objects} objects, {list(self.class_map.names)})"

    @property
    def num_objects(self) -> int:
        """Objects in all images, crowd regions included."""
        return sum(len(record.instances) for record in self._records)

    def renamed(self, names: Mapping[str, str]) -> Records:
        """The same records with classes called otherwise: {old name: new name}. Raises DataError for an unknown one."""
        return Records(self._records, self.class_map.renamed(names), self.report)

    def with_class_map(self, class_map: ClassMap) -> Records:
        """The same objects with the labels that their classes have in `class_map`.

        Raises DataError if it lacks a class that an object has.
        """
        if class_map == self.class_map:
            return Records(self._records, class_map, self.report)
        used = np.unique(np.concatenate([record.instances.labels for record in self._records] or [np.zeros(0, int)]))
        labels = np.zeros(len(self.class_map), dtype=np.int64)
        for label in used.tolist():
            labels[label] = class_map.get_by_name(self.class_map.get_by_id(label))
        made = [
            replace(record, instances=replace(record.instances, labels=labels[record.instances.labels]))
            for record in self._records
        ]
        return Records(made, class_map, self.report)

    def select(self, indices: Iterable[int]) -> Records:
        """The records at `indices`, in that order."""
        return Records([self._records[index] for index in indices], self.class_map)
