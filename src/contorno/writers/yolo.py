"""Write records as a YOLO data set: data.yaml, images/<split>/ and labels/<split>/ with a text file for each image.

The format has one polygon an object and nothing else: no holes, parts, flags or ids. Parts and holes go into one
polygon by edges that run there and back; the receipt says what comes of it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from contorno import masks
from contorno.errors import ConfigError
from contorno.files import write_text
from contorno.joined import join_parts
from contorno.masks import Geometry, Polygons, RunLength, Size
from contorno.progress import Progress, silent
from contorno.receipts import round_trip_receipt
from contorno.records import Record, Records
from contorno.simplify import simplified
from contorno.writers.image_files import Placing, place_images
from contorno.writers.written import Written
from contorno.writers.yolo_files import FOLDERS, data_yaml, file_names, parts_of

PolygonForm = Literal["exact", "simplified"]
BoxOnly = Literal["line", "rectangle", "leave-out"]

_SLACK = 0.01  # Ultralytics throws out the whole file where a box reaches farther beyond 0..1
_BOX_AS_RECTANGLE = (
    "mask of an object with a box only, written as the rectangle, since boxes among polygons are not read"
)

Points = NDArray[np.float64]


@dataclass(slots=True, kw_only=True)
class _Form:
    """How objects are written, and what has become of them so far.

    codes, polygons: masks whose form was changed, and what is read back of them.
    """

    form: PolygonForm
    min_iou: float
    digits: int | None
    box_only: BoxOnly
    lost: Counter[str] = field(default_factory=Counter)
    codes: list[RunLength] = field(default_factory=list)
    polygons: list[Polygons] = field(default_factory=list)


def write_yolo(
    records: Records | Mapping[str, Records],
    folder: Path,
    *,
    img_dir: Path | None = None,
    images: Placing = "copy",
    form: PolygonForm = "exact",
    min_iou: float = 0.98,
    digits: int | None = None,
    box_only: BoxOnly | None = None,
    progress: Progress = silent,
) -> Written:
    """Write a YOLO data set that Ultralytics reads, with data.yaml last, and say what the format could not hold.

    records:   by split, or one set, in which each record's own split counts ("train" if it has none).
    folder:    gets data.yaml, images/{train,val,test}/ and labels/{train,val,test}/.
    img_dir:   the folder of all images; only used to keep files of one name apart.
    images:    "copy", "link", or "leave" to write labels and data.yaml only.
    form:      of masks that are no polygons: "exact" along their pixels; "simplified" to few vertices, at an IoU of
               `min_iou` or more. Polygons keep their own vertices.
    digits:    of the fractions; if unset as many as a float64 has, so that vertices come back to its last place.
    box_only:  objects without a mask: "line" of a box; "rectangle" as polygon; "leave-out". If unset, lines where no
               object of the data set has a mask, else rectangles: Ultralytics refuses files that hold both, and forgets
               all polygons of a data set in which some file holds boxes.

    An image without objects gets an empty label file. Where there is no validation part data.yaml names train for it,
    since Ultralytics asks for one. Names of images in one split differ by more than their suffix, as label files need.
    Raises ConfigError for an option that is not known, records whose classes differ, and as `place_images` does.
    """
    for name, value, kinds in (("form", form, PolygonForm), ("box_only", box_only, BoxOnly)):
        if value is not None and value not in get_args(kinds):
            raise ConfigError(f"{name}={value!r} is not known; choose one of {', '.join(get_args(kinds))}.")
    if digits is not None and not 1 <= digits <= 17:
        raise ConfigError(f"digits={digits} is not a number of digits that fractions can have; choose 1 to 17.")
    folder = Path(folder)
    how = _Form(form=form, min_iou=min_iou, digits=digits, box_only=box_only or "line")
    parts, class_names = parts_of(records, how.lost)
    everything = [record for part in parts.values() for record in part]
    if box_only is None and any(
        geometry is not None for record in everything for geometry in record.instances.geometries
    ):
        how.box_only = "rectangle"
    names = file_names(parts, img_dir)

    objects = 0
    done = 0
    for split, part in parts.items():
        for record, name in zip(part, names[split], strict=True):
            lines = _lines(record, f"images/{FOLDERS[split]}/{name}", how)
            objects += len(lines)
            target = folder / "labels" / FOLDERS[split] / f"{PurePosixPath(name).stem}.txt"
            write_text(target, "".join(f"{line}\n" for line in lines))
            done += 1
            progress("writing label files", done, len(everything))
        place_images(part, names[split], folder / "images" / FOLDERS[split], images, progress)
    write_text(folder / "data.yaml", data_yaml(parts, class_names))
    return Written(
        path=folder,
        images=len(everything),
        objects=objects,
        lost={reason: count for reason, count in sorted(how.lost.items()) if count},
        receipt=round_trip_receipt(how.codes, how.polygons) if how.codes else None,
    )


def _lines(record: Record, name: str, how: _Form) -> list[str]:
    """The lines of a label file. name: of the image, as it is read back."""
    lines: list[str] = []
    seen: set[str] = set()
    instances, lost = record.instances, how.lost
    for label, geometry, box, area in zip(
        instances.labels.tolist(),
        instances.geometries,
        instances.boxes.astype(np.float64),
        instances.areas.tolist(),
        strict=True,
    ):
        if geometry is None:
            text = _box_text(box, record.size_hw, how)
        else:
            code = masks.to_run_length(geometry, record.size_hw)
            points = _polygon(geometry, code, how)
            text = None if points is None else _text(points, record.size_hw, how)
            lost["box that is not the tight box of its mask"] += not np.array_equal(masks.box(code), box)
            lost["stated area that is not that of the mask"] += math.isfinite(area) and area != masks.area(code)
        if text is None:
            continue
        # Every reader takes a line that stands twice for one object.
        if (line := f"{label - 1} {text}") in seen:
            lost["object that repeats another, left out"] += 1
            continue
        seen.add(line)
        lines.append(line)
    lost["image id, read back as the file's name"] += record.image_id != name
    lost["object id"] += 0 if instances.ids is None else len(instances)
    lost["crowd flag"] += int(instances.is_crowd.sum())
    lost["attributes of an object"] += sum(map(bool, instances.attributes or ()))
    return lines


def _box_text(box: Points, size: Size, how: _Form) -> str | None:
    left, top, right, bottom = box
    if how.box_only == "leave-out":
        how.lost["object with a box only, left out"] += 1
        return None
    if how.box_only == "rectangle":
        how.lost[_BOX_AS_RECTANGLE] += 1
        return _text(np.array([[left, top], [right, top], [right, bottom], [left, bottom]]), size, how)
    return _text(np.array([[(left + right) / 2, (top + bottom) / 2], [right - left, bottom - top]]), size, how)


def _polygon(geometry: Geometry, code: RunLength, how: _Form) -> Points | None:
    """One polygon for a mask, given as run lengths too; None for an empty one."""
    size = code.size
    if not masks.area(code):
        how.lost["object with an empty mask, left out"] += 1
        return None
    if isinstance(geometry, RunLength):
        polygons = masks.to_polygons(code) if how.form == "exact" else simplified(code, how.min_iou)
    elif _is_far_out(geometry, size):
        how.lost["vertices of a polygon beyond the image, written along its pixels"] += 1
        polygons = masks.to_polygons(code)
    else:
        polygons = geometry
    points = join_parts(polygons, size=size)
    if isinstance(geometry, Polygons) and len(geometry.parts) > 1:
        how.lost["parts of an object, joined into one polygon"] += 1
    back = _read_back(points, size, how.digits)
    rounded = isinstance(geometry, RunLength) and how.form == "simplified" and how.digits is not None
    # Rounding moves vertices over the middle of a pixel, which the bound knows nothing of.
    if rounded and masks.iou([masks.to_run_length(Polygons((back,)), size)], [code])[0, 0] < how.min_iou:
        points = join_parts(masks.to_polygons(code), size=size)
        back = _read_back(points, size, how.digits)
    if not isinstance(geometry, Polygons) or len(geometry.parts) > 1 or not np.array_equal(back, geometry.parts[0]):
        how.codes.append(code)
        how.polygons.append(Polygons((back,)))
    return points


def _is_far_out(polygons: Polygons, size: Size) -> bool:
    """True for vertices beyond the image by more than rounding: some readers throw these out, and ours counts them."""
    points = np.concatenate(polygons.parts) / (size[1], size[0])
    return bool(points.min() < -_SLACK or points.max() > 1 + _SLACK)


def _fractions(points: Points, size: Size, digits: int | None) -> Points:
    """Fractions of width and height; times these again they differ from `points` by a unit in the last place at most,
    which 1 of 13 whole numbers does (there is no better quotient), and which moves no pixel along pixel edges."""
    fractions: Points = points / (size[1], size[0])
    return fractions if digits is None else np.round(fractions, digits)


def _read_back(points: Points, size: Size, digits: int | None) -> Points:
    back: Points = _fractions(points, size, digits) * (size[1], size[0])
    return back


def _text(points: Points, size: Size, how: _Form) -> str:
    values = _fractions(points, size, how.digits).ravel() + 0.0  # no -0.0
    return " ".join(map(_number, values.tolist()))


def _number(value: float) -> str:
    """The shortest text that reads as `value`, without an exponent, which not every reader takes."""
    text = repr(value)
    return np.format_float_positional(value, trim="-") if "e" in text else text.removesuffix(".0")
