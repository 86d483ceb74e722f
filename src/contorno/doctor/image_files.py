"""Faults of the image files: missing, damaged, of an unexpected form or size, and the same one twice."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from contorno.doctor.image_forms import check_form, check_size, explain_missing
from contorno.doctor.near_images import NearPair, all_pairs
from contorno.doctor.picture_files import Header, read_header, read_small
from contorno.doctor.report import Faults, Place
from contorno.errors import DataError
from contorno.files import checksum
from contorno.images import read_image
from contorno.progress import Progress
from contorno.records import Record

_ENDS = {".jpg": b"\xff\xd9", ".jpeg": b"\xff\xd9", ".png": b"IEND"}
_TAIL_BYTES = 4096


@dataclass(slots=True)
class _Opened:
    """A file that was read. small: None unless asked for."""

    path: Path
    place: Place
    header: Header
    small: NDArray[np.uint8] | None = None


def check_image_files(
    places: Sequence[tuple[Record, Place]],
    faults: Faults,
    *,
    decode: bool,
    near_duplicates: bool,
    progress: Progress,
    workers: int,
) -> None:
    """Read the header of every file, and find files with the same bytes or nearly the same picture.

    decode: decode every file, not only those whose last bytes look cut off.
    """
    for record, place in places:
        if record.path is None and record.image is not None:
            height, width = record.image.shape[:2]
            check_size(record.size_hw, (height, width), None, place, faults)
    on_disk = [(record, place, record.path) for record, place in places if record.path is not None]
    readable: list[_Opened] = []
    with ThreadPoolExecutor(workers) as pool:
        found = pool.map(lambda job: _open(job[2], decode, near_duplicates), on_disk)
        for done, ((record, place, path), opened) in enumerate(zip(on_disk, found, strict=True), start=1):
            if isinstance(opened, str):
                kind, cause, mend = explain_missing(path, opened)
                faults.add("error", kind, place, cause, mend)
            else:
                header, small = opened
                readable.append(_Opened(path, place, header, small))
                check_size(record.size_hw, header.size, header, place, faults)
                check_form(path, header, place, faults)
            progress("opening images", done, len(on_disk))
        repeats = _find_repeats(readable, faults, pool)
    if near_duplicates:
        _find_near(readable, repeats, faults, progress)


def _open(path: Path, decode: bool, near_duplicates: bool) -> tuple[Header, NDArray[np.uint8] | None] | str:
    """Header and small picture, or what is wrong with the file."""
    try:
        header = read_header(path)
        small = read_small(path) if near_duplicates else None
        if decode or (small is None and _looks_cut_off(path)):
            read_image(path)
    except (DataError, OSError) as error:
        return str(error)
    return header, small


def _looks_cut_off(path: Path) -> bool:
    end = _ENDS.get(path.suffix.lower())
    return end is not None and end not in _tail(path)


def _find_repeats(files: list[_Opened], faults: Faults, pool: ThreadPoolExecutor) -> dict[int, int]:
    """Files with the same bytes: {index: index of the first}. Whole files are read only where length and ends agree."""
    groups = [list(range(len(files)))]
    for identity in (_length, _ends, checksum):
        groups = [part for group in groups for part in _alike(files, group, identity, pool)]
    first_of: dict[int, int] = {}
    for group in groups:
        first = files[group[0]].place
        for index in group[1:]:
            first_of[index] = group[0]
            place = files[index].place
            cause = f"{files[index].path} has the same bytes as {first.file} in {first.split!r}"
            if files[index].path == files[group[0]].path and place.split == first.split:
                cause = f"{files[index].path} stands for the images {first.image_id!r} and {place.image_id!r}"
            if place.file == first.file and place.image_id == first.image_id:
                continue  # the same record in two splits, which is found by its id
            if place.split != first.split:
                cause += ", so that figures are measured on what was learnt."
                faults.add("error", "image file in two splits", place, cause, "keep it in one split.")
            else:
                faults.add("warning", "image file twice in a split", place, f"{cause}.", "keep one of the two.")
    return first_of


def _find_near(files: list[_Opened], repeats: dict[int, int], faults: Faults, progress: Progress) -> None:
    """Each picture is told of once, with the one before it that says most: another split first, then the likest."""
    kept = [index for index in range(len(files)) if index not in repeats and files[index].small is not None]
    small = [picture for index in kept if (picture := files[index].small) is not None]
    progress("comparing pictures", 0, len(kept))
    best: dict[int, tuple[tuple[bool, bool, float], int, NearPair]] = {}
    for pair in all_pairs(np.stack(small)) if small else ():
        one, other = kept[pair.first], kept[pair.second]
        if files[one].path == files[other].path:
            continue
        crosses = files[one].place.split != files[other].place.split
        rank = (crosses, pair.is_same, pair.correlation)
        if other not in best or rank > best[other][0]:
            best[other] = rank, one, pair
    for index in sorted(best):
        (crosses, is_same, correlation), first, pair = best[index]
        place, other_place = files[index].place, files[first].place
        how = "is the same picture as" if is_same else f"is nearly the same picture (correlation {correlation:.3f}) as"
        if pair.is_mirrored:
            how = how.replace("picture", "picture, mirrored,")
        cause = f"{files[index].path} {how} {other_place.file} in {other_place.split!r}"
        if crosses:
            cause += ", so that figures are measured on what was learnt."
            kind = "same picture in two splits" if is_same else "nearly the same picture in two splits"
            mend = "keep both in one split." if is_same else "look at both; keep frames of one scene in one split."
            faults.add("error" if is_same else "warning", kind, place, cause, mend)
        else:
            kind = "same picture twice in a split" if is_same else "nearly the same picture twice in a split"
            faults.add("warning", kind, place, f"{cause}.", "keep one of the two, or keep them in one split.")
    progress("comparing pictures", len(kept), len(kept))


def _alike(
    files: list[_Opened], group: list[int], identity: Callable[[Path], object], pool: ThreadPoolExecutor
) -> Iterator[list[int]]:
    groups: dict[object, list[int]] = defaultdict(list)
    for index, value in zip(group, pool.map(identity, [files[i].path for i in group]), strict=True):
        groups[value].append(index)
    return (part for part in groups.values() if len(part) > 1)


def _length(path: Path) -> int:
    return path.stat().st_size


def _ends(path: Path) -> bytes:
    with path.open("rb") as file:
        head = file.read(_TAIL_BYTES)
    return hashlib.sha256(head + _tail(path)).digest()


def _tail(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
        return file.read()
