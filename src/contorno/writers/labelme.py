"""Write records as LabelMe files, one JSON an image, which open in the tool and read back."""

from __future__ import annotations

import base64
import os
import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import numpy as np

from contorno import masks
from contorno.errors import ConfigError
from contorno.files import write_json, write_text
from contorno.geometry import Geometry, RunLength
from contorno.images import write_image
from contorno.parsers.labelme import LABELS_FILE
from contorno.parsers.labelme_attributes import score_text
from contorno.progress import Progress, silent
from contorno.records import Record, Records
from contorno.writers.image_files import Placing, place_images, relative_names
from contorno.writers.polygon_forms import PolygonForm, PolygonForms, count_lost, kept_attributes
from contorno.writers.split_names import check_splits
from contorno.writers.written import Written

Holes = Literal["mask", "joined"]
"""mask: an object with holes becomes a mask shape, a picture of its pixels, as LabelMe has it since version 5.2.
joined: a polygon whose holes are cut in by edges that run there and back."""

_VERSION = "5.5.0"
_TAKEN = frozenset(("label", "points", "group_id", "shape_type", "mask", "is_crowd", "contorno_id"))


def write_labelme(
    records: Records | Mapping[str, Records],
    folder: Path,
    *,
    img_dir: Path | None = None,
    images: Placing = "copy",
    form: PolygonForm = "exact",
    min_iou: float = 0.98,
    holes: Holes = "mask",
    image_data: Literal["none", "embedded"] = "none",
    progress: Progress = silent,
) -> Written:
    """Write `records` below `folder`, one JSON beside each image, and labels.txt with the classes.

    records:   of one set, or by the name of their split, which becomes a sub-folder.
    img_dir:   the folder that image names start in; the common folder of the images if unset.
    images:    "copy" or "link" them beside their JSON, or "leave" them where they are.
    form, min_iou: how masks of pixels become polygons: "exact" along the pixel edges, or "simplified" with few vertices
               and at least this IoU. Polygons keep their own vertices.
    holes:     what becomes of masks of pixels with holes, see `Holes`.   image_data: "embedded" puts the bytes of each
               image into its JSON.

    Parts of one object share a `group_id`. An object of which only the box is known is a rectangle. Attributes become
    members of the shape, "flags" and "description" where LabelMe has them; a score is shown in the description, where
    there is none. Ids of images that are not their file names stand under "contorno_id", splits under "split".
    `Written.lost` counts masks without pixels, which are not written, stated areas, boxes that are not those of the
    masks, and attributes that are empty or have a name with another meaning.
    Raises ConfigError for an image outside `img_dir` and bad options, DataError for an image that cannot be read.
    """
    folder = Path(folder)
    if holes not in ("mask", "joined") or image_data not in ("none", "embedded"):
        raise ConfigError(
            f"holes={holes!r}, image_data={image_data!r}: choose 'mask' or 'joined', and 'none' or 'embedded'."
        )
    parts = {"": records} if isinstance(records, Records) else dict(records)
    for split in parts:
        if split in (".", "..") or "/" in split or "\\" in split:
            raise ConfigError(f"the split {split!r} cannot be the name of a folder; call it otherwise.")
    check_splits(parts)
    everything = [record for part in parts.values() for record in part]
    if images == "leave" and image_data == "none" and any(record.path is None for record in everything):
        raise ConfigError("an image has pixels and no file to name; write with images='copy' or image_data='embedded'.")
    base = iter(relative_names(everything, img_dir))
    forms, lost, objects = PolygonForms(form, min_iou), Counter[str](), 0
    classes: dict[str, None] = {}
    done = 0
    for split, part in parts.items():
        names = [next(base) for _ in part]
        place_images(part, names, folder / split, images, progress)
        classes.update(dict.fromkeys(part.class_map.names))
        for record, name, label_file in zip(part, names, _label_files(names), strict=True):
            file = folder / split / label_file
            shapes, count = _shapes(record, part, forms, holes, lost)
            objects += count
            image_path = PurePosixPath(name).name
            if images == "leave" and record.path is not None:
                image_path = Path(os.path.relpath(record.path, file.parent)).as_posix()
            read_name = PurePosixPath(split, name).as_posix()
            document: dict[str, Any] = {
                "version": _VERSION,
                "flags": {},
                "shapes": shapes,
                "imagePath": image_path,
                "imageData": _bytes(record) if image_data == "embedded" else None,
                "imageHeight": int(record.size_hw[0]),
                "imageWidth": int(record.size_hw[1]),
            }
            if record.image_id != read_name:
                document["contorno_id"] = record.image_id
            if record.split is not None:
                document["split"] = record.split
            write_json(file, document, indent=2)
            done += 1
            if done % 64 == 0 or done == len(everything):
                progress("writing label files", done, len(everything))
    # The two marks stand first in LabelMe's own lists, and its converters expect them.
    write_text(folder / LABELS_FILE, "\n".join(["__ignore__", "_background_", *classes]) + "\n")
    return Written(path=folder, images=len(everything), objects=objects, lost=dict(lost), receipt=forms.receipt)


