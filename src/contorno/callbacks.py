"""fastai callbacks for detection models: figures of the validation pass, history, best weights, time budget, resume."""

from __future__ import annotations

import csv
import io
import pickle
import random
import time
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from contorno import files, inference
from contorno.errors import ConfigError, DataError
from contorno.metrics import COCOMetric, COCOResult
from contorno.progress import Progress
from contorno.records import ClassMap
from contorno.samples import SampleInfo

with warnings.catch_warnings():
    # fastai's own imports warn of things that a user of contorno can do nothing about.
    warnings.simplefilter("ignore")
    from fastai.callback.core import (
        Callback,
        CancelEpochException,
        CancelFitException,
        CancelTrainException,
        CancelValidException,
    )
    from fastai.learner import Metric

MAX_VALIDATION_SHARE = 0.12
"""With a time budget, validation is left out of epochs so that it takes about this share of the time."""


CHECKPOINT_SECONDS = 60.0
"""A checkpoint is written after the first epoch that ends so long after the one before: with its optimizer state it is
three times the size of the model, and short epochs would spend their time writing."""


class FigureMetric(Metric):  # type: ignore[misc]
    """Show one named figure of the validation pass as a column of fastai's table."""

    def __init__(self, name: str, read: Callable[[], float]) -> None:
        self._name, self._read = name, read

    @property
    def value(self) -> float:
        return self._read()

    @property
    def name(self) -> str:
        return self._name


class ValidationPass(Callback):  # type: ignore[misc]
    """Gather every named loss of both passes and the AP of the validation pass, batch by batch.

    The learner hands over losses and detections of one forward pass; masks become run-length code at once, so memory
    does not grow with the pixels of the data set. Figures are measured in original pixels.
    """

    order = 40  # before fastai's Recorder (50), which reads the figures

    def __init__(self, metrics: Sequence[COCOMetric], class_map: ClassMap, loss_names: Sequence[str]) -> None:
        super().__init__()
        self.coco_metrics, self.class_map, self.loss_names = tuple(metrics), class_map, tuple(loss_names)
        self.figures: dict[str, float] = {}
        self.results: list[COCOResult] = []
        self._sums: dict[str, float] = {}
        self._images = 0

    def fastai_metrics(self) -> list[FigureMetric]:
        """A column for each validation loss and for the two headline figures of each metric."""
        names = [f"valid_{name}" for name in self.loss_names]
        for metric in self.coco_metrics:
            names += [f"{metric.metric_type.prefix}_ap", f"{metric.metric_type.prefix}_ap50"]
        return [FigureMetric(name, partial(self.figure, name)) for name in names]

    def figure(self, name: str) -> float:
        """A figure of the current epoch; NaN if it has none of that name."""
        return self.figures.get(name, float("nan"))

    def before_train(self) -> None:
        self._begin()
        self.figures = {}

    def before_validate(self) -> None:
        self._begin()
        for metric in self.coco_metrics:
            metric.reset()

    def _begin(self) -> None:
        self._sums, self._images = dict.fromkeys(self.loss_names, 0.0), 0

    def after_batch(self) -> None:
        count = len(self.learn.infos)
        for name, value in self.learn.named_losses.items():
            self._sums[name] = self._sums.get(name, 0.0) + float(value) * count
        self._images += count
        if self.learn.training or not self.coco_metrics:
            return
        predictions = inference.to_predictions(
            self.learn.pred, self.learn.infos, detection_threshold=0.0, class_map=self.class_map
        )
        for info, prediction in zip(self.learn.infos, predictions, strict=True):
            _check_frame(info)
            for metric in self.coco_metrics:
                metric.accumulate(info.record, prediction)

    def after_train(self) -> None:
        self.figures |= self._means("train")
        # Validation may be left out of this epoch; the sums of training are not its figures.
        self._begin()

    def after_validate(self) -> None:
        if not self._images:
            return
        self.figures |= self._means("valid")
        self.results = [metric.finalize(self.class_map) for metric in self.coco_metrics]
        for result in self.results:
            self.figures |= result.figures

    def _means(self, split: str) -> dict[str, float]:
        # No batch at all (all of them cancelled) has no mean.
        count = self._images or float("nan")
        means = {f"{split}_{name}": total / count for name, total in self._sums.items()}
        return {f"{split}_loss": sum(means.values()), **means}


