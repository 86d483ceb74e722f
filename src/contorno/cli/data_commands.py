"""`contorno data`: look at a data set of any format. What writes one is in `data_writing`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from contorno.cli import data_writing
from contorno.cli.data_source import add_reading, read_options, read_source, say
from contorno.errors import ConfigError, ContornoError

_PICTURES = (".png", ".jpg", ".jpeg")


def add(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the commands to the parser."""
    data = commands.add_parser("data", help="check, show, convert, divide, merge a data set of any usual format")
    ways = data.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_check(ways)
    data_writing.add(ways)
    _add_stats(ways)
    _add_show(ways)


def _add_check(ways: argparse._SubParsersAction[Any]) -> None:
    check = ways.add_parser(
        "check",
        help="name every fault: file, image, object, cause, and how to mend it",
        epilog="example: contorno data check labels.json --images photos --fix mended",
    )
    check.add_argument("path", type=Path, metavar="PATH")
    add_reading(check)
    check.add_argument("--fix", type=Path, metavar="OUT", help="write a mended copy and a list of what it changed")
    check.add_argument("--decode", action="store_true", help="decode every image, to find each damaged one; slow")
    check.add_argument("--no-images", action="store_true", help="look at the labels alone")
    check.add_argument("--no-near", action="store_true", help="do not look for near-duplicate images")
    check.add_argument("--json", action="store_true", help="print the report as JSON")
    check.set_defaults(call=_check)


def _add_stats(ways: argparse._SubParsersAction[Any]) -> None:
    stats = ways.add_parser(
        "stats",
        help="count images, objects, classes, sizes, overlaps; as a table, JSON or a page",
        epilog="example: contorno data stats labels.json --images photos --html data.html",
    )
    stats.add_argument("path", type=Path, metavar="PATH")
    add_reading(stats)
    stats.add_argument("--json", action="store_true", help="print JSON")
    stats.add_argument("--html", type=Path, metavar="FILE", help="write one page with plots and a gallery")
    stats.add_argument("--force", action="store_true", help="write over a page that is there")
    stats.add_argument("--samples", type=int, default=24, metavar="N", help="images in the gallery (default 24)")
    stats.set_defaults(call=_stats)


def _add_show(ways: argparse._SubParsersAction[Any]) -> None:
    show = ways.add_parser(
        "show",
        help="outlined samples in one picture",
        epilog="example: contorno data show labels.json --images photos --out samples.png --grey",
    )
    show.add_argument("path", type=Path, metavar="PATH")
    add_reading(show)
    show.add_argument(
        "--out", type=Path, metavar="FILE", help="PNG or JPEG (default: samples.png, numbered where that is taken)"
    )
    show.add_argument("--force", action="store_true", help="write over a picture that is there")
    show.add_argument("--limit", type=int, default=12, metavar="N", help="images (default 12)")
    show.add_argument("--cols", type=int, default=4, metavar="N", help="columns (default 4)")
    show.add_argument("--tile", type=int, default=320, metavar="PX", help="side of a tile (default 320)")
    show.add_argument("--grey", action="store_true", help="the background in grey")
    show.add_argument("--seed", type=int, default=0)
    show.set_defaults(call=_show)


def _check(arguments: argparse.Namespace) -> int:
    from contorno import doctor
    from contorno.progress import ProgressLine

    with ProgressLine() as line:
        report = doctor.check_path(
            arguments.path,
            arguments.images,
            options=read_options(arguments),
            open_images=not arguments.no_images,
            decode=arguments.decode,
            near_duplicates=not arguments.no_near,
            progress=line,
        )
        mended, refused = None, None
        if arguments.fix is not None:
            try:
                mended = doctor.mend_path(
                    arguments.path, arguments.fix, arguments.images, options=read_options(arguments), progress=line
                )
            except ContornoError as error:
                refused = error  # what the check found is said all the same
    if arguments.json:
        value = report.to_json() | ({} if mended is None else {"mended": mended.to_json()})
        print(json.dumps(value, indent=2, ensure_ascii=False, default=str))
    else:
        print(report)
        if mended is not None:
            print(mended)
    if refused is not None:
        raise refused
    return 0 if report.ok else 1


def _stats(arguments: argparse.Namespace) -> int:
    from contorno import stats
    from contorno.progress import ProgressLine
    from contorno.report import data_page

    _at_least(arguments, "samples", 0)
    if arguments.html is not None:
        _check_free(arguments.html, "--html", arguments.force)
    parts = read_source(arguments, arguments.path)
    with ProgressLine() as line:
        found = stats.describe(parts, progress=line)
        if arguments.html is not None:
            title = arguments.path.resolve().name
            data_page.write_data_page(
                parts, found, arguments.html, title=title, samples=arguments.samples, progress=line
            )
    print(json.dumps(found.to_json(), indent=2, ensure_ascii=False) if arguments.json else found.table())
    if arguments.html is not None:
        say(f"{arguments.html}")
    return 0


def _show(arguments: argparse.Namespace) -> int:
    from contorno import draw, gathering, images
    from contorno.progress import ProgressLine

    for option in ("limit", "cols", "tile"):
        _at_least(arguments, option, 1)
    out = _free_picture() if arguments.out is None else arguments.out
    if out.suffix.lower() not in _PICTURES:
        raise ConfigError(f"--out is {out}; expected a file that ends in {', '.join(_PICTURES)}.")
    _check_free(out, "--out", arguments.force)
    parts = read_source(arguments, arguments.path)
    # Splits may have images of one id, or one image.
    records = next(iter(parts.values())) if len(parts) == 1 else gathering.merge(parts, on_same_image="keep")
    with ProgressLine() as line:
        sheet = draw.contact_sheet(
            records,
            ncols=arguments.cols,
            tile_px=arguments.tile,
            limit=arguments.limit,
            seed=arguments.seed,
            background="grey" if arguments.grey else "colour",
            progress=line,
        )
    images.write_image(out, sheet)
    print(out)
    return 0


def _check_free(path: Path, option: str, force: bool) -> None:
    if path.is_dir() or (path.exists() and not force):
        mend = "choose another" if path.is_dir() else "choose another, or add --force to write over it"
        raise ConfigError(f"{option} is {path}, which exists already; {mend}.")


def _free_picture() -> Path:
    number, path = 1, Path("samples.png")
    while path.exists():
        number += 1
        path = Path(f"samples-{number}.png")
    return path


def _at_least(arguments: argparse.Namespace, option: str, least: int) -> None:
    value = getattr(arguments, option)
    if value < least:
        raise ConfigError(f"--{option} is {value}; expected {least} or more.")
