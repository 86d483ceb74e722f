"""The folder that a fetch leaves: images, masks, COCO files and a manifest.

images/<split>/<ImageID>.jpg    as served
masks/<split>/<MaskPath>        as published: one object each, of another size than the image
annotations/<split>.json        COCO, lossless run-length masks at the exact size of the image
manifest.json                   what, from where, checksums, counts kept and dropped with reasons
.meta/                          class lists and selected rows, unless they are kept in a folder of the user's
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from contorno import files
from contorno.errors import DataError
from contorno.openimages.bucket import Bucket, Split
from contorno.openimages.mask_images import MASK_DAMAGED
from contorno.openimages.plans import Plan
from contorno.openimages.request import Request

NOT_FOUND = "image not found on the server"
IMAGE_DAMAGED = "image damaged"
IMAGE_FAILED = "image could not be fetched"
NO_USABLE_MASK = "image left out, none of its masks can be used"
MASK_MISSING = "mask not in its zip"
BOX_INSTEAD = "its box is a region to be ignored, since its mask cannot be used"
PASSING = (IMAGE_DAMAGED, IMAGE_FAILED, MASK_DAMAGED)
"""Reasons that another run may mend."""

_FORMAT = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitReport:
    """Counts of one split.

    images, negatives, masks: in the COCO file; negatives are images without objects, counted in `images` too.
    ignored: regions that training and measuring pass over (`iscrowd`), in the COCO file; not counted in `masks`.
    dropped: what was planned and is not in it: {reason: ids of images, or names of masks}.
    """

    images: int = 0
    negatives: int = 0
    masks: int = 0
    ignored: int = 0
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
            + (f", {part.ignored} ignored regions" if part.ignored else "")
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

    def image(self, split: Split, image_id: str) -> Path:
        """File of an image."""
        return self.images(split) / f"{image_id}.jpg"

    def masks(self, split: Split) -> Path:
        """Folder of the masks of a split, as they were published."""
        return self.root / "masks" / split

    def annotations(self, split: Split) -> Path:
        """COCO file of a split."""
        return self.root / "annotations" / f"{split}.json"

    def image_ids(self, split: Split) -> list[str]:
        """Ids of the images in the COCO file of a split."""
        return [Path(image["file_name"]).stem for image in files.read_json(self.annotations(split))["images"]]

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


def write_manifest(folder: Folder, plan: Plan, tables: Mapping[Split, Any]) -> None:
    """Record what the folder holds. tables: identity of the table of masks of each split."""
    paths = [folder.annotations(part.split) for part in plan.splits]
    for part in plan.splits:
        paths += [folder.image(part.split, image_id) for image_id in part.image_ids]
        paths += [folder.masks(part.split) / row.mask_path for row in part.mask_rows]
    present = [path for path in paths if path.is_file()]
    with ThreadPoolExecutor(8) as pool:
        sums = list(pool.map(files.checksum, present))
    manifest = {
        "format": _FORMAT,
        "fingerprint": plan.fingerprint(),
        "class_names": list(folder.class_names),
        "request": plan.request.to_json(),
        "from": {"meta_url": plan.bucket.meta_url, "images_url": plan.bucket.images_url, "tables": dict(tables)},
        "classes": [{"name": c.name, "open_images_name": c.source.name, "mid": c.source.mid} for c in plan.classes],
        "splits": {
            split: {
                "images": part.images,
                "negatives": part.negatives,
                "masks": part.masks,
                "ignored": part.ignored,
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
    return _standing(root, lambda manifest: manifest["fingerprint"] == plan.fingerprint())


def completed_offline(root: Path, request: Request, bucket: Bucket) -> Folder | None:
    """The folder, if an earlier run completed this very request, for use where the tables cannot be asked for."""
    asked = json.loads(json.dumps(request.to_json()))
    addresses = (bucket.meta_url, bucket.images_url)

    def fits(manifest: dict[str, Any]) -> bool:
        origin = manifest["from"]
        return manifest["request"] == asked and (origin["meta_url"], origin["images_url"]) == addresses

    return _standing(root, fits)


def _standing(root: Path, fits: Callable[[dict[str, Any]], bool]) -> Folder | None:
    path = root / "manifest.json"
    if not path.is_file():
        return None
    folder = Folder.open(root)
    manifest = files.read_json(path)
    if not fits(manifest) or not folder.report.is_complete:
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
        ignored=part["ignored"],
        dropped={reason: tuple(names) for reason, names in part["dropped"].items()},
    )
