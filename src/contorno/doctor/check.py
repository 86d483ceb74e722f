"""One pass over the records of all splits."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from contorno.doctor.image_files import check_image_files
from contorno.doctor.labelling import check_labelling
from contorno.doctor.objects import check_objects
from contorno.doctor.report import CheckReport, Faults, Place
from contorno.progress import Progress, silent
from contorno.records import ImageId, Record, Records

RARE_OBJECTS = 10
"""A class with fewer objects than this to learn from is rare."""

_REPORT_EVERY = 64


def check_records(
    records_by_split: Mapping[str, Records],
    *,
    open_images: bool = True,
    decode: bool = False,
    near_duplicates: bool = False,
    progress: Progress = silent,
    workers: int = 8,
) -> CheckReport:
    """Look for everything that would break training, or make its figures wrong.

    records_by_split: as in {"train": records, "validation": records}.
    open_images:      read the header of each image file, and compare files of equal length byte for byte.
    decode:           decode each image as well, to find every damaged one; slow. Without it only files whose end is
                      not that of their format are decoded.
    near_duplicates:  find pictures that were saved again, resized or brightened; decodes each image, JPEG at a
                      fraction of its size.
    workers:          threads that read files.
    Bad data never raise here; they are in the report.
    """
    faults = Faults()
    examine_records(
        records_by_split,
        faults,
        open_images=open_images,
        decode=decode,
        near_duplicates=near_duplicates,
        progress=progress,
        workers=workers,
    )
    images = sum(len(records) for records in records_by_split.values())
    return faults.report(images, sum(records.num_objects for records in records_by_split.values()))


def examine_records(
    records_by_split: Mapping[str, Records],
    faults: Faults,
    *,
    raw: Mapping[str, frozenset[ImageId]] | None = None,
    open_images: bool,
    decode: bool,
    near_duplicates: bool,
    progress: Progress,
    workers: int,
) -> None:
    """Do the work of `check_records`.

    raw: the splits whose boxes and masks were compared in the label file already, and there the ids of the annotations
         that mending removes as repeats.
    """
    _check_splits(records_by_split, faults)
    _check_classes(records_by_split, faults)
    _check_ids(records_by_split, faults)
    places = [
        (record, Place(split=split, file=_file(record), image_id=record.image_id))
        for split, records in records_by_split.items()
        for record in records
    ]
    for done, (record, place) in enumerate(places, start=1):
        check_objects(record, place, faults, repeats=(raw or {}).get(place.split))
        if done % _REPORT_EVERY == 0 or done == len(places):
            progress("checking the objects of images", done, len(places))
    check_labelling(records_by_split, faults)
    if open_images:
        check_image_files(
            places, faults, decode=decode, near_duplicates=near_duplicates, progress=progress, workers=workers
        )


def _check_splits(records_by_split: Mapping[str, Records], faults: Faults) -> None:
    for split, records in records_by_split.items():
        if not len(records):
            faults.add(
                "error",
                "split without images",
                Place(split=split),
                f"the split {split!r} is empty.",
                "give it images, or divide the images anew.",
            )
        elif not records.num_objects:
            faults.add(
                "error" if split == "train" else "warning",
                "split without objects",
                Place(split=split),
                f"none of the {len(records)} images of {split!r} has an object.",
                "check that the annotations name these images, and that parsing has not dropped them (see its report).",
            )
    if not any(len(records) for records in records_by_split.values()):
        faults.add(
            "error", "no images at all", Place(split="all"), "there is nothing to train on.", "check the paths given."
        )


def _check_classes(records_by_split: Mapping[str, Records], faults: Faults) -> None:
    """Classes to learn from: those of "train", or of all splits if none has that name."""
    split = "train" if "train" in records_by_split else "all"
    chosen = [records_by_split["train"]] if split == "train" else list(records_by_split.values())
    names = next((records.class_map.names for records in chosen if len(records)), ())
    instances = [record.instances for records in chosen for record in records]
    crowd_counts, counts = (
        np.bincount(
            np.concatenate([*(some.labels[some.is_crowd == flag] for some in instances), np.zeros(0, np.int64)]),
            minlength=len(names) + 1,
        )
        for flag in (True, False)
    )
    if not counts.sum() and not crowd_counts.sum():
        return
    for label, name in enumerate(names, start=1):
        if counts[label] == 0 and crowd_counts[label]:
            faults.add(
                "warning" if counts.sum() else "error",
                "class of crowd regions alone",
                Place(split=split, class_name=name),
                f"all {crowd_counts[label]} objects of {name!r} have iscrowd 1, and evaluation ignores them.",
                "set iscrowd to 0 unless they are regions of many objects; CVAT writes 1 for every brush mask.",
            )
        elif counts[label] == 0:
            faults.add(
                "warning",
                "class without objects",
                Place(split=split, class_name=name),
                "the class map has it, and no object.",
                "leave it out of the class map, or annotate some.",
            )
        elif counts[label] < RARE_OBJECTS:
            faults.add(
                "warning",
                f"rare class (fewer than {RARE_OBJECTS} objects)",
                Place(split=split, class_name=name),
                f"{name!r} has {counts[label]}.",
                "annotate more, or expect little of it.",
            )


def _check_ids(records_by_split: Mapping[str, Records], faults: Faults) -> None:
    seen: dict[ImageId, tuple[str, str | None]] = {}
    for split, records in records_by_split.items():
        for record in records:
            file = _file(record)
            other, other_file = seen.setdefault(record.image_id, (split, file))
            if other == split:
                continue
            place = Place(split=split, file=file, image_id=record.image_id)
            if file == other_file:
                faults.add(
                    "error",
                    "image in two splits",
                    place,
                    f"image {record.image_id!r} is in {other!r} too, so that figures are measured on what was learnt.",
                    "keep it in one split.",
                )
            else:
                faults.add(
                    "note",
                    "image id in two splits",
                    place,
                    f"the id {record.image_id!r} stands for {other_file} in {other!r}; each file may count for itself.",
                    "give ids of their own if the splits are ever joined.",
                )


def _file(record: Record) -> str | None:
    return None if record.path is None else str(record.path)
