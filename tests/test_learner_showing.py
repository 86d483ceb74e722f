"""Batches and results as pictures, and predictions with their truth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import tiny_detector
from contorno import metrics, tfms
from contorno.dataset import Dataset
from contorno.draw.pictures import MATCHED, MISSED
from contorno.errors import ConfigError, DataError
from contorno.loaders import train_dl, valid_dl
from contorno.metrics import COCOMetricType
from tiny_detector import TinyDetector, datasets, tiny_learner


class Knows(TinyDetector):
    """It finds the bright disc, by its pixels."""

    def forward(self, images: Any, targets: Any = None) -> Any:
        if self.training:
            return super().forward(images, targets)
        return [self._found(image) for image in images]

    def _found(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
        rows, columns = torch.where(image.max(dim=0).values > 0)
        box = torch.stack([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]).float()
        is_red = bool(image[0].max() > image[2].max())
        return {"boxes": box[None], "labels": torch.tensor([1 if is_red else 2]), "scores": torch.tensor([0.9])}


def colours(picture: Image.Image, colour: tuple[int, int, int]) -> int:
    """Pixels near a colour."""
    distance = np.abs(np.asarray(picture.convert("RGB")).astype(int) - np.array(colour)).max(axis=2)
    return int((distance < 30).sum())


def test_a_batch_is_shown_as_the_model_gets_it_and_the_next_epoch_begins_with_it(tmp_path: Path) -> None:
    learn = tiny_learner()
    picture = learn.show_batch(path=tmp_path / "batch.png")
    with Image.open(tmp_path / "batch.png") as written:
        assert written.size == picture.size
    assert learn.dls.train.sampler.epoch == 0
    again = learn.dls.show_batch(next(iter(learn.dls.train)), show=False)
    assert np.array_equal(np.asarray(picture), np.asarray(again))
    one = learn.show_batch(max_n=1, ncols=1, show=False)
    assert one.width < picture.width


def test_results_show_the_truth_beside_what_was_found(tmp_path: Path) -> None:
    right = tiny_learner(model=Knows()).show_results(path=tmp_path / "right.png")
    wrong = tiny_learner().show_results(show=False)
    assert colours(right, MATCHED) > 100
    assert colours(right, MISSED) == 0
    assert colours(wrong, MISSED) > 100
    assert (tmp_path / "right.png").exists()


def test_results_of_training_images_lie_on_the_crop_that_was_seen() -> None:
    train, valid = datasets()
    lost = Dataset(train.records, tfms.A.Adapter([tfms.A.Rotate(limit=(30, 30), p=1), tfms.A.Normalize()]))
    learn = tiny_learner(model=Knows(), dls=[train_dl(lost, batch_size=2), valid_dl(valid)])
    picture = learn.show_results(ds_idx=0, max_n=3, show=False)
    assert colours(picture, MISSED) == 0
    predictions, targets = learn.get_preds(ds_idx=0)
    result = metrics.evaluate(targets, predictions, metric_types=(COCOMetricType.bbox,))
    assert result.figures["box_ap50"] == 1.0


def test_predictions_come_in_the_order_of_the_data_with_their_records() -> None:
    learn = tiny_learner(model=Knows())
    predictions, targets = learn.get_preds()
    assert [prediction.image_id for prediction in predictions] == [1, 2, 3]
    assert targets[0] is learn.dls.valid.dataset.records[0]
    assert metrics.evaluate(targets, predictions, metric_types=(COCOMetricType.bbox,)).figures["box_ap"] == 1.0
    of_training, _ = learn.get_preds(0)
    assert [prediction.image_id for prediction in of_training] == [1, 2, 3, 4, 5, 6]  # unshuffled
    assert learn.dls.train.sampler.epoch == 0
    assert len(learn.get_preds(dl=[next(iter(learn.dls.valid))])[0]) == 2
    assert len(learn.get_preds(detection_threshold=0.95)[0][0]) == 0


def test_predicting_leaves_modes_and_figures_alone() -> None:
    learn = tiny_learner()
    learn.fit(1)
    learn.model.train()
    figures = dict(learn.validation_pass.figures)
    learn.get_preds()
    learn.show_results(show=False)
    assert learn.model.training
    assert learn.validation_pass.figures == figures


@pytest.mark.parametrize("asked", ["with_input", "with_decoded", "with_loss", "act", "cbs"])
def test_what_a_detector_does_not_have_is_refused(asked: str) -> None:
    with pytest.raises(ConfigError, match=f"has no {asked}: .* use learn.validate"):
        tiny_learner().get_preds(**{asked: [1]})


def test_one_image_is_predicted_from_whatever_it_comes_as(tmp_path: Path) -> None:
    learn = tiny_learner(model=Knows())
    valid = learn.dls.valid.dataset
    record = valid.records[0]
    Image.fromarray(record.image).save(tmp_path / "one.png")
    items = [
        record,
        valid[0],
        record.image,
        Image.fromarray(record.image),
        tmp_path / "one.png",
        str(tmp_path / "one.png"),
    ]
    found = [learn.predict(item) for item in items]
    assert all(np.array_equal(prediction.boxes, record.instances.boxes) for prediction in found)
    assert all(prediction.image is not None for prediction in found)
    assert found[0].class_map == valid.class_map


def test_several_images_and_data_without_transforms_are_told_what_to_use() -> None:
    learn = tiny_learner()
    with pytest.raises(ConfigError, match=r"takes one image; for several use model_type\.predict"):
        learn.predict([learn.dls.valid.dataset.records[0]])
    train, valid = datasets()
    ready = tiny_learner(dls=[train_dl([train[0], train[1]], batch_size=2), valid_dl([valid[0]])])
    with pytest.raises(ConfigError, match="ready samples, so the transforms for a new image are not known"):
        ready.predict(valid.records[0])
    assert len(ready.predict(valid[0])) <= 1
    assert len(ready.get_preds()[0]) == 1
    assert ready.show_results(show=False).width > 600


def test_an_empty_list_of_batches_has_nothing_to_show() -> None:
    with pytest.raises(DataError, match="the loader gave no image"):
        tiny_learner().show_results(dl=[])


def test_any_torch_loader_of_such_batches_will_do() -> None:
    train, valid = datasets()
    from contorno.loaders import collate

    class Plain(torch.utils.data.DataLoader):  # type: ignore[type-arg]
        """A user's own."""

    learn = tiny_learner(dls=[Plain(train, 2, collate_fn=collate), Plain(valid, 2, collate_fn=collate)])
    learn.fit(1)
    assert learn.show_batch(show=False).width > 600
    assert learn.show_results(show=False, max_n=1).width > 600
    assert len(learn.get_preds()[0]) == 3
    assert tiny_detector.LOSS_NAMES[0] in learn.named_losses
