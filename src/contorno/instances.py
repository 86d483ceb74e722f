"""The annotated objects of one image.

Conventions, the same everywhere: boxes are xyxy float32 pixels with edges between pixels (`x_max == width` over the
last column); sizes are (height, width); labels are 1..K and 0 is background, never stored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contorno import masks
from contorno.errors import DataError
from contorno.masks import Geometry, RunLength, Size


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
    attributes: N mappings of what else the source says of each object (flags, text fields), or None; values fit JSON.
    """

    size_hw: Size
    labels: NDArray[np.int64]
    boxes: NDArray[np.float32]
    geometries: tuple[Geometry | None, ...]
    is_crowd: NDArray[np.bool_]
    areas: NDArray[np.float64]
    ids: tuple[int | str, ...] | None = None
    attributes: tuple[Mapping[str, Any], ...] | None = None
    _run_lengths: list[RunLength | None] = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        count = len(self.labels)
        lengths = {
            "boxes": len(self.boxes),
            "geometries": len(self.geometries),
            "is_crowd": len(self.is_crowd),
            "areas": len(self.areas),
            "ids": count if self.ids is None else len(self.ids),
            "attributes": count if self.attributes is None else len(self.attributes),
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
        attributes: Sequence[Mapping[str, Any]] | None = None,
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
            attributes=None if attributes is None else tuple(attributes),
            _run_lengths=known,
        )

    @classmethod
    def checked(
        cls,
        size_hw: Size,
        labels: NDArray[np.int64],
        boxes: NDArray[np.float32],
        geometries: tuple[Geometry | None, ...],
        is_crowd: NDArray[np.bool_],
        areas: NDArray[np.float64],
        ids: tuple[int | str, ...] | None,
        attributes: tuple[Mapping[str, Any], ...] | None,
    ) -> Instances:
        """Make instances from parts that a reader has checked in bulk, for all images at once; nothing is checked here.

        The fields are as the class says, and the arrays are kept as they are.
        """
        made = object.__new__(cls)
        put = object.__setattr__
        put(made, "size_hw", size_hw)
        put(made, "labels", labels)
        put(made, "boxes", boxes)
        put(made, "geometries", geometries)
        put(made, "is_crowd", is_crowd)
        put(made, "areas", areas)
        put(made, "ids", ids)
        put(made, "attributes", attributes)
        put(made, "_run_lengths", [None] * len(geometries))
        return made

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
            attributes=None if self.attributes is None else tuple(self.attributes[i] for i in indices),
            _run_lengths=[self._run_lengths[i] for i in indices],
        )
