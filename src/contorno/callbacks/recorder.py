"""fastai's Recorder, for epochs of which a part may be left out."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

from contorno.callbacks.door import Recorder
from contorno.callbacks.plots import present
from contorno.callbacks.validation import FigureMetric, ValidationPass
from contorno.errors import ConfigError


class EpochRecorder(Recorder):  # type: ignore[misc]
    """Record losses and figures as fastai does, with a place for each column in every epoch.

    fastai leaves out the columns of a pass that was cut short or passed over, so that the others move up and its
    trackers read the wrong one. Here the mean of a cut pass stays, and a pass left out has NaN.
    `loss` is the validation loss of the validation pass: fastai would weigh each batch by the boxes in its first image.
    """

    name = "recorder"

    def __init__(self, validation_pass: ValidationPass) -> None:
        super().__init__()
        self.loss = FigureMetric("valid_loss", partial(validation_pass.figure, "valid_loss"))

    def after_cancel_train(self) -> None:
        """Keep the training loss of the steps that were done."""

    def after_epoch(self) -> None:
        columns = len(self.metric_names) - bool(self.add_time)
        if self.cancel_valid or len(self.log) == 1:
            self.log += [math.nan] * (columns - len(self.log))
        super().after_epoch()

    def plot_loss(self, *args: Any, ax: Any = None, **kwargs: Any) -> Any:
        """Plot the smoothed training loss and the validation losses over the steps of the last fit; see fastai.

        ax: matplotlib's axes to draw into; None draws into the current ones, and shows them where there are windows.
        Returns matplotlib's axes. Raises ConfigError if nothing was trained yet.
        """
        if not getattr(self, "losses", None):
            raise ConfigError("there is no loss to plot yet; train first, with learn.fine_tune or learn.fit.")
        axes = super().plot_loss(*args, ax=ax, **kwargs)
        if ax is None:
            present(axes.figure)
        return axes
