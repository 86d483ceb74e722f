"""A recipe of one's own whose process dies goes on where it was, and ends with every epoch in its history."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

RECIPE = '''"""Train on drawn discs."""

from dataclasses import dataclass

import tiny
import tiny_run

from contorno.learner import recorded
from contorno.models.torchvision import mask_rcnn
from contorno.runs import Run, seed_everything


@dataclass(frozen=True, kw_only=True)
class Config:
    epochs: int = 3


def main(cfg: Config, run: Run) -> str:
    seed_everything(0)
    train, valid = tiny_run.datasets(tiny.disc_records(4, seed=1), tiny.disc_records(2, seed=2))
    fitted = tiny_run.small_model(train.records)
    run.write_card(fitted.settings, train.class_map, 64)
    learn = mask_rcnn.fastai.learner(
        dls=[mask_rcnn.train_dl(train, batch_size=2), mask_rcnn.valid_dl(valid, batch_size=2)],
        model=fitted.model,
        precision="float32",
        show_progress=False,
    )
    with recorded(learn, run, checkpoint_seconds=0):
        learn.fit_one_cycle(cfg.epochs, 1e-3)
    return f"{len(learn.history.rows)} epochs"
'''


def test_a_killed_process_resumes_after_its_last_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "discs.py").write_text(RECIPE)
    out = tmp_path / "run"
    words = [sys.executable, "-m", "contorno", "run", str(tmp_path / "discs.py"), "--out", str(out)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])}
    process = subprocess.Popen(words, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not (out / "checkpoints" / "last.pth").exists():
        assert process.poll() is None, "it ended before its first checkpoint"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    done = len((out / "history.csv").read_text().splitlines()) - 1
    assert done < 3

    resumed = subprocess.run(
        [*words, "--resume"], env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert resumed.returncode == 0, resumed.stderr
    assert resumed.stdout.startswith("3 epochs")
    assert "epoch 3 " in resumed.stderr
    assert "epoch 1 " not in resumed.stderr  # it was not trained again
    rows = list(csv.DictReader((out / "history.csv").read_text().splitlines()))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    rates = [float(row["lr"]) for row in rows]
    assert rates[-1] < 2e-4 < 5e-4 < max(rates)  # one schedule over both processes
