"""Mask AP of many images: contorno's metric with hotcoco against its own reference engine and plain pycocotools.

All three see the same synthetic objects and detections in the same run; the figures are compared before the times are.
"ours" includes taking each record and prediction in. "plain" is pycocotools alone on dicts that are made beforehand.

Run:  RAYON_NUM_THREADS=2 python benchmarks/metric.py --images 5000 --detections 20
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import functools
import io
import statistics
import time
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from contorno import masks
from contorno.masks import RunLength
from contorno.metrics import COCOMetric, COCOResult
from contorno.records import ClassMap, Instances, Record, Records
from contorno.samples import Prediction

SIZE = (480, 640)
CLASSES = 80


def blobs(rng: np.random.Generator, count: int) -> list[tuple[RunLength, list[RunLength]]]:
    """Wavy discs, small and large, some with a hole; each with four copies that are shifted a little."""
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    made = []
    for _ in range(count):
        is_small = rng.random() < 0.45
        radius = rng.uniform(6, 20) if is_small else rng.uniform(20, 110)
        x, y = rng.uniform(0, SIZE[1]), rng.uniform(0, SIZE[0])
        dx, dy = columns - x, rows - y
        angle, distance = np.arctan2(dy, dx), np.hypot(dx, dy)
        edge = radius * (1 + 0.15 * np.sin(angle * int(rng.integers(3, 9)) + rng.uniform(0, 6)))
        shape = distance <= edge
        if rng.random() < 0.3:
            shape &= distance > edge / 3
        copies = []
        for step in range(1, 5):
            most = int(np.ceil(step * (0.6 if is_small else 2.2)))
            copies.append(np.roll(shape, rng.integers(-most, most + 1, 2), (0, 1)))
        code, *shifted = masks.encode_stack(np.stack([shape, *copies]).astype(np.uint8))
        made.append((code, shifted))
    return made


def make(images: int, detections: int, seed: int) -> tuple[Records, list[Prediction]]:
    """About seven objects an image of up to three classes; four in five are found, the rest is false."""
    rng = np.random.default_rng(seed)
    pool = blobs(rng, min(800, images * 4))
    picture = np.zeros((1, 1, 3), dtype=np.uint8)
    records, predictions = [], []
    for image_id in range(1, images + 1):
        classes = rng.integers(1, CLASSES + 1, 3)
        objects = [
            (int(rng.choice(classes)), int(rng.integers(len(pool)))) for _ in range(min(detections, rng.poisson(7)))
        ]
        instances = Instances.build(
            SIZE,
            [label for label, _ in objects],
            [pool[index][0] for _, index in objects],
            is_crowd=rng.random(len(objects)) < 0.01,
        )
        records.append(Record(image_id=image_id, size_hw=SIZE, instances=instances, image=picture))
        found: list[tuple[int, float, RunLength]] = []
        for number in range(detections):
            if number < len(objects) and rng.random() < 0.8:
                label, index = objects[number]
                found.append((label, rng.uniform(0.3, 1.0), pool[index][1][int(rng.integers(4))]))
            else:
                other = pool[int(rng.integers(len(pool)))][1][0]
                found.append((int(rng.choice(classes)), rng.uniform(0.0, 0.7), other))
        codes = [code for _, _, code in found]
        predictions.append(
            Prediction(
                image_id=image_id,
                size_hw=SIZE,
                labels=np.array([label for label, _, _ in found], dtype=np.int64),
                scores=np.array([score for _, score, _ in found], dtype=np.float32),
                boxes=masks.boxes(codes),
                masks=tuple(codes),
            )
        )
    return Records(records, ClassMap([f"class {number}" for number in range(1, CLASSES + 1)])), predictions


def ours(records: Records, predictions: list[Prediction], engine: Literal["hotcoco", "pycocotools"]) -> COCOResult:
    """The library's own way, one image at a time."""
    metric = COCOMetric(engine=engine)
    for record, prediction in zip(records, predictions, strict=True):
        metric.accumulate(record, prediction)
    return metric.finalize(records.class_map)


def plain_input(records: Records, predictions: list[Prediction]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The same data as COCO's dicts."""
    annotations: list[dict[str, Any]] = []
    for record in records:
        truth = record.instances
        for label, code, is_crowd in zip(truth.labels, truth.run_lengths(), truth.is_crowd, strict=True):
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": record.image_id,
                    "category_id": int(label),
                    "iscrowd": int(is_crowd),
                    "area": masks.area(code),
                    "segmentation": code.to_coco(),
                }
            )
    truth_set = {
        "info": {},
        "images": [{"id": record.image_id, "height": SIZE[0], "width": SIZE[1]} for record in records],
        "categories": [{"id": label, "name": str(label)} for label in range(1, CLASSES + 1)],
        "annotations": annotations,
    }
    results = [
        {
            "image_id": prediction.image_id,
            "category_id": int(label),
            "score": float(score),
            "segmentation": code.to_coco(),
        }
        for prediction in predictions
        for label, score, code in zip(prediction.labels, prediction.scores, prediction.masks or (), strict=True)
    ]
    return truth_set, results


def plain(truth_set: dict[str, Any], results: list[dict[str, Any]]) -> list[float]:
    """pycocotools as its own demo uses it; the twelve numbers of its summary."""
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = truth_set
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(results), "segm")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return [float(value) for value in evaluation.stats]


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds and result."""
    began = time.perf_counter()
    result = work()
    return time.perf_counter() - began, result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--detections", type=int, default=20, help="for each image")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    records, predictions = make(given.images, given.detections, given.seed)
    truth_set, results = plain_input(records, predictions)

    times: dict[str, list[float]] = {"ours, hotcoco": [], "ours, pycocotools": [], "plain pycocotools": []}
    for _ in range(given.repeats):
        # pycocotools writes into its input; the copies are made outside the clock.
        inputs = copy.deepcopy((truth_set, results))
        seconds, fast = timed(lambda: ours(records, predictions, "hotcoco"))
        times["ours, hotcoco"].append(seconds)
        seconds, reference = timed(lambda: ours(records, predictions, "pycocotools"))
        times["ours, pycocotools"].append(seconds)
        seconds, stats = timed(functools.partial(plain, *inputs))
        times["plain pycocotools"].append(seconds)
    differs = max(
        *(abs(fast.figures[key] - reference.figures[key]) for key in fast.figures),
        *(abs(a - b) for a, b in zip(fast.figures.values(), stats, strict=True)),
    )
    print(f"{given.images} images, {truth_set['annotations'][-1]['id']} objects, {len(results)} detections")
    print(f"mask_ap {fast.figures['mask_ap']:.6f}; largest difference of the 12 figures {differs:.1e}")
    baseline = statistics.median(times["plain pycocotools"])
    for name, taken in times.items():
        middle = statistics.median(taken)
        print(
            f"{name:<20} {middle:7.2f} s ({min(taken):.2f} to {max(taken):.2f})  {baseline / middle:5.1f} times as fast"
        )


if __name__ == "__main__":
    main()
