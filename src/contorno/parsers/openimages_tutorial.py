"""The hot-dog tutorial's folders of one class each: images/, segmentations/ with a mask an object, pascal/ with XML."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from contorno import boxes, masks
from contorno.errors import DataError
from contorno.images import image_size
from contorno.mask_files import read_mask_code
from contorno.masks import RunLength, Size
from contorno.parsers.coco_geometry import Box
from contorno.parsers.findings import Findings
from contorno.parsers.found import FoundImage, FoundObject
from contorno.parsers.openimages_folder import PICTURES, class_folders
from contorno.parsers.openimages_joined import NO_USABLE_MASK, NOT_OUTLINED, Reading
from contorno.parsers.openimages_unmasked import unmasked_object
from contorno.parsers.voc_xml import VocObject, read_voc
from contorno.progress import Progress
from contorno.records import fold_name

_SAME = 0.5  # IoU of a box with the tight box of its mask; the two need not be drawn by the same person


@dataclass(slots=True, kw_only=True)
class _Photo:
    """One image, which may stand in the folder of each class that it shows.

    masks: (class, file) of each.   things: objects of its XML, with their boxes as xyxy edges.   fault: of that file.
    """

    path: Path
    masks: list[tuple[str, Path]] = field(default_factory=list)
    things: list[tuple[VocObject, Box]] = field(default_factory=list)
    has_xml: bool = False
    fault: str = ""


def read_tutorial(reading: Reading, findings: Findings, progress: Progress) -> Iterator[FoundImage]:
    """The images of all class folders below the root, each once, with the objects of all of them.

    The class of a mask is that of its folder, by the name that all its XML files share where they share one.
    """
    photos: dict[str, _Photo] = {}
    told: dict[str, Mapping[str, str]] = {}
    names: set[str] = set()
    for folder in class_folders(reading.root):
        told |= _read_rows(folder, findings)
        names.add(fold_name(_gather(folder, photos, findings)))
    for done, (image_id, photo) in enumerate(sorted(photos.items()), start=1):
        others = sum(fold_name(thing.name) not in names for thing, _ in photo.things) if reading.masks else 0
        findings.leave_out("box of a class that has no folder here", others, f"{image_id}.xml")
        photo.things = [item for item in photo.things if not reading.masks or fold_name(item[0].name) in names]
        made = _image(image_id, photo, told, reading, findings)
        if made is not None:
            yield made
        progress("reading masks", done, len(photos))


def _gather(folder: Path, photos: dict[str, _Photo], findings: Findings) -> str:
    """Add the images of one class folder, their masks and the objects of their XML; the name of the class."""
    paths = sorted(path for path in (folder / "images").iterdir() if path.suffix.lower() in PICTURES)
    own = {path.stem: photos.setdefault(path.stem, _Photo(path=path)) for path in paths}
    names: Counter[str] = Counter()
    files = 0
    for image_id, photo in own.items():
        xml = folder / "pascal" / f"{image_id}.xml"
        if not xml.is_file():
            continue
        try:
            things = read_voc(xml).objects
        except DataError as error:
            photo.fault = str(error)
            continue
        files += 1
        names.update({thing.name for thing in things})
        if not photo.has_xml:  # the XML in each folder has the objects of all classes
            photo.has_xml = True
            photo.things = [(thing, _edges(thing.box)) for thing in things if thing.box is not None]
    shared = [name for name, count in names.items() if count == files]
    spelled = [name for name in names if fold_name(name) == fold_name(folder.name)]
    class_name = spelled[0] if spelled else shared[0] if len(shared) == 1 else folder.name
    for path in sorted((folder / "segmentations").iterdir()):
        if path.suffix.lower() != ".png" or path.name.startswith("."):
            continue
        owner = _owner(path.stem, own)
        if owner is None:
            findings.drop("mask without an image", f"{folder.name}/segmentations/{path.name}")
        else:
            owner.masks.append((class_name, path))
    return class_name


def _edges(box: Box) -> Box:
    """A box of the XML, whose pixels count from 1 and whose last ones are in it, as xyxy edges."""
    return box[0] - 1, box[1] - 1, box[2], box[3]


def _owner(stem: str, photos: Mapping[str, _Photo]) -> _Photo | None:
    """The image of a mask called `<ImageID>_<class code>_<BoxID>`, where an ImageID may have underscores."""
    parts = stem.split("_")
    for count in (len(parts) - 2, *range(len(parts), 0, -1)):
        photo = photos.get("_".join(parts[:count])) if count > 0 else None
        if photo is not None:
            return photo
    return None


def _image(
    image_id: str, photo: _Photo, told: Mapping[str, Mapping[str, str]], reading: Reading, findings: Findings
) -> FoundImage | None:
    name = photo.path.relative_to(reading.root).as_posix()
    try:
        size = image_size(photo.path)
    except DataError as error:
        findings.drop("image that cannot be read, left out", name, str(error))
        return None
    if photo.fault and not photo.has_xml:
        findings.drop("label file that cannot be read", name, photo.fault)
    wanted = [(class_name, path) for class_name, path in photo.masks if reading.wants(class_name)]
    objects = [] if not reading.masks else _masks(wanted, size, told, findings)
    free = [(thing, box) for thing, box in photo.things if reading.wants(thing.name)]
    for found in objects:
        thing = _take_box(found, free)
        if thing is not None:
            found.attributes = {**thing.attributes, **found.attributes}
    for thing, box in free:
        where = f"{image_id}.xml {thing.where}"
        if not reading.masks:
            objects.append(FoundObject(class_name=thing.name, box=box, where=where, attributes=thing.attributes))
            continue
        made = unmasked_object(thing.name, box, size, reading.unmasked, thing.attributes, where)
        if made is not None:
            objects.append(made)
        else:
            findings.leave_out(NOT_OUTLINED, 1, where)
    if (wanted or free) and not objects:
        findings.leave_out(NO_USABLE_MASK, 1, name)
        return None
    return FoundImage(file_name=name, where=name, image_id=image_id, size=size, objects=objects, path=photo.path)


def _masks(
    wanted: list[tuple[str, Path]], size: Size, told: Mapping[str, Mapping[str, str]], findings: Findings
) -> list[FoundObject]:
    objects = []
    for class_name, path in wanted:
        code = read_mask_code(path, size)
        if not isinstance(code, RunLength):
            findings.drop(code, f"segmentations/{path.name}")
            continue
        attributes: dict[str, Any] = {"MaskPath": path.name}
        row = told.get(path.name, {})
        attributes |= {"BoxID": row["BoxID"]} if row.get("BoxID") else {}
        with suppress(KeyError, ValueError):  # not stated
            attributes["PredictedIoU"] = float(row["PredictedIoU"])
        objects.append(
            FoundObject(
                class_name=class_name, geometry=code, where=path.name, object_id=path.stem, attributes=attributes
            )
        )
    return objects


def _take_box(found: FoundObject, free: list[tuple[VocObject, Box]]) -> VocObject | None:
    """The object of the XML that a mask belongs to, which is then taken: the best box of its class."""
    assert isinstance(found.geometry, RunLength)
    own = [index for index, (thing, _) in enumerate(free) if fold_name(thing.name) == fold_name(found.class_name)]
    if not own:
        return None
    ious = boxes.iou([masks.box(found.geometry)], [free[index][1] for index in own])[0]
    best = int(ious.argmax())
    return free.pop(own[best])[0] if ious[best] >= _SAME else None


def _read_rows(folder: Path, findings: Findings) -> dict[str, Mapping[str, str]]:
    """Rows of segmentations.csv by the name of the mask; none where there is no such file."""
    path = folder / "segmentations.csv"
    if not path.is_file():
        return {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return {row["MaskPath"]: {k: v for k, v in row.items() if k and v} for row in csv.DictReader(file)}
    except (OSError, UnicodeDecodeError, csv.Error, KeyError) as error:
        findings.drop("table of masks that cannot be read", f"{folder.name}/{path.name}", str(error))
        return {}
