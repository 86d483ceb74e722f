"""Drawn photographs, each with what the tables and archives say of it: boxes, masks, and what it shows."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np
from PIL import Image

from contorno.progress import Progress
from contorno.rehearsal import tables
from contorno.rehearsal.scenes import Scene, SceneObject, draw_scene

_PROPORTIONS = ((5, 4), (4, 3), (3, 2), (1, 1), (4, 5), (3, 4))  # (width, height)


@dataclass(frozen=True, slots=True)
class Task:
    """A photograph to be drawn. seed: of its own, so that it is the same whoever draws it, and in whatever order."""

    split: str
    image_id: str
    seed: tuple[int, ...]
    long_edge_px: int


@dataclass(frozen=True, slots=True)
class Photograph:
    """One image with the rows of its tables.

    boxes: (row of the v4 table, extreme points).   masks: (row, PNG).   present: names of the classes that it shows.
    """

    task: Task
    jpeg: bytes
    boxes: list[tuple[list[str], list[str]]]
    masks: list[tuple[list[str], bytes]]
    present: set[str]


def plan_photographs(images: Mapping[str, int], *, seed: int, long_edge_px: int) -> Iterator[Task]:
    """So many for each split.

    Ids have 16 hex digits; the first digit, which chooses the mask archive, goes round in a shuffled order.
    """
    rng = np.random.default_rng([seed, 1])
    used: set[str] = set()
    for number, split in enumerate(tables.SPLITS):
        firsts = rng.permutation(16)
        for index in range(images[split]):
            image_id = ""
            while not image_id or image_id in used:
                image_id = f"{firsts[index % 16]:x}{rng.integers(16**15):015x}"
            used.add(image_id)
            yield Task(split, image_id, (seed, 2, number, index), long_edge_px)


def draw_photographs(tasks: Iterable[Task], *, workers: int, progress: Progress) -> list[Photograph]:
    """Draw all, in the order of the tasks, in so many processes."""
    tasks = list(tasks)
    drawn: list[Photograph] = []
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn")) if workers > 1 and len(tasks) > 1 else None
    try:
        for result in map(_draw, tasks) if pool is None else pool.map(_draw, tasks, chunksize=4):
            drawn.append(result)
            progress("drawing images", len(drawn), len(tasks))
    finally:
        if pool is not None:
            pool.shutdown(cancel_futures=True)
    return drawn


def _draw(task: Task) -> Photograph:
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
    return Photograph(task, jpeg.getvalue(), boxes, masks, _labels_of(scene))


def _labels_of(scene: Scene) -> set[str]:
    return {thing.class_name for thing in scene.objects if thing.class_name in tables.BOXABLE}


def _box_row(
    task: Task, thing: SceneObject, mid: str, *, by_machine: bool, rng: np.random.Generator
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
    task: Task, thing: SceneObject, mid: str, place: Sequence[str], *, rng: np.random.Generator
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
