"""The run folder: everything that training leaves behind, and all that prediction, evaluation and export need.

model.pth           best weights, torchvision's parameter names
labels.txt          line i names label i; background left out
model.json          the model card: how to build the model, classes, sizes, normalisation, thresholds, versions
config.yaml         the resolved settings of the recipe
metrics.json        mask_ap, mask_ap50, box_ap, ..., per class, seconds
history.csv         one row of figures per epoch
splits/*.json       the annotations that were trained and measured on, as lossless COCO
jit-model.pt        TorchScript: RGB float 0..1 of any size in; resize, padding, normalise inside
certificate.json    how nearly the exported files equal the eager model
report.html         one self-contained page
pictures/           predictions drawn beside the truth
checkpoints/        what `--resume` goes on from
log.txt             what was said while it ran
"""

from __future__ import annotations

import datetime
import random
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from contorno import config, files, kept_splits, model_card, processes
from contorno.errors import ConfigError
from contorno.metrics import COCOResult
from contorno.model_card import versions
from contorno.models.torchvision import fitting, weights
from contorno.progress import Progress, silent
from contorno.records import ClassMap, Records

__all__ = ["CONTENTS", "Run", "seed_everything", "versions"]

CONTENTS = {
    "model.pth": "best weights",
    "labels.txt": "line i names label i",
    "jit-model.pt": "TorchScript, needs torch and torchvision only",
    "model.json": "model card",
    "config.yaml": "resolved settings",
    "metrics.json": "figures",
    "history.csv": "a row per epoch",
    "certificate.json": "proof of the exported files",
    "report.html": "open it in a browser",
    "pictures": "predictions beside the truth",
    "checkpoints": "to resume from",
}
"""What a finished run folder has, in the order in which it is listed."""


