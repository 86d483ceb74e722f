"""Two real processes under torchrun train as one would: the same steps, the same weights, one run folder, one end."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import torch

import tiny_processes
import tiny_run
from contorno import writers
from contorno.runs import Run

pytestmark = pytest.mark.slow

RECIPE = '''"""Train on drawn discs, and go wrong where the settings say so."""

import os
from dataclasses import dataclass

import tiny_detector
from contorno.callbacks import Callback
from contorno.errors import DataError
from contorno.learner import recorded
from contorno.processes import place
from contorno.runs import Run, seed_everything


@dataclass(frozen=True, kw_only=True)
class Config:
    epochs: int = 3
    fault: str = "none"


class Fault(Callback):
    def __init__(self, fault: str) -> None:
        super().__init__()
        self.fault = fault

    def before_batch(self) -> None:
        if self.learn.training and self.learn.epoch == 1:
            if self.fault == "error":
                raise DataError("image 7 is a cake.")
            self.learn.model.box.weight.data.fill_(float("nan"))


def main(cfg: Config, run: Run) -> str:
    seed_everything(0)
    run.say("prepared")
    (run.folder / f"seen-by-{place().rank}.txt").write_text(str(sorted(path.name for path in run.folder.iterdir())))
    (run.folder / f"process-{place().rank}.txt").write_text(str(os.getpid()))
    if cfg.fault == "no training":
        return "nothing to train"
    is_faulty = cfg.fault in ("error", "nan") and place().rank == 1
    learn = tiny_detector.tiny_learner(cbs=[Fault(cfg.fault)] if is_faulty else [])
    with recorded(learn, run, checkpoint_seconds=0):
        learn.fit_one_cycle(cfg.epochs, 1e-3)
    return f"{len(learn.history.rows)} epochs"
'''


@pytest.fixture
def recipe(tmp_path: Path) -> list[str]:
    (tmp_path / "discs.py").write_text(RECIPE)
    return ["-m", "contorno", "run", str(tmp_path / "discs.py"), "--out", str(tmp_path / "run")]


@pytest.fixture(scope="module")
def in_two(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    folder = tmp_path_factory.mktemp("two")
    return folder, tiny_processes.found_in_two(["plain", "everything"], folder)


def test_two_processes_take_the_steps_of_one_with_twice_the_batch(in_two: tuple[Path, list[dict[str, Any]]]) -> None:
    alone = tiny_processes.plain_learner(2)
    alone.fit(2, 0.05)
    expected = tiny_processes.found_by(alone)
    one, other = (found["plain"] for found in in_two[1])
    steps = [a + b for a, b in zip(one["steps"], other["steps"], strict=True)]
    assert steps == expected["steps"]
    assert len(steps) == 8
    assert sorted(image_id for step in steps[:4] for image_id in step) == list(range(1, 9))
    missing = 0
    for ours, theirs, whole in zip(one["gradients"], other["gradients"], expected["gradients"], strict=True):
        for name, gradient in whole.items():
            if gradient is None:
                missing += 1
                assert ours[name] is None
                assert theirs[name] is None
            else:
                assert torch.equal(ours[name], theirs[name])
                assert torch.allclose(ours[name], gradient, atol=1e-6, rtol=1e-4)
    assert missing >= 16  # the weights and the bias of a head that no loss reaches, in each step
    for name, value in expected["weights"].items():
        assert torch.equal(one["weights"][name], other["weights"][name])
        assert torch.allclose(one["weights"][name], value, atol=1e-5)
    assert repr(one["rows"]) == repr(other["rows"])
    for row, alone_row in zip(one["rows"], expected["rows"], strict=True):
        assert row == pytest.approx(alone_row, abs=1e-5, nan_ok=True)


def test_whatever_steers_a_loop_is_the_same_in_both_processes(in_two: tuple[Path, list[dict[str, Any]]]) -> None:
    folder = in_two[0]
    one, other = (found["everything"] for found in in_two[1])
    assert one["weights"].keys() == other["weights"].keys()
    assert all(torch.equal(value, other["weights"][name]) for name, value in one["weights"].items())
    assert any(name.endswith("running_mean") for name in one["weights"])
    for what in ("losses", "rate", "rows", "figures"):
        assert repr(one[what]) == repr(other[what]), what
    assert len(one["losses"]) == 4
    assert len(one["rows"]) >= 5
    assert sorted(path.name for path in folder.iterdir()) == ["0.pt", "1.pt", "models"]
    assert [path.name for path in (folder / "models").iterdir()] == ["model.pth"]


def test_a_recipe_leaves_one_run_folder_and_tells_it_once(tmp_path: Path) -> None:
    data = tmp_path / "data"
    writers.write_coco(tiny_run.disc_files(data, 10), data / "labels.json", img_dir=data)
    settings = ["weights=none", "backbone=resnet18_fpn", "image_size=64", "epochs=1", "batch_size=2"]
    words = ["-m", "contorno", "run", "finetune", f"data={data / 'labels.json'}", *settings]
    code, out, said = tiny_processes.run([*words, "--out", str(tmp_path / "run")])
    assert code == 0, said
    run = Run.open(tmp_path / "run")
    assert {name for name, _, _ in run.files()} >= {"model.pth", "jit-model.pt", "metrics.json", "report.html"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "run"]
    assert (out.count("metrics.json"), out.count("done in")) == (1, 1)
    assert said.count("2 processes, batch_size images each") == said.count("epoch 1 ") == 1
    log = (tmp_path / "run" / "log.txt").read_text()
    assert log.count("best epoch 1") == log.count("exporting") == 1
    assert not any(name.startswith("module.") for name in torch.load(run.weights_path, weights_only=True))


def test_a_run_goes_on_and_the_others_begin_when_the_first_is_prepared(recipe: list[str], tmp_path: Path) -> None:
    code, out, said = tiny_processes.run([*recipe, "epochs=2"])
    assert code == 0, said
    assert out.startswith("2 epochs\n")
    assert "seen-by-0.txt" in (tmp_path / "run" / "seen-by-1.txt").read_text()
    config = tmp_path / "run" / "config.yaml"
    config.write_text(config.read_text().replace("epochs: 2", "epochs: 3"))
    code, out, said = tiny_processes.run([*recipe, "--resume"])
    assert code == 0, said
    assert out.startswith("3 epochs\n")
    assert [f"epoch {number} " in said for number in (1, 2, 3)] == [False, False, True]


def test_a_recipe_without_training_ends_in_both_processes(recipe: list[str]) -> None:
    code, out, said = tiny_processes.run([*recipe, "fault=no training"])
    assert code == 0, said
    assert out.startswith("nothing to train\n")
    assert out.count("nothing to train") == said.count("prepared") == 1


def test_an_error_in_one_process_is_told_and_ends_both(recipe: list[str]) -> None:
    began = time.monotonic()
    code, _, said = tiny_processes.run([*recipe, "fault=error", "epochs=500"])
    assert code == 1
    assert said.count("contorno: image 7 is a cake.") == 1
    assert time.monotonic() - began < 120


def test_a_loss_that_is_no_number_is_told_with_the_images_of_its_process(recipe: list[str]) -> None:
    code, _, said = tiny_processes.run([*recipe, "fault=nan"])
    assert code == 1
    assert said.count("contorno: the training loss is no longer a number (loss_box nan, ") == 1
    assert "at epoch 2, step 1, images " in said


@pytest.mark.parametrize("how", ["Ctrl-C", "killed"])
def test_a_training_that_is_stopped_ends_in_both_with_the_way_to_go_on(
    recipe: list[str], tmp_path: Path, how: str
) -> None:
    process = tiny_processes.start([*recipe, "epochs=5000"])
    history = tmp_path / "run" / "history.csv"
    try:
        deadline = time.monotonic() + 120
        while not history.exists() or len(history.read_text().splitlines()) < 3:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        if how == "Ctrl-C":
            process.send_signal(signal.SIGINT)
        else:
            os.kill(int((tmp_path / "run" / "process-1.txt").read_text()), signal.SIGKILL)
        _, said = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode != 0
    words = " ".join(["run", recipe[3], "--out", recipe[5], "--resume"])
    assert said.count(f"go on with `torchrun --nproc_per_node=2 -m contorno {words}`.") == 1
    assert said.count("contorno: ") == 1
    assert (tmp_path / "run" / "model.pth").exists()
