"""The outcome of a selection: images, masks and regions by split, to be read by people and carried out by `fetch`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from contorno.openimages.bucket import Bucket, Split
from contorno.openimages.classes import OpenImagesClass
from contorno.openimages.request import Request
from contorno.openimages.tables import BoxFlags, BoxRow, MaskRow
from contorno.records import fold_name


@dataclass(frozen=True, slots=True)
class WantedClass:
    """A class of Open Images and the name it gets: as the user spelled it, renamed it, or of the class above it."""

    source: OpenImagesClass
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitPlan:
    """What is wanted of one split.

    positives:     ids of images with at least one wanted mask.
    negatives:     ids of images in which people verified every class absent.
    rows:          masks to learn, in the positives.
    ignored_rows:  masks of regions to be ignored.     ignored_boxes: boxes of regions to be ignored.
    flags:         what people noted of the boxes of masks, by MaskPath, where the table of boxes was read.
    rejected_masks: masks that count as background.
    left_out:      images that would have been chosen from and are not, by reason.
    """

    split: Split
    positives: tuple[str, ...]
    negatives: tuple[str, ...]
    rows: tuple[MaskRow, ...]
    ignored_rows: tuple[MaskRow, ...] = ()
    ignored_boxes: tuple[BoxRow, ...] = ()
    flags: Mapping[str, BoxFlags] = field(default_factory=dict)
    rejected_masks: int = 0
    left_out: Mapping[str, int] = field(default_factory=dict)

    @property
    def image_ids(self) -> tuple[str, ...]:
        """Positives, then negatives."""
        return self.positives + self.negatives

    @property
    def mask_rows(self) -> tuple[MaskRow, ...]:
        """All masks to be fetched: those to learn, then those of regions to be ignored."""
        return self.rows + self.ignored_rows

    @property
    def ignored_mids(self) -> tuple[str, ...]:
        """The class of each region to be ignored."""
        return (*(row.mid for row in self.ignored_rows), *(box.mid for box in self.ignored_boxes))


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything a fetch will ask for; `str(plan)` is a table with counts."""

    classes: tuple[WantedClass, ...]
    splits: tuple[SplitPlan, ...]
    bucket: Bucket
    request: Request
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
        """Masks of all splits, those of ignored regions included."""
        return sum(len(part.mask_rows) for part in self.splits)

    def fingerprint(self) -> str:
        """Equal for two plans that lead to the same folder."""
        what = {
            "bucket": [self.bucket.meta_url, self.bucket.images_url],
            "classes": [[item.source.mid, item.name] for item in self.classes],
            "splits": [
                [
                    part.split,
                    part.positives,
                    part.negatives,
                    [row.mask_path for row in part.rows],
                    [row.mask_path for row in part.ignored_rows],
                    [[box.image_id, box.mid, box.box] for box in part.ignored_boxes],
                    self.request.needs_boxes,  # the flags are written then
                ]
                for part in self.splits
            ],
        }
        return hashlib.sha256(json.dumps(what).encode()).hexdigest()

    def counts(self) -> list[dict[str, Any]]:
        """One row for each split and class: images, masks, regions to be ignored; then the negatives of the split."""
        names = {item.source.mid: fold_name(item.name) for item in self.classes}
        table: list[dict[str, Any]] = []
        for part in self.splits:
            for name in self.class_names:
                folded = fold_name(name)
                rows = [row for row in part.rows if names[row.mid] == folded]
                ignored = sum(names[mid] == folded for mid in part.ignored_mids)
                images = len({row.image_id for row in rows})
                table.append(
                    {"split": part.split, "class": name, "images": images, "masks": len(rows), "ignored": ignored}
                )
            if part.negatives:
                table.append(
                    {
                        "split": part.split,
                        "class": "(negatives)",
                        "images": len(part.negatives),
                        "masks": 0,
                        "ignored": 0,
                    }
                )
        return table

    def __str__(self) -> str:
        rows = self.counts()
        total = {
            "split": "all",
            "class": "",
            "images": self.num_images,
            "masks": sum(len(part.rows) for part in self.splits),
            "ignored": sum(len(part.ignored_mids) for part in self.splits),
        }
        keys = ["split", "class", "images", "masks"] + (["ignored"] if total["ignored"] else [])
        lines = [keys, *([str(row[key]) for key in keys] for row in (*rows, total))]
        widths = [max(len(line[i]) for line in lines) for i in range(len(keys))]
        text = [
            "  ".join(
                word.ljust(width) if i < 2 else word.rjust(width)
                for i, (word, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in lines
        ]
        for part in self.splits:
            text += [f"{part.split}: {count} images left out: {reason}" for reason, count in part.left_out.items()]
            if part.rejected_masks:
                text.append(f"{part.split}: {part.rejected_masks} rejected masks count as background")
        return "\n".join([*text, *self.notes])
