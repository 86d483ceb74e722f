"""Which images and masks a request comes to, before anything large is fetched."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from contorno.errors import ConfigError
from contorno.openimages.bucket import SPLITS, Bucket, MetaFiles, Split
from contorno.openimages.classes import OpenImagesClass, read_classes
from contorno.openimages.tables import MaskRow, image_labels, mask_rows
from contorno.openimages.web import HttpSource
from contorno.progress import Progress, silent
from contorno.records import fold_name

# Means over the published files, for estimates only: images as served; train zips hold 4.47 GB in 2.69 M masks, of
# which the directory takes 91 bytes each.
_IMAGE_BYTES = 350_000
_MASK_BYTES = 1_700
_DIRECTORY_BYTES: Mapping[Split, int] = {"train": 15_300_000, "validation": 140_000, "test": 420_000}


@dataclass(frozen=True, slots=True)
class WantedClass:
    """A class of Open Images and the name it gets: as the user spelled it, or renamed it."""

    source: OpenImagesClass
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitPlan:
    """What is wanted of one split.

    positives: ids of images with at least one wanted mask.
    negatives: ids of images in which people verified every class absent.
    rows:      all masks of the wanted classes in the positives.
    """

    split: Split
    positives: tuple[str, ...]
    negatives: tuple[str, ...]
    rows: tuple[MaskRow, ...]

    @property
    def image_ids(self) -> tuple[str, ...]:
        """Positives, then negatives."""
        return self.positives + self.negatives


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything a fetch will ask for; `str(plan)` is a table with counts and an estimate of the bytes."""

    classes: tuple[WantedClass, ...]
    splits: tuple[SplitPlan, ...]
    bucket: Bucket
    notes: tuple[str, ...] = ()

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the categories, each once, in the order asked for."""
        names: dict[str, str] = {}
        for item in self.classes:
            names.setdefault(fold_name(item.name), item.name)
        return tuple(names.values())

    @property
    def num_images(self) -> int:
        """Images of all splits, negatives included."""
        return sum(len(part.image_ids) for part in self.splits)

    @property
    def num_masks(self) -> int:
        """Masks of all splits."""
        return sum(len(part.rows) for part in self.splits)

    @property
    def estimated_bytes(self) -> int:
        """About how much a fetch into an empty folder will load."""
        directories = sum(
            _DIRECTORY_BYTES[part.split] * len({row.image_id[:1] for row in part.rows}) for part in self.splits
        )
        return self.num_images * _IMAGE_BYTES + self.num_masks * _MASK_BYTES + directories

    def fingerprint(self) -> str:
        """Equal for two plans that lead to the same folder."""
        what = {
            "bucket": [self.bucket.meta_url, self.bucket.images_url],
            "classes": [[item.source.mid, item.name] for item in self.classes],
            "splits": [
                [part.split, part.positives, part.negatives, [row.mask_path for row in part.rows]]
                for part in self.splits
            ],
        }
        return hashlib.sha256(json.dumps(what).encode()).hexdigest()

    def __str__(self) -> str:
        lines = [("split", "class", "images", "masks")]
        for part in self.splits:
            for item in self.classes:
                rows = [row for row in part.rows if row.mid == item.source.mid]
                lines.append((part.split, item.name, str(len({row.image_id for row in rows})), str(len(rows))))
            if part.negatives:
                lines.append((part.split, "(negatives)", str(len(part.negatives)), "0"))
        lines.append(("all", "", str(self.num_images), str(self.num_masks)))
        widths = [max(len(line[i]) for line in lines) for i in range(4)]
        table = [f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c:>{widths[2]}}  {d:>{widths[3]}}" for a, b, c, d in lines]
        return "\n".join([*table, f"about {self.estimated_bytes / 1e6:,.0f} MB to fetch", *self.notes])


def plan(
    class_names: Sequence[str],
    *,
    splits: Sequence[Split] = SPLITS,
    limit: int | None = None,
    seed: int = 0,
    negatives: float = 0.0,
    rename: Mapping[str, str] | None = None,
    bucket: Bucket | None = None,
    meta_dir: Path | None = None,
    source: HttpSource | None = None,
    progress: Progress = silent,
) -> Plan:
    """Choose images and masks of some classes.

    class_names: matched without regard to case and outer space.
    limit:       images for each class in each split, chosen by a hash of `seed` and the image id: a larger limit with
                 the same seed keeps what a smaller one chose.
    negatives:   images without the classes, as a fraction of the images with them; only images in which people
                 verified every one of the classes absent.
    rename:      {class name: name to be used}; two classes may become one.
    meta_dir:    folder of lists and tables fetched before; what is read is kept there. None: nothing is kept.
    source:      the client to use; None: one of its own.
    Raises ConfigError for an unknown class, a class without masks, or an option out of range; DataError for a table
    that is not what it must be; DownloadError.
    """
    _check_options(class_names, splits, limit, negatives)
    bucket = Bucket() if bucket is None else bucket
    if source is None:
        with HttpSource() as own:
            return _plan(
                class_names, splits, limit, seed, negatives, rename or {}, MetaFiles(bucket, own, meta_dir), progress
            )
    return _plan(
        class_names, splits, limit, seed, negatives, rename or {}, MetaFiles(bucket, source, meta_dir), progress
    )


def _plan(
    class_names: Sequence[str],
    splits: Sequence[Split],
    limit: int | None,
    seed: int,
    negatives: float,
    rename: Mapping[str, str],
    meta: MetaFiles,
    progress: Progress,
) -> Plan:
    listed = read_classes(meta)
    found = [listed.find(name) for name in class_names]
    new_names = {fold_name(old): new.strip() for old, new in rename.items()}
    unknown = [old for old in rename if fold_name(old) not in {fold_name(name) for name in class_names}]
    if unknown or not all(new_names.values()):
        raise ConfigError(
            f"rename: {unknown[0]!r} is not among the classes asked for: {', '.join(class_names)}."
            if unknown
            else "rename: a new name is empty; give every class a name."
        )
    twice = {item.name for item in found if found.count(item) > 1}
    if twice:
        raise ConfigError(f"the class {min(twice)!r} is asked for twice; name it once.")
    classes = tuple(
        WantedClass(item, new_names.get(fold_name(name), name.strip()))
        for item, name in zip(found, class_names, strict=True)
    )
    mids = [item.mid for item in found]
    parts: list[SplitPlan] = []
    notes: list[str] = []
    for split in splits:
        rows = mask_rows(meta, split, mids, progress=progress)
        chosen: set[str] = set()
        for item in classes:
            ids = {row.image_id for row in rows[item.source.mid]}
            chosen |= set(_sample(ids, seed, limit))
            if not ids:
                notes.append(f"{split} has no masks of {item.source.name!r}")
        absent: list[str] = []
        count = round(negatives * len(chosen))
        if count:
            outlined = {row.image_id for found_rows in rows.values() for row in found_rows}
            absent = _sample(_verified_absent(meta, split, mids, progress) - outlined, seed, count)
            if len(absent) < count:
                notes.append(f"{split} has {len(absent)} verified negatives; {count} were asked for")
        kept = tuple(row for mid in mids for row in rows[mid] if row.image_id in chosen)
        parts.append(
            SplitPlan(split=split, positives=tuple(sorted(chosen)), negatives=tuple(sorted(absent)), rows=kept)
        )
    return Plan(classes=classes, splits=tuple(parts), bucket=meta.bucket, notes=tuple(notes))


def _verified_absent(meta: MetaFiles, split: Split, mids: Sequence[str], progress: Progress) -> set[str]:
    """Images in which every class was verified absent: one that was not looked for may well be there."""
    labels = image_labels(meta, split, mids, progress=progress)
    return set.intersection(*({image for image, present in labels[mid].items() if not present} for mid in mids))


def _sample(ids: Iterable[str], seed: int, limit: int | None) -> list[str]:
    ordered = sorted(ids, key=lambda image_id: hashlib.sha256(f"{seed}:{image_id}".encode()).digest())
    return ordered if limit is None else ordered[:limit]


def _check_options(class_names: Sequence[str], splits: Sequence[Split], limit: int | None, negatives: float) -> None:
    if isinstance(class_names, str) or not class_names:
        raise ConfigError(f"class_names is {class_names!r}; expected a list of at least one class name.")
    wrong = [split for split in splits if split not in SPLITS]
    if wrong or not splits or len(set(splits)) < len(splits):
        raise ConfigError(f"splits is {list(splits)}; expected some of {', '.join(SPLITS)}, each once.")
    if limit is not None and limit < 1:
        raise ConfigError(f"limit is {limit}; expected at least 1 image for each class and split, or None for all.")
    if not 0.0 <= negatives <= 100.0:
        raise ConfigError(f"negatives is {negatives}; expected a fraction of the images with objects, such as 0.2.")
