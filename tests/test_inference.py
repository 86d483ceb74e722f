"""Masks drawn out in original pixels, predictions in order, modes restored."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pycocotools import mask as coco_mask
from torch import Tensor, nn
from torchvision.models.detection.roi_heads import paste_masks_in_image

import tiny
from contorno import inference, masks
from contorno.dataset import Dataset
from contorno.errors import DataError
from contorno.images import write_image
from contorno.metrics import COCOMetricType
from contorno.records import ClassMap, Record
from contorno.samples import Frame, Sample, SampleInfo


def torchvision_paste(probabilities: NDArray[Any], boxes: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    drawn = paste_masks_in_image(torch.from_numpy(probabilities)[:, None], torch.from_numpy(boxes), size)
    return drawn[:, 0].numpy()


def random_boxes(rng: np.random.Generator, count: int, size: tuple[int, int], longest: float) -> NDArray[np.float32]:
    height, width = size
    corners = rng.uniform(0, 1, (count, 2)) * [width, height]
    boxes = np.hstack([corners, corners + rng.uniform(0.3, longest, (count, 2))])
    return np.clip(boxes, 0, [width, height, width, height]).astype(np.float32)


@pytest.mark.parametrize("longest", [3.0, 40.0, 400.0], ids=["tiny", "small", "large"])
def test_pasted_masks_are_torchvisions(longest: float) -> None:
    rng = np.random.default_rng(0)
    size = (120, 170)
    smooth = torch.nn.functional.interpolate(torch.rand(200, 1, 7, 7, generator=torch.manual_seed(0)), size=(28, 28))
    probabilities = smooth[:, 0].numpy()
    boxes = random_boxes(rng, 200, size, longest)
    expected = torchvision_paste(probabilities, boxes, size)
    found = masks.decode_stack(inference.paste(probabilities, boxes, size), size)
    differs = found != (expected > 0.5)
    assert differs.mean() < 1e-5
    assert np.abs(expected[differs] - 0.5).max(initial=0.0) < 1e-6


def test_pasted_code_is_what_pycocotools_makes_of_torchvisions_mask() -> None:
    rng = np.random.default_rng(1)
    size = (60, 80)
    probabilities = rng.random((20, 28, 28), dtype=np.float32)
    boxes = random_boxes(rng, 20, size, 40.0)
    expected = torchvision_paste(probabilities, boxes, size) > 0.5
    for code, bitmap in zip(inference.paste(probabilities, boxes, size), expected, strict=True):
        assert code.counts == coco_mask.encode(np.asfortranarray(bitmap.astype(np.uint8)))["counts"]


def test_full_mask_fills_its_box() -> None:
    code = inference.paste(np.ones((1, 28, 28), np.float32), np.array([[10, 5, 30, 25]], np.float32), (40, 50))[0]
    assert masks.box(code).tolist() == [10, 5, 30, 25]
    assert masks.area(code) == 20 * 20


@pytest.mark.parametrize(
    "box",
    [[0, 0, 1, 1], [49, 39, 50, 40], [-30, -30, -5, -5], [70, 5, 90, 20], [-20, 5, 70, 20]],
    ids=["first-pixel", "last-pixel", "above-left", "right", "wider-than-the-image"],
)
def test_odd_boxes_give_a_mask_of_the_image(box: list[float]) -> None:
    code = inference.paste(np.ones((1, 28, 28), np.float32), np.array([box], np.float32), (40, 50))[0]
    bitmap = masks.decode(code)
    assert bitmap.shape == (40, 50)
    inside = box[0] < 50 and box[2] > 0
    assert bool(bitmap.any()) is inside


def test_no_masks_give_no_codes() -> None:
    assert inference.paste(np.zeros((0, 28, 28), np.float32), np.zeros((0, 4), np.float32), (4, 4)) == []


def output(boxes: list[list[float]], scores: list[float]) -> dict[str, Tensor]:
    """Objects of label 1 whose masks fill their boxes."""
    return {
        "boxes": torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4),
        "labels": torch.ones(len(boxes), dtype=torch.int64),
        "scores": torch.tensor(scores, dtype=torch.float32),
        "masks": torch.ones(len(boxes), 1, 28, 28),
    }


def info(frame: Frame | None, size_hw: tuple[int, int] = (64, 64)) -> SampleInfo:
    original = (80, 100) if frame is None else frame.original_hw
    return SampleInfo(record=tiny.record(7, original), frame=frame, size_hw=size_hw)


# 100 x 80 px made 50 x 40 and put into the middle of 64 x 64: half the size, 7 px from the left, 12 from the top.
HALF = Frame(scale_xy=(0.5, 0.5), offset_xy=(7, 12), original_hw=(80, 100), sample_hw=(64, 64))


def test_boxes_and_masks_come_out_in_original_pixels() -> None:
    (found,) = inference.to_predictions([output([[12, 17, 22, 37]], [0.9])], [info(HALF)])
    assert found.image_id == 7
    assert found.size_hw == (80, 100)
    assert found.boxes.tolist() == [[10, 10, 30, 50]]
    assert found.masks is not None
    # torchvision takes the last pixel of a box as inside, so a mask may stand one pixel over its box.
    assert masks.box(found.masks[0]) == pytest.approx([10, 10, 30, 50], abs=1)


def test_mask_of_a_box_that_leaves_the_image_is_cut_and_not_squeezed() -> None:
    result = output([[2, 17, 12, 37]], [0.9])  # in original pixels x from -10 to 10
    result["masks"][..., :14] = 0.0  # only the right half is object: 0 to 10
    (found,) = inference.to_predictions([result], [info(HALF)])
    assert found.boxes.tolist() == [[0, 10, 10, 50]]
    assert found.masks is not None
    assert masks.box(found.masks[0]) == pytest.approx([0, 10, 10, 50], abs=1)
    squeezed = inference.paste(result["masks"][:, 0].numpy(), found.boxes, (80, 100))[0]
    assert masks.box(squeezed)[0] == pytest.approx(5, abs=1)


def test_detection_in_the_padding_is_no_object() -> None:
    (found,) = inference.to_predictions([output([[1, 1, 6, 6], [12, 17, 22, 37]], [0.9, 0.8])], [info(HALF)])
    assert found.scores.tolist() == pytest.approx([0.8])


def test_without_a_frame_predictions_stay_in_sample_pixels() -> None:
    (found,) = inference.to_predictions([output([[12, 17, 22, 37]], [0.9])], [info(None)])
    assert found.size_hw == (64, 64)
    assert found.boxes.tolist() == [[12, 17, 22, 37]]


def test_detections_under_the_threshold_are_left_out_and_the_best_stands_first() -> None:
    boxes = [[12.0, 17, 22, 37], [20, 20, 30, 30], [30, 30, 40, 40]]
    result = output(boxes, [0.5, 0.49, 0.8])
    class_map = ClassMap(["thing"])
    (found,) = inference.to_predictions([result], [info(None)], class_map=class_map)
    assert found.scores.tolist() == pytest.approx([0.8, 0.5])
    assert found.boxes[0].tolist() == [30, 30, 40, 40]
    assert found.class_map is class_map
    (every,) = inference.to_predictions([result], [info(None)], detection_threshold=0.0)
    assert len(every) == 3


def test_mask_threshold_changes_the_mask() -> None:
    result = output([[10, 10, 50, 50]], [0.9])
    result["masks"] *= torch.linspace(0, 1, 28)  # rising from left to right
    areas = []
    for threshold in (0.2, 0.5, 0.8):
        (found,) = inference.to_predictions([result], [info(None)], mask_threshold=threshold)
        assert found.masks is not None
        areas.append(masks.area(found.masks[0]))
    assert areas[0] > areas[1] > areas[2] > 0


def test_no_detections_and_box_only_output() -> None:
    nothing = output([], [])
    boxes_only = {key: value for key, value in output([[1, 1, 9, 9]], [0.9]).items() if key != "masks"}
    empty, boxes = inference.to_predictions([nothing, boxes_only], [info(HALF), info(None)])
    assert (len(empty), empty.masks) == (0, ())
    assert (len(boxes), boxes.masks) == (1, None)


class Finder(nn.Module):
    """Stands in for a trained detector: finds everything bright as one object of label 1."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.dropout = nn.Dropout()
        self.modes: list[bool] = []
        self.batches: list[int] = []

    def forward(self, images: list[Tensor]) -> list[dict[str, Tensor]]:
        self.modes.append(self.training or torch.is_grad_enabled())
        self.batches.append(len(images))
        found = []
        for image in images:
            rows, columns = torch.where(image[0] > 1.0)
            edges = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
            found.append(output([[float(edge) for edge in edges]], [0.9]))
        return found


