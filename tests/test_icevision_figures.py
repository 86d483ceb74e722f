"""The figures of a training by icevision, epoch by epoch."""

from __future__ import annotations

from types import SimpleNamespace

import torch

from contorno.integrations.icevision.figures import EngineFigures


def batch(loss: float, images: int) -> SimpleNamespace:
    return SimpleNamespace(loss=torch.tensor(loss), records=[None] * images, training=True)


def test_losses_are_means_over_images_and_an_epoch_without_validation_has_none() -> None:
    figures = EngineFigures({})
    figures.before_train()
    for figures.learn in (batch(1.0, 3), batch(5.0, 1)):
        figures.after_batch()
    figures.after_train()
    figures.after_validate()  # a clock left validation out: its callbacks' before_validate never came
    assert figures.figures == {"train_loss": 2.0}

    figures.before_validate()
    figures.learn = batch(4.0, 2)
    figures.after_batch()
    figures.after_validate()
    assert figures.figures == {"train_loss": 2.0, "valid_loss": 4.0}
