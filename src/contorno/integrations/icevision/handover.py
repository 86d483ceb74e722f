"""Records handed to the real icevision as its own users do it: a COCO file, read by its own parser."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from contorno import files, masks, run_length
from contorno.errors import DataError
from contorno.integrations.icevision.mending import quiet
from contorno.records import Record, Records
from contorno.writers import write_coco


def parsed(
    ice: ModuleType, records: Records, *, with_masks: bool, say: Callable[[str], None] = lambda _: None
) -> list[Any]:
    """Write `records` as a COCO file that icevision can load, and give what its own parser makes of it.

    ice:        what `from icevision.all import *` gives, mended.
    with_masks: read by its COCOMaskParser, else by its COCOBBoxParser.
    say:        told what its parser leaves out: images without objects, always, and objects that it finds fault with.
    Its labels are contorno's: 1..K in the order of the class map. Masks are the same to the pixel. It reads no
    compressed run lengths, so those go in as polygons along pixel edges, and regions of crowds as plain run lengths.
    Raises ConfigError for images that are no files, DataError if no image has an object.
    """
    folders = [record.path.resolve().parent for record in records if record.path is not None]
    img_dir = Path(os.path.commonpath(folders)) if folders else None
    loadable = Records([_outlined(record) for record in records], records.class_map) if with_masks else records
    if not loadable.num_objects:
        raise DataError(f"none of the {len(records)} images has an object, and icevision trains on no others.")
    with tempfile.TemporaryDirectory() as folder:
        path = write_coco(loadable, Path(folder) / "annotations.json", img_dir=img_dir, attributes=False).path
        document = files.read_json(path)
    for annotation in document["annotations"]:
        code = annotation["segmentation"]
        if with_masks and isinstance(code, dict):
            code["counts"] = run_length.parse_counts(code["counts"].encode()).tolist()
    kind = ice.parsers.COCOMaskParser if with_masks else ice.parsers.COCOBBoxParser
    with quiet():
        found = list(kind(document, img_dir).parse(data_splitter=ice.SingleSplitSplitter(), show_pbar=False)[0])
    if not found:
        raise DataError(
            f"icevision's parser leaves out all of the {len(records)} images; see what it finds fault with."
        )
    bare = sum(not len(record.instances) for record in loadable)
    kept = sum(len(record.detection.label_ids) for record in found)
    for count, who, what in (
        (records.num_objects - loadable.num_objects, "left out, since icevision cannot load them:", "empty mask{s}"),
        (bare, "icevision's parser leaves out", "image{s} without objects"),
        (len(records) - bare - len(found), "icevision's checks leave out", "image{s}"),
        (loadable.num_objects - kept, "icevision's checks leave out", "object{s}"),
    ):
        if count:
            say(f"{who} {count} {what.format(s='' if count == 1 else 's')}")
    return found


def _outlined(record: Record) -> Record:
    """The same with masks as icevision can load them: polygons, or the run lengths of crowds; none without a pixel."""
    instances = record.instances
    codes = instances.run_lengths()
    shapes = tuple(
        code if is_crowd else shape if isinstance(shape, masks.Polygons) else masks.to_polygons(code)
        for shape, code, is_crowd in zip(instances.geometries, codes, instances.is_crowd, strict=True)
    )
    seen = masks.areas(codes) > 0 if len(codes) else np.zeros(0, dtype=bool)
    return replace(record, instances=replace(instances, geometries=shapes).select(np.flatnonzero(seen)))