def _no_words(text: str) -> None:
    """Say nothing."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run folder, and who listens while it is being filled.

    say, progress: called with a line of text, and with progress; the command line draws them.
    resumes:       training goes on from the folder's checkpoint, and work already done there is kept.
    is_written:    False in all but the first of several processes that train together: they see the folder, and leave
                   writing and speaking to the first.
    """

    folder: Path
    recipe: str = ""
    say_to: Callable[[str], None] = _no_words
    progress: Progress = silent
    resumes: bool = False
    is_written: bool = True

    @classmethod
    def create(
        cls,
        folder: Path,
        recipe: str,
        settings: Any,
        *,
        force: bool = False,
        resume: bool = False,
        say: Callable[[str], None] = _no_words,
        progress: Progress = silent,
    ) -> Run:
        """Make a run folder and write `config.yaml`, or with `resume` open the one that is there.

        Under torchrun the first process makes it; the others wait here until that one begins to train.
        force: move what stands there aside first. Raises ConfigError if the folder holds something and neither is set.
        """
        if not processes.is_first():
            return cls(processes.announced(), recipe, resumes=resume, is_written=False)
        run = cls(Path(folder), recipe, say, progress, resume)
        if resume:
            if not run.config_path.exists():
                raise ConfigError(f"there is no run to go on with in {folder}: config.yaml is missing.")
        else:
            files.new_folder(run.folder, force=force)
            files.write_text(run.config_path, f"# recipe: {recipe}\n{config.to_yaml(settings)}")
        processes.announce(run.folder)
        return run

    def say(self, text: str) -> None:
        """Tell the listener, and keep it in `log.txt`."""
        if not self.is_written:
            return
        with (self.folder / "log.txt").open("a", encoding="utf-8") as log:
            log.write(f"{datetime.datetime.now():%Y-%m-%d %H:%M:%S}  {text}\n")
        self.say_to(text)

    def discard_if_nothing_was_done(self) -> None:
        """Remove the folder if it holds its settings and its log only: a run that failed before its first result."""
        if self.is_written and {path.name for path in self.folder.iterdir()} <= {self.config_path.name, "log.txt"}:
            shutil.rmtree(self.folder)

    @classmethod
    def open(cls, folder: Path | str) -> Run:
        """Open a run folder that has a model. Raises ConfigError that names what is missing."""
        run = cls(Path(folder))
        for path in (run.card_path, run.weights_path, run.labels_path):
            if not path.exists():
                raise ConfigError(f"{folder} is not a finished run folder: {path.name} is missing; train first.")
        return run

    @property
    def weights_path(self) -> Path:
        return self.folder / "model.pth"

    @property
    def labels_path(self) -> Path:
        return self.folder / "labels.txt"

    @property
    def card_path(self) -> Path:
        return self.folder / "model.json"

    @property
    def config_path(self) -> Path:
        return self.folder / "config.yaml"

    @property
    def metrics_path(self) -> Path:
        return self.folder / "metrics.json"

    @property
    def history_path(self) -> Path:
        return self.folder / "history.csv"

    @property
    def script_path(self) -> Path:
        return self.folder / "jit-model.pt"

    @property
    def certificate_path(self) -> Path:
        return self.folder / "certificate.json"

    @property
    def report_path(self) -> Path:
        return self.folder / "report.html"

    @property
    def pictures(self) -> Path:
        return self.folder / "pictures"

    @property
    def checkpoint_path(self) -> Path:
        return self.folder / "checkpoints" / "last.pth"

    def write_card(self, model_settings: Mapping[str, Any], class_map: ClassMap, image_size: int) -> None:
        """Write `labels.txt` and `model.json`: with the weights, all that is needed to use the model.

        model_settings: of a FittedModel.
        image_size:     the longest side, pixels, that images are resized to.
        """
        if not self.is_written:
            return
        files.write_text(self.labels_path, "".join(f"{name}\n" for name in class_map.names))
        model_card.write_card(self.card_path, model_settings, class_map, image_size, recipe=self.recipe)

    def card(self) -> dict[str, Any]:
        """The model card. Raises DataError if it is damaged or lacks a field."""
        return model_card.read_card(self.card_path)

    def class_map(self) -> ClassMap:
        """Classes of the run, from `labels.txt`."""
        return ClassMap(self.labels_path.read_text(encoding="utf-8").splitlines())

    def load_model(self) -> nn.Module:
        """Build the model that the card describes and load `model.pth` into it; in eval mode, on the CPU.

        Raises WeightsError if the weights are not of this model or not of these classes.
        """
        card = self.card()
        model: nn.Module = fitting.from_settings(card["settings"], num_classes=len(self.class_map()))
        weights.load_weights(model, weights.read(self.weights_path))
        model.eval()
        return model

    def write_split(self, name: str, records: Records) -> None:
        """Keep the annotations of a split in the run, with the folder of its images (not the images).

        Raises ConfigError if an image is not a file.
        """
        if self.is_written:
            kept_splits.write_split(self.folder, name, records)

    def read_split(self, name: str, img_dir: Path | None = None) -> Records:
        """Read a split that `write_split` kept. Raises DataError if it is not there or its images have moved."""
        records = kept_splits.read_split(self.folder, name, img_dir)
        # The split was written with the names of that time; `labels.txt` may have been edited to call them otherwise.
        return Records(records, self.class_map(), records.report)

    def listing(self) -> str:
        """The files of the run that are there, a line each, with their sizes."""
        lines = []
        for name, what in CONTENTS.items():
            path = self.folder / name
            if path.is_file():
                lines.append(f"{path}  ({_size(path.stat().st_size)}, {what})")
            elif path.is_dir():
                lines.append(f"{path}/  ({sum(1 for _ in path.iterdir())} files, {what})")
        return "\n".join(lines)

    def files(self) -> list[tuple[str, int, str]]:
        """Name, bytes and meaning of each file of the run that is there."""
        found = [(name, self.folder / name, what) for name, what in CONTENTS.items()]
        return [(name, path.stat().st_size, what) for name, path, what in found if path.is_file()]

    def write_metrics(self, result: COCOResult, **more: Any) -> None:
        """Write `metrics.json`: every figure, per class, counts, and what else is given (seconds, say)."""
        if self.is_written:
            files.write_json(self.metrics_path, {**result.to_json(), **more}, indent=2)


def seed_everything(seed: int) -> None:
    """Seed torch (weights, sampling of regions) and Python's and numpy's global generators (some transforms)."""
    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed)


def _size(count: int) -> str:
    return f"{count / 2**20:.1f} MiB" if count >= 2**20 else f"{count / 1024:.1f} KiB"
