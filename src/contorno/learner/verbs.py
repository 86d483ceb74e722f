"""fastai's verbs on a detection learner: those that need another way than one tensor in and one tensor out."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from contorno.callbacks.clock import TimeBudget
from contorno.callbacks.door import SuggestionMethod
from contorno.learner import layers, rates, saved
from contorno.learner.accepted import resting
from contorno.learner.pairs import epoch_kept
from contorno.learner.predicting import PredictingLearner
from contorno.learner.refused import RefusedVerbs
from contorno.loaders import Batch

ENDLESS_EPOCHS = 1_000_000
"""Epochs of a fit that the clock ends."""


class DetectionLearner(RefusedVerbs, PredictingLearner):
    """A fastai Learner for detection models, as `learner` makes it.

    What is not here works as fastai has it: `fit`, `fit_one_cycle`, `fine_tune`, `fit_flat_cos`, `fit_sgdr`, `freeze`,
    `unfreeze`, `freeze_to`, `no_bar`, `no_logging` and the callbacks.
    """

    def fit_for(self, minutes: float, lr: float, *, freeze_epochs: int = 0, lr_mult: float = 100.0) -> None:
        """Train for this long, validation included: the one-cycle schedule follows the clock instead of the steps.

        lr:            peak rate, reached after a quarter of the time.
        freeze_epochs: first train only the heads for so many epochs, within the time; then the rate is halved and falls
                       to `lr / 2 / lr_mult` towards the image, as in `fine_tune`.
        """
        began, rows_before = time.monotonic(), len(self.history.rows)
        rate: float | slice = lr
        if freeze_epochs:
            self.freeze()
            self.fit_one_cycle(freeze_epochs, slice(lr), pct_start=0.99)
            self.unfreeze()
            rate = slice(lr / 2 / lr_mult, lr / 2)
        # A resumed training may have done these epochs in another process: its clock does not know them, its rows do.
        used = max(time.monotonic() - began, sum(row["seconds"] for row in self.history.rows[rows_before:]))
        self.fit_one_cycle(ENDLESS_EPOCHS, rate, cbs=[TimeBudget(max(minutes * 60 - used, 0.0))])

    def lr_find(
        self,
        start_lr: float = 1e-7,
        end_lr: float = 10.0,
        num_it: int = 100,
        stop_div: bool = True,
        show_plot: bool = True,
        suggest_funcs: rates.Method | Sequence[rates.Method] | None = SuggestionMethod.Valley,
    ) -> Any:
        """Train for `num_it` steps at rates growing from `start_lr` to `end_lr`, and suggest one from the losses.

        Weights, optimizer, random states and the epoch of the loader are afterwards as they were; the curve is in
        `recorder.lrs` and `recorder.losses`. It ends early where the loss explodes (`stop_div`) or is no number.
        Returns a named tuple with a rate for each function, `.valley` by default; None without functions.
        Raises ConfigError if there are too few steps for a curve, or for a function.
        """
        return rates.find_rate(
            self,
            start_lr=start_lr,
            end_lr=end_lr,
            num_it=num_it,
            stop_div=stop_div,
            show_plot=show_plot,
            suggest_funcs=suggest_funcs,
        )

    def summary(self) -> layers.Text:
        """A table of the model's layers, with the learner's optimizer, precision, frozen groups and callbacks."""
        lines = [str(layers.layer_table(self.model.to(self.dls.device), self.dls.one_batch()))]
        if self.opt is not None:
            name = type(getattr(self.opt, "opt", self.opt)).__name__
            lines.append(f"optimizer: {name}, frozen below group {self.opt.frozen_idx} of {len(self.opt.param_lists)}")
        else:
            lines.append("optimizer: made when a training begins")
        lines.append(f"precision: {self.precision}, on {self.dls.device}")
        lines.append("callbacks: " + ", ".join(str(callback) for callback in self.cbs.sorted("order")))
        return layers.Text("\n".join(lines))

    def show_batch(
        self,
        b: Batch | None = None,
        max_n: int = 9,
        ncols: int = 3,
        *,
        figsize: tuple[float, float] | None = None,
        show: bool = True,
        path: Path | str | None = None,
    ) -> Any:
        """Show images of the next training batch, or of `b`, with their objects outlined, as the model gets them.

        The rest is as in `draw.show_records`. Returns a Pillow image.
        """
        return self.dls.show_batch(b, max_n, ncols, figsize=figsize, show=show, path=path)

    def validate(self, ds_idx: int = 1, dl: Any = None, cbs: Any = None) -> Any:
        """Measure a loader: the validation loss, each loss by name, and the AP, as in the table of a fit.

        Trackers, loggers and checkpoints rest meanwhile, and the curves of the last fit stay in the recorder.
        """
        kept = {name: value for name, value in vars(self.recorder).items() if name in type(self.recorder)._stateattrs}
        loader = self.dls[ds_idx] if dl is None else dl
        with self.removed_cbs(resting(self.cbs)), epoch_kept(loader):
            figures = super().validate(ds_idx, dl, cbs)
        self.recorder.__dict__.update(kept)
        return figures

    def save(self, file: Path | str, with_opt: bool = True, pickle_protocol: int = 2) -> Path:
        """Write the weights, and the optimizer's state `with_opt`, to `path/model_dir/file.pth`; returns that path.

        The form is fastai's, {"model": ..., "opt": ...} or the state dict alone, of tensors and plain values only.
        pickle_protocol: fastai's; without effect.
        """
        return saved.save(self._saved_path(file), self.model, self.opt, with_opt=with_opt)

    def load(
        self,
        file: Path | str,
        device: torch.device | str | int | None = None,
        with_opt: bool = True,
        strict: bool = True,
        weights_only: bool = True,
    ) -> DetectionLearner:
        """Load what `save` wrote, or a state dict such as a run's `model.pth`; the optimizer's state if it is there.

        device: where the file is read to; the model stays where it is.
        weights_only: fastai's; nothing but weights is ever read.
        Raises ConfigError if there is no such file, WeightsError if it cannot be read safely or is of another model.
        """
        if self.opt is None:
            self.create_opt()
        place = self.dls.device if device is None else torch.device(device)
        saved.load(self._saved_path(file), self.model, self.opt, device=place, with_opt=with_opt, strict=strict)
        return self

    def _saved_path(self, file: Path | str) -> Path:
        return saved.saved_path(file, self.path / self.model_dir)
