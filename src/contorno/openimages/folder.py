"""The folder that a fetch leaves: images, masks, COCO files and a manifest.

images/<split>/<ImageID>.jpg    as served
masks/<split>/<MaskPath>        as published: one object each, of another size than the image
annotations/<split>.json        COCO, lossless run-length masks at the exact size of the image
manifest.json                   what, from where, checksums, counts kept and dropped with reasons
.meta/                          class lists and selected rows, unless they are kept in a folder of the user's
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np

from contorno import files, images, masks
from contorno.errors import DataError
from contorno.masks import RunLength, Size
from contorno.openimages.bucket import Split
from contorno.openimages.selection import Plan, SplitPlan
from contorno.openimages.tables import MaskRow
from contorno.progress import Progress, silent
from contorno.records import ClassMap, Instances, Record, Records
from contorno.writers.coco import write_coco

NOT_FOUND = "image not found on the server"
IMAGE_DAMAGED = "image damaged"
IMAGE_FAILED = "image could not be fetched"
NO_USABLE_MASK = "image left out, none of its masks can be used"
MASK_MISSING = "mask not in its zip"
MASK_DAMAGED = "mask damaged"
MASK_EMPTY = "mask empty"
MASK_MISFIT = "mask of other proportions than its image"
PASSING = (IMAGE_DAMAGED, IMAGE_FAILED, MASK_DAMAGED)
"""Reasons that another run may mend."""

_FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitReport:
    """Counts of one split.

    images, negatives, masks: in the COCO file; negatives are images without objects, counted in `images` too.
    dropped: what was planned and is not in it: {reason: ids of images, or names of masks}.
    """

    images: int = 0
    negatives: int = 0
    masks: int = 0
    dropped: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchReport:
    """What a folder holds, and what this run fetched for it.

    fetched_images, fetched_masks, fetched_bytes: of this run; 0 where everything stood there already.
    """

    splits: Mapping[Split, SplitReport]
    notes: tuple[str, ...] = ()
    fetched_images: int = 0
    fetched_masks: int = 0
    fetched_bytes: int = 0

    @property
    def dropped(self) -> dict[str, int]:
        """Counts by reason over all splits."""
        counts: dict[str, int] = {}
        for part in self.splits.values():
            for reason, names in part.dropped.items():
                counts[reason] = counts.get(reason, 0) + len(names)
        return counts

    @property
    def is_complete(self) -> bool:
        """True if another run would not find anything to do."""
        return not any(reason in PASSING for reason in self.dropped)

    def __str__(self) -> str:
        lines = [
            f"{split}: {part.images} images ({part.negatives} without objects), {part.masks} masks"
            for split, part in self.splits.items()
        ]
        lines += [f"dropped: {count} × {reason}" for reason, count in self.dropped.items()]
        if not self.is_complete:
            lines.append("some of that may come through in another run of the same command")
        lines.append(
            f"fetched: {self.fetched_images} images, {self.fetched_masks} masks, {self.fetched_bytes / 1e6:,.1f} MB"
        )
        return "\n".join([*lines, *self.notes])


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of Open Images data in the layout of this module."""

    root: Path
    splits: tuple[Split, ...]
    class_names: tuple[str, ...]
    report: FetchReport

    def images(self, split: Split) -> Path:
        """Folder of the images of a split."""
        return self.root / "images" / split

    def masks(self, split: Split) -> Path:
        """Folder of the masks of a split, as they were published."""
        return self.root / "masks" / split

    def annotations(self, split: Split) -> Path:
        """COCO file of a split."""
        return self.root / "annotations" / f"{split}.json"

    @property
    def manifest(self) -> Path:
        """The record of what was fetched from where."""
        return self.root / "manifest.json"

    @classmethod
    def open(cls, root: Path) -> Folder:
        """Open a folder that an earlier fetch completed. Raises DataError if it has no manifest, or a foreign one."""
        root = Path(root)
        path = root / "manifest.json"
        manifest = files.read_json(path)
        if not isinstance(manifest, dict) or manifest.get("format") != _FORMAT:
            raise DataError(f"{path} is not a manifest of contorno in format {_FORMAT}; fetch into an empty folder.")
        splits = {cast(Split, name): _split_report(part) for name, part in manifest["splits"].items()}
        report = FetchReport(splits=splits, notes=tuple(manifest["notes"]))
        return cls(root, tuple(splits), tuple(manifest["class_names"]), report)


