"""What the tests run in two processes under torchrun, and how they start it.

As a script: `torchrun --nproc_per_node=2 tiny_processes.py FOLDER NAME ...` runs functions of this module in each
process, which leaves what they found in `FOLDER/<rank>.pt`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import tiny
from contorno import processes, tfms
from contorno.callbacks.door import Callback, EarlyStoppingCallback, OptimWrapper, SaveModelCallback
from contorno.dataset import Dataset
from contorno.learner import DetectionLearner, learner
from contorno.loaders import train_dl, valid_dl
from contorno.metrics import COCOMetric, COCOMetricType
from tiny_detector import TinyDetector, tiny_learner


class PlainDetector(TinyDetector):
    """A TinyDetector without anything random and without statistics, whose loss of a batch is the mean over its images.

    A head gets a gradient from bright images only, and one from none at all.
    """

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 5, stride=4), nn.GroupNorm(2, 8), nn.ReLU(), nn.AdaptiveAvgPool2d(4))
        self.dropout = nn.Identity()
        self.seldom = nn.Linear(128, 1)
        self.never = nn.Linear(128, 1)

    def losses_of(self, features: Tensor, targets: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
        losses = super().losses_of(features, targets)
        found = [self.seldom(own).sum() for own, target in zip(features, targets, strict=True) if _is_ring(target)]
        if found:
            losses["loss_score"] = losses["loss_score"] + torch.stack(found).sum() / len(targets)
        return losses


def _is_ring(target: dict[str, Tensor]) -> bool:
    return bool(target["labels"][0] == 2)


class Seen(Callback):
    """Note the images of each training step."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[list[int | str]] = []
        self.gradients: list[dict[str, Tensor | None]] = []

    def before_step(self) -> None:
        self.steps.append([info.record.image_id for info in self.learn.infos])
        self.gradients.append(
            {name: None if p.grad is None else p.grad.clone() for name, p in self.learn.model.named_parameters()}
        )


Seen.order = 9  # between the mean over processes and what is done with it


def plain_learner(batch_size: int, seed: int = 0) -> DetectionLearner:
    """Eight training images, three to validate; torch's SGD, which does not enlarge differences of rounding."""
    import tiny_detector

    torch.manual_seed(seed)
    plain = tfms.A.Adapter([*tfms.A.resize_and_pad(64), tfms.A.Normalize()])
    train, valid = (
        Dataset(tiny.disc_records(count, discs=1, seed=seed), plain, seed=0) for count, seed in ((8, 1), (3, 2))
    )
    return learner(
        dls=[train_dl(train, batch_size=batch_size, seed=5), valid_dl(valid, batch_size=2)],
        model=PlainDetector(),
        metrics=[COCOMetric(COCOMetricType.bbox)],
        model_type=tiny_detector,
        opt_func=partial(OptimWrapper, opt=torch.optim.SGD),
        show_progress=False,
        precision="float32",
        cbs=[Seen()],
    )


def found_by(learn: DetectionLearner) -> dict[str, Any]:
    """What a training has left in this process."""
    return {
        "weights": {name: value.clone() for name, value in learn.model.state_dict().items()},
        "steps": learn.seen.steps if hasattr(learn, "seen") else [],
        "gradients": learn.seen.gradients if hasattr(learn, "seen") else [],
        "rows": [{k: v for k, v in row.items() if k != "seconds"} for row in learn.history.rows],
    }


def plain(folder: Path) -> dict[str, Any]:
    """Two epochs of a PlainDetector, a batch of one image in each process, from weights that differ."""
    learn = plain_learner(1, seed=processes.place().rank)
    learn.fit(2, 0.05)
    return found_by(learn)


def everything(folder: Path) -> dict[str, Any]:
    """Whatever steers a loop: the clock, trackers, a search for a rate, frozen layers, statistics, dropout."""
    learn = tiny_learner(path=folder, cbs=[SaveModelCallback(monitor="box_ap"), EarlyStoppingCallback(patience=1)])
    rate = learn.lr_find(num_it=20, end_lr=1e6, show_plot=False)
    learn.fine_tune(3, 1e-2, freeze_epochs=1)
    learn.fit_for(0.02, 1e-3)
    # Both processes have loaded the best weights now; the steps of the next fit are what is compared.
    learn.remove_cbs([SaveModelCallback, EarlyStoppingCallback])
    learn.fit(2, 1e-2)
    found = found_by(learn)
    losses = [float(loss) for loss in learn.recorder.losses]
    return {**found, "losses": losses, "rate": list(rate), "figures": list(learn.validate())}


def start(words: Sequence[str], **options: Any) -> subprocess.Popen[str]:
    """Start a program in two processes under torchrun; `words` follow torchrun's own."""
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)]),
        "OMP_NUM_THREADS": "1",
    }
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    return subprocess.Popen(
        [*launcher, *words],
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **options,
    )


def run(words: Sequence[str], timeout: float = 300) -> tuple[int, str, str]:
    """Run a program in two processes: exit code, what was printed, what was said."""
    process = start(words)
    try:
        out, said = process.communicate(timeout=timeout)
    finally:
        process.kill()
    return process.returncode, out, said


def found_in_two(names: Sequence[str], folder: Path) -> list[dict[str, Any]]:
    """What functions of this module found, by their names, in each of two processes."""
    code, _, said = run([str(Path(__file__)), str(folder), *names])
    assert code == 0, said
    return [torch.load(folder / f"{rank}.pt", weights_only=False) for rank in (0, 1)]


if __name__ == "__main__":
    import tiny_processes

    place = Path(sys.argv[1])
    torch.save(
        {name: getattr(tiny_processes, name)(place) for name in sys.argv[2:]},
        place / f"{processes.place().rank}.pt",
    )
