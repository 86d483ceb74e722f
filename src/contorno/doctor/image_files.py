"""Faults of the image files: missing, damaged, of another size than stated, and the same one twice."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from contorno.doctor.report import Faults, Place
from contorno.errors import DataError
from contorno.files import checksum
from contorno.images import image_size, read_image
from contorno.masks import Size
from contorno.progress import Progress
from contorno.records import Record

_ENDS = {".jpg": b"\xff\xd9", ".jpeg": b"\xff\xd9", ".png": b"IEND"}
_TAIL_BYTES = 4096


def check_image_files(
    places: Sequence[tuple[Record, Place]], faults: Faults, *, decode: bool, progress: Progress, workers: int
) -> None:
    """Read the header of every file, and find files with the same bytes.

    decode: decode every file, not only those whose last bytes look cut off.
    """
    for record, place in places:
        if record.path is None and record.image is not None:
            height, width = record.image.shape[:2]
            _compare_size(record, place, (height, width), faults)
    on_disk = [(record, place) for record, place in places if record.path is not None]
    readable: list[tuple[Path, Place]] = []
    with ThreadPoolExecutor(workers) as pool:
        found = pool.map(lambda pair: _open(pair[0].path, decode), on_disk)
        for done, ((record, place), size) in enumerate(zip(on_disk, found, strict=True), start=1):
            if isinstance(size, str):
                missing = not Path(record.path or "").is_file()
                kind = "image file missing" if missing else "image file that cannot be read"
                faults.add("error", kind, place, size, "put the file there, or leave the image out.")
            elif record.path is not None:
                readable.append((record.path, place))
                _compare_size(record, place, size, faults)
            progress("opening images", done, len(on_disk))
        _find_repeats(readable, faults, pool)


def _open(path: Path | None, decode: bool) -> Size | str:
    """(height, width) as the image is shown, or what is wrong with the file."""
    assert path is not None
    try:
        size = image_size(path)
        if decode or _looks_cut_off(path):
            read_image(path)
    except (DataError, OSError) as error:
        return str(error)
    return size


def _looks_cut_off(path: Path) -> bool:
    end = _ENDS.get(path.suffix.lower())
    return end is not None and end not in _tail(path)


def _compare_size(record: Record, place: Place, size: Size, faults: Faults) -> None:
    if size == record.size_hw:
        return
    stated = f"stated are {record.size_hw[1]} x {record.size_hw[0]} pixels, the file has {size[1]} x {size[0]}"
    if size == record.size_hw[::-1]:
        faults.add(
            "error",
            "image with width and height swapped",
            place,
            f"{stated} (width x height) as it is shown: it may have been annotated without its EXIF orientation.",
            "turn the pixels for good and annotate those, or correct the stated size.",
        )
    else:
        faults.add(
            "error",
            "image of another size than stated",
            place,
            f"{stated} (width x height).",
            "use the files that were annotated; if they were resized, resize the annotations as well.",
        )


def _find_repeats(files: list[tuple[Path, Place]], faults: Faults, pool: ThreadPoolExecutor) -> None:
    """Files with the same bytes. Whole files are read only where length and both ends are the same."""
    groups = [files]
    for identity in (_length, _ends, checksum):
        groups = [part for group in groups for part in _alike(group, identity, pool)]
    for group in groups:
        _, first = group[0]
        for path, place in group[1:]:
            cause = f"{path} has the same bytes as {first.file} in {first.split!r}"
            if place.file == first.file and place.image_id == first.image_id:
                continue  # the same record in two splits, which is found by its id
            if place.split != first.split:
                cause += ", so that figures are measured on what was learnt."
                faults.add("error", "image file in two splits", place, cause, "keep it in one split.")
            else:
                faults.add("warning", "image file twice in a split", place, f"{cause}.", "keep one of the two.")


def _alike(
    files: list[tuple[Path, Place]], identity: Callable[[Path], object], pool: ThreadPoolExecutor
) -> Iterator[list[tuple[Path, Place]]]:
    groups: dict[object, list[tuple[Path, Place]]] = defaultdict(list)
    for pair, value in zip(files, pool.map(identity, [path for path, _ in files]), strict=True):
        groups[value].append(pair)
    return (group for group in groups.values() if len(group) > 1)


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
