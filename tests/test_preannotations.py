from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from contorno import masks, preannotations
from contorno.errors import ConfigError, DataError
from contorno.records import ClassMap, Instances, Record
from contorno.samples import Prediction
from tiny import bitmap

CATS = ClassMap(["cat"])
SIZE = (4, 6)


def prediction(scores: list[float], codes: list[masks.RunLength], record: Record | None) -> Prediction:
    return Prediction(
        image_id="a",
        size_hw=SIZE,
        labels=np.ones(len(scores), dtype=np.int64),
        scores=np.array(scores, dtype=np.float32),
        boxes=np.array([[0, 0, 2, 2]] * len(scores), dtype=np.float32).reshape(-1, 4),
        masks=tuple(codes),
        record=record,
    )


def empty_record(path: Path | None = Path("a.jpg"), size: tuple[int, int] = SIZE) -> Record:
    return Record(image_id="a", size_hw=size, instances=Instances.build(size), path=path)


CORNER = masks.encode(bitmap("##....", "##....", "......", "......"))
NOTHING = masks.encode(bitmap("......", "......", "......", "......"))


def test_only_what_scores_enough_is_an_object_and_keeps_its_score() -> None:
    (record,) = preannotations.as_records([prediction([0.9, 0.3], [CORNER, CORNER], empty_record())], CATS)
    assert record.instances.attributes == ({"score": 0.9},)
    assert record.instances.run_lengths() == (CORNER,)
    assert record.path == Path("a.jpg")


def test_image_in_which_nothing_was_found_stays_and_empty_masks_go() -> None:
    found = [prediction([0.9], [NOTHING], empty_record())]
    (record,) = preannotations.as_records(found, CATS)
    assert len(record.instances) == 0


def test_prediction_that_cannot_be_laid_on_its_image_is_named() -> None:
    with pytest.raises(DataError, match=r"image a: its prediction is for \(4, 6\) .* the image has \(8, 6\)"):
        preannotations.as_records([prediction([0.9], [CORNER], empty_record(size=(8, 6)))], CATS)
    with pytest.raises(DataError, match="image a: its prediction does not say which file"):
        preannotations.as_records([prediction([0.9], [CORNER], None)], CATS)
    with pytest.raises(ConfigError, match=r"threshold=1\.5 is not a score"):
        preannotations.as_records([], CATS, threshold=1.5)
