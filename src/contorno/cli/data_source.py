"""What all commands on a data set share: the options of how it is read, and reading it."""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from contorno.errors import ConfigError

if TYPE_CHECKING:
    from contorno.parsers import ReadOptions
    from contorno.records import Records

_SHOWN = 12


def add_reading(parser: argparse.ArgumentParser, *, objects: str = "any", min_area: bool = True) -> None:
    """Add the options of how a data set is read.

    objects: which objects count unless told otherwise.   min_area: False where the command has a --min-area of its own.
    """
    group = parser.add_argument_group("how the data are read")
    group.add_argument("--images", type=Path, metavar="DIR", help="the image folder (default: found beside the labels)")
    group.add_argument("--class-name", metavar="NAME", help="what the objects are where the files name no class")
    group.add_argument("--label-field", metavar="NAME", help="the attribute that holds the class, in files of VIA")
    group.add_argument(
        "--class-map", metavar="NAMES", help="the classes in their order, with commas; others are an error"
    )
    group.add_argument(
        "--ignore-unknown", action="store_true", help="leave out objects of classes that --class-map lacks"
    )
    group.add_argument(
        "--objects",
        choices=("any", "masks", "boxes"),
        default=objects,
        help=f"objects with masks alone, boxes of all, or each as it is (default {objects})",
    )
    group.add_argument(
        "--vertex-offset", type=float, default=0.0, metavar="PX", help="added to x and y of vertices, as in 0.5"
    )
    group.add_argument(
        "--mask-kind",
        choices=("instances", "label-map", "semantic"),
        help="mask pictures: one object each, one object a value, or one class a value (default: told from them)",
    )
    group.add_argument(
        "--mask-values", type=Path, metavar="FILE", help="JSON, CSV or labelmap.txt: the class of each value or colour"
    )
    group.add_argument(
        "--mask-void", metavar="VALUES", help="values that are neither object nor background, with commas, as in 255"
    )
    parser.set_defaults(region_area=1)
    if min_area:
        about = "mask pictures: leave out, and count, smaller regions"
        group.add_argument("--min-area", type=int, dest="region_area", metavar="PX2", help=about)
    group.add_argument(
        "--min-box-area", type=int, default=0, metavar="PX2", help="mask pictures: the same, by their tight box"
    )
    group.add_argument("--resize-masks", action="store_true", help="fit mask pictures of another size to their image")
    group.add_argument(
        "--missing-images", choices=("error", "drop"), default="error", help="images whose file is not there"
    )
    group.add_argument("--strict", action="store_true", help="stop at the first fault instead of mending and counting")


def read_options(arguments: argparse.Namespace) -> ReadOptions:
    """The options that `add_reading` took from the command line."""
    from contorno.parsers import ReadOptions
    from contorno.records import ClassMap

    names = names_of(arguments.class_map)
    if not math.isfinite(arguments.vertex_offset):
        raise ConfigError(f"--vertex-offset is {arguments.vertex_offset}; expected a number of pixels, as 0.5.")
    return ReadOptions(
        class_name=arguments.class_name,
        class_map=None if names is None else ClassMap(names),
        objects=arguments.objects,
        label_field=arguments.label_field,
        mask_kind=arguments.mask_kind,
        mask_values=arguments.mask_values,
        mask_void=_numbers(arguments.mask_void),
        min_area=arguments.region_area,
        min_box_area=arguments.min_box_area,
        resize_masks=arguments.resize_masks,
        vertex_offset=arguments.vertex_offset,
        ignore_unknown=arguments.ignore_unknown,
        missing_images=arguments.missing_images,
        autofix=not arguments.strict,
    )


def read_source(arguments: argparse.Namespace, path: Path) -> dict[str, Records]:
    """Read the data at `path` as they are divided, and say on stderr what they were taken for and what was met."""
    from contorno import parsers

    recognised = parsers.recognise(path, arguments.images)
    say(str(recognised))
    parts = parsers.read(path, arguments.images, read_options(arguments), recognised=recognised, show_pbar=True)
    said: set[str] = set()
    for name, records in parts.items():
        report = "" if records.report is None else str(records.report)
        guess = None if records.report is None else records.report.details.get("how masks were read")
        report += f"\nmasks read as {guess}" if guess is not None else ""
        if report and report not in said:
            said.add(report)
            say(f"{name or 'all'}: {report}" if len(recognised.splits) > 1 else report)
    return parts


def names_of(text: str | None) -> list[str] | None:
    """Names with commas between them; None stays None. Raises ConfigError for an empty list."""
    if text is None:
        return None
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise ConfigError(f"{text!r} names nothing; expected names with commas between them.")
    return names


def _numbers(text: str | None) -> tuple[int, ...]:
    """Whole numbers with commas between them; none for None. Raises ConfigError for anything else."""
    try:
        return tuple(int(number) for number in text.split(",")) if text is not None else ()
    except ValueError as error:
        raise ConfigError(
            f"--mask-void {text!r}: expected whole numbers with commas between them, as 0,255."
        ) from error


def say(text: str) -> None:
    """A message for people, on stderr."""
    print(text, file=sys.stderr)
