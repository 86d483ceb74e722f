"""Checkpoints: all that a training needs to go on after its process has ended."""

from __future__ import annotations

import pickle
import time
from pathlib import Path
from typing import Any

import torch

from contorno import processes
from contorno.callbacks.door import Callback, CancelEpochException, CancelFitException
from contorno.callbacks.states import load_optimizer, plain_values, random_states, set_random_states, write_state
from contorno.errors import ConfigError, DataError

CHECKPOINT_SECONDS = 60.0
"""A checkpoint is written after the first epoch that ends so long after the one before: with its optimizer state it is
three times the size of the model, and short epochs would spend their time writing."""


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
            if processes.agreed(time.monotonic() - self._kept_at >= self.every_seconds):
                self.write()

    def after_fit(self) -> None:
        if self._epochs_done >= self.resumes_after:
            # A training that had ended already passes over all its epochs.
            self._restore()
        if self._epochs_done > max(self._epochs_kept, self.resumes_after):
            self.write()

    def write(self) -> None:
        """Write the state at the end of the epoch that was trained last; of several processes the first one does."""
        self._epochs_kept, self._kept_at = self._epochs_done, time.monotonic()
        states = processes.gathered(random_states())
        if not processes.is_first():
            return
        best = getattr(self.learn, "best_weights", None)
        budget = getattr(self.learn, "time_budget", None)
        state = {
            "epochs": self._epochs_done,
            "model": self.learn.model.state_dict(),
            "optimizer": plain_values(self.learn.opt.state_dict()),
            "rows": self.learn.history.rows,
            "random": states[0],
            "random_of_others": states[1:],
            "best": None if best is None else best.best,
            "best_epoch": 0 if best is None else best.best_epoch,
            "budget": None if budget is None else (budget.used_seconds, budget.budget_seconds),
        }
        write_state(self.file, state)

    def _restore(self) -> None:
        if self._state is None:
            return
        state, self._state = self._state, None
        self._epochs_kept = self._epochs_done
        try:
            self.learn.model.load_state_dict(state["model"])
            device = next(self.learn.model.parameters()).device
            load_optimizer(self.learn.opt, state["optimizer"], device)
        except (RuntimeError, ValueError) as error:
            raise ConfigError(
                f"{self.file} was written by another model or training ({str(error).splitlines()[0]}); go on with the "
                "settings that the run was started with."
            ) from error
        self.learn.history.rows[:] = state["rows"]
        rank, states = processes.place().rank, [state["random"], *state.get("random_of_others", [])]
        if rank < len(states):  # else more processes go on than there were
            set_random_states(states[rank])
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
