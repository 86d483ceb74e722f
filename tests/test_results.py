"""What a finished training leaves behind, and measuring and predicting from a run folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tiny
from contorno import images, masks, results
from contorno.errors import ContornoError
from contorno.records import ClassMap, Records
from contorno.runs import Run
from contorno.samples import Prediction
from tiny_run import Settings, datasets, disc_files, make_run


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return make_run(tmp_path_factory.mktemp("runs") / "made")


@pytest.mark.slow
def test_everything_is_written_in_the_places_that_the_run_names(made: Run) -> None:
    records = made.read_split("validation")
    train, valid = datasets(records, records)
    history: list[dict[str, Any]] = [
        {"epoch": 1.0, "train_loss": 2.0, "seconds": 3.0},
        {"epoch": 2.0, "train_loss": 1.5, "valid_loss": 1.7, "mask_ap": 0.1, "seconds": 4.0},
    ]
    table = results.write_results(made, made.load_model(), train, valid, history, Settings())
    assert "mask" in table
    assert {name for name, _, _ in made.files()} >= {"metrics.json", "jit-model.pt", "certificate.json", "report.html"}
    metrics = json.loads(made.metrics_path.read_text())
    assert metrics["seconds"]["training"] == 7
    assert metrics["seconds"]["evaluation"] > 0
    assert {"mask_ap", "mask_ap50", "box_ap"} <= set(metrics["figures"])
    assert set(metrics["per_class"]) == {"disc", "ring"}
    names = {path.name for path in made.pictures.iterdir()}
    assert names >= {"best-1.jpg", "worst-1.jpg", "samples.jpg", "predictions.jpg"}
    report = made.report_path.read_text(encoding="utf-8")
    assert "<title>" in report
    assert "disc, ring" in report
    assert "jit-model.pt" in report


def test_the_best_and_worst_images_come_by_quality_and_right_emptiness_is_neither() -> None:
    size = (32, 40)
    left, right = tiny.disc(size, (10, 16), 6), tiny.disc(size, (30, 16), 6)
    records = Records(
        [
            tiny.record("good", size, [(1, left)]),
            tiny.record("bad", size, [(1, left)]),
            tiny.record("empty", size, []),
            tiny.record("false", size, []),
        ],
        ClassMap(["disc"]),
    )

    def found(image_id: str, *shapes: Any) -> Prediction:
        codes = [masks.encode(shape) for shape in shapes]
        return Prediction(
            image_id=image_id,
            size_hw=size,
            labels=np.ones(len(codes), dtype=np.int64),
            scores=np.full(len(codes), 0.9, dtype=np.float32),
            boxes=masks.boxes(codes),
            masks=tuple(codes),
            class_map=records.class_map,
        )

    predictions = [found("good", left), found("bad", right), found("empty"), found("false", right)]
    best, worst = results._best_and_worst(records, predictions)
    assert best[0].caption.startswith("good:")
    assert {item.caption.split(":")[0] for item in worst} == {"bad", "false"}
    assert "empty" not in {item.caption.split(":")[0] for item in best + worst}
    assert "1 matched, 0 missed, 0 false" in best[0].caption


def test_a_data_set_of_right_emptiness_shows_no_pictures() -> None:
    record = tiny.record(1, (32, 40), [])
    none = np.zeros(0)
    nothing = Prediction(
        image_id=1, size_hw=(32, 40), labels=none.astype(int), scores=none, boxes=masks.boxes([]), masks=()
    )
    assert results._best_and_worst(Records([record], ClassMap(["disc"])), [nothing]) == ([], [])


def test_measuring_a_run_gives_the_figures_of_its_validation(made: Run) -> None:
    seen: list[tuple[int, int | None]] = []
    result, predictions = results.measure(
        made, made.read_split("validation"), progress=lambda _, done, total: seen.append((done, total))
    )
    assert len(predictions) == 3
    assert {"mask_ap", "box_ap"} <= set(result.figures)
    assert seen[-1] == (3, 3)


def test_a_file_that_cannot_be_read_does_not_stop_the_others(made: Run, tmp_path: Path) -> None:
    disc_files(tmp_path, 2, seed=5)
    cut = tmp_path / "cut.png"
    cut.write_bytes((tmp_path / "1.png").read_bytes()[:200])
    images.write_image(tmp_path / "wide.png", images.read_image(tmp_path / "2.png")[:20])
    paths = [tmp_path / "1.png", cut, tmp_path / "none.png", tmp_path / "wide.png"]
    found = dict(results.predict_files(made, paths, threshold=0.0))
    assert list(found) == paths
    errors = [found[paths[1]], found[paths[2]]]
    assert all(isinstance(error, ContornoError) for error in errors)
    assert "cut.png" in str(errors[0])
    for path in (paths[0], paths[3]):
        prediction = found[path]
        assert isinstance(prediction, Prediction)
        assert prediction.size_hw == images.image_size(path)
        assert len(prediction) > 0
        assert prediction.image_id == path.name or prediction.image_id == 0
