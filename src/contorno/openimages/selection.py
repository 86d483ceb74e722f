"""Which images and masks a request comes to, before anything large is fetched."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Unpack

from contorno.errors import ConfigError
from contorno.openimages.bucket import Bucket, MetaFiles, Split
from contorno.openimages.classes import read_classes
from contorno.openimages.doubts import Judgement, judge
from contorno.openimages.hierarchy import read_hierarchy
from contorno.openimages.plans import Plan, SplitPlan, WantedClass
from contorno.openimages.request import Options, Request
from contorno.openimages.tables import BoxRow, MaskRow, box_rows, image_labels, mask_rows
from contorno.openimages.web import HttpSource
from contorno.progress import Progress, silent
from contorno.records import fold_name


def plan(
    class_names: Sequence[str],
    *,
    bucket: Bucket | None = None,
    meta_dir: Path | None = None,
    source: HttpSource | None = None,
    progress: Progress = silent,
    **options: Unpack[Options],
) -> Plan:
    """Choose images and masks of some classes.

    class_names, options: see `Request`.
    bucket:      addresses; None: the real ones.
    meta_dir:    folder of lists and tables fetched before; what is read is kept there. None: nothing is kept.
    source:      the client to use; None: one of its own.
    Raises ConfigError for an unknown class, a class without masks, or an option out of range; DataError for a table
    that is not what it must be; DownloadError.
    """
    request = Request.make(class_names, options)
    with HttpSource() if source is None else nullcontext(source) as client:
        return plan_request(request, MetaFiles(bucket or Bucket(), client, meta_dir), progress)


def plan_request(request: Request, meta: MetaFiles, progress: Progress = silent) -> Plan:
    """Choose images and masks, reading lists and tables through `meta`. Raises as `plan` does."""
    classes = wanted_classes(request, meta)
    parts, notes = [], []
    for split in request.splits:
        part, remarks = _plan_split(request, split, classes, meta, progress)
        parts.append(part)
        notes += remarks
    return Plan(classes=classes, splits=tuple(parts), bucket=meta.bucket, request=request, notes=tuple(notes))


def wanted_classes(request: Request, meta: MetaFiles) -> tuple[WantedClass, ...]:
    """The classes of a request and, where it expands, those below them; each class once.

    Raises ConfigError for an unknown class, a class without masks, or one asked for twice.
    """
    listed = read_classes(meta)
    new_names = {fold_name(old): new.strip() for old, new in request.rename.items()}
    names = [new_names.get(fold_name(name), name.strip()) for name in request.class_names]
    asked = [listed.get(name) for name in request.class_names]
    twice = {item.name for item in asked if asked.count(item) > 1}
    if twice:
        raise ConfigError(f"the class {min(twice)!r} is asked for twice; name it once.")
    if not request.expand:
        # The hierarchy is only for the message: a parent without masks often has children with them.
        tree = None if all(item.has_masks for item in asked) else read_hierarchy(meta)
        return tuple(WantedClass(listed.find(item.mid, tree), name) for item, name in zip(asked, names, strict=True))
    tree = read_hierarchy(meta)
    by_mid: dict[str, WantedClass] = {}
    for item, name in zip(asked, names, strict=True):
        for below in listed.expand(item.mid, tree):
            # A class that is asked for by its own name keeps it, whatever it stands below.
            if below.mid == item.mid or (below.mid not in by_mid and below not in asked):
                by_mid[below.mid] = WantedClass(below, name)
    return tuple(by_mid.values())


def _plan_split(
    request: Request, split: Split, classes: Sequence[WantedClass], meta: MetaFiles, progress: Progress
) -> tuple[SplitPlan, list[str]]:
    notes: list[str] = []
    mids = [item.source.mid for item in classes]
    rows_of = mask_rows(meta, split, mids, progress=progress)
    seen_of = _images_by_name(classes, (row for mid in mids for row in rows_of[mid]))
    seen = {image_id for ids in seen_of.values() for image_id in ids}
    known_boxes: list[BoxRow] | None = None
    if request.needs_boxes:
        boxes = box_rows(meta, split, mids, progress=progress)
        known_boxes = [box for mid in mids for box in boxes[mid]]
    if known_boxes is None and request.min_iou is None:
        # Nothing is in doubt, so images are chosen first and only their rows are held: a class may have 300,000.
        images_of = {name: ids - request.exclude for name, ids in seen_of.items()}
        chosen = choose(images_of, limit=request.limit, order=request.order, seed=request.seed)
        rows = [row for mid in mids for row in rows_of[mid] if row.image_id in chosen]
        verdict = judge(request, rows, None)
        objects = list(verdict.objects)
    else:
        rows = [row for mid in mids for row in rows_of[mid] if row.image_id not in request.exclude]
        verdict = judge(request, rows, known_boxes)
        objects = [row for row in verdict.objects if row.image_id not in verdict.left_out]
        images_of = _images_by_name(classes, objects)
        chosen = choose(images_of, limit=request.limit, order=request.order, seed=request.seed)
    names = {fold_name(item.name): item.name for item in classes}
    for name, ids in images_of.items():
        if not ids:
            notes.append(f"{split} has no masks of {names[name]!r}" + (" that may be used" if seen_of[name] else ""))

    absent: list[str] = []
    count = round(request.negatives * len(chosen))
    if count:
        out = seen | request.exclude | {box.image_id for box in known_boxes or ()}
        labels = image_labels(meta, split, mids, progress=progress)
        absent = _by_hash(_verified_absent(labels, mids) - out, request.seed)[:count]
        if len(absent) < count:
            notes.append(f"{split} has {len(absent)} verified negatives; {count} were asked for")
    # Only images that could have been chosen: most images with boxes in doubt have no mask of the class at all.
    able = {row.image_id for row in verdict.objects}
    left_out = Counter(reason for image_id, reason in verdict.left_out.items() if image_id in able)
    if excluded := seen & request.exclude:
        left_out["on the list of exclusions"] = len(excluded)
    part = SplitPlan(
        split=split,
        positives=tuple(sorted(chosen)),
        negatives=tuple(sorted(absent)),
        rows=tuple(row for row in objects if row.image_id in chosen),
        ignored_rows=tuple(row for row in verdict.ignored_rows if row.image_id in chosen),
        ignored_boxes=tuple(box for box in verdict.ignored_boxes if box.image_id in chosen),
        flags={
            row.mask_path: verdict.flags[row.mask_path]
            for row in rows
            if row.image_id in chosen and row.mask_path in verdict.flags
        },
        rejected_masks=sum(row.image_id in chosen for row in verdict.dropped_rows),
        left_out=dict(sorted(left_out.items())),
    )
    return part, notes + _box_notes(verdict, split)


def choose(images_of: Mapping[str, Collection[str]], *, limit: int | None, order: str, seed: int) -> frozenset[str]:
    """Ids of at most `limit` images for each class, balanced.

    images_of: ids of the images that show each class.
    Each class in turn, the rarest first, gets one image more, unless images chosen for others have filled it already;
    and so on for `limit` rounds. So each class gets `limit` images or all that it has, and more only by showing up in
    those of another; and what a limit chooses, a larger one chooses too.
    """
    if limit is None:
        return frozenset(image_id for ids in images_of.values() for image_id in ids)
    shown = Counter(image_id for ids in images_of.values() for image_id in ids)
    waiting: dict[str, list[str]] = {}
    for name, ids in sorted(images_of.items(), key=lambda item: (len(item[1]), item[0])):
        ordered = _by_hash(ids, seed)
        if order == "most-classes":
            ordered.sort(key=lambda image_id: -shown[image_id])  # stable: the hash decides among equals
        waiting[name] = ordered[::-1]
    chosen: set[str] = set()
    filled = dict.fromkeys(images_of, 0)
    for count in range(1, min(limit, max((len(ids) for ids in images_of.values()), default=0)) + 1):
        for name, left in waiting.items():
            while left and filled[name] < count:
                image_id = left.pop()
                if image_id not in chosen:
                    chosen.add(image_id)
                    for other, ids in images_of.items():
                        filled[other] += image_id in ids
    return frozenset(chosen)


def _images_by_name(classes: Sequence[WantedClass], objects: Iterable[MaskRow]) -> dict[str, set[str]]:
    """Images with objects, by the name that their class gets: a class and those below it count as one."""
    name_of = {item.source.mid: fold_name(item.name) for item in classes}
    images_of: dict[str, set[str]] = {name: set() for name in name_of.values()}
    for row in objects:
        images_of[name_of[row.mid]].add(row.image_id)
    return images_of


def _verified_absent(labels: Mapping[str, Mapping[str, bool]], mids: Sequence[str]) -> set[str]:
    """Images in which every class was verified absent: one that was not looked for may well be there."""
    return set.intersection(*({image for image, present in labels[mid].items() if not present} for mid in mids))


def _by_hash(ids: Iterable[str], seed: int) -> list[str]:
    return sorted(ids, key=lambda image_id: hashlib.sha256(f"{seed}:{image_id}".encode()).digest())


def _box_notes(verdict: Judgement, split: Split) -> list[str]:
    if not verdict.rows_without_box:
        return []
    return [f"{split}: {verdict.rows_without_box} masks have no row in the table of boxes; their flags are unknown"]