def _check_frame(info: SampleInfo) -> None:
    if info.frame is None:
        raise DataError(
            f"image {info.record.image_id}: the validation transforms cannot be undone, so detections cannot be held "
            "against its annotations; give the validation data set transforms like tfms.A.resize_and_pad."
        )


class History(Callback):  # type: ignore[misc]
    """Keep one row of figures per epoch, over all fits of the learner, and write them as CSV after each.

    has_row: whether the epoch that ends now has a row. `learn.validate()`, `learn.lr_find()` and the epochs that a
    resumed training passes over have none.
    """

    order = 55

    def __init__(self, file: Path | None = None) -> None:
        super().__init__()
        self.file = file
        self.rows: list[dict[str, float]] = []
        self.has_row = False
        self._began = 0.0

    def before_epoch(self) -> None:
        self._began = time.monotonic()
        self.has_row = False

    def before_train(self) -> None:
        self.has_row = not hasattr(self.learn, "lr_finder")

    def after_epoch(self) -> None:
        if not self.has_row:
            return
        row = {"epoch": float(len(self.rows) + 1), **self.learn.validation_pass.figures}
        row["lr"] = float(self.learn.opt.hypers[-1]["lr"])
        row["seconds"] = time.monotonic() - self._began
        self.rows.append(row)
        self.write()

    def write(self) -> None:
        """Write the rows so far to `file`, if there is one."""
        if self.file is not None:
            files.write_text(self.file, self.to_csv())

    def to_csv(self) -> str:
        """All rows; a column for each figure that any row has, empty where a row has none."""
        names = list(dict.fromkeys(["epoch", *(name for row in self.rows for name in row)]))
        out = io.StringIO()
        writer = csv.DictWriter(out, names, restval="", lineterminator="\n")
        writer.writeheader()
        for row in self.rows:
            writer.writerow({name: f"{value:.6g}" for name, value in row.items()})
        return out.getvalue()


class BestWeights(Callback):  # type: ignore[misc]
    """Write the state dict whenever the watched figure is at least as good as before; `restore` loads the best one.

    watch: a column of the history; the higher the better, unless its name has "loss" in it. Of equals the later one is
           kept: its losses had longer to fall.
    """

    order = 57  # after History

    def __init__(self, file: Path, watch: str) -> None:
        super().__init__()
        self.file, self.watch = file, watch
        self.best: float | None = None
        self.best_epoch = 0

    def after_epoch(self) -> None:
        if not self.learn.history.has_row:
            return
        value = self.learn.history.rows[-1].get(self.watch)
        if value is None:
            return
        is_first = self.best is None
        lower_is_better = "loss" in self.watch
        # A NaN (no detection yet, say) never beats a number, but something is written from the first epoch on.
        if is_first or self.best != self.best or (value <= self.best if lower_is_better else value >= self.best):
            self.best, self.best_epoch = value, len(self.learn.history.rows)
            self.write()

    def write(self) -> None:
        """Write the model's weights as they are now."""
        state = {name: value.detach().cpu() for name, value in self.learn.model.state_dict().items()}
        with files.atomic_file(self.file) as file:
            torch.save(state, file)

    def restore(self) -> None:
        """Load the best weights into the model, if any were written."""
        if self.best is not None and self.file.exists():
            self.learn.model.load_state_dict(torch.load(self.file, map_location="cpu", weights_only=True))


