"""`contorno openimages classes | offline`: find classes, and draw an Open Images of your own to try things on."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from contorno.errors import ConfigError

if TYPE_CHECKING:
    from contorno.openimages import ClassList, OpenImagesClass
    from contorno.openimages.hierarchy import Hierarchy


def add(commands: argparse._SubParsersAction[Any]) -> argparse._SubParsersAction[Any]:
    """Add `openimages` to the parser, and return its verbs so that others can add theirs."""
    openimages = commands.add_parser(
        "openimages",
        help="find classes of Open Images and fetch their images and masks",
        epilog='example: contorno openimages classes "hot dog"',
    )
    verbs: argparse._SubParsersAction[Any] = openimages.add_subparsers(metavar="VERB", required=True)

    classes = verbs.add_parser(
        "classes",
        help="list the classes, or find one: who has masks, and what stands above and below it",
        epilog="example: contorno openimages classes fruit --expand",
    )
    classes.add_argument("text", nargs="?", metavar="TEXT", help="a name, part of one, or a MID (default: all classes)")
    classes.add_argument(
        "--expand", action="store_true", help="show all that stands below a class, not its children only"
    )
    classes.add_argument("--with-masks", action="store_true", help="leave out classes without masks")
    classes.add_argument("--json", action="store_true", help="print a list of objects")
    add_places(classes)
    classes.set_defaults(call=_classes)

    offline = verbs.add_parser(
        "offline",
        help="draw a small Open Images on this machine, in the layout of the real one",
        epilog="example: contorno openimages offline bucket --images train=60 validation=20 --serve",
    )
    offline.add_argument("folder", type=Path, metavar="DIR", help="an empty folder, or one that was drawn before")
    offline.add_argument(
        "--images", nargs="+", metavar="SPLIT=N", help="images to draw (default: train=160 validation=40 test=24)"
    )
    offline.add_argument(
        "--seed", type=int, default=0, metavar="N", help="another seed draws other images (default: 0)"
    )
    offline.add_argument("--serve", action="store_true", help="serve it on this machine until Ctrl-C")
    offline.set_defaults(call=_offline)
    return verbs


def add_places(parser: argparse.ArgumentParser) -> None:
    """Add `--meta-dir` and `--bucket`, which every verb that reads Open Images takes."""
    parser.add_argument(
        "--meta-dir", type=Path, metavar="DIR", help="where lists and tables are kept, or copies of them lie already"
    )
    parser.add_argument(
        "--bucket",
        metavar="WHERE",
        help="another Open Images: the folder of `contorno openimages offline`, or an address (default: the real one)",
    )


def _classes(arguments: argparse.Namespace) -> int:
    from contorno.openimages import HttpSource, MetaFiles, read_classes
    from contorno.openimages.hierarchy import read_hierarchy
    from contorno.rehearsal.opening import open_bucket

    with open_bucket(arguments.bucket) as bucket, HttpSource() as source:
        meta = MetaFiles(bucket, source, arguments.meta_dir)
        known, hierarchy = read_classes(meta), read_hierarchy(meta)
    if arguments.text is None:
        print(f"{len(known)} classes, {sum(c.has_masks for c in known.classes)} with masks", file=sys.stderr)
        return _print_list(sorted(known.classes, key=lambda c: c.name.casefold()), known, hierarchy, arguments)
    # A name or a MID in full is asked about itself; part of a name, or a name near it, is a search.
    exact = known.lookup(arguments.text)
    if exact is not None:
        return _print_one(exact, known, hierarchy, arguments)
    found = known.search(arguments.text)
    if not found:
        print(f"contorno: no class is called {arguments.text!r}, and no name comes near it.", file=sys.stderr)
    else:
        print(f"contorno: no class is called {arguments.text!r}; these come near:", file=sys.stderr)
    return _print_list(found, known, hierarchy, arguments)


def _print_list(
    found: Sequence[OpenImagesClass], known: ClassList, hierarchy: Hierarchy, arguments: argparse.Namespace
) -> int:
    shown = [c for c in found if c.has_masks or not arguments.with_masks]
    if arguments.json:
        print(json.dumps([_facts(c, known, hierarchy) for c in shown], indent=1))
    elif shown:
        rows = [("name", "MID", "masks", "children")]
        rows += [(c.name, c.mid, _yes(c), str(len(_children(c, known, hierarchy)))) for c in shown]
        _print_table(rows)
    return 0 if shown else 1


def _print_one(item: OpenImagesClass, known: ClassList, hierarchy: Hierarchy, arguments: argparse.Namespace) -> int:
    parents = known.with_mids(hierarchy.parents(item.mid))
    below = known.below(item, hierarchy)
    # "dog" is also in "Hot dog"; who asked for that one should see it.
    others = [
        c
        for c in known.search(item.name)
        if item.name.casefold() in c.name.casefold() and c not in (item, *parents, *below)
    ]
    tree = list(_tree(item, known, hierarchy, None if arguments.expand else 1))
    if arguments.with_masks:
        # A class without masks is still shown above one that has them.
        tree = [(depth, c) for depth, c in tree if c.has_masks or any(d.has_masks for d in known.below(c, hierarchy))]
    if arguments.json:
        depths: dict[OpenImagesClass, int] = {}
        for depth, c in tree:
            depths[c] = min(depth, depths.get(c, depth))
        rows = [{"relation": "itself", "depth": 0, **_facts(item, known, hierarchy)}]
        rows += [{"relation": "parent", "depth": -1, **_facts(c, known, hierarchy)} for c in parents]
        rows += [{"relation": "below", "depth": d, **_facts(c, known, hierarchy)} for c, d in depths.items()]
        rows += [{"relation": "name in its name", "depth": None, **_facts(c, known, hierarchy)} for c in others]
        print(json.dumps(rows, indent=1))
        return 0
    print(f"{item.name}  {item.mid}  {'has masks' if item.has_masks else 'has no masks of its own'}")
    print("parents: " + (", ".join(f"{c.name} ({c.mid})" for c in parents) or "none"))
    with_masks = sum(c.has_masks for c in below)
    print(f"classes below: {len(below)}" + (f", {with_masks} with masks" if below else ""))
    if tree:
        _print_table([("  " * depth + c.name, c.mid, "masks" if c.has_masks else "no masks") for depth, c in tree])
    hidden = len(below) - len({c for _, c in tree})
    if hidden and not arguments.expand and not arguments.with_masks:
        print(f"{hidden} more stand below these; --expand shows them.")
    if others:
        print("other classes with this name in theirs: " + ", ".join(f"{c.name} ({c.mid})" for c in others))
    if item.has_masks or with_masks:
        words = ["contorno", "openimages", "fetch", item.name, *([] if item.has_masks else ["--expand"])]
        words += [] if arguments.bucket is None else ["--bucket", arguments.bucket]
        more = f"   (--expand takes the {with_masks} below too)" if item.has_masks and with_masks else ""
        print(f"fetch: {shlex.join([*words, '--out', 'DIR'])}{more}")
    return 0


def _tree(
    item: OpenImagesClass, known: ClassList, hierarchy: Hierarchy, levels: int | None
) -> Iterator[tuple[int, OpenImagesClass]]:
    """(depth from 1, class) of what stands below, each class at every place where it stands."""
    waiting = [(1, c, frozenset({item})) for c in reversed(_children(item, known, hierarchy))]
    while waiting:
        depth, at, above = waiting.pop()
        yield depth, at
        if levels is None or depth < levels:
            inner = above | {at}
            waiting += [(depth + 1, c, inner) for c in reversed(_children(at, known, hierarchy)) if c not in inner]


def _children(item: OpenImagesClass, known: ClassList, hierarchy: Hierarchy) -> tuple[OpenImagesClass, ...]:
    return known.with_mids(hierarchy.children(item.mid))


def _facts(item: OpenImagesClass, known: ClassList, hierarchy: Hierarchy) -> dict[str, object]:
    return {
        "name": item.name,
        "mid": item.mid,
        "has_masks": item.has_masks,
        "num_children": len(_children(item, known, hierarchy)),
    }


def _yes(item: OpenImagesClass) -> str:
    return "yes" if item.has_masks else "no"


def _print_table(rows: Sequence[tuple[str, ...]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())


def _offline(arguments: argparse.Namespace) -> int:
    from contorno.progress import ProgressLine
    from contorno.rehearsal import make_bucket, serve

    with ProgressLine() as line:
        bucket = make_bucket(
            arguments.folder, images=_images(arguments.images), seed=arguments.seed, workers=2, progress=line
        )
    for split, counts in bucket.counts.items():
        masks = ", ".join(f"{name} {number}" for name, number in counts.items())
        print(f"{split}: {bucket.images[split]} images; masks: {masks or 'none'}")
    if not arguments.serve:
        print(f"use it with: --bucket {arguments.folder}")
        return 0
    with serve(bucket.root) as server:
        print(f"use it with: --bucket {server.url}", flush=True)
        print("serving until Ctrl-C", file=sys.stderr, flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return 0
    return 0


def _images(words: Sequence[str] | None) -> dict[str, int] | None:
    if words is None:
        return None
    images: dict[str, int] = {}
    for word in words:
        split, _, number = word.partition("=")
        if not number.isdecimal():
            raise ConfigError(f"--images has {word!r}; expected a split and a number, like train=160.")
        if split in images:
            raise ConfigError(f"--images names {split} twice; give it once.")
        images[split] = int(number)
    return images
