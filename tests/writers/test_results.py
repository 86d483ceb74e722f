"""COCO results: pycocotools takes them and finds the figures of contorno's own metric; they read back as they were."""

from __future__ import annotations

import contextlib
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from contorno.errors import ConfigError, DataError
from contorno.metrics import COCOMetricType, evaluate
from contorno.parsers.results import coco_ids, read_results
from contorno.records import ImageId
from contorno.samples import Prediction
from contorno.writers.coco import write_coco
from contorno.writers.results import BOX_LOST, write_results
from tiny_results import found, truth


def state(predictions: list[Prediction]) -> list[Any]:
    """All that predictions hold, comparable with ==."""
    arrays = [[p.labels.tolist(), p.scores.tolist(), p.boxes.tolist()] for p in predictions]
    return [[p.image_id, p.size_hw, p.masks, *values] for p, values in zip(predictions, arrays, strict=True)]


def by_pycocotools(annotations: Path, results: Path, kind: str) -> list[float]:
    """AP, AP50, AP75 and those of small, medium and large objects; NaN for an undefined one."""
    with contextlib.redirect_stdout(io.StringIO()):
        ground_truth = COCO(str(annotations))
        run = COCOeval(ground_truth, ground_truth.loadRes(str(results)), kind)
        run.evaluate()
        run.accumulate()
        run.summarize()
    return [float("nan") if value == -1 else float(value) for value in run.stats[:6]]


@pytest.mark.parametrize(("kind", "metric"), [("segm", COCOMetricType.mask), ("bbox", COCOMetricType.bbox)])
@pytest.mark.parametrize("ids", [(3, 7, 11, 12, 15), ("a", "b/c", "7", "x", "y")], ids=["numbers", "texts"])
def test_pycocotools_finds_the_same_ap_as_the_metric(
    tmp_path: Path, kind: str, metric: COCOMetricType, ids: tuple[ImageId, ...]
) -> None:
    (tmp_path / "photo_b").mkdir()
    records = truth(tmp_path, ids)
    predictions = found(records, with_masks=kind == "segm")
    annotations = write_coco(records, tmp_path / "truth.json").path
    named = coco_ids(annotations, records.class_map)
    results = write_results(predictions, tmp_path / "results.json", image_ids=named.images).path
    figures = evaluate(records, predictions, metric_types=[metric]).figures
    ours = [figures[f"{metric.prefix}_ap{name}"] for name in ("", "50", "75", "_small", "_medium", "_large")]
    assert 0 < ours[0] < 1
    np.testing.assert_allclose(by_pycocotools(annotations, results, kind), ours, atol=1e-12)


@pytest.mark.parametrize("with_masks", [True, False])
def test_reading_gives_back_the_very_same_predictions(tmp_path: Path, with_masks: bool) -> None:
    records = truth(tmp_path)
    predictions = found(records, with_masks=with_masks)
    written = write_results(iter(predictions), tmp_path / "results.json")
    assert written.lossless
    assert (written.images, written.objects) == (3, sum(map(len, predictions)))
    assert state(read_results(written.path, records, autofix=False)) == state(predictions)


def test_detection_has_the_members_that_submissions_have(tmp_path: Path) -> None:
    records = truth(tmp_path)
    path = write_results(found(records), tmp_path / "results.json", category_ids={1: 18, 2: 44}).path
    first = json.loads(path.read_text())[0]
    assert list(first) == ["image_id", "category_id", "segmentation", "score"]
    assert (first["image_id"], first["category_id"] in (18, 44)) == (3, True)
    assert first["segmentation"]["size"] == [24, 32]
    assert isinstance(first["segmentation"]["counts"], str)
    assert first["score"] == found(records)[0].scores[0]


def test_boxes_stand_beside_masks_only_if_asked_and_are_counted_as_lost_else(tmp_path: Path) -> None:
    records = truth(tmp_path)
    one = found(records)[0]
    boxes = one.boxes.copy()
    boxes[0, 2] += 0.3
    loose = replace(one, boxes=boxes)
    assert write_results([loose], tmp_path / "a.json").lost == {BOX_LOST: 1}
    assert write_results([loose], tmp_path / "b.json", boxes=True).lost == {}
    assert read_results(tmp_path / "b.json", records)[0].boxes.tolist() == boxes.tolist()


def test_low_scores_can_be_left_out(tmp_path: Path) -> None:
    predictions = found(truth(tmp_path))
    cut = float(predictions[0].scores[1])
    kept = sum(int((p.scores >= np.float32(cut)).sum()) for p in predictions)
    assert write_results(predictions, tmp_path / "results.json", min_score=cut).objects == kept
    assert len(json.loads((tmp_path / "results.json").read_text())) == kept


def test_nothing_found_is_an_empty_list(tmp_path: Path) -> None:
    records = truth(tmp_path)
    path = write_results(found(records)[-1:], tmp_path / "results.json").path
    assert json.loads(path.read_text()) == []
    assert [len(p) for p in read_results(path, records)] == [0, 0, 0]


def test_what_cannot_be_written_is_refused_and_the_old_file_stays(tmp_path: Path) -> None:
    path, predictions = tmp_path / "results.json", found(truth(tmp_path))
    path.write_text("old")
    one = predictions[0]
    bad = one.scores.copy()
    bad[0] = np.nan
    with pytest.raises(DataError, match="image 3: a predicted score or box is not a finite number"):
        write_results([replace(one, scores=bad)], path)
    with pytest.raises(DataError, match=r"image 3: the prediction is for a size of \(12, 16\)"):
        write_results([replace(one, size_hw=(12, 16))], path)
    with pytest.raises(ConfigError, match="the image 3 has two predictions"):
        write_results([one, one], path)
    with pytest.raises(ConfigError, match="image_ids has no entry for the image 7"):
        write_results(predictions, path, image_ids={3: 1})
    with pytest.raises(ConfigError, match=r"category_ids has no entry for the label \d; it has \[5\]"):
        write_results(predictions, path, category_ids={5: 1})
    assert path.read_text() == "old"