class TimeBudget(Callback):  # type: ignore[misc]
    """Drive the schedule by the clock, so that a fit ends, with its last validation, within its time.

    Schedules follow the share of the time used instead of the share of the steps. Give the fit more epochs than it can
    do. Validation is left out of some epochs where it would take over `MAX_VALIDATION_SHARE` of the time.
    """

    order = -5  # after TrainEvalCallback (-10), which sets pct_train, before ParamScheduler (60), which reads it

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.budget_seconds = seconds
        self.used_before = 0.0
        self._began = self._epoch_began = 0.0
        self._validate_seconds = 0.0
        self._since_validation = 0.0
        self._is_last = False

    @property
    def used_seconds(self) -> float:
        """Seconds of the budget that are gone, those before a resume included."""
        return self.used_before + time.monotonic() - self._began

    @property
    def is_over(self) -> bool:
        """Whether only the last validation still has a place."""
        return self.used_seconds >= self._training_end()

    def before_fit(self) -> None:
        self._began = time.monotonic()
        self._is_last = False

    def before_epoch(self) -> None:
        # Not in after_epoch: the callbacks that come later have to see the last epoch's end.
        if self._is_last:
            raise CancelFitException

    def before_train(self) -> None:
        self._epoch_began = time.monotonic()

    def before_batch(self) -> None:
        if not self.learn.training:
            return
        # Every epoch trains one batch at least, so that it has figures.
        if self.learn.iter and self.is_over:
            raise CancelTrainException
        self.learn.pct_train = min(self.used_seconds / max(self._training_end(), 1e-9), 1.0)

    def after_train(self) -> None:
        # An epoch cut short on purpose: its training figures still count in fastai's own table.
        self.learn.recorder.cancel_train = False

    def before_validate(self) -> None:
        self._is_last = self.is_over
        self._since_validation += time.monotonic() - self._epoch_began
        due = self._since_validation * MAX_VALIDATION_SHARE >= self._validate_seconds
        if not self._is_last and not due:
            raise CancelValidException
        self._epoch_began = time.monotonic()

    def after_validate(self) -> None:
        if self.learn.recorder.cancel_valid:
            return
        self._validate_seconds = time.monotonic() - self._epoch_began
        self._since_validation = 0.0

    def _training_end(self) -> float:
        # The first validation has not been timed yet: keep a tenth of the budget for it.
        reserve = self._validate_seconds * 1.2 if self._validate_seconds else 0.1 * self.budget_seconds
        return max(self.budget_seconds - reserve, 0.5 * self.budget_seconds)


