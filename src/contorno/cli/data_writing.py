"""`contorno data convert | split | merge | subset`: data sets out of data sets, never in place."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from contorno.cli.data_source import add_reading, names_of, read_source, say
from contorno.errors import ConfigError

if TYPE_CHECKING:
    from contorno.records import Records
    from contorno.splits import Splitter

FORMATS = ("coco", "via", "labelme", "yolo", "voc", "masks")


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
    _add_writing(convert)
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
    add_reading(split)
    _add_writing(split)
    split.set_defaults(call=_split)


def _add_merge(ways: argparse._SubParsersAction[Any]) -> None:
    merge = ways.add_parser(
        "merge",
        help="join data sets of any formats into one",
        epilog="example: contorno data merge first.json second/ --out all --rename kitty=cat",
    )
    merge.add_argument("paths", type=Path, nargs="+", metavar="PATH")
    merge.add_argument("--rename", nargs="+", default=(), metavar="OLD=NEW", help="classes called otherwise")
    add_reading(merge)
    _add_writing(merge)
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
    add_reading(subset)
    _add_writing(subset)
    subset.set_defaults(call=_subset)


def _add_writing(parser: argparse.ArgumentParser) -> None:
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
    group.add_argument("--dry-run", action="store_true", help="read and divide, and write nothing")
    group.add_argument("--json", action="store_true", help="print what was written as JSON")


def _convert(arguments: argparse.Namespace) -> int:
    return _write(arguments, read_source(arguments, arguments.path))


def _split(arguments: argparse.Namespace) -> int:
    from contorno import splits

    records = _joined(read_source(arguments, arguments.path))
    if arguments.folds is None:
        return _write(arguments, splits.named_parts(records, _splitter(arguments)))
    for fold in range(arguments.folds):
        splitter = splits.KFoldSplitter(
            arguments.folds, fold, arguments.seed, stratified=not arguments.no_stratify, key=arguments.group
        )
        _write(arguments, splits.named_parts(records, splitter), arguments.out / f"fold-{fold + 1}", new=fold == 0)
    return 0


def _merge(arguments: argparse.Namespace) -> int:
    from contorno import gathering

    rename = dict(_pair(word, "--rename OLD=NEW") for word in arguments.rename)
    by_split: dict[str, dict[str, Records]] = {}
    for number, path in enumerate(arguments.paths, start=1):
        name = path.stem or path.resolve().name
        for split, records in read_source(arguments, path).items():
            parts = by_split.setdefault(split, {})
            parts[name if name not in parts else f"{name}-{number}"] = records
    return _write(arguments, {split: gathering.merge(parts, rename=rename) for split, parts in by_split.items()})


def _subset(arguments: argparse.Namespace) -> int:
    from contorno import gathering

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
    return _write(arguments, made)


def _write(
    arguments: argparse.Namespace, parts: Mapping[str, Records], out: Path | None = None, *, new: bool = True
) -> int:
    from contorno import files, writers
    from contorno.progress import ProgressLine

    for name, records in parts.items():
        say(f"{name or 'all'}: {len(records)} images, {records.num_objects} objects")
    out = arguments.out if out is None else out
    if arguments.dry_run:
        say(f"nothing was written to {out}: --dry-run.")
        return 0
    if new:
        files.new_folder(arguments.out, force=arguments.force)
    with ProgressLine() as line:
        written = writers.write_as(
            arguments.to,
            parts,
            out,
            images=arguments.image_files,
            form=arguments.form,
            min_iou=arguments.min_iou,
            progress=line,
        )
    if arguments.json:
        print(json.dumps([each.to_json() for each in written], indent=2, ensure_ascii=False))
    else:
        print("\n".join(map(str, written)))
    return 0


def _splitter(arguments: argparse.Namespace) -> Splitter:
    from contorno import splits

    if arguments.by_folder:
        return splits.FolderSplitter()
    if arguments.lists is not None:
        return splits.FileListSplitter(dict(_pair(word, "--lists SPLIT=FILE") for word in arguments.lists))
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


def _joined(parts: Mapping[str, Records]) -> Records:
    """All parts as one, as they are read before they are divided anew."""
    from contorno import gathering

    if len(parts) == 1:
        return next(iter(parts.values()))
    say(f"the data are divided into {', '.join(parts)}; they are joined, and divided anew.")
    return gathering.merge(parts)
