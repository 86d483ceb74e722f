"""What a finished training leaves in its run folder: figures, pictures, exported files with proof, and the report."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from contorno import config, draw, export, images, inference, tfms
from contorno.dataset import Dataset
from contorno.errors import ContornoError
from contorno.learner import best_device
from contorno.metrics import DETECTION_THRESHOLD, COCOMetricType, COCOResult, image_scores
from contorno.models.torchvision import fitting, mask_rcnn
from contorno.progress import Progress, silent
from contorno.records import Records
from contorno.report import Report, ReportImage, write_report
from contorno.runs import Run, versions
from contorno.samples import Prediction

SHOWN = 6
"""Best and worst images that the report and `pictures/` show, each."""


def write_results(
    run: Run,
    model: nn.Module,
    train_ds: Dataset,
    valid_ds: Dataset,
    history: Sequence[dict[str, float]],
    settings: Any,
) -> str:
    """Measure, draw, export and report; returns the table of figures.

    model: with its best weights. Writes `metrics.json`, `pictures/`, `jit-model.pt`, `certificate.json`, `report.html`.
    """
    began = time.monotonic()
    types = _metric_types(run, valid_ds.records)
    result, predictions = inference.evaluate(model, valid_ds, metric_types=types, batch_size=1, progress=run.progress)
    seconds = {"training": sum(row.get("seconds", 0.0) for row in history), "evaluation": time.monotonic() - began}
    run.write_metrics(result, seconds=seconds)

    records = valid_ds.records
    best, worst = _best_and_worst(records, predictions)
    samples = [train_ds[i % len(train_ds)] for i in range(SHOWN)]
    for name, items in (("best", best), ("worst", worst)):
        for number, item in enumerate(items, 1):
            images.write_image(run.pictures / f"{name}-{number}.jpg", item.image)
    draw.show_samples(samples, ncols=3, show=False, path=run.pictures / "samples.jpg")
    shown = [prediction.above(DETECTION_THRESHOLD) for prediction in predictions[:9]]
    draw.show_preds(shown, ncols=3, show=False, path=run.pictures / "predictions.jpg")

    run.say("exporting, and comparing with the eager model")
    certificate = export.export(run, export.sample_paths(run), model=model)
    write_report(
        run.report_path,
        Report(
            title=f"{Path(run.recipe).stem or 'run'}: {', '.join(records.class_map.names)}",
            subtitle=f"{len(train_ds)} training and {len(valid_ds)} validation images",
            figures=result.figures,
            per_class=result.per_class,
            history=list(history),
            settings=config.to_plain(settings) | {"model": run.card()["settings"]},
            versions=versions(),
            notes=[],
            best=best,
            worst=worst,
            samples=[ReportImage(image=draw.draw_sample(sample)) for sample in samples],
            certificate=certificate,
            files=run.files(),
        ),
    )
    return result.table()


def _best_and_worst(records: Records, predictions: Sequence[Prediction]) -> tuple[list[ReportImage], list[ReportImage]]:
    scores = image_scores(records, predictions)
    order = np.argsort([score.quality for score in scores], kind="stable")
    # Images that are empty and were left empty are right, and show nothing.
    order = np.array(
        [i for i in order if len(records[int(i)].instances) or len(predictions[int(i)].above(DETECTION_THRESHOLD))]
    )

    def shown(indices: Any) -> list[ReportImage]:
        return [
            ReportImage(
                image=draw.side_by_side(records[int(i)], predictions[int(i)], threshold=DETECTION_THRESHOLD),
                caption=(
                    f"{records[int(i)].image_id}: quality {scores[int(i)].quality:.2f}, "
                    f"{scores[int(i)].matched} matched, {scores[int(i)].missed} missed, {scores[int(i)].false} false"
                ),
            )
            for i in indices
        ]

    half = min(SHOWN, (len(order) + 1) // 2)
    return shown(order[::-1][:half]), shown(order[:half])


def measure(run: Run, records: Records, *, progress: Progress = silent) -> tuple[COCOResult, list[Prediction]]:
    """Measure a run's model on records, in original pixels."""
    model = run.load_model().to(best_device())
    types = _metric_types(run, records)
    return inference.evaluate(model, Dataset(records, valid_tfms(run)), metric_types=types, progress=progress)


def _metric_types(run: Run, records: Records) -> tuple[COCOMetricType, ...]:
    """Masks and boxes where the model finds both and the records have both, else boxes alone."""
    has_masks = all(record.instances.has_masks for record in records)
    if has_masks and fitting.model_type_of(run.card()["settings"]) is mask_rcnn:
        return COCOMetricType.mask, COCOMetricType.bbox
    return (COCOMetricType.bbox,)


def valid_tfms(run: Run) -> tfms.A.Adapter:
    """The transforms that the run's model was measured with."""
    return tfms.A.Adapter([*tfms.A.resize_and_pad(int(run.card()["image_size"])), tfms.A.Normalize()])


def predict_files(
    run: Run, paths: Sequence[Path], *, threshold: float
) -> Iterator[tuple[Path, Prediction | ContornoError]]:
    """Predict image files one by one; a file that cannot be read comes back with its error, and the rest go on."""
    model, class_map, transforms = run.load_model().to(best_device()), run.class_map(), valid_tfms(run)
    for path in paths:
        try:
            dataset = Dataset.from_images([path], transforms, class_map=class_map)
            yield path, inference.predict(model, dataset, detection_threshold=threshold)[0]
        except ContornoError as error:
            yield path, error
