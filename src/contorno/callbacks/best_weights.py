"""The weights of the best epoch, kept in a file."""

from __future__ import annotations

from pathlib import Path

import torch

from contorno import processes
from contorno.callbacks.door import Callback
from contorno.callbacks.states import write_state


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
        """Write the model's weights as they are now; of several processes the first one does."""
        if not processes.is_first():
            return
        state = {name: value.detach().cpu() for name, value in self.learn.model.state_dict().items()}
        write_state(self.file, state)

    def restore(self) -> None:
        """Load the best weights into the model, if any were written."""
        if self.best is not None and self.file.exists():
            self.learn.model.load_state_dict(torch.load(self.file, map_location="cpu", weights_only=True))
