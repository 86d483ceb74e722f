"""Images that seem to be unlabelled rather than without objects, by where they stand and what the others have."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from pathlib import PurePath

import numpy as np
from numpy.typing import NDArray

from contorno.doctor.report import Faults, Place
from contorno.records import Record, Records

FEWEST_IMAGES = 10
"""Sets of fewer images tell nothing."""

_CHANCE = 1e-4
"""What is likelier than this by chance is not told."""

_FEWEST_TOGETHER = 5
_FOLDER_SHARE = 0.2
_MANY_OBJECTS = 3


def check_labelling(records_by_split: Mapping[str, Records], faults: Faults) -> None:
    """Look for images that someone may have forgotten, in each split that has images with objects and without.

    - At the end of the order: a run of at least five images without objects that stands there by chance once in ten
      thousand times, given how often images without objects come before it. Annotating may have stopped there. Not
      where names that were in order begin anew with the run: those were put there.
    - In one folder: all images of a folder (at least five), while in the others at most a fifth has none.
    - Among many: at most a twentieth of the images has no objects, and nineteen of twenty others have three or more.
    - Far fewer: an eighth or less of what half of the images have, where half have ten or more and a quarter has not
      under half of that.
    """
    for split, records in records_by_split.items():
        counts = np.array([len(record.instances) for record in records], dtype=np.int64)
        if len(counts) < FEWEST_IMAGES or not counts.any():
            continue
        rest = _check_end(split, records, counts, faults)
        rest &= ~_check_folders(split, records, counts, rest, faults)
        _check_few(split, records, counts, rest, faults)


def _check_end(split: str, records: Records, counts: NDArray[np.int64], faults: Faults) -> NDArray[np.bool_]:
    """True for images that the rule does not name, (N,)."""
    rest = np.ones(len(counts), dtype=bool)
    last = int(np.flatnonzero(counts)[-1]) + 1
    run = len(counts) - last
    if run < _FEWEST_TOGETHER:
        return rest
    share = (int((counts[:last] == 0).sum()) + 1) / (last + 2)
    if run * math.log(share) > math.log(_CHANCE) or _are_two_lists(records, last):
        return rest
    cause = f"the last {run} of {len(counts)} images have no objects; of those before, {share:.0%}."
    for index in range(last, len(counts)):
        _tell(split, records[index], "image at the end of the order without objects", cause, faults)
    rest[last:] = False
    return rest


def _are_two_lists(records: Records, last: int) -> bool:
    """Whether the images from `last` on were put behind the others: both are in the order of their names, each from A.

    So are negatives that somebody chose, as `contorno openimages fetch` lays them out; where annotating stopped, the
    names go on.
    """
    names = [str(record.image_id) if record.path is None else record.path.name for record in records]
    before, after = names[:last], names[last:]
    return before == sorted(before) and after == sorted(after) and after[0] < before[-1]


def _check_folders(
    split: str, records: Records, counts: NDArray[np.int64], rest: NDArray[np.bool_], faults: Faults
) -> NDArray[np.bool_]:
    """True for images that the rule names, (N,)."""
    named = np.zeros(len(counts), dtype=bool)
    folders: dict[PurePath, list[int]] = defaultdict(list)
    for index in np.flatnonzero(rest).tolist():
        path = records[index].path
        if path is not None:
            folders[path.parent].append(index)
    if not 2 <= len(folders) <= len(counts) // _FEWEST_TOGETHER:
        return named
    for folder, indices in folders.items():
        others = np.setdiff1d(np.flatnonzero(rest), indices)
        if len(indices) < _FEWEST_TOGETHER or counts[indices].any() or not len(others):
            continue
        share = float((counts[others] == 0).mean())
        if share <= _FOLDER_SHARE:
            cause = f"none of the {len(indices)} images in {folder} has an object; elsewhere {share:.0%} have none."
            for index in indices:
                _tell(split, records[index], "image of a folder without objects", cause, faults)
            named[indices] = True
    return named


def _check_few(
    split: str, records: Records, counts: NDArray[np.int64], rest: NDArray[np.bool_], faults: Faults
) -> None:
    having = counts[counts > 0]
    if not len(having):
        return
    empty = np.flatnonzero(rest & (counts == 0))
    low, quarter, median = np.quantile(having, [0.05, 0.25, 0.5])
    if len(empty) <= len(counts) / 20 and low >= _MANY_OBJECTS:
        cause = f"of the images with objects nineteen in twenty have {low:g} or more, half have {median:g} or more."
        for index in empty.tolist():
            _tell(split, records[index], "image without objects where all others have many", cause, faults)
    if median >= 10 and quarter >= median / 2:
        for index in np.flatnonzero((counts > 0) & (counts <= median / 8)).tolist():
            cause = f"it has {counts[index]}, half of the images have {median:g} or more."
            _tell(split, records[index], "image with far fewer objects than the others", cause, faults)


def _tell(split: str, record: Record, kind: str, cause: str, faults: Faults) -> None:
    place = Place(split=split, file=None if record.path is None else str(record.path), image_id=record.image_id)
    mend = "look at the image: annotate its objects, or keep it if there are none."
    faults.add("warning", kind, place, cause, mend)