def _label_files(names: list[str]) -> list[str]:
    """A label file for each image: its name with .json for the suffix, or behind it where two would be one."""
    found: list[str] = []
    seen: set[str] = set()
    for name in names:
        plain = str(PurePosixPath(name).with_suffix(".json"))
        file = plain if plain.casefold() not in seen else f"{name}.json"
        seen.add(file.casefold())
        found.append(file)
    return found


def _shapes(
    record: Record, records: Records, forms: PolygonForms, holes: Holes, lost: Counter[str]
) -> tuple[list[dict[str, Any]], int]:
    """The shapes of one image, and of how many objects they are."""
    instances = record.instances
    shapes: list[dict[str, Any]] = []
    groups = objects = 0
    for index in range(len(instances)):
        geometry = instances.geometries[index]
        if geometry is None:
            left, top, right, bottom = instances.boxes[index].astype(np.float64).tolist()
            drawn = [_drawn("rectangle", [[left, top], [right, bottom]])]
        elif holes == "mask" and _has_holes(geometry):
            drawn = [_mask(geometry)]
        else:
            drawn = [_drawn("polygon", part.tolist()) for part in forms.outline(geometry).parts]
        if not drawn:
            lost["mask without pixels"] += 1
            continue
        count_lost(instances, index, record.size_hw, lost)
        objects += 1
        groups += len(drawn) > 1
        others = _others(kept_attributes(instances, index, _TAKEN, lost), lost)
        if instances.is_crowd[index]:
            others["is_crowd"] = True
        if instances.ids is not None:
            others["contorno_id"] = instances.ids[index]
        for shape in drawn:
            shapes.append(
                {
                    "label": records.class_map.get_by_id(int(instances.labels[index])),
                    "points": shape["points"],
                    "group_id": groups if len(drawn) > 1 else None,
                    "description": "",
                    "shape_type": shape["shape_type"],
                    "flags": {},
                    "mask": shape["mask"],
                    **others,
                }
            )
    return shapes, objects


def _others(attributes: dict[str, Any], lost: Counter[str]) -> dict[str, Any]:
    """Attributes as members of a shape; LabelMe refuses flags and descriptions of other types than its own."""
    others = dict(attributes)
    flags, description = others.get("flags", {}), others.get("description", "")
    if not isinstance(flags, Mapping) or not all(isinstance(value, bool) for value in flags.values()):
        lost["attribute 'flags' that is not yes or no by name"] += 1
        del others["flags"]
    if not isinstance(description, str):
        lost["attribute 'description' that is not a text"] += 1
        del others["description"]
    if "score" in others and "description" not in others:
        others["description"] = score_text(others["score"])
    return others


def _drawn(shape_type: str, points: list[list[float]], mask: str | None = None) -> dict[str, Any]:
    return {"shape_type": shape_type, "points": points, "mask": mask}


def _has_holes(geometry: Geometry) -> bool:
    return isinstance(geometry, RunLength) and any(len(part) > 1 for part in masks.rings(geometry))


def _mask(geometry: Geometry) -> dict[str, Any]:
    """A mask shape: the pixels inside the box, between the centres of its first and last pixel."""
    assert isinstance(geometry, RunLength)
    left, top, right, bottom = (int(value) for value in masks.box(geometry))
    crop = masks.decode(geometry)[top:bottom, left:right]
    points = [[float(left), float(top)], [float(right - 1), float(bottom - 1)]]
    return _drawn("mask", points, _png(crop))


def _png(picture: np.ndarray[Any, np.dtype[np.uint8]]) -> str:
    with tempfile.TemporaryDirectory(prefix="contorno-") as folder:
        path = Path(folder) / "picture.png"
        write_image(path, picture)
        return base64.b64encode(path.read_bytes()).decode("ascii")


def _bytes(record: Record) -> str:
    if record.path is not None:
        return base64.b64encode(Path(record.path).read_bytes()).decode("ascii")
    assert record.image is not None
    return _png(record.image)
