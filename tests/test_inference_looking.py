"""IceVision's short ways: results of a data set, one image end to end, a batch, predictions from a loader."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import tiny
from contorno import inference, tfms
from contorno.dataset import Dataset
from contorno.detections import BBox
from contorno.errors import ConfigError, DataError
from contorno.images import write_image
from contorno.inference import running
from contorno.loaders import infer_dl, valid_dl
from contorno.progress import ProgressLine
from contorno.records import ClassMap, Records
from tiny_detector import TinyDetector

NAMES = ClassMap(["disc", "ring"])
VALID = tfms.A.Adapter([*tfms.A.resize_and_pad(64), tfms.A.Normalize()])


@pytest.fixture
def model() -> TinyDetector:
    torch.manual_seed(0)
    return TinyDetector()


def one_box(model: TinyDetector) -> None:
    """Make the model find a box at (16, 16, 48, 48) of 64 px, with a score of 0.73."""
    for layer in (model.box, model.score):
        torch.nn.init.zeros_(layer.weight)
    with torch.no_grad():
        model.box.bias.copy_(torch.tensor([0.25, 0.25, 0.75, 0.75]))
        model.score.bias.fill_(1.0)


def test_predictions_from_a_loader_are_those_of_its_data_set(model: TinyDetector) -> None:
    dataset = Dataset(tiny.disc_records(5, (96, 128)), VALID)
    expected = inference.predict(model, dataset, detection_threshold=0.0, keep_images=True)
    found = inference.predict_from_dl(
        model, infer_dl(dataset, batch_size=2), show_pbar=False, keep_images=True, detection_threshold=0.0
    )
    assert [pred.image_id for pred in found] == [1, 2, 3, 4, 5]
    for one, other in zip(found, expected, strict=True):
        assert one.boxes.tolist() == other.boxes.tolist()
        assert np.array_equal(one.image, other.image)  # type: ignore[arg-type]
        assert one.class_map is dataset.class_map


def test_progress_is_drawn_unless_it_is_put_away(
    model: TinyDetector, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "ProgressLine", partial(ProgressLine, delay_seconds=0.0))
    loader = infer_dl(Dataset(tiny.disc_records(2), VALID))
    inference.predict_from_dl(model, loader, show_pbar=False)
    assert capsys.readouterr().err == ""
    inference.predict_from_dl(model, loader)
    assert "predicting, images: 2 of 2" in capsys.readouterr().err


def test_batches_of_ones_own_know_no_classes(model: TinyDetector) -> None:
    batches = list(infer_dl(Dataset(tiny.disc_records(2), VALID)))
    assert [pred.class_map for pred in inference.predict_from_dl(model, batches)] == [None, None]


def test_results_are_shown_beside_the_truth(model: TinyDetector, tmp_path: Path) -> None:
    dataset = Dataset(tiny.disc_records(5), VALID)
    sheet = inference.show_results(model, dataset, 0.0, 4, 2, show=False, seed=1, path=tmp_path / "results.png")
    again = inference.show_results(model, dataset, 0.0, 4, 2, show=False, seed=1)
    assert np.array_equal(np.asarray(sheet), np.asarray(again))
    assert sheet.width > 2 * 2 * 300  # two columns of two halves
    assert (tmp_path / "results.png").is_file()
    fewer = inference.show_results(model, dataset[:1], num_samples=6, show=False)
    assert fewer.width < sheet.width


def test_results_on_samples_that_cannot_be_undone_show_what_was_found(model: TinyDetector) -> None:
    turned = tfms.A.Adapter([*tfms.A.resize_and_pad(64), tfms.A.Rotate((5, 15), p=1.0), tfms.A.Normalize()])
    sheet = inference.show_results(model, Dataset(tiny.disc_records(2), turned, seed=0), num_samples=1, show=False)
    assert sheet.width < 400


def test_nothing_to_show_is_said(model: TinyDetector) -> None:
    with pytest.raises(DataError, match="no images"):
        inference.show_results(model, Dataset(Records([], NAMES), VALID))


@pytest.mark.parametrize("form", ["array", "pillow", "file", "grey"])
def test_one_image_end_to_end(form: str, model: TinyDetector, tmp_path: Path) -> None:
    from PIL import Image

    one_box(model)
    pixels = np.full((32, 64, 3), 90, np.uint8)
    write_image(tmp_path / "a.png", pixels)
    image: Any = {
        "array": pixels,
        "pillow": Image.fromarray(pixels),
        "file": tmp_path / "a.png",
        "grey": Image.fromarray(pixels).convert("L"),
    }[form]
    found = inference.end2end_detect(image, VALID, model, class_map=NAMES, detection_threshold=0.5)
    assert found["detection"]["labels"] == ["disc"]
    assert found["detection"]["label_ids"] == [1]
    assert found["detection"]["scores"] == pytest.approx([0.731], abs=1e-3)
    # The image lies 16 px below the top of the square sample.
    assert found["detection"]["bboxes"] == [BBox(16, 0, 48, 32)]
    assert (found["width"], found["height"]) == (64, 32)
    assert found["img"].size == (64, 32)
    assert "masks" not in found["detection"]


def test_the_picture_is_an_array_or_left_out_as_asked(model: TinyDetector) -> None:
    one_box(model)
    image = np.full((32, 64, 3), 90, np.uint8)
    array = inference.end2end_detect(image, VALID, model, NAMES, return_as_pil_img=False)["img"]
    assert array.shape == (32, 64, 3)
    assert not np.array_equal(array, image)
    assert inference.end2end_detect(image, VALID, model, NAMES, return_img=False)["img"] is None
    plain = inference.end2end_detect(
        image,
        VALID,
        model,
        NAMES,
        0.5,
        return_as_pil_img=False,
        display_label=False,
        display_bbox=False,
        display_score=False,
    )
    assert np.array_equal(plain["img"], image)


def test_letters_are_not_chosen_by_the_caller(model: TinyDetector) -> None:
    image = np.full((32, 64, 3), 90, np.uint8)
    with pytest.warns(UserWarning, match=r"font_size, label_color: without effect in end2end_detect\(\)"):
        inference.end2end_detect(image, VALID, model, NAMES, font_size=20, label_color="#FF59D6")
    with pytest.raises(ConfigError, match="takes no predict_fn"):
        inference.end2end_detect(image, VALID, model, NAMES, predict_fn=len)


def test_a_batch_is_shown(tmp_path: Path) -> None:
    loader = valid_dl(Dataset(tiny.disc_records(3), VALID), batch_size=3)
    sheet = inference.show_batch(next(iter(loader)), ncols=3, show=False, path=tmp_path / "batch.png")
    assert sheet.width > 3 * 300
    assert inference.show_batch(next(iter(loader)), 1, (3, 3), class_map=NAMES, show=False).width < 400