class Checkpoint(Callback):  # type: ignore[misc]
    """Write all that training needs to go on, after an epoch when one is due and when a fit ends; on demand, go on.

    every_seconds: an epoch's end is due so long after the last checkpoint; 0 is every epoch.
    Epochs are counted over all fits of the learner, so the two phases of `fine_tune` resume where they were.
    """

    order = 58  # after BestWeights

    def __init__(self, file: Path, *, resume: bool = False, every_seconds: float = CHECKPOINT_SECONDS) -> None:
        super().__init__()
        self.file, self.every_seconds = file, every_seconds
        self._epochs_done = 0
        self._epochs_kept = 0
        self._kept_at = time.monotonic()
        self._state: dict[str, Any] | None = None
        if resume and file.exists():
            self._state = _read(file)

    @property
    def resumes_after(self) -> int:
        """Epochs that the checkpoint to resume from has behind it; 0 if there is none, or it was taken up already."""
        return 0 if self._state is None else int(self._state["epochs"])

    def before_epoch(self) -> None:
        if self._epochs_done < self.resumes_after:
            raise CancelEpochException
        self._restore()
        budget = getattr(self.learn, "time_budget", None)
        if budget is not None and self._epochs_done and budget.is_over:
            raise CancelFitException

    def after_epoch(self) -> None:
        if self._epochs_done < self.resumes_after:
            self._epochs_done += 1
        elif self.learn.history.has_row:
            self._epochs_done += 1
            if time.monotonic() - self._kept_at >= self.every_seconds:
                self.write()

    def after_fit(self) -> None:
        if self._epochs_done >= self.resumes_after:
            # A training that had ended already passes over all its epochs.
            self._restore()
        if self._epochs_done > max(self._epochs_kept, self.resumes_after):
            self.write()

    def write(self) -> None:
        """Write the state at the end of the epoch that was trained last."""
        best = getattr(self.learn, "best_weights", None)
        budget = getattr(self.learn, "time_budget", None)
        state = {
            "epochs": self._epochs_done,
            "model": self.learn.model.state_dict(),
            "optimizer": _without_numpy(self.learn.opt.state_dict()),
            "rows": self.learn.history.rows,
            "random": _random_states(),
            "best": None if best is None else best.best,
            "best_epoch": 0 if best is None else best.best_epoch,
            "budget": None if budget is None else (budget.used_seconds, budget.budget_seconds),
        }
        with files.atomic_file(self.file) as file:
            torch.save(state, file)
        self._epochs_kept, self._kept_at = self._epochs_done, time.monotonic()

    def _restore(self) -> None:
        if self._state is None:
            return
        state, self._state = self._state, None
        self._epochs_kept = self._epochs_done
        try:
            self.learn.model.load_state_dict(state["model"])
            self.learn.opt.load_state_dict(state["optimizer"])
        except (RuntimeError, ValueError) as error:
            raise ConfigError(
                f"{self.file} was written by another model or training ({str(error).splitlines()[0]}); go on with the "
                "settings that the run was started with."
            ) from error
        self.learn.history.rows[:] = state["rows"]
        _set_random_states(state["random"])
        if hasattr(self.learn.dls.train, "set_epoch"):
            self.learn.dls.train.set_epoch(state["epochs"])
        if hasattr(self.learn, "best_weights"):
            self.learn.best_weights.best, self.learn.best_weights.best_epoch = state["best"], state["best_epoch"]
        if hasattr(self.learn, "time_budget") and state["budget"] is not None:
            self.learn.time_budget.used_before, self.learn.time_budget.budget_seconds = state["budget"]


def _read(file: Path) -> dict[str, Any]:
    try:
        state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise DataError(f"the checkpoint {file} is damaged; remove it to start the training anew.") from error
    return state


def _without_numpy(value: Any) -> Any:
    """The same with plain numbers: fastai's schedules set numpy's, which a file of weights alone must not hold."""
    if isinstance(value, dict):
        return {key: _without_numpy(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_without_numpy(item) for item in value)
    return value.item() if isinstance(value, np.generic) else value


def _random_states() -> dict[str, Any]:
    """States of the generators that models and some transforms draw from, of plain values and tensors."""
    numpy_state: Any = np.random.get_state()
    name, keys, *rest = numpy_state
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "python": random.getstate(),
        "numpy": (name, keys.tolist(), *rest),
    }


def _set_random_states(states: dict[str, Any]) -> None:
    torch.set_rng_state(states["torch"])
    if len(states["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(states["cuda"])
    random.setstate(states["python"])
    np.random.set_state(states["numpy"])


class EpochLines(Callback):  # type: ignore[misc]
    """Report steps through a progress function and each finished epoch as one line of text."""

    order = 60

    def __init__(self, progress: Progress, say: Callable[[str], None]) -> None:
        super().__init__()
        self.progress, self.say = progress, say

    def after_batch(self) -> None:
        what = "training, images" if self.learn.training else "validation, images"
        size = getattr(self.learn.dl, "batch_size", None) or 1
        total = len(self.learn.dl.dataset)
        self.progress(what, min((self.learn.iter + 1) * size, total), total)

    def after_epoch(self) -> None:
        if not self.learn.history.has_row:
            return
        row = self.learn.history.rows[-1]
        shown = [f"epoch {row['epoch']:.0f}", f"train_loss {row.get('train_loss', float('nan')):.3f}"]
        shown += [f"{name} {row[name]:.3f}" for name in ("valid_loss", "mask_ap", "mask_ap50", "box_ap") if name in row]
        shown.append(f"{row['seconds']:.0f} s")
        self.say("  ".join(shown))
