"""Check a whole data set from its path: what it is, every fault of its files, and of what can be read of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from contorno.doctor.check import examine_records
from contorno.doctor.coco import check_coco
from contorno.doctor.json_source import read_document
from contorno.doctor.parsed import check_parsed
from contorno.doctor.report import WHOLE, CheckReport, Faults, Place
from contorno.errors import DataError
from contorno.parsers import ReadOptions, Recognised, recognise
from contorno.parsers.coco_layouts import is_coco_file
from contorno.progress import Progress, silent
from contorno.records import ClassMap, ImageId, Records
from contorno.splits import BySplitFolder

_FEW_FILES = 12
_JSON = (".json", ".geojson", ".ndjson", ".jsonl", ".txt", "")


def check_path(
    path: Path | str,
    images: Path | str | None = None,
    *,
    options: ReadOptions | None = None,
    open_images: bool = True,
    decode: bool = False,
    near_duplicates: bool = True,
    progress: Progress = silent,
    workers: int = 8,
) -> CheckReport:
    """Find every fault of the data at `path` in one pass. Bad data never raise; they are in the report.

    path, images:     a label file or a folder, and the image folder, as `parsers.recognise` takes them.
    options:          how the data are read. With a class map there, objects of other classes are faults.
    open_images:      read the image files: header, form, equal bytes.
    decode:           decode every image, to find all damaged ones; without it only those whose end looks cut off.
    near_duplicates:  find pictures that were saved again, resized or brightened; decodes every image, JPEG at a
                      fraction of its size.
    workers:          threads that read image files.
    Raises ConfigError if nothing is at `path`, or `images` is no folder.
    """
    path = Path(path)
    faults = Faults()
    try:
        recognised = recognise(path, images)
    except DataError as error:
        # What a broken JSON file should have been cannot be seen, and what is wrong with it can.
        for file in _json_files(path):
            read_document(file, Place(split=WHOLE, label_file=str(file)), faults)
        if not faults.has("error"):
            place, mend = Place(split=WHOLE, label_file=str(path)), "give a label file or a data folder."
            faults.add("error", "data that are not recognised", place, str(error), mend)
        return faults.report(0, 0)
    splits, raw, have_images = _read(recognised, ReadOptions() if options is None else options, faults, progress)
    # A part that could not be read is no empty part.
    stopped = faults.has("error")
    readable = {split: records for split, records in splits.items() if len(records) or not stopped}
    if readable or not stopped:
        examine_records(
            readable,
            faults,
            raw=raw,
            open_images=open_images and have_images,
            decode=decode,
            near_duplicates=near_duplicates,
            progress=progress,
            workers=workers,
        )
    counts = [(len(records), records.num_objects) for records in splits.values()]
    return faults.report(sum(i for i, _ in counts), sum(o for _, o in counts), recognised.how)


def _json_files(path: Path) -> list[Path]:
    """The file itself, or the JSON files in a folder and two below that are no COCO files, if they are few."""
    if path.is_file():
        return [path] if path.suffix.lower() in _JSON else []
    files = [file for depth in ("", "*/", "*/*/") for file in path.glob(f"{depth}*.json") if file.is_file()]
    return [file for file in sorted(files) if not is_coco_file(file)] if len(files) <= _FEW_FILES else []


def _read(
    recognised: Recognised, options: ReadOptions, faults: Faults, progress: Progress
) -> tuple[dict[str, Records], dict[str, frozenset[ImageId]], bool]:
    """Records by split; for COCO files what mending removes as repeats, and whether all their images were found."""
    given = options.class_map
    shared = ClassMap() if given is None else given
    splits: dict[str, Records] = {}
    raw: dict[str, frozenset[ImageId]] = {}
    have_images = True
    others = {name: source for name, source in recognised.splits.items() if source.kind != "COCO file"}
    for name, source in recognised.splits.items():
        if name not in others:
            checked = check_coco(
                source.path,
                name or WHOLE,
                faults,
                class_map=shared,
                is_given=given is not None,
                ignore_unknown=options.ignore_unknown,
                images=source.images,
                progress=progress,
            )
            for split, records in _divided(checked.records, name or WHOLE).items():
                splits[split], raw[split] = records, checked.repeats
            have_images &= checked.has_images
    if others:
        progress("reading the labels", 0, 1)
        splits |= check_parsed(replace(recognised, splits=others), faults, options, WHOLE)
        progress("reading the labels", 1, 1)
    return splits, raw, have_images


def _divided(records: Records, split: str) -> dict[str, Records]:
    """By the splits that every image names itself, where the data are not divided otherwise."""
    named = {record.split for record in records}
    if split != WHOLE or None in named or len(named) < 2:
        return {split: records}
    return {str(part[0].split): part for part in BySplitFolder()(records)}
