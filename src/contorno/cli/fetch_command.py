"""`contorno openimages fetch`: from names of classes to a folder of images, masks and COCO files."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from contorno.cli.fetch_options import add_options, read_options
from contorno.errors import ConfigError

if TYPE_CHECKING:
    from contorno.openimages import Bucket, Folder, HttpSource, Options, Plan
    from contorno.progress import Progress

_COCO_ONLY = (
    "split", "order", "seed", "negatives", "expand", "min_iou", "without", "rejected", "groups", "unmasked", "flags",
    "attribution", "workers", "json",
)  # fmt: skip
EXAMPLES = """\
examples:
  contorno openimages fetch "Hot dog" --dry-run
  contorno openimages fetch "Hot dog" Banana --split train validation --limit 500 --negatives 0.2 --out data
  contorno openimages fetch Fruit --expand --rename Fruit=fruta --unmasked ignore --attribution --out data
"""


def add(verbs: argparse._SubParsersAction[Any]) -> None:
    """Add `fetch` to the verbs of `contorno openimages`."""
    fetch = verbs.add_parser(
        "fetch",
        help="fetch the images and masks of some classes, and nothing else",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_options(fetch)
    fetch.set_defaults(call=_fetch, default_of=fetch.get_default)


def _fetch(arguments: argparse.Namespace) -> int:
    from contorno.openimages import HttpSource
    from contorno.progress import ProgressJson, ProgressLine, silent
    from contorno.rehearsal.opening import open_bucket

    options = read_options(arguments)
    with (
        open_bucket(arguments.bucket) as bucket,
        HttpSource(connections=arguments.workers) as source,
        ProgressLine() as line,
    ):
        progress: Progress = line
        if arguments.quiet:
            progress = silent
        elif arguments.json:
            progress = ProgressJson()
        if arguments.dry_run:
            return _dry_run(arguments, options, bucket, source, progress)
        if arguments.layout == "tutorial":
            return _fetch_tutorial(arguments, options, bucket, progress)
        return _fetch_coco(arguments, options, bucket, source, progress)


def _dry_run(
    arguments: argparse.Namespace, options: Options, bucket: Bucket, source: HttpSource, progress: Progress
) -> int:
    from contorno.openimages import estimate, plan

    # Only a folder that is there already may keep what was read: a dry run leaves nothing behind.
    kept = arguments.meta_dir
    if kept is None and (arguments.out / ".meta").is_dir():
        kept = arguments.out / ".meta"
    made = plan(arguments.classes, bucket=bucket, meta_dir=kept, source=source, progress=progress, **options)
    size = estimate(made, source, workers=arguments.workers)
    images, masks = _standing(made, arguments.out)
    if arguments.json:
        counts = {"counts": made.counts(), "left_out": {p.split: dict(p.left_out) for p in made.splits}}
        facts = {"images": made.num_images, "masks": made.num_masks, "bytes": size.total_bytes}
        print(
            json.dumps({**counts, **facts, "there": {"images": images, "masks": masks}, "notes": made.notes}, indent=1)
        )
        return 0
    print(made)
    print(size)
    if images or masks:
        print(f"{images} of the images and {masks} of the masks stand in {arguments.out} already")
    print("dry run: no image and no mask was fetched.")
    return 0


def _standing(made: Plan, out: Path) -> tuple[int, int]:
    """How many images and masks of a plan an earlier fetch left."""
    images = sum((out / "images" / p.split / f"{i}.jpg").is_file() for p in made.splits for i in p.image_ids)
    masks = sum((out / "masks" / p.split / row.mask_path).is_file() for p in made.splits for row in p.mask_rows)
    return images, masks


def _fetch_coco(
    arguments: argparse.Namespace, options: Options, bucket: Bucket, source: HttpSource, progress: Progress
) -> int:
    from contorno.openimages import fetch
    from contorno.progress import ProgressLine

    folder = fetch(
        arguments.classes,
        out=arguments.out,
        bucket=bucket,
        meta_dir=arguments.meta_dir,
        attribution=arguments.attribution,
        workers=arguments.workers,
        source=source,
        progress=progress,
        **options,
    )
    picture = _draw(folder)
    if isinstance(progress, ProgressLine):
        progress.close()
    report = folder.report
    if arguments.json:
        facts = {"folder": str(folder.root), "complete": report.is_complete, "dropped": report.dropped}
        counts = {
            split: {"images": p.images, "negatives": p.negatives, "masks": p.masks, "ignored": p.ignored}
            for split, p in report.splits.items()
        }
        fetched = {"images": report.fetched_images, "masks": report.fetched_masks, "bytes": report.fetched_bytes}
        print(json.dumps({**facts, "splits": counts, "fetched": fetched, "notes": report.notes}, indent=1))
        return 0 if report.is_complete else 1
    print(report)
    for split in folder.splits:
        print(f"{folder.annotations(split)}  (images: {folder.images(split)})")
    if arguments.attribution:
        print(f"{folder.root / 'attribution.csv'}\n{folder.root / 'NOTICE.txt'}")
    if picture is not None:
        print(f"{picture}  (some of the images with their outlines)")
    split = folder.splits[0]
    print(f"train on it: contorno run finetune data={folder.annotations(split)} images={folder.images(split)}")
    if not report.is_complete:
        print("contorno: some files did not come through; the same command fetches only those.", file=sys.stderr)
    return 0 if report.is_complete else 1


def _draw(folder: Folder) -> Path | None:
    """A sheet of some images with their outlines, since people would rather look than read."""
    from contorno import draw, parsers, splits

    for split in folder.splits:
        if folder.report.splits[split].masks:
            parser = parsers.COCOMaskParser(folder.annotations(split), folder.images(split))
            records = parser.parse(data_splitter=splits.SingleSplitter())[0]
            shown = records.select([i for i, record in enumerate(records) if len(record.instances)][:9])
            path = folder.root / "preview.jpg"
            draw.show_records(shown, ncols=3, show=False, path=path)
            return path
    return None


def _fetch_tutorial(arguments: argparse.Namespace, options: Options, bucket: Bucket, progress: Progress) -> int:
    from contorno.openimages.tutorial import download_segmentation_dataset

    # What the tutorial's call has no argument for is refused, not passed over.
    changed = [name for name in _COCO_ONLY if getattr(arguments, name) != arguments.default_of(name)]
    if changed:
        words = ", ".join(f"--{name.replace('_', '-')}" for name in changed)
        raise ConfigError(f"--layout tutorial does not go with {words}; leave that out, or take the layout coco.")
    folders = download_segmentation_dataset(
        arguments.out,
        arguments.classes,
        exclusions_path=arguments.exclude,
        meta_dir=arguments.meta_dir,
        limit=arguments.limit,
        rename=options["rename"],
        bucket=bucket,
        progress=progress,
    )
    for name, folder in folders.items():
        images = len(list((folder / "images").glob("*.jpg")))
        print(f"{name}: {images} images in {folder}")
    return 0
