"""Objects out of the tables of Open Images: each mask with the row of its box, and boxes that have no mask."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from contorno.errors import DataError
from contorno.images import image_size
from contorno.mask_files import read_mask_code
from contorno.masks import RunLength, Size
from contorno.parsers.coco_geometry import Box
from contorno.parsers.findings import Findings
from contorno.parsers.found import FoundImage, FoundObject
from contorno.parsers.openimages_folder import OpenImagesFolder, split_of, survey
from contorno.parsers.openimages_tables import TableKind, TableRow, read_class_names, read_rows
from contorno.parsers.openimages_unmasked import Unmasked, unmasked_object
from contorno.progress import Progress
from contorno.records import fold_name

NO_USABLE_MASK = "image left out, none of its masks can be used"
MASK_MISSING = "mask file that is missing"
NOT_OUTLINED = "box of an object without a mask"
_NEAR = 2e-3  # both tables round to six digits, but some are from different rounds of annotation
_THREADS = 2  # more read fewer masks: Python and numpy take turns on one (see contorno.mask_files)


@dataclass(slots=True, kw_only=True)
class Reading:
    """What is asked for. classes: folded names or MIDs, None for all.   masks: False to read boxes only.

    declared: filled by the reader: classes that the folder lists in an order of its own.
    """

    root: Path
    images: Path | None
    classes: frozenset[str] | None
    unmasked: Unmasked
    masks: bool
    declared: list[str] = field(default_factory=list)

    def wants(self, *names: str) -> bool:
        """True if a class with any of these names, or with this MID, is read."""
        return self.classes is None or any(fold_name(name) in self.classes for name in names)


def read_tables(reading: Reading, findings: Findings, progress: Progress) -> Iterator[FoundImage]:
    """The images below the folder with their objects, by split and ImageID."""
    folder = survey(reading.root, reading.images)
    tables = folder.tables
    names: dict[str, str] = {}
    for path in tables.get("classes", []):
        names |= read_class_names(path)
    if not folder.images:
        raise DataError(f"{reading.root} has tables of Open Images and no images; give their folder as img_dir.")
    rows: dict[str, list[TableRow]] = {}
    splits: dict[str, str | None] = {}
    seen: set[object] = set()
    kinds: tuple[TableKind, ...] = ("masks", "boxes") if reading.masks or "boxes" not in tables else ("boxes",)
    mids = _mids(reading, names)
    for kind in kinds:
        for path in tables.get(kind, []):
            split = split_of(path, reading.root)
            try:
                for row in read_rows(path, folder.images, mids, findings, progress):
                    key = (row.image_id, row.mid, row.box, row.mask)
                    if key in seen:  # several versions of a table lie side by side
                        findings.leave_out("row that repeats another", 1, row.where)
                        continue
                    seen.add(key)
                    rows.setdefault(row.image_id, []).append(row)
                    splits.setdefault(row.image_id, split)
            except DataError as error:
                findings.drop("table that cannot be read to its end", path.name, str(error))
    if not rows:
        chosen = "" if reading.classes is None else f" and the classes {', '.join(sorted(reading.classes))}"
        raise DataError(f"{reading.root}: no row of its tables is of one of its {len(folder.images)} images{chosen}.")
    with_masks = reading.masks and bool(tables.get("masks"))
    home = reading.root if reading.images is None else reading.images
    found = _images(folder, rows, home)

    def read(item: tuple[str, Path]) -> _Sized:
        return _read_image(item[0], item[1], rows.get(item[0], []), folder, with_masks)

    stated = sum(bool(row.mask) for own in rows.values() for row in own) if with_masks else 0
    missing = 0
    with ThreadPoolExecutor(_THREADS) as pool:
        for done, image in enumerate(pool.map(read, found), start=1):
            progress("reading masks", done, len(found))
            missing += sum(code == MASK_MISSING for code in image.codes.values())
            split = split_of(image.path, home) or splits.get(image.image_id)
            made = _image(image, names, split, home, reading, with_masks, findings)
            if made is not None:
                yield made
    if stated and missing == stated:
        raise DataError(
            f"{reading.root}: none of the {stated} mask files is there; unpack the archives of masks into masks/ below "
            "it, or read the boxes with OpenImagesBBoxParser."
        )


@dataclass(slots=True, kw_only=True)
class _Sized:
    """An image with its rows. codes: the mask, or what is wrong with it, of each row that has one."""

    image_id: str
    path: Path
    rows: Sequence[TableRow]
    size: Size = (0, 0)
    codes: dict[int, RunLength | str] = field(default_factory=dict)
    fault: str = ""


def _mids(reading: Reading, names: dict[str, str]) -> frozenset[str] | None:
    """The MIDs that are read, None for all."""
    if reading.classes is None:
        return None
    known = {mid for mid, name in names.items() if reading.wants(name, mid)}
    return frozenset(known | {name for name in reading.classes if name.startswith("/")})


def _images(folder: OpenImagesFolder, rows: Iterable[str], home: Path) -> list[tuple[str, Path]]:
    """Images to read: those with rows, and others that lie in a folder with one that has."""
    with_rows = set(rows)
    places = {path.parent for image_id in with_rows for path in folder.images.get(image_id, [])}
    found = [(image_id, path) for image_id, paths in folder.images.items() for path in paths if path.parent in places]
    rank = {"train": 0, "validation": 1, "test": 2}
    return sorted(found, key=lambda item: (rank.get(split_of(item[1], home) or "", 3), item[0], item[1]))


def _read_image(
    image_id: str, path: Path, rows: Sequence[TableRow], folder: OpenImagesFolder, with_masks: bool
) -> _Sized:
    found = _Sized(image_id=image_id, path=path, rows=rows)
    try:
        found.size = image_size(path)
    except DataError as error:
        found.fault = str(error)
        return found
    for index, row in enumerate(rows if with_masks else ()):
        if row.mask:
            file = folder.mask(row.mask)
            found.codes[index] = MASK_MISSING if file is None else read_mask_code(file, found.size)
    return found


def _image(
    image: _Sized,
    names: dict[str, str],
    split: str | None,
    home: Path,
    reading: Reading,
    with_masks: bool,
    findings: Findings,
) -> FoundImage | None:
    file_name = Path(os.path.relpath(image.path, home)).as_posix()
    if image.fault:
        findings.drop("image that cannot be read, left out", file_name, image.fault)
        return None
    objects: list[FoundObject] = []
    for row, index, flags in _joined(image.rows):
        where = row.where
        class_name = names.get(row.mid, row.mid)
        if row.mid not in names:
            findings.mend("class without a display name, called by its MID", where, row.mid)
        box = None if row.box is None else _pixels(row.box, image.size)
        attributes: dict[str, Any] = {"MaskPath": row.mask} if row.mask else {}
        attributes |= {"BoxID": row.box_id} if row.box_id else {}
        attributes |= {} if row.predicted_iou is None else {"PredictedIoU": row.predicted_iou}
        attributes |= flags
        code = image.codes.get(index)
        is_group = bool(flags.get("IsGroupOf"))
        if isinstance(code, RunLength):
            if row.bad_box:
                findings.mend("box in the table that is none, taken from the mask", where)
            objects.append(
                FoundObject(
                    class_name=class_name,
                    geometry=code,
                    box=box,
                    where=where,
                    object_id=row.mask.rpartition(".")[0] or row.mask,
                    is_crowd=is_group,
                    attributes=attributes,
                )
            )
        elif not with_masks:
            if box is None:
                findings.drop("box without area inside the image", where)
                continue
            objects.append(
                FoundObject(class_name=class_name, box=box, where=where, is_crowd=is_group, attributes=attributes)
            )
        else:
            if code is not None:
                findings.drop(code, where, row.mask)
            made = None if box is None else unmasked_object(class_name, box, image.size, reading.unmasked, flags, where)
            if made is None:
                findings.leave_out(NOT_OUTLINED, code is None, where)
            else:
                objects.append(made)
    if with_masks and image.rows and not objects:
        findings.leave_out(NO_USABLE_MASK, 1, file_name)
        return None
    return FoundImage(
        file_name=file_name,
        where=file_name,
        image_id=image.image_id,
        size=image.size,
        objects=objects,
        path=image.path,
        split=split,
    )


def _joined(rows: Sequence[TableRow]) -> Iterator[tuple[TableRow, int, dict[str, bool]]]:
    """Each row with its place, but rows of boxes that belong to a mask, whose flags go to the mask."""
    boxes = {index: row for index, row in enumerate(rows) if not row.mask}
    for index, row in enumerate(rows):
        if not row.mask:
            continue
        near = {
            at: max(abs(a - b) for a, b in zip(other.box, row.box, strict=True))
            for at, other in boxes.items()
            if other.mid == row.mid and other.box is not None and row.box is not None
        }
        flags = dict(row.flags)
        if near:
            best = min(near, key=lambda at: near[at])
            if near[best] <= _NEAR:
                flags |= boxes.pop(best).flags
        yield row, index, flags
    for index, row in boxes.items():
        yield row, index, dict(row.flags)


def _pixels(box: Box, size: Size) -> Box:
    height, width = size
    return box[0] * width, box[1] * height, min(box[2], 1.0) * width, min(box[3], 1.0) * height
