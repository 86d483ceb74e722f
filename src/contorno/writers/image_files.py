"""Where the images of written data lie: their names below a folder, and copies of them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, get_args

from contorno.errors import ConfigError
from contorno.files import atomic_file
from contorno.images import write_image
from contorno.progress import Progress, silent
from contorno.records import Record

Placing = Literal["copy", "link", "leave"]
"""copy: the bytes.   link: a hard link where the file system can, else a copy.   leave: images stay where they are."""


def common_folder(records: Iterable[Record]) -> Path:
    """The deepest folder that holds the image files of all records; the working folder if there is none."""
    folders = {os.path.normpath(Path(record.path).parent.absolute()) for record in records if record.path is not None}
    return Path(os.path.commonpath(folders)) if folders else Path.cwd()


def relative_names(records: Iterable[Record], img_dir: Path | None = None) -> list[str]:
    """The name of each record's image below `img_dir`, with forward slashes; below their common folder if unset.

    An image that is pixels without a file is named for its id, as a PNG.
    Raises ConfigError for an image file outside `img_dir`.
    """
    records = list(records)
    folder = common_folder(records) if img_dir is None else Path(img_dir)
    return [_name(record, folder) for record in records]


def place_images(
    records: Iterable[Record], names: Iterable[str], folder: Path, how: Placing = "copy", progress: Progress = silent
) -> int:
    """Put the image of each record at `folder / name`, and return how many files were written.

    A file that is there already with the same length and time of change stays.
    Raises ConfigError for an unknown `how`; WriteError if the disk is full.
    """
    if how not in get_args(Placing):
        raise ConfigError(f"images={how!r} is not known; choose one of {', '.join(get_args(Placing))}.")
    if how == "leave":
        return 0
    pairs = list(zip(records, names, strict=True))
    written = 0
    for done, (record, name) in enumerate(pairs, start=1):
        written += _place(record, folder / name, how)
        progress("placing images", done, len(pairs))
    return written


def _name(record: Record, folder: Path) -> str:
    if record.path is None:
        return f"{str(record.image_id).replace('/', '_')}.png"
    # The paths as they are written first: a folder of links to images elsewhere is still this folder.
    for place in (os.path.abspath, os.path.realpath):
        file, root = Path(place(record.path)), Path(place(folder))
        if file.is_relative_to(root):
            return file.relative_to(root).as_posix()
    raise ConfigError(
        f"image {record.image_id}: its file {record.path} is not in img_dir {folder}; give the folder of all images."
    )


def _place(record: Record, target: Path, how: Placing) -> bool:
    if record.path is None:
        assert record.image is not None
        write_image(target, record.image)
        return True
    source = Path(record.path)
    if target.exists():
        old, new = target.stat(), source.stat()
        if target.samefile(source) or (old.st_size == new.st_size and old.st_mtime_ns == new.st_mtime_ns):
            return False
    target.parent.mkdir(parents=True, exist_ok=True)
    if how == "link" and not target.exists():
        try:
            os.link(source, target)
            return True
        except OSError:
            pass  # another disk, or a file system without links: a copy is as good
    with source.open("rb") as read, atomic_file(target, "wb") as write:
        shutil.copyfileobj(read, write, 1 << 20)
    shutil.copystat(source, target)
    return True
