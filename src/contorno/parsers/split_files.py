"""Label files that lie in a folder by split, or alone: VIA's, and tables of masks."""

from __future__ import annotations

import re
from pathlib import Path

from contorno.parsers.file_kinds import csv_kind, json_kind, recognise_file
from contorno.parsers.sources import Recognised, Source
from contorno.splits.words import SPLIT_WORDS

_PLACES = ("annotations", "annotation", "labels", "json", "csv", "csv_file", "csv_files", "via")
_MOST = 24
"""A folder of more label files is one of a file for each image."""


def label_files(folder: Path) -> list[Path]:
    """VIA's files and tables of masks in a folder, in order; what is made to be handed in at Kaggle is none."""
    files = [file for file in sorted(folder.glob("*.json")) if _is_label(file)]
    if len(files) > _MOST:
        return []
    tables = [file for file in sorted(folder.glob("*.csv")) if _is_label(file)]
    tables = [file for file in tables if "submission" not in file.stem.lower()]
    return [file for file in files if json_kind(file) == "VIA file"] + [file for file in tables if csv_kind(file)]


def _is_label(file: Path) -> bool:
    return not file.name.startswith(".") and file.is_file()


def split_files(path: Path, images: Path | None) -> Recognised | None:
    """Label files named for splits, as via_train.json and via_val.json, in a folder or its annotations/; None if
    there are none, or not one for each."""
    for folder in _places(path):
        files = label_files(folder)
        by_split: dict[str, list[Path]] = {}
        for file in files:
            by_split.setdefault(_split_of(file), []).append(file)
        if "train" not in by_split or "" in by_split or any(len(named) > 1 for named in by_split.values()):
            continue
        if len(by_split) == 1:
            continue
        splits: dict[str, Source] = {}
        how = [f"{folder}: a label file for each split"]
        for split in [*(split for split in ("train", "validation", "test") if split in by_split)]:
            splits[split], why = recognise_file(by_split[split][0], images)
            how.append(f"{split}: {by_split[split][0]}: {why}")
        return Recognised(splits=splits, how=tuple(how))
    return None


def file_below(path: Path, images: Path | None) -> Recognised | None:
    """The only label file in the annotations/ of a folder that has none itself; None if there is no such one."""
    for folder in _places(path)[1:]:
        files = label_files(folder)
        if len(files) == 1:
            source, why = recognise_file(files[0], images)
            return Recognised(splits={"": source}, how=(f"{files[0]}: {why}",))
    return None


def run_length_table(path: Path, images: Path | None) -> Recognised | None:
    """The only table of run-length codes in a folder; its images mostly lie in folders that look like splits."""
    tables = [file for file in label_files(path) if file.suffix.lower() == ".csv"]
    found = [file for file in tables if csv_kind(file) == "run-length table"]
    if len(found) != 1:
        return None
    source, why = recognise_file(found[0], images)
    return Recognised(splits={"": source}, how=(f"{found[0]}: {why}",))


def _places(path: Path) -> list[Path]:
    below = {folder.name.lower(): folder for folder in sorted(path.iterdir()) if folder.is_dir()}
    return [path, *(below[name] for name in _PLACES if name in below)]


def _split_of(file: Path) -> str:
    found = {SPLIT_WORDS[word] for word in re.split(r"[^a-z]+", file.stem.lower()) if word in SPLIT_WORDS}
    return found.pop() if len(found) == 1 else ""
