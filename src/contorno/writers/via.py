"""Write records as a project of the VGG Image Annotator, version 2, which opens in the tool and reads back."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from contorno.errors import ConfigError
from contorno.files import write_json
from contorno.progress import Progress, silent
from contorno.records import Record, Records
from contorno.writers.image_files import Placing, common_folder, place_images, relative_names
from contorno.writers.polygon_forms import PolygonForm, PolygonForms, count_lost, kept_attributes, plain_number
from contorno.writers.written import Written

_FORMAT_VERSION = "2.0.10"
_GROUP_ID, _IS_CROWD, _OBJECT_ID = "group_id", "is_crowd", "contorno_id"
_IMAGE_ID, _SPLIT = "contorno_id", "split"  # attributes of files


def write_via(
    records: Records,
    path: Path,
    *,
    img_dir: Path | None = None,
    images: Placing = "leave",
    label_field: str = "class",
    form: PolygonForm = "exact",
    min_iou: float = 0.98,
    progress: Progress = silent,
) -> Written:
    """Write `records` to the VIA 2 project `path`, whole or not at all.

    img_dir:     the folder that file names start in; the common folder of the images if unset.
    images:      "leave" them where they are, or "copy" or "link" them into the folder of `path`.
    label_field: the region attribute that names the class: a dropdown of the classes, shown beside each region.
    form, min_iou: how masks of pixels become polygons: "exact" along the pixel edges, or "simplified" with few vertices
                 and at least this IoU. Polygons keep their own vertices.

    Parts of one object share the region attribute `group_id`. An object of which only the box is known is a rectangle.
    Attributes, the score of a prediction among them, become region attributes; ids of images that are not their file
    names, and splits, become file attributes. Images without objects stay.
    `Written.lost` counts masks without pixels, which are not written, stated areas, boxes that are not those of the
    masks, attributes that are empty or have a name with another meaning, and further records of one image file.
    Raises ConfigError for an image outside `img_dir`, one without a file unless images are copied, and bad options.
    """
    path = Path(path)
    if not label_field or label_field in (_GROUP_ID, _IS_CROWD, _OBJECT_ID, "score"):
        raise ConfigError(f"label_field={label_field!r} cannot be the attribute of the class; choose another name.")
    forms, lost = PolygonForms(form, min_iou), Counter[str]()
    pixels_only = [record for record in records if record.path is None]
    if images == "leave" and pixels_only:
        raise ConfigError(
            f"image {pixels_only[0].image_id}: it has pixels and no file to name; write it with images='copy'."
        )
    names = relative_names(records, img_dir)
    place_images(records, names, path.parent, images, progress)
    home = path.parent if images != "leave" else (common_folder(records) if img_dir is None else Path(img_dir))
    metadata: dict[str, Any] = {}
    groups: dict[str, int] = {}  # numbers that are taken, by image
    objects = 0
    for done, (record, name) in enumerate(zip(records, names, strict=True), start=1):
        size = (home / name).stat().st_size if (home / name).is_file() else -1
        entry = metadata.get(f"{name}{size}")
        regions, count = _regions(record, records, label_field, forms, lost, 0 if entry is None else groups[name])
        groups[name] = groups.get(name, 0) + count
        objects += count
        if entry is None:
            attributes = _file_attributes(record, name)
            entry = {"filename": name, "size": size, "regions": regions, "file_attributes": attributes}
            metadata[f"{name}{size}"] = entry
        else:
            lost["second record of one image file, its objects put to those of the first"] += 1
            entry["regions"] += regions
        if done % 64 == 0 or done == len(records):
            progress("writing regions", done, len(records))
    write_json(path, _project(path, home, label_field, metadata, records), indent=1)
    return Written(path=path, images=len(records), objects=objects, lost=dict(lost), receipt=forms.receipt)


def _regions(
    record: Record, records: Records, label_field: str, forms: PolygonForms, lost: Counter[str], groups: int
) -> tuple[list[dict[str, Any]], int]:
    """The regions of one image, and of how many objects they are. groups: ids of groups up to this are taken."""
    instances = record.instances
    taken = frozenset((label_field, _GROUP_ID, _IS_CROWD, _OBJECT_ID))
    regions: list[dict[str, Any]] = []
    objects = 0
    for index in range(len(instances)):
        attributes: dict[str, Any] = {label_field: records.class_map.get_by_id(int(instances.labels[index]))}
        attributes |= kept_attributes(instances, index, taken, lost)
        if instances.is_crowd[index]:
            attributes[_IS_CROWD] = True
        if instances.ids is not None:
            attributes[_OBJECT_ID] = instances.ids[index]
        geometry = instances.geometries[index]
        if geometry is None:
            left, top, right, bottom = instances.boxes[index].astype(np.float64).tolist()
            sides = {"x": left, "y": top, "width": right - left, "height": bottom - top}
            shapes = [{"name": "rect", **{key: plain_number(value) for key, value in sides.items()}}]
        else:
            shapes = [_polygon(part.tolist()) for part in forms.outline(geometry).parts]
        if not shapes:
            lost["mask without pixels"] += 1
            continue
        count_lost(instances, index, record.size_hw, lost)
        objects += 1
        if len(shapes) > 1:
            groups += 1
            attributes[_GROUP_ID] = groups
        regions += [{"shape_attributes": shape, "region_attributes": attributes} for shape in shapes]
    return regions, objects


def _polygon(points: list[list[float]]) -> dict[str, Any]:
    return {
        "name": "polygon",
        "all_points_x": [plain_number(x) for x, _ in points],
        "all_points_y": [plain_number(y) for _, y in points],
    }


def _file_attributes(record: Record, name: str) -> dict[str, Any]:
    attributes: dict[str, Any] = {}
    if record.image_id != name:
        attributes[_IMAGE_ID] = record.image_id
    if record.split is not None:
        attributes[_SPLIT] = record.split
    return attributes


def _project(path: Path, home: Path, label_field: str, metadata: dict[str, Any], records: Records) -> dict[str, Any]:
    """The whole project: settings as VIA 2 starts with them, but for the class shown as label and colour."""
    used: dict[str, list[Any]] = {}
    for entry in metadata.values():
        for region in entry["regions"]:
            for name, value in region["region_attributes"].items():
                used.setdefault(name, []).append(value)
    used.pop(label_field, None)
    classes = {
        "type": "dropdown",
        "description": "class of the object",
        "options": dict.fromkeys(records.class_map.names, ""),
        "default_options": {},
    }
    of_files = {name for entry in metadata.values() for name in entry["file_attributes"]}
    text = {"type": "text", "description": "", "default_value": ""}
    folder = os.path.relpath(home, path.parent).replace(os.sep, "/")
    return {
        "_via_settings": {
            "ui": {
                "annotation_editor_height": 25,
                "annotation_editor_fontsize": 0.8,
                "leftsidebar_width": 18,
                "image_grid": {
                    "img_height": 80,
                    "rshape_fill": "none",
                    "rshape_fill_opacity": 0.3,
                    "rshape_stroke": "yellow",
                    "rshape_stroke_width": 2,
                    "show_region_shape": True,
                    "show_image_policy": "all",
                },
                "image": {
                    "region_label": label_field,
                    "region_color": label_field,
                    "region_label_font": "10px Sans",
                    "on_image_annotation_editor_placement": "NEAR_REGION",
                },
            },
            "core": {
                "buffer_size": 18,
                "filepath": {},
                "default_filepath": "" if folder == "." else f"{folder}/",
            },
            "project": {"name": path.stem},
        },
        "_via_img_metadata": metadata,
        "_via_attributes": {
            "region": {label_field: classes, **{name: _declared(values) for name, values in used.items()}},
            "file": dict.fromkeys(sorted(of_files), text),
        },
        "_via_data_format_version": _FORMAT_VERSION,
        "_via_image_id_list": list(metadata),
    }


def _declared(values: list[Any]) -> dict[str, Any]:
    """How an attribute with these values is shown: a checkbox for ticks by name, else a text."""
    if values and all(isinstance(value, Mapping) for value in values):
        options = {str(name): "" for value in values for name in value}
        return {"type": "checkbox", "description": "", "options": options, "default_options": {}}
    return {"type": "text", "description": "", "default_value": ""}
