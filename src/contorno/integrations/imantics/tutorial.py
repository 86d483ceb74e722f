"""The hot-dog tutorial's COCO file, lossless, or with the polygons of imantics as the tutorial made them."""

from __future__ import annotations

import importlib.metadata
import logging
from pathlib import Path
from typing import Any, Literal, get_args

from contorno import files, masks
from contorno.errors import ConfigError
from contorno.integrations.imantics.polygons import imantics_package, to_polygons_imantics
from contorno.masks import RunLength
from contorno.openimages import tutorial
from contorno.progress import Progress, silent
from contorno.receipts import round_trip_receipt

log = logging.getLogger(__name__)

PolygonMaker = Literal["exact", "imantics"]
"""exact: every mask comes back to the last pixel.   imantics: contours through pixel centres, holes filled."""


def create_coco_annotation_json(
    input_dir: str | Path,
    class_label: str,
    fname: str = "coco_annotation.json",
    *,
    polygons: PolygonMaker = "exact",
    name: str | None = None,
    workers: int | None = None,
    progress: Progress = silent,
) -> tuple[dict[str, Any], Path, Path]:
    """Make one COCO file of a class folder in the tutorial's layout, as `contorno.openimages.tutorial` does.

    polygons: "exact" is that very file, lossless; "imantics" puts the polygons that the real imantics traces in place
              of the masks, for tools that take polygons only. The receipt of what they lose goes to the log as a
              warning, which Python shows, and into the file under `info.polygons`.
    name, workers, progress, and what is returned: as there.
    With imantics, contours of one or two points are left out, for a COCO reader takes them for boxes or refuses them;
    so is an object that has no other, whose annotation id is under `info.polygons.objects_without_polygons`. An image
    that loses all its objects so is left out too: as a negative it would teach misses. Boxes and areas are those of the
    masks; the tutorial's boxes are short by a pixel each way.
    Raises ConfigError for another way of making polygons, MissingExtraError if imantics is needed and not installed,
    and what the function there raises.
    """
    if polygons not in get_args(PolygonMaker):
        raise ConfigError(f"polygons is {polygons!r}; expected one of {', '.join(get_args(PolygonMaker))}.")
    if polygons == "imantics":
        imantics_package()
    document, path, images_dir = tutorial.create_coco_annotation_json(
        input_dir, class_label, fname, name=name, workers=workers, progress=progress
    )
    if polygons == "exact":
        return document, path, images_dir
    rows, made, codes, without = [], [], [], []
    for row in document["annotations"]:
        size = (int(row["segmentation"]["size"][0]), int(row["segmentation"]["size"][1]))
        code = masks.to_run_length(masks.from_coco(row["segmentation"], size), size)
        traced = to_polygons_imantics(code).polygons
        codes.append(code)
        made.append(traced)
        if traced.parts:
            # imantics stores whole numbers.
            outlines = [[int(value) for value in part] for part in traced.to_coco()]
            rows.append({**row, "segmentation": outlines})
        else:
            without.append(row["id"])
    bare = {row["image_id"] for row in document["annotations"]} - {row["image_id"] for row in rows}
    changed = {
        **document,
        "info": {**document.get("info", {}), "polygons": _told(codes, made, without)},
        "images": [row for row in document["images"] if row["id"] not in bare],
        "annotations": rows,
    }
    files.write_json(path, changed)
    log.warning("%s has polygons by imantics: %s", path, changed["info"]["polygons"]["receipt"])
    return changed, path, images_dir


def _told(codes: list[RunLength], made: list[masks.Polygons], without: list[Any]) -> dict[str, Any]:
    receipt = round_trip_receipt(codes, made)
    return {
        "by": f"imantics {importlib.metadata.version('imantics')}",
        "receipt": str(receipt),
        "masks": len(codes),
        "lossless": receipt.lossless,
        "least_iou": receipt.minimum if codes else None,
        "median_iou": receipt.median if codes else None,
        "objects_without_polygons": without,
    }
