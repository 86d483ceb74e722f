"""Write records as a folder of images and mask pictures that `MaskFolderParser` reads back without options.

Names of files say which object is of what image and class; a `classes.json` beside them keeps the order of the classes,
image ids that are no file names, and the class of each value in label maps.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Literal, get_args

import numpy as np

from contorno import masks
from contorno.errors import ConfigError
from contorno.files import write_json
from contorno.images import write_image
from contorno.masks import Polygons, RunLength
from contorno.parsers.label_maps import MaskKind
from contorno.parsers.mask_classes import CLASSES_FILE
from contorno.parsers.mask_csv import MaskRow, write_mask_csv
from contorno.progress import Progress, silent
from contorno.receipts import Receipt
from contorno.records import Record, Records
from contorno.writers.image_files import Placing, place_images, relative_names
from contorno.writers.mask_file_names import check_names, mask_stems, mask_targets
from contorno.writers.mask_pictures import MOST_VALUES, paint_label_map, paint_semantic
from contorno.writers.written import Written

_WORKERS = 8
Table = Literal["none", "csv"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """One image to write. name: of its file, below the folder.   target: of its masks, without suffix."""

    record: Record
    name: str
    target: str
    classes: Sequence[str]


@dataclass(slots=True, kw_only=True)
class _Done:
    objects: int = 0
    values: dict[str, str] = field(default_factory=dict)
    ious: list[float] = field(default_factory=list)
    lost: Counter[str] = field(default_factory=Counter)


def write_mask_folder(
    records: Records | Mapping[str, Records],
    folder: Path,
    *,
    kind: MaskKind = "instances",
    img_dir: Path | None = None,
    images: Placing = "copy",
    table: Table = "none",
    progress: Progress = silent,
) -> Written:
    """Write `<split>/images/<name>` and `<split>/masks/...` below `folder`; without `<split>/` for records without one.

    records: split name to records, or records that may know their split themselves.
    kind:    "instances": `masks/<image>/<class>_<n>.png`, one black and white picture for each object: masks come back
             to the pixel, with overlaps, holes and parts. "label-map": `masks/<image>.png`, 16 bits, objects numbered
             from 1 in their order; a later one hides what is under it. "semantic": `masks/<image>.png` with the label;
             objects of a class that touch merge, and parts of one come apart.
    img_dir: the folder that image names start in; the common folder of the images of each split if unset.
    table:   "csv": also `masks.csv` with the columns images,masks,width,height (not for "instances").

    Pictures of masks are PNG. What no kind holds is counted: polygon vertices (the pixels that pycocotools draws from
    them are kept), boxes other than those of the masks, crowd flags, attributes, stated areas, ids.
    Raises ConfigError for options that are not known, two images of one name, and a split name that is no folder name;
    WriteError if the disk is full.
    """
    folder = Path(folder)
    if kind not in get_args(MaskKind) or table not in get_args(Table):
        raise ConfigError(
            f"kind={kind!r}, table={table!r}: expected one of {', '.join(get_args(MaskKind))} and of "
            f"{', '.join(get_args(Table))}."
        )
    if table == "csv" and kind == "instances":
        raise ConfigError("table='csv' holds one mask for each image; take it with kind='label-map' or 'semantic'.")
    splits, class_names = _by_split(records)
    jobs: list[_Job] = []
    said: dict[str, dict[str, Any]] = {}
    for split, part in splits.items():
        names = relative_names(part, img_dir)
        check_names(names)
        place_images(part, names, folder / split / "images", images, progress)
        targets = mask_targets(names, kind)
        for record, name in zip(part, names, strict=True):
            target = PurePosixPath(split, "masks", targets[name])
            jobs.append(
                _Job(
                    record=record,
                    name=PurePosixPath(split, "images", name).as_posix(),
                    target=target.as_posix(),
                    classes=class_names,
                )
            )
            if record.image_id != name:
                said[jobs[-1].name] = {"id": record.image_id}
        (folder / split / "masks").mkdir(parents=True, exist_ok=True)
    lost: Counter[str] = Counter()
    ious: list[float] = []
    objects = 0
    # A data set has each id once, which its parts may not: Roboflow numbers the images of each split from 0.
    times = Counter(entry["id"] for entry in said.values())
    for name in [name for name, entry in said.items() if times[entry["id"]] > 1]:
        lost["image id that stands in two splits, read back as the file's name"] += 1
        del said[name]
    with ThreadPoolExecutor(_WORKERS) as pool:
        made = pool.map(lambda job: _write_image_masks(job, folder, kind), jobs)
        for count, (job, done) in enumerate(zip(jobs, made, strict=True), start=1):
            lost.update(done.lost)
            ious += done.ious
            objects += done.objects
            if done.values:
                said.setdefault(job.name, {})["values"] = done.values
            progress("writing images with their masks", count, len(jobs))
    held: dict[str, Any] = {"kind": kind, "classes": list(class_names), "splits": [split for split in splits if split]}
    if kind == "semantic":
        held["values"] = {str(label): name for label, name in enumerate(class_names, start=1)}
    write_json(folder / CLASSES_FILE, {**held, "images": said}, indent=1)
    if table == "csv":
        write_mask_csv(
            folder / "masks.csv",
            [MaskRow(image=job.name, mask=f"{job.target}.png", size=job.record.size_hw) for job in jobs],
        )
    return Written(
        path=folder,
        images=len(jobs),
        objects=objects,
        lost=dict(sorted(lost.items())),
        receipt=Receipt(np.array(ious, dtype=np.float64)) if kind != "instances" else None,
    )


def _by_split(records: Records | Mapping[str, Records]) -> tuple[dict[str, list[Record]], tuple[str, ...]]:
    """Records by the folder of their split, "" for the folder itself, and the classes that all share."""
    if isinstance(records, Records):
        named = {record.split for record in records}
        keep = None not in named  # images with and without a split cannot stand beside each other
        splits: dict[str, list[Record]] = {}
        for record in records:
            splits.setdefault((record.split or "") if keep else "", []).append(record)
        classes = records.class_map.names
    else:
        maps = {part.class_map.names for part in records.values()}
        if len(maps) > 1:
            raise ConfigError(f"the splits have different class maps: {sorted(maps)}; use Records.with_class_map.")
        splits = {name: list(part) for name, part in records.items() if len(part)}
        classes = next(iter(maps), ())
    for name in splits:
        if name != PurePosixPath(name).name or name.startswith(".") or "\\" in name or name in ("images", "masks"):
            if name:
                raise ConfigError(f"the split {name!r} cannot be the name of a folder; call it otherwise.")
            if len(splits) > 1:
                raise ConfigError("a split has no name; name all of them or none.")
    return splits, classes


def _write_image_masks(job: _Job, folder: Path, kind: MaskKind) -> _Done:
    done = _Done()
    instances = job.record.instances
    kept: list[int] = []
    codes: list[RunLength] = []
    for index, geometry in enumerate(instances.geometries):
        code = None if geometry is None else masks.to_run_length(geometry, job.record.size_hw)
        if code is None or not masks.area(code):
            done.lost["object with a box only" if code is None else "object with an empty mask"] += 1
            continue
        kept.append(index)
        codes.append(code)
        _count_lost(done.lost, job.record, index, code)
    labels = [int(instances.labels[index]) for index in kept]
    names = [job.classes[label - 1] for label in labels]
    ids = None if instances.ids is None else [instances.ids[index] for index in kept]
    read_back: Sequence[int | str] = []
    if kind == "instances":
        stems = mask_stems(names, ids)
        for stem, code in zip(stems, codes, strict=True):
            write_image(folder / job.target / f"{stem}.png", masks.decode(code).astype(bool))
        read_back, done.objects = stems, len(stems)
    else:
        if kind == "label-map":
            if len(codes) > MOST_VALUES:
                raise ConfigError(
                    f"image {job.record.image_id}: {len(codes)} objects, of which a picture of 16 bits tells "
                    f"{MOST_VALUES} apart; choose kind='instances'."
                )
            painted = paint_label_map(codes, job.record.size_hw)
            done.values = {str(number): name for number, name in enumerate(names, start=1)}
            read_back = range(1, len(codes) + 1)
        else:
            painted = paint_semantic(codes, labels, job.record.size_hw)
        write_image(folder / f"{job.target}.png", painted.values)
        done.lost.update(painted.lost)
        done.objects = sum(shown is not None for shown in painted.shown)
        done.ious = [
            0.0 if shown is None else float(masks.iou([shown], [code])[0, 0])
            for shown, code in zip(painted.shown, codes, strict=True)
        ]
    if ids is not None and list(read_back) != ids:
        done.lost["object id"] += len(ids)
    return done


def _count_lost(lost: Counter[str], record: Record, index: int, code: RunLength) -> None:
    instances = record.instances
    lost["polygon, kept as its pixels"] += isinstance(instances.geometries[index], Polygons)
    lost["box other than its mask's"] += not np.array_equal(instances.boxes[index], masks.box(code))
    lost["crowd flag"] += bool(instances.is_crowd[index])
    stated = float(instances.areas[index])
    lost["stated area"] += np.isfinite(stated) and stated != masks.area(code)
    lost["attributes"] += instances.attributes is not None and bool(instances.attributes[index])
    for reason in [reason for reason, count in lost.items() if not count]:
        del lost[reason]
