"""The options of `contorno openimages fetch`: which images, what of their masks in doubt, and how."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from contorno.cli.openimages_commands import add_places
from contorno.errors import ConfigError

if TYPE_CHECKING:
    from contorno.openimages import Options

SPLITS = ("train", "validation", "test")


def add_options(fetch: argparse.ArgumentParser) -> None:
    """Add the classes and every option to the parser of the verb."""
    fetch.add_argument("classes", nargs="+", metavar="CLASS", help="names or MIDs; case does not matter")
    fetch.add_argument("--out", type=Path, default=Path("data"), metavar="DIR", help="the folder (default: data)")
    fetch.add_argument("--dry-run", action="store_true", help="count images, masks and bytes, and fetch none")
    which = fetch.add_argument_group("which images")
    which.add_argument("--split", nargs="+", choices=SPLITS, default=list(SPLITS), help="(default: all three)")
    which.add_argument("--limit", type=int, metavar="N", help="at most so many images for each class in each split")
    which.add_argument(
        "--order",
        choices=("random", "most-classes"),
        default="random",
        help="which ones a limit keeps: any, by --seed, or those first that show most of the classes",
    )
    which.add_argument("--seed", type=int, default=0, metavar="N", help="another seed keeps other images (default: 0)")
    which.add_argument(
        "--exclude", type=Path, metavar="FILE", help="a file with ids of images to leave out, one a line"
    )
    which.add_argument(
        "--negatives",
        type=float,
        default=0.0,
        metavar="SHARE",
        help="add images verified to have none of the classes, such as 0.2 of those that have them",
    )
    which.add_argument("--expand", action="store_true", help="take the classes below each in the hierarchy too")
    which.add_argument("--rename", nargs="+", default=[], metavar="OLD=NEW", help="call a class otherwise")
    doubt = fetch.add_argument_group(
        "masks and boxes in doubt (those marked * read the table of boxes, 2.3 GB for train)"
    )
    doubt.add_argument("--min-iou", type=float, metavar="X", help="reject masks of a PredictedIoU below X, 0..1")
    doubt.add_argument(
        "--without",
        nargs="+",
        choices=("occluded", "truncated", "depiction", "inside"),
        default=[],
        help="* reject masks whose box has one of these flags",
    )
    doubt.add_argument(
        "--rejected",
        choices=("ignore", "background", "leave-out"),
        default="ignore",
        help="what a rejected mask becomes: a region to ignore, background, or its image is left out",
    )
    doubt.add_argument(
        "--groups",
        choices=("object", "crowd", "leave-out"),
        default="object",
        help="* what a group of things (IsGroupOf) is: an object, a crowd region, or its image is left out",
    )
    doubt.add_argument(
        "--unmasked",
        choices=("background", "ignore", "leave-out"),
        default="background",
        help="* what a box without a mask is: background, a region to ignore, or its image is left out",
    )
    doubt.add_argument("--flags", action="store_true", help="* write the flags of each box into the COCO files")
    how = fetch.add_argument_group("how")
    how.add_argument(
        "--layout",
        choices=("coco", "tutorial"),
        default="coco",
        help="tutorial: CLASS/images, CLASS/pascal and CLASS/segmentations, as the hot-dog tutorial has them",
    )
    how.add_argument("--attribution", action="store_true", help="write author, licence and page of every image")
    how.add_argument("--workers", type=int, default=16, metavar="N", help="requests at one time (default: 16)")
    how.add_argument("--quiet", action="store_true", help="no progress, only the result")
    how.add_argument("--json", action="store_true", help="the result as JSON on stdout, progress as JSON on stderr")
    add_places(fetch)


def read_options(arguments: argparse.Namespace) -> Options:
    """What is to be fetched, as `contorno.openimages.fetch` and `plan` take it.

    Raises ConfigError for a rename that is none, or a list of exclusions that cannot be read.
    """
    from contorno.openimages import read_exclusions

    options: Options = {
        "splits": arguments.split,
        "limit": arguments.limit,
        "order": arguments.order,
        "seed": arguments.seed,
        "negatives": arguments.negatives,
        "rename": pairs(arguments.rename, "--rename"),
        "expand": arguments.expand,
        "min_iou": arguments.min_iou,
        "without": arguments.without,
        "rejected": arguments.rejected,
        "groups": arguments.groups,
        "unmasked": arguments.unmasked,
        "flags": arguments.flags,
    }
    if arguments.exclude is not None:
        options["exclude"] = read_exclusions(arguments.exclude)
    return options


def pairs(words: Sequence[str], option: str) -> dict[str, str]:
    """{old: new} from words like OLD=NEW. Raises ConfigError for another word."""
    found = {}
    for word in words:
        old, equals, new = word.partition("=")
        if not equals or not old.strip() or not new.strip():
            raise ConfigError(f"{option} has {word!r}; expected OLD=NEW, such as 'Hot dog=choripan'.")
        found[old.strip()] = new.strip()
    return found
