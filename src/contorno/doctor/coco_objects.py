"""The annotations of a COCO document as rows: shapes, boxes, areas and flags, read entry by entry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contorno.doctor.coco_fields import number, number_in_text
from contorno.doctor.coco_measures import Measured, measure
from contorno.doctor.coco_shapes import Shape, read_shape
from contorno.doctor.coco_tables import ImageRow, Tables
from contorno.doctor.report import Faults, Place, Severity
from contorno.masks import Size
from contorno.parsers.coco_document import clean_id
from contorno.progress import Progress, silent
from contorno.records import ImageId

_REPORT_EVERY = 1024

FARTHEST_PX = 1e12
"""Boxes that lie farther are taken to end here, so that sums and products stay numbers."""


@dataclass(slots=True)
class ObjectRow:
    """One annotation of a known image and category.

    key: its id if usable.   size: of its image, None if nobody knows.   box: bbox as four finite numbers, or None.
    area: as stated, or None.   is_crowd: as far as it can be told.
    """

    index: int
    key: ImageId | None
    entry: dict[str, Any]
    image: ImageRow
    category: ImageId
    size: Size | None
    shape: Shape
    box: tuple[float, float, float, float] | None
    area: float | None
    is_crowd: bool

    def place(self, field: str | None = None) -> Place:
        """Where it is, for the report."""
        index = f"annotations[{self.index}]"
        if self.key is not None:
            return replace(self.image.place, annotation_id=self.key, field=field)
        return replace(self.image.place, field=index if field is None else f"{index}.{field}")


@dataclass(slots=True)
class Objects:
    """All rows, and their masks as numbers."""

    rows: list[ObjectRow]
    measured: Measured

    def sizes(self, chosen: NDArray[np.int64]) -> NDArray[np.float64]:
        """(n, 2), height and width of the images of the chosen rows; all of them must be known."""
        return np.array([self.rows[i].size for i in chosen.tolist()], dtype=np.float64).reshape(-1, 2)

    def boxes(self, chosen: NDArray[np.int64]) -> NDArray[np.float64]:
        """(n, 4), the bbox of the chosen rows as stated, within FARTHEST_PX; all of them must have one."""
        stated = np.array([self.rows[i].box for i in chosen.tolist()], dtype=np.float64).reshape(-1, 4)
        return np.asarray(np.clip(stated, -FARTHEST_PX, FARTHEST_PX))


def read_objects(tables: Tables, sizes: Mapping[ImageId, Size], faults: Faults, progress: Progress = silent) -> Objects:
    """Read every annotation of the tables, draw its mask once, and report what cannot be read.

    sizes: (height, width) of the images by their id, where known.
    """
    rows = []
    total = len(tables.annotations)
    for done, (index, entry, image, category) in enumerate(tables.annotations, start=1):
        row = ObjectRow(
            index, clean_id(entry.get("id")), entry, image, category, sizes.get(image.key), Shape(), None, None, False
        )
        row.shape = read_shape(entry.get("segmentation"), row.size, _teller(row, "segmentation", faults))
        row.box = _read_box(entry, row, faults)
        row.area = _read_area(entry, row, faults)
        row.is_crowd = _read_crowd(entry, row, faults)
        rows.append(row)
        if done % _REPORT_EVERY == 0 or done == total:
            progress("reading annotations", done, total)
    geometries = [None if row.size is None else row.shape.geometry for row in rows]
    return Objects(rows, measure(geometries, [row.size or (0, 0) for row in rows], progress))


def _teller(row: ObjectRow, field: str, faults: Faults) -> Callable[[Severity, str, str, str, bool], None]:
    def tell(severity: Severity, kind: str, cause: str, mend: str, fixable: bool) -> None:
        faults.add(severity, kind, row.place(field), cause, mend, fixable=fixable)

    return tell


def _read_box(entry: dict[str, Any], row: ObjectRow, faults: Faults) -> tuple[float, float, float, float] | None:
    value = entry.get("bbox")
    has_mask = row.shape.geometry is not None
    if value is None or value == []:
        cause = "bbox is missing." if "bbox" not in entry else f"bbox is {value!r}."
        mend = "take the box of the mask." if has_mask else "remove the object, or draw it."
        kind = "annotation without a box" if has_mask else "annotation without box and mask"
        if has_mask or row.shape.is_absent:
            severity: Severity = "warning" if has_mask else "error"
            faults.add(severity, kind, row.place("bbox"), cause, mend, fixable=True)
        return None
    if isinstance(value, list) and len(value) == 4:
        try:
            x, y, w, h = value
            if type(x) is type(y) is type(w) is type(h) is float and (x - x) + (y - y) + (w - w) + (h - h) == 0:
                return x, y, w, h
        except (TypeError, ValueError):
            pass
        numbers = [number(v) for v in value]
        if None not in numbers:
            return tuple(n for n in numbers if n is not None)  # type: ignore[return-value]
        from_text = [number_in_text(v) if isinstance(v, str) else number(v) for v in value]
        if None not in from_text:
            cause, mend = f"bbox is {value!r}.", "write numbers."
            faults.add("error", "box with texts for numbers", row.place("bbox"), cause, mend, fixable=True)
            return tuple(n for n in from_text if n is not None)  # type: ignore[return-value]
    cause = f"bbox is {str(value)[:80]}; expected four finite numbers x_min, y_min, width, height."
    mend = "take the box of the mask." if has_mask else "correct it."
    faults.add("error", "box that is not four numbers", row.place("bbox"), cause, mend, fixable=has_mask)
    return None


def _read_area(entry: dict[str, Any], row: ObjectRow, faults: Faults) -> float | None:
    value = entry.get("area")
    found = number(value)
    if found is None:
        text = number_in_text(value)
        if value is None:
            kind, cause = "annotation without an area", "pycocotools needs the key 'area' to evaluate."
        elif text is not None:
            kind, cause = "area that is a text", f"area is {value!r}."
        else:
            kind, cause = "area that is no number", f"area is {str(value)[:40]!r}."
        severity: Severity = "warning" if value is None else "error"
        known = row.shape.geometry is not None or (row.box is not None and row.shape.is_absent)
        faults.add(severity, kind, row.place("area"), cause, "state the pixels of the mask.", fixable=known)
        return text
    return found


def _read_crowd(entry: dict[str, Any], row: ObjectRow, faults: Faults) -> bool:
    value = entry.get("iscrowd")
    if value is None:
        cause = "pycocotools needs the key 'iscrowd' to evaluate."
        faults.add("warning", "annotation without iscrowd", row.place("iscrowd"), cause, "state 0.", fixable=True)
        return False
    if value in (0, 1) and not isinstance(value, bool):
        return bool(value)
    if isinstance(value, bool):
        cause = f"iscrowd is {str(value).lower()}, as COCO Annotator writes it; COCO has 0 and 1."
        faults.add("note", "iscrowd that is true or false", row.place("iscrowd"), cause, "state 0 or 1.", fixable=True)
        return value
    is_known = number_in_text(value) in (0.0, 1.0)
    faults.add(
        "error",
        "iscrowd that is neither 0 nor 1",
        row.place("iscrowd"),
        f"iscrowd is {value!r}; 1 marks a group region, which evaluation ignores, and nothing else.",
        "state 0 or 1.",
        fixable=is_known,
    )
    return bool(number_in_text(value)) if isinstance(value, str) else bool(value)
