"""A fit that the clock ends: schedules and validation follow the time that is left."""

from __future__ import annotations

import time

from contorno import processes
from contorno.callbacks.door import Callback, CancelFitException, CancelTrainException, CancelValidException

MAX_VALIDATION_SHARE = 0.12
"""With a time budget, validation is left out of epochs so that it takes about this share of the time."""


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
        """Whether only the last validation still has a place; of several processes the first one's clock says."""
        return processes.agreed(self.used_seconds >= self._training_end())

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
        self.learn.pct_train = processes.agreed(min(self.used_seconds / max(self._training_end(), 1e-9), 1.0))

    def before_validate(self) -> None:
        self._is_last = self.is_over
        self._since_validation += time.monotonic() - self._epoch_began
        due = processes.agreed(self._since_validation * MAX_VALIDATION_SHARE >= self._validate_seconds)
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
