"""What a data set is made of: class map, records with their instances, samples, predictions.

Conventions, the same everywhere: boxes are xyxy float32 pixels with edges between pixels (`x_max == width` over the
last column); sizes are (height, width); labels are 1..K and 0 is background, never stored; scores are 0..1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from contorno import masks
from contorno.errors import DataError
from contorno.masks import Geometry, RunLength, Size

ImageId = int | str
BACKGROUND = "background"


class ClassMap:
    """Names of classes and their labels: 0 is background, then 1..K in the order given.

    `len(class_map)` counts background, so it is the `num_classes` of a torchvision model. Names are looked up without
    regard to case and outer space; the spelling given here is the one that is shown.
    Raises DataError for an empty or repeated name.
    """

    def __init__(self, classes: Iterable[str] = (), background: str = BACKGROUND) -> None:
        self.background = background
        self._names: list[str] = []
        self._labels: dict[str, int] = {fold_name(background): 0}
        for name in classes:
            self.add_name(name)

    def add_name(self, name: str) -> int:
        """Append a class and return its label."""
        key = fold_name(name)
        if not key:
            raise DataError("a class name is empty; give every class a name.")
        if key in self._labels:
            raise DataError(
                f"the class name {name!r} stands twice in the class map "
                f"(as {self.get_by_id(self._labels[key])!r} already); names differ by more than case and outer space."
            )
        self._names.append(name.strip())
        self._labels[key] = len(self._names)
        return len(self._names)

    @property
    def names(self) -> tuple[str, ...]:
        """The classes without background; `names[i]` has label `i + 1`."""
        return tuple(self._names)

    def get_by_id(self, label: int) -> str:
        """Name of a label. Raises DataError if there is no such label."""
        if label == 0:
            return self.background
        if not 0 < label <= len(self._names):
            raise DataError(f"label {label} is not in the class map, which has labels 1 to {len(self._names)}.")
        return self._names[label - 1]

    def get_by_name(self, name: str) -> int:
        """Label of a name. Raises DataError that lists the known names."""
        label = self._labels.get(fold_name(name))
        if label is None:
            raise DataError(
                f"the class {name!r} is not in the class map, which has: {', '.join(self._names) or 'none'}."
            )
        return label

    def renamed(self, names: Mapping[str, str]) -> ClassMap:
        """The same labels under other names: {old name: new name}. Raises DataError for an unknown old name."""
        news = {self.get_by_name(old): new for old, new in names.items()}
        return ClassMap([news.get(label, name) for label, name in enumerate(self._names, 1)], self.background)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and fold_name(name) in self._labels

    def __len__(self) -> int:
        return len(self._names) + 1

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ClassMap) and self._names == other._names and self.background == other.background

    def __hash__(self) -> int:
        return hash((self.background, *self._names))

    def __repr__(self) -> str:
        return f"ClassMap({self._names!r})"


def fold_name(name: str) -> str:
    """The form in which class names are compared: no outer space, one inner space, no case."""
    return " ".join(name.split()).casefold()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Instances:
    """The annotated objects of one image, as a struct of arrays of one length N.

    size_hw:    size of the image that the geometries lie in.
    labels:     int64 (N,), 1..K.
    boxes:      float32 (N, 4), xyxy pixels, as the file stated them or else the tight box of the mask.
    geometries: N entries, each the mask as it came (Polygons or RunLength), or None where only a box is known.
    is_crowd:   bool (N,); a group region that evaluation ignores, never "has holes".
    areas:      float64 (N,), px², as the file stated them; NaN where it did not.
    ids:        N annotation ids as the file gave them, or None.
    """

    size_hw: Size
    labels: NDArray[np.int64]
    boxes: NDArray[np.float32]
    geometries: tuple[Geometry | None, ...]
    is_crowd: NDArray[np.bool_]
    areas: NDArray[np.float64]
    ids: tuple[int | str, ...] | None = None
    _run_lengths: list[RunLength | None] = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        count = len(self.labels)
        lengths = {
            "boxes": len(self.boxes),
            "geometries": len(self.geometries),
            "is_crowd": len(self.is_crowd),
            "areas": len(self.areas),
            "ids": count if self.ids is None else len(self.ids),
        }
        for name, length in lengths.items():
            if length != count:
                raise DataError(f"instances: {name} has {length} entries for {count} labels; expected one each.")
        if self.boxes.shape != (count, 4):
            raise DataError(f"instances: boxes have shape {self.boxes.shape}; expected ({count}, 4), xyxy.")
        if count and self.labels.min() < 1:
            raise DataError("instances: a label is below 1; labels are 1..K and 0 is background, which is not stored.")
        if not np.isfinite(self.boxes).all():
            raise DataError("instances: a box has a coordinate that is not a finite number.")
        for index, geometry in enumerate(self.geometries):
            if isinstance(geometry, RunLength) and geometry.size != self.size_hw:
                raise DataError(
                    f"instances: the mask of object {index} is for an image of {geometry.size} (height, width); "
                    f"this image is {self.size_hw}."
                )
        if not self._run_lengths:
            self._run_lengths.extend([None] * count)

    @classmethod
    def build(
        cls,
        size_hw: Size,
        labels: Sequence[int] | NDArray[np.int64] = (),
        geometries: Sequence[Geometry | None] | None = None,
        boxes: Sequence[Sequence[float]] | NDArray[np.float32] | None = None,
        is_crowd: Sequence[bool] | NDArray[np.bool_] | None = None,
        areas: Sequence[float] | NDArray[np.float64] | None = None,
        ids: Sequence[int | str] | None = None,
    ) -> Instances:
        """Make instances from lists. Boxes left out are the tight boxes of the masks."""
        count = len(labels)
        shapes = tuple(geometries) if geometries is not None else (None,) * count
        known: list[RunLength | None] = []
        if boxes is None:
            codes = [None if shape is None else masks.to_run_length(shape, size_hw) for shape in shapes]
            if any(code is None for code in codes):
                raise DataError("instances: an object has neither a box nor a mask.")
            known = list(codes)
            boxes = masks.boxes([code for code in codes if code is not None])
        return cls(
            size_hw=(int(size_hw[0]), int(size_hw[1])),
            labels=np.asarray(labels, dtype=np.int64).reshape(count),
            boxes=np.asarray(boxes, dtype=np.float32).reshape(-1, 4),
            geometries=shapes,
            is_crowd=np.zeros(count, dtype=bool) if is_crowd is None else np.asarray(is_crowd, dtype=bool),
            areas=np.full(count, np.nan) if areas is None else np.asarray(areas, dtype=np.float64),
            ids=None if ids is None else tuple(ids),
            _run_lengths=known,
        )

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def has_masks(self) -> bool:
        """True if every object has a mask (true of no objects)."""
        return all(geometry is not None for geometry in self.geometries)

    def run_lengths(self) -> tuple[RunLength, ...]:
        """The masks as run-length code over the whole image; made on first use, then kept.

        Raises DataError if an object has a box only.
        """
        for index, geometry in enumerate(self.geometries):
            if self._run_lengths[index] is None:
                if geometry is None:
                    raise DataError(f"instances: object {index} has a box and no mask.")
                self._run_lengths[index] = masks.to_run_length(geometry, self.size_hw)
        return tuple(code for code in self._run_lengths if code is not None)

    def select(self, keep: NDArray[Any] | Sequence[int]) -> Instances:
        """The objects at `keep`, a bool mask (N,) or indices."""
        chosen = np.asarray(keep)
        indices = np.flatnonzero(chosen) if chosen.dtype == bool else chosen.astype(np.int64)
        return Instances(
            size_hw=self.size_hw,
            labels=self.labels[indices],
            boxes=self.boxes[indices],
            geometries=tuple(self.geometries[i] for i in indices),
            is_crowd=self.is_crowd[indices],
            areas=self.areas[indices],
            ids=None if self.ids is None else tuple(self.ids[i] for i in indices),
            _run_lengths=[self._run_lengths[i] for i in indices],
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Record:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ParseReport:
    """What a parser did: images and objects kept, and a count of each thing that was mended or dropped."""

    images: int = 0
    objects: int = 0
    negatives: int = 0
    mended: dict[str, int] = field(default_factory=dict)
    dropped: dict[str, int] = field(default_factory=dict)

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

    def select(self, indices: Iterable[int]) -> Records:
        """The records at `indices`, in that order."""
        return Records([self._records[index] for index in indices], self.class_map)


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """How a sample's pixels lie on the original image: `x_sample = x_original * scale + offset`, the same for y.

    scale_xy, offset_xy: of the whole image.   original_hw, sample_hw: sizes (height, width).
    """

    scale_xy: tuple[float, float]
    offset_xy: tuple[float, float]
    original_hw: Size
    sample_hw: Size

    def boxes_to_original(self, boxes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Map xyxy boxes (N, 4) from the sample to the original image and clip them to it."""
        scale = np.array(self.scale_xy * 2, dtype=np.float64)
        offset = np.array(self.offset_xy * 2, dtype=np.float64)
        height, width = self.original_hw
        mapped = (np.asarray(boxes, dtype=np.float64).reshape(-1, 4) - offset) / scale
        return np.clip(mapped, 0.0, np.array([width, height, width, height])).astype(np.float32)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sample:
    """A record after its transforms: what a model is trained on.

    image:    uint8 (H, W, 3) RGB, or float32 if the pipeline ended in Normalize.
    boxes:    float32 (N, 4) xyxy pixels of this image, tight around the masks where there are masks.
    labels:   int64 (N,).     is_crowd: bool (N,).
    masks:    uint8 (N, H, W), 0 or 1; None for box-only data.
    frame:    how these pixels lie on the original, or None if the transforms cannot be undone by scale and shift.
    """

    image: NDArray[Any]
    boxes: NDArray[np.float32]
    labels: NDArray[np.int64]
    is_crowd: NDArray[np.bool_]
    masks: NDArray[np.uint8] | None
    record: Record
    frame: Frame | None
    class_map: ClassMap

    @property
    def normalized(self) -> bool:
        """True if the pipeline ended in Normalize."""
        return self.image.dtype != np.uint8

    def info(self) -> SampleInfo:
        """The sample without its arrays."""
        height, width = self.image.shape[:2]
        return SampleInfo(record=self.record, frame=self.frame, size_hw=(height, width))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SampleInfo:
    """Where a sample of a batch came from; `frame` is None if it cannot be mapped back to the original image."""

    record: Record
    frame: Frame | None
    size_hw: Size


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prediction:
    """What a model found in one image, best score first.

    size_hw:  size of the image that boxes and masks lie in: the original image (or the sample, if its transforms
              cannot be undone; then `image` is that sample's image).
    labels:   int64 (N,).   scores: float32 (N,), 0..1.   boxes: float32 (N, 4) xyxy pixels.
    masks:    N run-length codes over the whole image, or None for a box model.
    """

    image_id: ImageId
    size_hw: Size
    labels: NDArray[np.int64]
    scores: NDArray[np.float32]
    boxes: NDArray[np.float32]
    masks: tuple[RunLength, ...] | None
    record: Record | None = None
    image: NDArray[Any] | None = None
    class_map: ClassMap | None = None

    def __post_init__(self) -> None:
        count = len(self.labels)
        mask_count = count if self.masks is None else len(self.masks)
        if not (len(self.scores) == len(self.boxes) == mask_count == count):
            raise DataError(
                f"image {self.image_id}: a prediction has {count} labels, {len(self.scores)} scores, "
                f"{len(self.boxes)} boxes and {mask_count} masks; expected one of each."
            )

    def __len__(self) -> int:
        return len(self.labels)

    def above(self, threshold: float) -> Prediction:
        """Only what scores at least `threshold`."""
        keep = np.flatnonzero(self.scores >= threshold)
        chosen = None if self.masks is None else tuple(self.masks[i] for i in keep)
        return replace(self, labels=self.labels[keep], scores=self.scores[keep], boxes=self.boxes[keep], masks=chosen)
