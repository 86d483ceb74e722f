"""The files of the offline bucket: tables, class lists, mask archives and pictures, laid out as in the real store."""

from __future__ import annotations

import base64
import csv
import json
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from contorno.rehearsal import tables
from contorno.rehearsal.photographs import Photograph, Task


def write_store(root: Path, drawn: Sequence[Photograph], *, seed: int, missing_images: int) -> dict[str, Any]:
    """Write all files below a root that has none of them yet.

    missing_images: training images that get no file, those with hot dogs first.
    Returns `counts` (masks by class name, for each split) and `missing_images` (ids), as JSON has them.
    """
    meta, pictures = root / "openimages", root / "open-images-dataset"
    _write_classes(meta)
    with_hot_dog = [
        one.task.image_id
        for one in drawn
        if one.task.split == "train" and any(row[2] == tables.MASKED["Hot dog"] for row, _ in one.masks)
    ]
    others = [one.task.image_id for one in drawn if one.task.split == "train" and one.task.image_id not in with_hot_dog]
    missing = [*reversed(with_hot_dog), *others][:missing_images]
    counts: dict[str, dict[str, int]] = {}
    for number, split in enumerate(tables.SPLITS):
        rng = np.random.default_rng([seed, 3, number])
        of_split = [one for one in drawn if one.task.split == split]
        (pictures / split).mkdir(parents=True)
        for one in of_split:
            if one.task.image_id not in missing:
                (pictures / split / f"{one.task.image_id}.jpg").write_bytes(one.jpeg)
        _write_tables(meta, split, sorted(of_split, key=lambda one: one.task.image_id), rng)
        _write_archives(meta, split, of_split)
        names = {mid: name for name, mid in tables.MASKED.items()}
        counts[split] = dict(sorted(Counter(names[row[2]] for one in of_split for row, _ in one.masks).items()))
    return {"counts": counts, "missing_images": missing}


def _write_classes(meta: Path) -> None:
    rows = sorted((mid, name) for name, mid in tables.BOXABLE.items())
    _write_csv(meta / "v5/class-descriptions-boxable.csv", None, rows)
    _write_csv(meta / "v7/oidv7-class-descriptions-boxable.csv", ["LabelName", "DisplayName"], rows)
    (meta / "v5/classes-segmentation.txt").write_text("".join(f"{mid}\n" for mid in sorted(tables.SEGMENTABLE)))
    tree = meta / "2018_04/bbox_labels_600_hierarchy.json"
    tree.parent.mkdir(parents=True)
    tree.write_text(json.dumps(tables.hierarchy(), indent=2))


def _write_tables(meta: Path, split: str, drawn: Sequence[Photograph], rng: np.random.Generator) -> None:
    boxes = [row for one in drawn for row, _ in one.boxes]
    # The store has the v4 table at both addresses for the two small splits.
    for key in {tables.BOX_KEYS[split], f"2018_04/{split}/{split}-annotations-bbox.csv"}:
        _write_csv(meta / key, tables.BOX_HEADER, boxes)
    if split == "train":
        longer = [row + clicks for one in drawn for row, clicks in one.boxes]
        _write_csv(meta / tables.V6_TRAIN_BOX_KEY, tables.BOX_HEADER + tables.CLICK_HEADER, longer)

    # Shuffled: nothing promises that the masks of one image stand together.
    masks = [row for one in drawn for row, _ in one.masks]
    shuffled = [masks[i] for i in rng.permutation(len(masks))]
    _write_csv(meta / f"v5/{split}-annotations-object-segmentation.csv", tables.MASK_HEADER, shuffled)

    _write_csv(meta / tables.LISTING_KEYS[split], tables.LISTING_HEADER, [_listing(one.task, rng) for one in drawn])
    labels = [row for one in drawn for row in _image_labels(one, rng)]
    _write_csv(meta / f"v5/{split}-annotations-human-imagelabels-boxable.csv", tables.LABEL_HEADER, labels)


def _listing(task: Task, rng: np.random.Generator) -> list[str]:
    author = int(rng.integers(len(tables.AUTHORS)))
    site = "https://rehearsal.invalid"
    return [
        task.image_id,
        task.split,
        f"{site}/photos/{task.image_id}_o.jpg",
        f"{site}/people/{author}/{task.image_id}",
        "https://creativecommons.org/licenses/by/2.0/",
        f"{site}/people/{author}/",
        tables.AUTHORS[author],
        tables.TITLES[rng.integers(len(tables.TITLES))],
        str(rng.integers(400_000, 6_000_000)),
        base64.b64encode(rng.bytes(16)).decode("ascii"),
        "" if rng.random() < 0.1 else f"{site}/photos/{task.image_id}_z.jpg",
        "" if rng.random() < 0.1 else "0.0",
    ]


def _image_labels(drawn: Photograph, rng: np.random.Generator) -> Iterator[list[str]]:
    """Verified labels of one image: all that are there, most of the drawn classes that are not, and two others."""
    others = sorted(
        set(tables.BOXABLE) - set(tables.MASKED) - set(tables.BOXED) - {"Food", "Fruit", "Fast food", "Baked goods"}
    )
    absent = [name for name in tables.MASKED if rng.random() < 0.85] + list(rng.choice(others, 2, replace=False))
    for name in sorted(drawn.present | set(absent)):
        source = "verification" if rng.random() < 0.8 else "crowdsource-verification"
        yield [drawn.task.image_id, source, tables.BOXABLE[name], str(int(name in drawn.present))]


def _write_archives(meta: Path, split: str, drawn: Sequence[Photograph]) -> None:
    folder = meta / f"v5/{split}-masks"
    folder.mkdir(parents=True)
    for digit in "0123456789abcdef":
        with zipfile.ZipFile(folder / f"{split}-masks-{digit}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for one in drawn:
                for row, png in one.masks if one.task.image_id[0] == digit else ():
                    entry = zipfile.ZipInfo(row[0], date_time=(2019, 4, 29, 12, 0, 0))
                    entry.compress_type, entry.create_system, entry.external_attr = zipfile.ZIP_DEFLATED, 3, 0o644 << 16
                    archive.writestr(entry, png)


def _write_csv(path: Path, header: Sequence[str] | None, rows: Iterable[Sequence[str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if header is not None:
            writer.writerow(header)
        writer.writerows(rows)
