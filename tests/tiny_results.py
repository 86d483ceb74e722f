"""Builders of a ground truth and of what a model may have found in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from contorno import masks
from contorno.records import ClassMap, ImageId, Instances, Record, Records
from contorno.samples import Prediction
from tiny import disc

SIZE = (24, 32)


def truth(folder: Path, image_ids: tuple[ImageId, ...] = (3, 7, 11), seed: int = 0) -> Records:
    """One record for each id, with zero to three discs of two classes; its file is `photo_<id>.jpg`, empty."""
    rng = np.random.default_rng(seed)
    made = []
    for number, image_id in enumerate(image_ids):
        path = folder / f"photo_{image_id}.jpg"
        path.touch()
        discs = [disc(SIZE, tuple(rng.uniform(6, 20, 2)), rng.uniform(3, 6)) for _ in range((number + 1) % 4)]
        labels = rng.integers(1, 3, len(discs)).tolist()
        instances = Instances.build(SIZE, labels, [masks.encode(mask) for mask in discs])
        made.append(Record(image_id=image_id, size_hw=SIZE, instances=instances, path=path))
    return Records(made, ClassMap(["nail", "screw"]))


def found(records: Records, *, seed: int = 0, with_masks: bool = True) -> list[Prediction]:
    """Near what is there, and some of what is not, best score first; nothing in the last image."""
    rng = np.random.default_rng(seed)
    made = []
    for record in records[:-1]:
        discs = [disc(SIZE, tuple(rng.uniform(4, 22, 2)), rng.uniform(2, 6)) for _ in range(2)]
        codes = [*record.instances.run_lengths(), *(masks.encode(mask) for mask in discs)]
        labels = [*record.instances.labels.tolist(), *rng.integers(1, 3, 2).tolist()]
        scores = np.sort(rng.random(len(codes)).astype(np.float32))[::-1]
        order = rng.permutation(len(codes))
        codes = [codes[i] for i in order]
        made.append(prediction(record, [labels[i] for i in order], scores, codes, with_masks))
    return [*made, prediction(records[-1], [], np.empty(0, dtype=np.float32), [], with_masks)]


def prediction(
    record: Record, labels: list[int], scores: np.ndarray, codes: list[masks.RunLength], with_masks: bool = True
) -> Prediction:
    """A prediction with the tight boxes of its masks."""
    return Prediction(
        image_id=record.image_id,
        size_hw=record.size_hw,
        labels=np.array(labels, dtype=np.int64),
        scores=np.asarray(scores, dtype=np.float32),
        boxes=masks.boxes(codes),
        masks=tuple(codes) if with_masks else None,
        record=record,
    )
