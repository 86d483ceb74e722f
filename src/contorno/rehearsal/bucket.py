"""Write a small Open Images to a folder: the real keys, headers and mask archives around drawn photographs.

What it copies from the real store, since each can break a reader: masks larger than their images; a file of class
names without a header; boxes in the order XMin, XMax; empty PredictedIoU and Clicks; flags of -1; boxes without a mask;
group boxes; titles with commas and quotes; a listed image that is not there.
"""

from __future__ import annotations

import base64
import csv
import io
import json
import shutil
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from contorno.errors import ConfigError
from contorno.files import folder_lock, read_json, write_json
from contorno.progress import Progress, silent
from contorno.rehearsal import tables
from contorno.rehearsal.scenes import Scene, SceneObject, draw_scene

VERSION = 1
"""Raised whenever the same seed gives other bytes, so that buckets made before are made anew."""

DEFAULT_IMAGES = {"train": 160, "validation": 40, "test": 24}
_PROPORTIONS = ((5, 4), (4, 3), (3, 2), (1, 1), (4, 5), (3, 4))  # (width, height)
_UNFINISHED = "bucket.unfinished"


@dataclass(frozen=True, slots=True, kw_only=True)
class OfflineBucket:
    """A bucket on disk. counts: masks by class name, for each split. missing_images: listed ids without a file."""

    root: Path
    seed: int
    images: Mapping[str, int]
    counts: Mapping[str, Mapping[str, int]]
    missing_images: tuple[str, ...]

    @property
    def meta_dir(self) -> Path:
        """Stands for https://storage.googleapis.com/openimages/."""
        return self.root / "openimages"

    @property
    def images_dir(self) -> Path:
        """Stands for https://open-images-dataset.s3.amazonaws.com/."""
        return self.root / "open-images-dataset"


def make_bucket(
    root: Path,
    *,
    images: Mapping[str, int] | None = None,
    seed: int = 0,
    long_edge_px: int = 320,
    missing_images: int = 1,
    workers: int = 1,
    progress: Progress = silent,
) -> OfflineBucket:
    """Draw the bucket into `root`, or find it there already.

    images: how many for each split; None means 160 train, 40 validation, 24 test.
    long_edge_px: of the images; their masks are larger.
    missing_images: training images that are listed and annotated but have no file.
    workers: processes that draw; with more than one, call it under `if __name__ == "__main__":`.
    The same arguments give the same bytes, whatever the number of workers. An interrupted bucket is made anew.
    Raises ConfigError for a split that does not exist, a negative number, or a folder that holds something else.
    """
    images = dict(DEFAULT_IMAGES if images is None else images)
    for split, number in images.items():
        if split not in tables.SPLITS or number < 0:
            raise ConfigError(
                f"images={{{split!r}: {number}}} is no split of Open Images; give {', '.join(tables.SPLITS)} >= 0."
            )
    if long_edge_px < 64 or missing_images < 0 or workers < 1:
        raise ConfigError("make_bucket needs long_edge_px >= 64, missing_images >= 0 and workers >= 1.")
    images = {split: images.get(split, 0) for split in tables.SPLITS}
    facts = {
        "version": VERSION, "seed": seed, "images": images, "long_edge_px": long_edge_px, "missing": missing_images
    }  # fmt: skip
    root = Path(root)
    record = root / "bucket.json"
    with folder_lock(root):
        known = read_json(record) if record.exists() else None
        if known is None or known["facts"] != facts:
            _clear(root)
            tasks = _tasks(images, seed=seed, long_edge_px=long_edge_px)
            drawn = _draw_all(tasks, workers=workers, progress=progress)
            known = {"facts": facts, **_write(root, drawn, seed=seed, missing_images=missing_images)}
            write_json(record, known, indent=1)
            (root / _UNFINISHED).unlink()
    return OfflineBucket(
        root=root, seed=seed, images=images, counts=known["counts"], missing_images=tuple(known["missing_images"])
    )


def _clear(root: Path) -> None:
    """Make room, after making sure that what stands there is a bucket or nothing."""
    record, unfinished = root / "bucket.json", root / _UNFINISHED
    if not record.exists() and not unfinished.exists() and any(path.name != ".lock" for path in root.iterdir()):
        raise ConfigError(
            f"{root} holds other files and no bucket.json; choose an empty folder for the offline bucket."
        )
    unfinished.touch()
    record.unlink(missing_ok=True)
    for name in ("openimages", "open-images-dataset"):
        if (root / name).exists():
            shutil.rmtree(root / name)


@dataclass(frozen=True, slots=True)
class _Task:
    split: str
    image_id: str
    seed: tuple[int, ...]
    long_edge_px: int


@dataclass(frozen=True, slots=True)
class _Drawn:
    """One image with the rows of its tables. boxes: (row of the v4 table, extreme points). masks: (row, PNG)."""

    task: _Task
    jpeg: bytes
    boxes: list[tuple[list[str], list[str]]]
    masks: list[tuple[list[str], bytes]]
    present: set[str]


def _tasks(images: Mapping[str, int], *, seed: int, long_edge_px: int) -> Iterator[_Task]:
    """Ids of 16 hex digits; the first digit, which chooses the mask archive, goes round in a shuffled order."""
    rng = np.random.default_rng([seed, 1])
    used: set[str] = set()
    for number, split in enumerate(tables.SPLITS):
        firsts = rng.permutation(16)
        for index in range(images[split]):
            image_id = ""
            while not image_id or image_id in used:
                image_id = f"{firsts[index % 16]:x}{rng.integers(16**15):015x}"
            used.add(image_id)
            yield _Task(split, image_id, (seed, 2, number, index), long_edge_px)


