"""Losses, rates and figures as TensorBoard reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from contorno.callbacks.door import Callback
from contorno.errors import MissingExtraError


class TensorBoardCallback(Callback):  # type: ignore[misc]
    """Write the training loss and the rates of each step, and the figures of each epoch, for TensorBoard.

    fastai's callback of this name traces the model and shows results as one tensor, which a list of images and
    detections cannot be, and stops at the settings of torch's optimizers.

    log_dir: folder of the event files; None is torch's choice, under `runs/`.
    Raises MissingExtraError if the package tensorboard is not installed.
    """

    order = 56  # after History

    def __init__(self, log_dir: Path | str | None = None) -> None:
        super().__init__()
        self.log_dir = None if log_dir is None else str(log_dir)
        self.step = 0
        self._make_writer = _summary_writer()
        self._writer: Any = None

    def before_fit(self) -> None:
        self._writer = None if hasattr(self.learn, "lr_finder") else self._make_writer(log_dir=self.log_dir)

    def after_batch(self) -> None:
        if self._writer is None or not self.learn.training:
            return
        self.step += 1
        self._writer.add_scalar("train_loss/step", float(self.learn.loss.detach()), self.step)
        for group, settings in enumerate(self.learn.opt.hypers):
            self._writer.add_scalar(f"lr/group_{group}", float(settings["lr"]), self.step)

    def after_epoch(self) -> None:
        if self._writer is None or not self.learn.history.has_row:
            return
        for name, value in self.learn.history.rows[-1].items():
            if name != "epoch":
                self._writer.add_scalar(name, value, self.step)

    def after_fit(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def _summary_writer() -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise MissingExtraError(
            "TensorBoardCallback needs the package tensorboard; install it with `pip install tensorboard`, or read the "
            "figures of each epoch from history.csv."
        ) from error
    return SummaryWriter
