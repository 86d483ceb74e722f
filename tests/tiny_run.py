"""A small run folder with images of discs inside it, and a real Mask R-CNN of random or barely trained weights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch

import tiny
from contorno import images, tfms
from contorno.dataset import Dataset
from contorno.models.torchvision.fitting import FittedModel, fit_model
from contorno.records import Records
from contorno.runs import Run


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Those of no recipe."""

    epochs: int = 1


def disc_files(folder: Path, count: int, *, seed: int = 0) -> Records:
    """Discs and rings in PNG files of `folder`."""
    records = tiny.disc_records(count, seed=seed)
    made = []
    for record in records:
        path = folder / f"{record.image_id}.png"
        assert record.image is not None
        images.write_image(path, record.image)
        made.append(replace(record, path=path, image=None))
    return Records(made, records.class_map)


def few_regions(fitted: FittedModel) -> FittedModel:
    """The same model with as few regions as it works with, so that a step on a CPU takes part of a second."""
    fitted.model.rpn._pre_nms_top_n = {"training": 60, "testing": 60}
    fitted.model.rpn._post_nms_top_n = {"training": 40, "testing": 40}
    fitted.model.roi_heads.fg_bg_sampler.batch_size_per_image = 16
    fitted.model.roi_heads.detections_per_img = 10
    changed = {
        "rpn_pre_nms_top_n_train": 60,
        "rpn_pre_nms_top_n_test": 60,
        "rpn_post_nms_top_n_train": 40,
        "rpn_post_nms_top_n_test": 40,
        "box_batch_size_per_image": 16,
        "box_detections_per_img": 10,
    }
    return FittedModel(fitted.model, fitted.settings | changed)


def small_model(records: Records, seed: int = 0) -> FittedModel:
    """ResNet-18, random weights, 64 px."""
    torch.manual_seed(seed)
    return few_regions(fit_model(records, 64, backbone="resnet18_fpn", weights="none"))


def datasets(train: Records, valid: Records) -> tuple[Dataset, Dataset]:
    """Samples of 64 px."""
    plain = tfms.A.Adapter([*tfms.A.resize_and_pad(64), tfms.A.Normalize()])
    return Dataset(train, plain, seed=0), Dataset(valid, plain)


def make_run(folder: Path) -> Run:
    """A run folder with a card, random weights, and its validation split and images inside."""
    run = Run.create(folder, "mine", Settings())
    records = disc_files(folder / "data", 3)
    fitted = small_model(records)
    run.write_card(fitted.settings, records.class_map, 64)
    run.write_split("validation", records)
    torch.save(fitted.model.state_dict(), run.weights_path)
    return run
