"""`contorno data convert | split | merge | subset`: data sets out of data sets, never in place."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from contorno.cli.data_output import add_writing, check_writing, write
from contorno.cli.data_source import add_reading, names_of, read_source, say
from contorno.errors import ConfigError

if TYPE_CHECKING:
    from contorno.gathering.merging import OnSameImage
    from contorno.records import Records
    from contorno.splits import Splitter


def add(ways: argparse._SubParsersAction[Any]) -> None:
    """Add the commands to those of `contorno data`."""
    _add_convert(ways)
    _add_split(ways)
    _add_merge(ways)
    _add_subset(ways)


def _add_convert(ways: argparse._SubParsersAction[Any]) -> None:
    convert = ways.add_parser(
        "convert",
        help="write the data in another format, and say what it cannot hold",
        epilog="example: contorno data convert via_project.json --to coco --out coco",
    )
    convert.add_argument("path", type=Path, metavar="PATH")
    add_reading(convert)
    add_writing(convert)
    convert.set_defaults(call=_convert)


def _add_split(ways: argparse._SubParsersAction[Any]) -> None:
    split = ways.add_parser(
        "split",
        help="divide a data set: by ratio, folds, folder, file lists or groups; repeatable",
        epilog="example: contorno data split labels.json --images photos --ratio 0.7,0.2,0.1 --out parts",
    )
    split.add_argument("path", type=Path, metavar="PATH")
    way = split.add_mutually_exclusive_group()
    way.add_argument("--ratio", metavar="SHARES", help="shares of train, validation, test (default 0.8,0.2)")
    way.add_argument("--folds", type=int, metavar="K", help="K folds, each with a train and a validation part")
    way.add_argument("--by-folder", action="store_true", help="by the folder in the file name")
    way.add_argument("--lists", nargs="+", metavar="SPLIT=FILE", help="by lists of file names, one a line")
    split.add_argument(
        "--group", metavar="KEY", help='keep groups together: "folder", or a regular expression on the file name'
    )
    split.add_argument("--no-stratify", action="store_true", help="do not spread the classes in proportion")
    split.add_argument("--seed", type=int, default=42)
    _add_same_image(split)
    add_reading(split)
    add_writing(split)
    split.set_defaults(call=_split)


def _add_merge(ways: argparse._SubParsersAction[Any]) -> None:
    merge = ways.add_parser(
        "merge",
        help="join data sets of any formats into one",
        epilog="example: contorno data merge first.json second/ --out all --rename kitty=cat",
    )
    merge.add_argument("paths", type=Path, nargs="+", metavar="PATH")
    merge.add_argument("--rename", nargs="+", default=(), metavar="OLD=NEW", help="classes called otherwise")
    _add_same_image(merge)
    add_reading(merge)
    add_writing(merge)
    merge.set_defaults(call=_merge)


def _add_subset(ways: argparse._SubParsersAction[Any]) -> None:
    subset = ways.add_parser(
        "subset",
        help="keep some classes, images or objects",
        epilog="example: contorno data subset labels.json --classes cat,dog --limit 200 --out small",
    )
    subset.add_argument("path", type=Path, metavar="PATH")
    subset.add_argument("--classes", metavar="NAMES", help="keep these classes")
    subset.add_argument("--without", metavar="NAMES", help="leave these classes out")
    subset.add_argument("--limit", type=int, metavar="N", help="at most so many images of each part")
    subset.add_argument("--min-area", type=float, metavar="PX2", help="leave smaller objects out")
    subset.add_argument("--negatives", choices=("keep", "drop"), default="keep", help="images without objects")
    subset.add_argument("--seed", type=int, default=42)
    add_reading(subset, min_area=False)
    add_writing(subset)
    subset.set_defaults(call=_subset)


def _convert(arguments: argparse.Namespace) -> int:
    check_writing(arguments)
    return write(arguments, {"": read_source(arguments, arguments.path)}, arguments.path)


def _split(arguments: argparse.Namespace) -> int:
    from contorno import splits

    check_writing(arguments)
    splitter = _splitter(arguments)
    records = _joined(read_source(arguments, arguments.path), arguments.same_image)
    if splitter is not None:
        return write(arguments, {"": splits.named_parts(records, splitter)}, arguments.path)
    stratified = not arguments.no_stratify
    folds = {
        f"fold-{fold + 1}": splits.named_parts(
            records,
            splits.KFoldSplitter(arguments.folds, fold, arguments.seed, stratified=stratified, key=arguments.group),
        )
        for fold in range(arguments.folds)
    }
    return write(arguments, folds, arguments.path)


def _merge(arguments: argparse.Namespace) -> int:
    from contorno import gathering

    check_writing(arguments)
    rename = dict(_pair(word, "--rename OLD=NEW") for word in arguments.rename)
    parts: dict[str, Records] = {}
    for number, path in enumerate(arguments.paths, start=1):
        name = path.stem or path.resolve().name
        name = name if not any(part.split("/")[0] == name for part in parts) else f"{name}-{number}"
        for split, records in read_source(arguments, path).items():
            parts[f"{name}/{split}" if split else name] = records
    divided = [name for name in parts if "/" in name]
    if divided and len(divided) < len(parts):
        whole = next(name for name in parts if name not in divided)
        raise ConfigError(
            f"{whole} is not divided and {divided[0].split('/')[0]} is; divide it first, with `contorno data split`."
        )
    merged = gathering.merge(parts, rename=rename, on_same_image=arguments.same_image)
    say(str(merged.report))
    if not divided:
        return write(arguments, {"": {"": merged}}, *arguments.paths)
    by_split = {
        split: merged.select(place for place, record in enumerate(merged) if record.split == split)
        for split in dict.fromkeys(name.split("/", 1)[1] for name in divided)
    }
    return write(arguments, {"": by_split}, *arguments.paths)


def _subset(arguments: argparse.Namespace) -> int:
    from contorno import gathering

    check_writing(arguments)
    if arguments.limit is not None and arguments.limit < 1:
        raise ConfigError(f"--limit is {arguments.limit}; expected 1 or more.")
    if arguments.min_area is not None and not 0 <= arguments.min_area < float("inf"):
        raise ConfigError(f"--min-area is {arguments.min_area}; expected a number of px² from 0 on.")
    made = {}
    for split, records in read_source(arguments, arguments.path).items():
        made[split] = gathering.subset(
            records,
            classes=names_of(arguments.classes),
            without_classes=names_of(arguments.without),
            limit=arguments.limit,
            seed=arguments.seed,
            min_area=arguments.min_area,
            negatives=arguments.negatives,
        )
        say(f"{split or 'all'}: {made[split].report}")
    return write(arguments, {"": made}, arguments.path)


def _splitter(arguments: argparse.Namespace) -> Splitter | None:
    """The splitter asked for, None for folds. Raises ConfigError for what it cannot follow."""
    from contorno import splits

    if arguments.folds is not None:
        if arguments.folds < 2:
            raise ConfigError(f"--folds is {arguments.folds}; expected 2 or more.")
        return None
    if arguments.by_folder:
        return splits.FolderSplitter()
    if arguments.lists is not None:
        from contorno.writers.split_names import usual_name

        lists: dict[str, str] = {}
        for word in arguments.lists:
            name, path = _pair(word, "--lists SPLIT=FILE")
            name = usual_name(name)
            if name in lists:
                raise ConfigError(f"--lists names the split {name!r} twice; give one list for each.")
            lists[name] = path
        return splits.FileListSplitter(lists)
    probs = _shares(arguments.ratio)
    if not arguments.no_stratify:
        return splits.StratifiedSplitter(probs, arguments.seed, key=arguments.group)
    if arguments.group is not None:
        return splits.GroupedSplitter(arguments.group, probs, arguments.seed)
    return splits.RandomSplitter(probs, arguments.seed)


def _shares(text: str | None) -> tuple[float, ...]:
    """Shares that need not sum to 1: `8,2` is four to one. Raises ConfigError for what are no shares."""
    if text is None:
        return 0.8, 0.2
    try:
        shares = [float(word) for word in text.replace("/", ",").replace(":", ",").split(",")]
    except ValueError:
        shares = []
    if len(shares) < 2 or not all(0 < share < float("inf") for share in shares):
        raise ConfigError(f"--ratio {text} is not two or more shares above 0; write it as 0.7,0.2,0.1 or 80/20.")
    return tuple(share / sum(shares) for share in shares)


def _pair(word: str, shape: str) -> tuple[str, str]:
    left, sign, right = word.partition("=")
    if not (sign and left.strip() and right.strip()):
        raise ConfigError(f"{word!r} is not of the form of {shape}.")
    return left.strip(), right.strip()


def _add_same_image(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--same-image",
        choices=("error", "first", "join", "keep"),
        default="error",
        help="one image in two parts: stop (default), the first part's objects, those of both, or two images",
    )


def _joined(parts: Mapping[str, Records], same_image: OnSameImage) -> Records:
    """All parts as one, as they are read before they are divided anew."""
    from contorno import gathering

    if len(parts) == 1:
        return next(iter(parts.values()))
    say(f"the data are divided into {', '.join(parts)}; they are joined, and divided anew.")
    records = gathering.merge(parts, on_same_image=same_image)
    say(str(records.report))
    return records
