"""What all commands that write a data set share: the options of what is written where, and writing it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from contorno.cli.data_source import say
from contorno.errors import ConfigError

if TYPE_CHECKING:
    from contorno.records import Records

FORMATS = ("coco", "via", "labelme", "yolo", "voc", "masks")


def add_writing(parser: argparse.ArgumentParser) -> None:
    """Add the options of what is written."""
    group = parser.add_argument_group("what is written")
    group.add_argument("--to", choices=FORMATS, default="coco", help="the format (default coco)")
    group.add_argument("--out", type=Path, required=True, metavar="DIR", help="a new folder")
    group.add_argument("--force", action="store_true", help="move what stands there aside first")
    group.add_argument(
        "--form",
        choices=("exact", "simplified"),
        default="exact",
        help="masks that have to become polygons: to the very same pixels, or with few vertices",
    )
    group.add_argument("--min-iou", type=float, default=0.98, help="of simplified polygons with their masks")
    group.add_argument(
        "--image-files", choices=("copy", "link", "leave"), default="copy", help="copy, hard link, or leave the images"
    )
    group.add_argument("--dry-run", action="store_true", help="read and divide, count, and write nothing")
    group.add_argument("--json", action="store_true", help="print what was written as JSON")


def check_writing(arguments: argparse.Namespace) -> None:
    """Raise ConfigError for options that cannot be followed, before anything is read."""
    if not 0 < arguments.min_iou <= 1:
        raise ConfigError(f"--min-iou is {arguments.min_iou}; expected a number above 0 and up to 1, such as 0.98.")


def write(arguments: argparse.Namespace, sets: Mapping[str, Mapping[str, Records]], *sources: Path) -> int:
    """Write data sets to `--out`, say what they lost, and return the exit code.

    sets: parts by split, by the sub-folder that they go to, "" for the folder itself.   sources: what was read.
    Raises ConfigError for a folder that exists or is read from, and what the writers raise.
    """
    from contorno import writers
    from contorno.cli import output_folder
    from contorno.parsers.sources import UNFINISHED
    from contorno.progress import ProgressLine

    out: Path = arguments.out
    for sub, parts in sets.items():
        for name, records in parts.items():
            where = "/".join(part for part in (sub, name) if part)
            say(f"{where or 'all'}: {len(records)} images, {records.num_objects} objects")
    output_folder.check_apart(out, sources, (records for parts in sets.values() for records in parts.values()))
    if arguments.dry_run:
        _print_plan(arguments, sets)
        return 0
    written = []
    finished = False
    try:
        with (
            output_folder.claimed(out, output_folder.plan(vars(arguments), sets), force=arguments.force) as resumed,
            ProgressLine() as line,
        ):
            if resumed:
                say(f"going on with {out}, which was not finished.")
            for sub, parts in sets.items():
                written += writers.write_as(
                    arguments.to,
                    parts,
                    out / sub,
                    images=arguments.image_files,
                    form=arguments.form,
                    min_iou=arguments.min_iou,
                    progress=line,
                )
        finished = True
    finally:
        if not finished and (out / UNFINISHED).exists():
            say(f"{out} is not finished; the same command goes on with it.")
    if arguments.json:
        print(json.dumps([each.to_json() for each in written], indent=2, ensure_ascii=False))
    else:
        print("\n".join(map(str, written)))
    return 0


def _print_plan(arguments: argparse.Namespace, sets: Mapping[str, Mapping[str, Records]]) -> None:
    """What would be written: parts, and bytes of images."""
    images = {
        record.path
        for parts in sets.values()
        for records in parts.values()
        for record in records
        if record.path is not None
    }
    size = 0 if arguments.image_files == "leave" else sum(path.stat().st_size for path in images)
    if arguments.json:
        counts: dict[str, Any] = {
            sub: {name: {"images": len(part), "objects": part.num_objects} for name, part in parts.items()}
            for sub, parts in sets.items()
        }
        value = {"path": str(arguments.out), "written": False, "image_bytes": size}
        print(json.dumps(value | {"parts": counts[""] if set(counts) == {""} else counts}, indent=2))
        return
    how = {"copy": "copied", "link": "linked", "leave": "left where they are"}[arguments.image_files]
    amount = f"{len(images)} images" if arguments.image_files == "leave" else f"{len(images)} images ({size} bytes)"
    print(f"nothing was written to {arguments.out}: --dry-run. {amount} would be {how}.")
