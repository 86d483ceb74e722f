"""The folder that a command on data writes: never what it reads, whole or marked, and gone on with where it was left.

While a command writes, the folder has a file `UNFINISHED` that says of what work. The same command goes on with such a
folder, and `parsers.recognise` refuses to read it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from contorno import files
from contorno.errors import ConfigError
from contorno.parsers.sources import UNFINISHED

if TYPE_CHECKING:
    from contorno.records import Records

_LOCK = ".lock"  # of `files.folder_lock`
_NOT_PLANNED = ("call", "out", "force", "json", "dry_run")
"""Options that change nothing of what is written into the folder."""


def check_apart(out: Path, sources: Iterable[Path], parts: Iterable[Records]) -> None:
    """Raise ConfigError if `out` is or holds something that is read, or stands in it already.

    Data are never changed in place: moved aside they would be gone from where they are read.

    sources: the label files and folders.   parts: whose images are looked at too.
    """
    sources = list(sources)
    place = out.resolve()
    for source in sources:
        inside = source.is_dir() and place.is_relative_to(source.resolve())
        if inside and out.is_dir() and any(out.iterdir()) and not (out / UNFINISHED).exists():
            raise ConfigError(
                f"the output folder {out} exists already, in the data that are read ({source}), and data are never "
                "changed in place; choose another with --out."
            )
    folders = {record.path.parent for records in parts for record in records if record.path is not None}
    for path in (*sources, *sorted(folders)):
        if path.resolve().is_relative_to(place):
            raise ConfigError(
                f"the output folder {out} holds what is read ({path}), and data are never changed in place; "
                "choose another with --out."
            )


def plan(options: Mapping[str, Any], sets: Mapping[str, Mapping[str, Records]]) -> str:
    """What is to be written, as a checksum: of the options, and of all images and their objects.

    sets: parts by split, by the sub-folder that they go to.
    """
    said = {name: str(value) for name, value in sorted(options.items()) if name not in _NOT_PLANNED}
    digest = hashlib.sha256(json.dumps(said).encode())
    for sub, parts in sets.items():
        for split, records in parts.items():
            digest.update(json.dumps([sub, split, records.class_map.names]).encode())
            for record in records:
                digest.update(json.dumps([record.image_id, str(record.path), record.size_hw]).encode())
                digest.update(record.instances.labels.tobytes() + record.instances.boxes.tobytes())
    return digest.hexdigest()


@contextlib.contextmanager
def claimed(out: Path, work: str, *, force: bool) -> Iterator[bool]:
    """Hold `out` while the block writes `work`, as `plan` has named it; gives whether the work is gone on with.

    A block that ends badly leaves the folder marked, or no folder where nothing was written yet.
    force: move what stands there aside first, unless it is this very work, unfinished.
    Raises ConfigError as `files.new_folder`, for other work that was not finished, and where another process writes.
    """
    marker, lock, was_there = out / UNFINISHED, out / _LOCK, out.is_dir()
    resumed = marker.is_file() and _held(marker) == work
    if marker.is_file() and not resumed and not force:
        raise ConfigError(
            f"the output folder {out} is unfinished, from another command or other data; "
            "choose another with --out, or add --force to move it aside."
        )
    if not resumed:
        files.new_folder(out, force=force)
    try:
        with files.folder_lock(out):
            if resumed:
                for left in out.rglob(".*.part"):  # of files that were being written
                    left.unlink(missing_ok=True)
            else:
                files.write_json(marker, {"work": work})
            yield resumed
            marker.unlink()
            lock.unlink(missing_ok=True)
    finally:
        if marker.exists() and {path.name for path in out.iterdir()} <= {UNFINISHED, _LOCK}:
            marker.unlink()
            lock.unlink(missing_ok=True)
            if not was_there:
                out.rmdir()


def _held(marker: Path) -> str | None:
    value = files.read_json(marker)
    return value.get("work") if isinstance(value, dict) else None
