"""The run folder: everything that training leaves behind, and all that prediction, evaluation and export need.

model.pth           best weights, torchvision's parameter names
labels.txt          line i names label i; background left out
model.json          the model card: how to build the model, classes, sizes, normalisation, thresholds, versions
config.yaml         the resolved settings of the recipe
metrics.json        mask_ap, mask_ap50, box_ap, ..., per class, seconds
history.csv         one row of figures per epoch
splits/*.json       the annotations that were trained and measured on, as lossless COCO
jit-model.pt        TorchScript: RGB float 0..1 of any size in; resize and normalise inside
certificate.json    how nearly the exported files equal the eager model
report.html         one self-contained page
pictures/           predictions drawn beside the truth
checkpoints/        what `--resume` goes on from
log.txt             what was said while it ran
"""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
import random
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

import contorno
from contorno import config, files, parsers, splits, writers
from contorno.draw import IMAGENET_MEAN, IMAGENET_STD
from contorno.errors import ConfigError, DataError
from contorno.masks import MASK_THRESHOLD
from contorno.metrics import DETECTION_THRESHOLD, COCOResult
from contorno.models.torchvision import fitting, weights
from contorno.progress import Progress, silent
from contorno.records import ClassMap, Records

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

PACKAGES = ("torch", "torchvision", "fastai", "albumentations", "numpy", "pillow", "pycocotools", "hotcoco")


def _no_words(text: str) -> None:
    """Say nothing."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run folder, and who listens while it is being filled.

    say, progress: called with a line of text, and with progress; the command line draws them.
    resumes:       training goes on from the folder's checkpoint, and work already done there is kept.
    """

    folder: Path
    recipe: str = ""
    say_to: Callable[[str], None] = _no_words
    progress: Progress = silent
    resumes: bool = False

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

        force: move what stands there aside first. Raises ConfigError if the folder holds something and neither is set.
        """
        run = cls(Path(folder), recipe, say, progress, resume)
        if resume:
            if not run.config_path.exists():
                raise ConfigError(f"there is no run to go on with in {folder}: config.yaml is missing.")
            return run
        files.new_folder(run.folder, force=force)
        files.write_text(run.config_path, f"# recipe: {recipe}\n{config.to_yaml(settings)}")
        return run

    def say(self, text: str) -> None:
        """Tell the listener, and keep it in `log.txt`."""
        with (self.folder / "log.txt").open("a", encoding="utf-8") as log:
            log.write(f"{datetime.datetime.now():%Y-%m-%d %H:%M:%S}  {text}\n")
        self.say_to(text)

    def discard_if_nothing_was_done(self) -> None:
        """Remove the folder if it holds its settings and its log only: a run that failed before its first result."""
        if {path.name for path in self.folder.iterdir()} <= {self.config_path.name, "log.txt"}:
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
        files.write_text(self.labels_path, "".join(f"{name}\n" for name in class_map.names))
        card = {
            "model": model_settings.get("model", "mask_rcnn"),
            "settings": dict(model_settings),
            "classes": list(class_map.names),
            "image_size": image_size,
            "normalize": {"mean": list(IMAGENET_MEAN), "std": list(IMAGENET_STD)},
            "thresholds": {"detection": DETECTION_THRESHOLD, "mask": MASK_THRESHOLD},
            "input": "RGB float 0..1, (3, H, W), any size; the exported model resizes the longest side and normalises",
            "recipe": self.recipe,
            "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "versions": versions(),
        }
        files.write_json(self.card_path, card, indent=2)

    def card(self) -> dict[str, Any]:
        """The model card. Raises DataError if it is damaged or lacks a field."""
        card = files.read_json(self.card_path)
        if not isinstance(card, dict):
            raise DataError(f"{self.card_path} is not a model card; the file was changed.")
        for key in ("settings", "classes", "image_size", "normalize"):
            if key not in card:
                raise DataError(f"{self.card_path}: the field {key!r} is missing; the file was changed or cut short.")
        return card

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
        path = self.folder / "splits" / f"{name}.json"
        paths = [record.path.resolve().parent for record in records if record.path is not None]
        img_dir = Path(os.path.commonpath(paths)) if paths else self.folder
        writers.write_coco(
            records, path, img_dir=img_dir, extras={"info": {"img_dir": _relative(img_dir, path.parent)}}
        )

    def read_split(self, name: str, img_dir: Path | None = None) -> Records:
        """Read a split that `write_split` kept. Raises DataError if it is not there or its images have moved."""
        path = self.folder / "splits" / f"{name}.json"
        if not path.exists():
            raise DataError(f"{self.folder} keeps no split {name!r}; give the data with --data and --images.")
        kept = files.read_json(path).get("info", {}).get("img_dir", ".")
        folder = img_dir if img_dir is not None else (path.parent / kept).resolve()
        if not folder.is_dir():
            raise DataError(f"the images of this run were in {folder}, which is no longer there; say --images DIR.")
        records = parsers.COCOParser(path, folder).parse(data_splitter=splits.SingleSplitter())[0]
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
        files.write_json(self.metrics_path, {**result.to_json(), **more}, indent=2)


def seed_everything(seed: int) -> None:
    """Seed torch (weights, sampling of regions) and Python's and numpy's global generators (some transforms)."""
    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed)


def versions() -> dict[str, str]:
    """Versions of contorno, Python and the packages that the numbers depend on."""
    found = {"contorno": contorno.__version__, "python": platform.python_version(), "platform": sys.platform}
    return found | {name: importlib.metadata.version(name) for name in PACKAGES}


def _size(count: int) -> str:
    return f"{count / 2**20:.1f} MiB" if count >= 2**20 else f"{count / 1024:.1f} KiB"


def _relative(folder: Path, start: Path) -> str:
    folder, start = Path(folder).resolve(), start.resolve()
    # Images inside the run folder move with it; images elsewhere stay where they are.
    run = start.parent
    if folder.is_relative_to(run):
        return (Path("..") / folder.relative_to(run)).as_posix()
    return folder.as_posix()