def write_annotations(
    folder: Folder,
    part: SplitPlan,
    plan: Plan,
    sizes: Mapping[str, Size],
    dropped: dict[str, list[str]],
    *,
    workers: int = 16,
    progress: Progress = silent,
) -> SplitReport:
    """Write the COCO file of a split from its images and masks, and count what could not be used.

    sizes: (height, width) of the images that are there.   dropped: reasons known so far; more are added.
    A damaged mask file is removed, so that the next run fetches it anew.
    """
    class_map = ClassMap(plan.class_names)
    labels = {item.source.mid: class_map.get_by_name(item.name) for item in plan.classes}
    lost = set(dropped.get(MASK_MISSING, [])) | set(dropped.get(MASK_DAMAGED, []))
    rows: dict[str, list[MaskRow]] = {image_id: [] for image_id in part.image_ids if image_id in sizes}
    for row in part.rows:
        if row.image_id in rows:
            rows[row.image_id].append(row)

    def read(image_id: str) -> list[RunLength | str]:
        return [
            MASK_MISSING
            if row.mask_path in lost
            else _read_mask(folder.masks(part.split) / row.mask_path, sizes[image_id])
            for row in rows[image_id]
        ]

    records: list[Record] = []
    kept_rows: list[MaskRow] = []
    with ThreadPoolExecutor(workers, thread_name_prefix="mask") as pool:
        for done, (image_id, shapes) in enumerate(zip(rows, pool.map(read, rows), strict=True), start=1):
            progress(f"{part.split} images annotated", done, len(rows))
            kept = [
                (row, code) for row, code in zip(rows[image_id], shapes, strict=True) if isinstance(code, RunLength)
            ]
            for row, code in zip(rows[image_id], shapes, strict=True):
                if isinstance(code, str) and row.mask_path not in lost:
                    dropped.setdefault(code, []).append(row.mask_path)
            if rows[image_id] and not kept:
                # It shows the object and cannot say where: as a negative it would teach misses.
                dropped.setdefault(NO_USABLE_MASK, []).append(image_id)
                continue
            codes = [code for _, code in kept]
            first = len(kept_rows) + 1
            kept_rows += [row for row, _ in kept]
            instances = Instances.build(
                sizes[image_id],
                labels=[labels[row.mid] for row, _ in kept],
                geometries=codes,
                areas=masks.areas(codes).astype(np.float64),
                ids=list(range(first, first + len(codes))),
            )
            path = folder.images(part.split) / f"{image_id}.jpg"
            records.append(
                Record(image_id=image_id, path=path, size_hw=sizes[image_id], instances=instances, split=part.split)
            )
    _write_coco(folder, part.split, Records(records, class_map), kept_rows)
    return SplitReport(
        images=len(records),
        negatives=sum(not len(record.instances) for record in records),
        masks=len(kept_rows),
        dropped={reason: tuple(names) for reason, names in sorted(dropped.items())},
    )


def _write_coco(folder: Folder, split: Split, records: Records, rows: Sequence[MaskRow]) -> None:
    path = folder.annotations(split)
    plain = path.with_name(f".{path.name}.plain")
    write_coco(records, plain, img_dir=folder.images(split), masks="as-given")
    coco = files.read_json(plain)
    # Annotation ids are 1..N in the order of the rows.
    for annotation in coco["annotations"]:
        row = rows[annotation["id"] - 1]
        annotation |= {"mask_path": row.mask_path, "box_id": row.box_id, "predicted_iou": row.predicted_iou}
    files.write_json(path, coco)
    plain.unlink()


def _read_mask(path: Path, size: Size) -> RunLength | str:
    """The mask at the size of its image, or the reason why it cannot be used."""
    try:
        bitmap = images.read_mask(path)
    except DataError:
        path.unlink(missing_ok=True)
        return MASK_DAMAGED
    if not bitmap.any():
        return MASK_EMPTY
    try:
        fitted = masks.fit_mask(bitmap, size)
    except DataError:
        return MASK_MISFIT
    # A speck can fall between the pixels of a smaller image.
    return masks.encode(fitted) if fitted.any() else MASK_EMPTY


def write_manifest(folder: Folder, plan: Plan, request: Mapping[str, Any], tables: Mapping[Split, Any]) -> None:
    """Record what the folder holds. request: the options of the call.   tables: identity of each table read."""
    paths = [folder.annotations(part.split) for part in plan.splits]
    for part in plan.splits:
        paths += [folder.images(part.split) / f"{image_id}.jpg" for image_id in part.image_ids]
        paths += [folder.masks(part.split) / row.mask_path for row in part.rows]
    present = [path for path in paths if path.is_file()]
    with ThreadPoolExecutor(8) as pool:
        sums = list(pool.map(files.checksum, present))
    manifest = {
        "format": _FORMAT,
        "fingerprint": plan.fingerprint(),
        "class_names": list(folder.class_names),
        "request": dict(request),
        "from": {"meta_url": plan.bucket.meta_url, "images_url": plan.bucket.images_url, "tables": dict(tables)},
        "classes": [{"name": c.name, "open_images_name": c.source.name, "mid": c.source.mid} for c in plan.classes],
        "splits": {
            split: {
                "images": part.images,
                "negatives": part.negatives,
                "masks": part.masks,
                "dropped": {reason: list(names) for reason, names in part.dropped.items()},
            }
            for split, part in folder.report.splits.items()
        },
        "notes": list(folder.report.notes),
        "files": {
            path.relative_to(folder.root).as_posix(): {"bytes": path.stat().st_size, "sha256": checksum}
            for path, checksum in zip(present, sums, strict=True)
        },
    }
    files.write_json(folder.manifest, manifest, indent=1)


def completed(root: Path, plan: Plan) -> Folder | None:
    """The folder, if an earlier run carried out this very plan and all its files are still there."""
    path = root / "manifest.json"
    if not path.is_file():
        return None
    folder = Folder.open(root)
    manifest = files.read_json(path)
    if manifest["fingerprint"] != plan.fingerprint() or not folder.report.is_complete:
        return None
    for name, stated in manifest["files"].items():
        file = root / name
        if not file.is_file() or file.stat().st_size != stated["bytes"]:
            return None
    return folder


def _split_report(part: Mapping[str, Any]) -> SplitReport:
    return SplitReport(
        images=part["images"],
        negatives=part["negatives"],
        masks=part["masks"],
        dropped={reason: tuple(names) for reason, names in part["dropped"].items()},
    )
