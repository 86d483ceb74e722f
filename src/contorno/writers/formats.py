"""The label formats by name, and one call that writes a data set, divided or not, in any of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal, get_args

from contorno.errors import ConfigError
from contorno.progress import Progress, silent
from contorno.records import Records
from contorno.writers.coco import can_be_numbers, image_ids_of, object_ids_of, write_coco
from contorno.writers.image_files import Placing, common_folder, place_images, relative_names
from contorno.writers.labelme import write_labelme
from contorno.writers.mask_folder import write_mask_folder
from contorno.writers.polygon_forms import PolygonForm
from contorno.writers.split_names import USUAL_SPLITS, check_splits, usual_name
from contorno.writers.via import write_via
from contorno.writers.voc import write_voc
from contorno.writers.written import Written
from contorno.writers.yolo import write_yolo

Format = Literal["coco", "via", "labelme", "yolo", "voc", "masks"]


def write_as(
    to: Format,
    parts: Records | Mapping[str, Records],
    folder: Path | str,
    *,
    images: Placing = "copy",
    form: PolygonForm = "exact",
    min_iou: float = 0.98,
    progress: Progress = silent,
) -> list[Written]:
    """Write a data set into `folder` in one of the formats, so that `parsers.read(folder)` reads it back.

    to:      "coco" (annotations/<split>.json, images/), "via" (a project for each split, images beside it), "labelme",
             "yolo", "voc", or "masks" (a folder of mask pictures, one for each object).
    parts:   records by the name of their split; one set, or the name "", for data that are not divided. Where a split
             is none of train, validation and test ("val" and the like are these), each part is a data set of its own,
             in the folder of its name.
    images:  "copy", "link" (hard), or "leave" them where they are: the folder then has labels alone, whose file names
             start in the deepest folder that holds all images.
    form, min_iou: how masks of pixels become polygons in formats that hold outlines only: "exact" decodes to the very
             same mask; "simplified" has few vertices and at least this IoU. COCO keeps them as run lengths unless they
             are to be simplified.
    Returns what was written, one entry for each label file or folder; each says what its format could not hold.
    Raises ConfigError for an unknown format and images that cannot be placed, WriteError if the disk is full.
    """
    if to not in get_args(Format):
        raise ConfigError(f"there is no format {to!r}; choose one of {', '.join(get_args(Format))}.")
    folder = Path(folder)
    by_split = _by_split(parts)
    if not {"", *USUAL_SPLITS} >= set(by_split):
        return [
            written
            for split, records in by_split.items()
            for written in write_as(
                to, _marked(records, None), folder / split, images=images, form=form, min_iou=min_iou, progress=progress
            )
        ]
    home = common_folder(record for records in by_split.values() for record in records)
    if to == "coco":
        return _write_coco(by_split, folder, home, images, form, min_iou, progress)
    if to == "via":
        return [
            write_via(
                records,
                folder / (split if len(by_split) > 1 else "") / "via_project.json",
                img_dir=home,
                images=images,
                form=form,
                min_iou=min_iou,
                progress=progress,
            )
            for split, records in by_split.items()
        ]
    whole = by_split[""] if set(by_split) == {""} else by_split
    if to == "masks":
        return [write_mask_folder(whole, folder, img_dir=home, images=images, progress=progress)]
    if to == "voc":
        return [write_voc(whole, folder, img_dir=home, images=images, progress=progress)]
    if to == "yolo":
        return [write_yolo(whole, folder, img_dir=home, images=images, form=form, min_iou=min_iou, progress=progress)]
    return [
        write_labelme(
            whole,
            folder,
            img_dir=home,
            images=images,
            form=form,
            min_iou=min_iou,
            # Pixels are no help to who corrects outlines.
            holes="joined" if form == "simplified" else "mask",
            progress=progress,
        )
    ]


def _by_split(parts: Records | Mapping[str, Records]) -> dict[str, Records]:
    """The parts by the usual names of their splits, which their records say too. Raises ConfigError for bad names."""
    if isinstance(parts, Records):
        check_splits({record.split for record in parts if record.split is not None})
        return {"": parts}
    if not parts:
        raise ConfigError("there are no records to write; give at least one part.")
    names = [usual_name(split) for split in parts]
    check_splits(names)
    if len({name.casefold() for name in names}) < len(names) or ("" in names and len(names) > 1):
        raise ConfigError(f"the parts are called {', '.join(map(repr, parts))}; give each a name of its own.")
    return {
        name: _marked(records, name) if name else records for name, records in zip(names, parts.values(), strict=True)
    }


def _marked(records: Records, split: str | None) -> Records:
    return Records([replace(record, split=split) for record in records], records.class_map, records.report)


def _write_coco(
    by_split: Mapping[str, Records],
    folder: Path,
    home: Path,
    images: Placing,
    form: PolygonForm,
    min_iou: float,
    progress: Progress,
) -> list[Written]:
    """annotations/<split>.json, and the images once, below images/, whatever split they are of.

    No two of the files share an id of an image or annotation: where they would, all are numbered anew.
    """
    written = []
    sets = list(by_split.values())
    image_id = None if can_be_numbers([own for part in sets for own in image_ids_of(part)]) else 1
    object_id = None if can_be_numbers([own for part in sets for own in object_ids_of(part)], least=1) else 1
    for split, records in by_split.items():
        placed, img_dir = records, home
        if images != "leave":
            img_dir = folder / "images"
            names = relative_names(records, home)
            place_images(records, names, img_dir, images, progress)
            there = [
                replace(record, path=img_dir / name, image=None) for record, name in zip(records, names, strict=True)
            ]
            placed = Records(there, records.class_map)
        written.append(
            write_coco(
                placed,
                folder / "annotations" / f"{split or 'instances'}.json",
                img_dir=img_dir,
                masks="simplified" if form == "simplified" else "as-given",
                min_iou=min_iou,
                first_image_id=image_id,
                first_annotation_id=object_id,
                progress=progress,
            )
        )
        image_id = None if image_id is None else image_id + len(records)
        object_id = None if object_id is None else object_id + records.num_objects
    return written