def stop(model: nn.Module) -> None:
    assert not model.training
    raise RuntimeError("stop")


def keep(record: Record, class_map: ClassMap, rng: Any = None) -> Sample:
    """A pipeline of one step: the image at half its size and nothing else."""
    assert record.image is not None
    image = np.ascontiguousarray(record.image[::2, ::2])
    height, width = record.size_hw
    frame = Frame(
        scale_xy=(0.5, 0.5), offset_xy=(0, 0), original_hw=record.size_hw, sample_hw=(height // 2, width // 2)
    )
    stack = masks.decode_stack(record.instances.run_lengths(), record.size_hw)[:, ::2, ::2]
    return Sample(
        image=image,
        boxes=record.instances.boxes / 2,
        labels=record.instances.labels,
        is_crowd=record.instances.is_crowd,
        masks=np.ascontiguousarray(stack),
        record=record,
        frame=frame,
        class_map=class_map,
    )


def bright_records(count: int) -> Any:
    """Images with one white square, further right in each."""
    made = []
    for number in range(count):
        mask = np.zeros((64, 80), np.uint8)
        mask[20:40, 10 + 4 * number : 30 + 4 * number] = 1
        record = tiny.record(number + 1, (64, 80), [(1, mask)])
        made.append(replace(record, image=np.repeat(mask[..., None] * np.uint8(255), 3, axis=2)))
    return tiny.Records(made, ClassMap(["square"]))


def test_predictions_come_in_the_order_of_the_data_set_with_their_records() -> None:
    records = bright_records(5)
    model = Finder()
    seen: list[tuple[str, int, int | None]] = []
    found = inference.predict(model, Dataset(records, keep), batch_size=2, progress=lambda *step: seen.append(step))
    assert [prediction.image_id for prediction in found] == [1, 2, 3, 4, 5]
    assert [prediction.boxes[0, 0] for prediction in found] == [10, 14, 18, 22, 26]
    assert found[0].record is records[0]
    assert found[0].class_map == records.class_map
    assert model.batches == [2, 2, 1]
    assert seen == [("predicting, images", done, 5) for done in (2, 4, 5)]


def test_a_list_of_samples_is_a_data_set() -> None:
    dataset = Dataset(bright_records(3), keep)
    found = inference.predict(Finder(), [dataset[2], dataset[0]])
    assert [prediction.image_id for prediction in found] == [3, 1]
    assert inference.predict(Finder(), []) == []


def test_images_are_kept_on_request_at_the_size_of_the_masks() -> None:
    records = bright_records(1)
    dataset = Dataset(records, keep)
    assert inference.predict(Finder(), dataset)[0].image is None
    kept = inference.predict(Finder(), dataset, keep_images=True)[0].image
    assert kept is not None
    assert np.array_equal(kept, records[0].image)


def test_kept_image_of_a_file_is_read_from_it(tmp_path: Path) -> None:
    record = bright_records(1)[0]
    assert record.image is not None
    write_image(tmp_path / "a.png", record.image)
    sample = keep(record, ClassMap(["square"]))
    sample = replace(sample, record=replace(record, image=None, path=tmp_path / "a.png"))
    kept = inference.predict(Finder(), [sample], keep_images=True)[0].image
    assert kept is not None
    assert np.array_equal(kept, record.image)


def test_sample_that_cannot_be_mapped_back_brings_its_own_image() -> None:
    sample = replace(keep(bright_records(1)[0], ClassMap(["square"])), frame=None)
    found = inference.predict(Finder(), [sample])[0]
    assert found.size_hw == (32, 40)
    assert found.image is not None
    assert np.array_equal(found.image, sample.image)


def test_prediction_leaves_every_part_in_its_mode_even_after_an_error() -> None:
    model = Finder().train()
    model.dropout.eval()
    inference.predict(model, Dataset(bright_records(1), keep))
    assert model.modes == [False]
    assert (model.training, model.dropout.training) == (True, False)
    with pytest.raises(RuntimeError, match="stop"), inference.evaluating(model):
        stop(model)
    assert (model.training, model.dropout.training) == (True, False)
    assert torch.is_grad_enabled()


def test_evaluation_of_perfect_predictions_is_one() -> None:
    result, found = inference.evaluate(Finder(), Dataset(bright_records(3), keep))
    assert result.figures["mask_ap"] == pytest.approx(1.0)
    assert result.figures["box_ap"] == pytest.approx(1.0)
    assert len(found) == 3


def test_evaluation_takes_the_metric_types_asked_for() -> None:
    result, _ = inference.evaluate(Finder(), Dataset(bright_records(1), keep), metric_types=[COCOMetricType.bbox])
    assert "box_ap" in result.figures
    assert "mask_ap" not in result.figures


def test_evaluation_of_what_cannot_be_mapped_back_is_refused() -> None:
    sample = replace(keep(bright_records(1)[0], ClassMap(["square"])), frame=None)
    with pytest.raises(DataError, match=r"image 1: its transforms cannot be undone.*resize_and_pad"):
        inference.evaluate(Finder(), [sample])
    with pytest.raises(DataError, match="no sample to evaluate"):
        inference.evaluate(Finder(), [])