def _draw_all(tasks: Iterable[_Task], *, workers: int, progress: Progress) -> list[_Drawn]:
    tasks = list(tasks)
    drawn: list[_Drawn] = []
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn")) if workers > 1 and len(tasks) > 1 else None
    try:
        for result in map(_draw, tasks) if pool is None else pool.map(_draw, tasks, chunksize=4):
            drawn.append(result)
            progress("drawing images", len(drawn), len(tasks))
    finally:
        if pool is not None:
            pool.shutdown(cancel_futures=True)
    return drawn


def _draw(task: _Task) -> _Drawn:
    rng = np.random.default_rng(task.seed)
    wide, high = _PROPORTIONS[rng.integers(len(_PROPORTIONS))]
    scale = task.long_edge_px / max(wide, high)
    size = (round(high * scale), round(wide * scale))
    # Some 6 % of real masks have the size of their image (openimages/dataset issue 92).
    ratio = 1.0 if rng.random() < 0.06 else rng.uniform(1.25, 1.6)
    scene = draw_scene(rng, size, mask_size_hw=(round(size[0] * ratio), round(size[1] * ratio)))
    jpeg = io.BytesIO()
    Image.fromarray(scene.image).save(jpeg, "JPEG", quality=int(rng.integers(84, 94)))

    boxes, masks = [], []
    for thing in scene.objects:
        mid = tables.BOXABLE.get(thing.class_name)
        if mid is None:
            continue
        # Only people's boxes have masks; boxes found by a detector, and groups, have none and leave the flags unknown.
        by_machine = task.split == "train" and not thing.is_group and rng.random() < 0.05
        boxes.append(_box_row(task, thing, mid, by_machine=by_machine, rng=rng))
        if thing.class_name in tables.MASKED and not by_machine and not thing.is_group and rng.random() > 0.03:
            masks.append(_mask_row(task, thing, mid, boxes[-1][0][4:8], rng=rng))
    return _Drawn(task, jpeg.getvalue(), boxes, masks, _labels_of(scene))


def _labels_of(scene: Scene) -> set[str]:
    return {thing.class_name for thing in scene.objects if thing.class_name in tables.BOXABLE}


def _box_row(
    task: _Task, thing: SceneObject, mid: str, *, by_machine: bool, rng: np.random.Generator
) -> tuple[list[str], list[str]]:
    x_min, y_min, x_max, y_max = thing.box
    place = [f"{value:.6f}" for value in (x_min, x_max, y_min, y_max)]
    if by_machine:
        return [task.image_id, "activemil", mid, "1", *place, *["-1"] * 5], ["-1.000000"] * 8
    flags = (thing.is_occluded, thing.is_truncated, thing.is_group, rng.random() < 0.02, False)
    clicks = [f"{value:.6f}" for value in _extreme_points(thing)]
    return [task.image_id, "xclick", mid, "1", *place, *(str(int(flag)) for flag in flags)], clicks


def _extreme_points(thing: SceneObject) -> list[float]:
    """x of the top, left, bottom and right point of the mask, then their y, as fractions."""
    height, width = thing.mask.shape
    rows, columns = np.nonzero(thing.mask)
    points = [rows.argmin(), columns.argmin(), rows.argmax(), columns.argmax()]
    return [(columns[i] + 0.5) / width for i in points] + [(rows[i] + 0.5) / height for i in points]


def _mask_row(
    task: _Task, thing: SceneObject, mid: str, place: Sequence[str], *, rng: np.random.Generator
) -> tuple[list[str], bytes]:
    box_id = f"{rng.integers(16**8):08x}"
    name = f"{task.image_id}_{mid.replace('/', '')}_{box_id}.png"
    iou, clicks = f"{rng.uniform(0.72, 0.97):.5f}", _clicks(thing, rng)
    if rng.random() < 0.1:
        iou, clicks = "", ""
    png = io.BytesIO()
    Image.fromarray(thing.mask).save(png, "PNG")  # bool becomes mode "1": 1-bit greyscale
    return [name, task.image_id, mid, box_id, *place, iou, clicks], png.getvalue()


def _clicks(thing: SceneObject, rng: np.random.Generator) -> str:
    """Two corrections inside and one outside, as an annotator makes them."""
    height, width = thing.mask.shape
    found = []
    for inside in (True, True, False):
        rows, columns = np.nonzero(thing.mask == inside)
        if len(rows):
            i = rng.integers(len(rows))
            found.append(f"{(columns[i] + 0.5) / width:.5f} {(rows[i] + 0.5) / height:.5f} {int(inside)}")
    return ";".join(found)


def _write(root: Path, drawn: Sequence[_Drawn], *, seed: int, missing_images: int) -> dict[str, Any]:
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


def _write_tables(meta: Path, split: str, drawn: Sequence[_Drawn], rng: np.random.Generator) -> None:
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


def _listing(task: _Task, rng: np.random.Generator) -> list[str]:
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


def _image_labels(drawn: _Drawn, rng: np.random.Generator) -> Iterator[list[str]]:
    """Verified labels of one image: all that are there, most of the drawn classes that are not, and two others."""
    others = sorted(
        set(tables.BOXABLE) - set(tables.MASKED) - set(tables.BOXED) - {"Food", "Fruit", "Fast food", "Baked goods"}
    )
    absent = [name for name in tables.MASKED if rng.random() < 0.85] + list(rng.choice(others, 2, replace=False))
    for name in sorted(drawn.present | set(absent)):
        source = "verification" if rng.random() < 0.8 else "crowdsource-verification"
        yield [drawn.task.image_id, source, tables.BOXABLE[name], str(int(name in drawn.present))]


def _write_archives(meta: Path, split: str, drawn: Sequence[_Drawn]) -> None:
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
