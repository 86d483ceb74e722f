"""A detector of a few hundred parameters, in the form that the learner takes, to test its bookkeeping in seconds.

It finds one disc in an image: a box around the brightest place. The real Mask R-CNN has its own, slower tests.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import tiny
from contorno import tfms
from contorno.dataset import Dataset
from contorno.learner import DetectionLearner, learner
from contorno.loaders import train_dl, valid_dl
from contorno.metrics import COCOMetric, COCOMetricType

LOSS_NAMES = ("loss_box", "loss_score")


class TinyDetector(nn.Module):
    """A convolution, a norm that learns statistics, dropout (so that random states matter), and two heads."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 5, stride=4), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(4))
        self.dropout = nn.Dropout(0.2)
        self.box = nn.Linear(128, 4)
        self.score = nn.Linear(128, 1)

    def features(self, images: Sequence[Tensor]) -> Tensor:
        return self.dropout(self.body(torch.stack(list(images))).flatten(1))  # (B, 128)

    def forward(self, images: Sequence[Tensor], targets: Sequence[dict[str, Tensor]] | None = None) -> Any:
        features = self.features(images)
        if self.training:
            assert targets is not None
            return self.losses_of(features, targets)
        return self.detections_of(features)

    def losses_of(self, features: Tensor, targets: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
        boxes = torch.stack([target["boxes"][0] for target in targets])  # (B, 4)
        box_loss = (self.box(features) - boxes / 64).abs().mean()
        return {"loss_box": box_loss, "loss_score": (self.score(features) - 1).square().mean()}

    def detections_of(self, features: Tensor) -> list[dict[str, Tensor]]:
        return [
            {"boxes": box[None] * 64, "labels": torch.ones(1, dtype=torch.int64), "scores": score.sigmoid()}
            for box, score in zip(self.box(features), self.score(features), strict=True)
        ]


@torch.no_grad()
def losses_and_detections(
    model: TinyDetector, images: Sequence[Tensor], targets: Sequence[dict[str, Tensor]]
) -> tuple[dict[str, Tensor], list[dict[str, Tensor]]]:
    features = model.features(images)
    return model.losses_of(features, targets), model.detections_of(features)


def param_groups(model: TinyDetector) -> list[list[nn.Parameter]]:
    return [list(model.body.parameters()), [*model.box.parameters(), *model.score.parameters()]]


def datasets(count: int = 6, valid_count: int = 3) -> tuple[Dataset, Dataset]:
    """Discs in 64 x 64 images, for training (with a random crop) and validation."""
    transforms = tfms.A.Adapter([*tfms.A.resize_and_pad(64), tfms.A.HorizontalFlip(p=0.5), tfms.A.Normalize()])
    plain = tfms.A.Adapter([*tfms.A.resize_and_pad(64), tfms.A.Normalize()])
    return (
        Dataset(tiny.disc_records(count, discs=1, seed=1), transforms, seed=3),
        Dataset(tiny.disc_records(valid_count, discs=1, seed=2), plain),
    )


def tiny_learner(seed: int = 0, model: TinyDetector | None = None, **options: Any) -> DetectionLearner:
    """A learner of a new TinyDetector; the same seed gives the same weights."""
    import tiny_detector

    torch.manual_seed(seed)
    train, valid = datasets()
    settings: dict[str, Any] = {
        "dls": [train_dl(train, batch_size=2, seed=5), valid_dl(valid, batch_size=2)],
        "model": TinyDetector() if model is None else model,
        "metrics": [COCOMetric(COCOMetricType.bbox)],
        "model_type": tiny_detector,
        "show_progress": False,
        "path": Path("unused"),
        "precision": "float32",
    }
    return learner(**(settings | options))
