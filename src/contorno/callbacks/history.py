"""A row of figures per epoch, kept and written as CSV, and each epoch told as a line of text."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable
from pathlib import Path

from contorno import files
from contorno.callbacks.door import Callback
from contorno.progress import Progress


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
        self.progress(what, min((self.learn.iter + 1) * size * getattr(self.learn, "shares", 1), total), total)

    def after_epoch(self) -> None:
        if not self.learn.history.has_row:
            return
        row = self.learn.history.rows[-1]
        shown = [f"epoch {row['epoch']:.0f}", f"train_loss {row.get('train_loss', float('nan')):.3f}"]
        shown += [f"{name} {row[name]:.3f}" for name in ("valid_loss", "mask_ap", "mask_ap50", "box_ap") if name in row]
        shown.append(f"{row['seconds']:.0f} s")
        self.say("  ".join(shown))
