"""The annotations that a run keeps, `splits/<name>.json`: lossless COCO, with the folder of the images beside it.

Images inside the run folder move with it; images elsewhere are looked for where they were.
"""

from __future__ import annotations

import os
from pathlib import Path

from contorno import files, parsers, splits, writers
from contorno.errors import DataError
from contorno.records import Records


def write_split(folder: Path, name: str, records: Records) -> None:
    """Keep the annotations of a split in a run folder, with the folder of its images (not the images).

    Raises ConfigError if an image is not a file.
    """
    path = folder / "splits" / f"{name}.json"
    paths = [record.path.resolve().parent for record in records if record.path is not None]
    img_dir = Path(os.path.commonpath(paths)) if paths else folder
    writers.write_coco(records, path, img_dir=img_dir, extras={"info": {"img_dir": _relative(img_dir, path.parent)}})


def read_split(folder: Path, name: str, img_dir: Path | None = None) -> Records:
    """Read a split that `write_split` kept, under the names of classes of that time.

    img_dir: where its images lie now; None means where the split says.
    Raises DataError if it is not there or its images have moved.
    """
    path = folder / "splits" / f"{name}.json"
    if not path.exists():
        raise DataError(f"{folder} keeps no split {name!r}; give the data with --data and --images.")
    kept = files.read_json(path).get("info", {}).get("img_dir", ".")
    images = img_dir if img_dir is not None else (path.parent / kept).resolve()
    if not images.is_dir():
        raise DataError(f"the images of this run were in {images}, which is no longer there; say --images DIR.")
    return parsers.COCOParser(path, images).parse(data_splitter=splits.SingleSplitter())[0]


def _relative(folder: Path, start: Path) -> str:
    folder, start = Path(folder).resolve(), start.resolve()
    # Images inside the run folder move with it; images elsewhere stay where they are.
    run = start.parent
    if folder.is_relative_to(run):
        return (Path("..") / folder.relative_to(run)).as_posix()
    return folder.as_posix()
