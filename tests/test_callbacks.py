"""History, best weights, the clock and the checkpoint, held on a detector of a few hundred parameters."""

from __future__ import annotations

import csv
import errno
import io
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from contorno.callbacks import BestWeights, Callback, Checkpoint, EpochLines, TimeBudget
from contorno.callbacks.states import write_state
from contorno.errors import ConfigError, DataError, WriteError
from contorno.learner import DetectionLearner, recorded
from contorno.runs import Run
from tiny_detector import tiny_learner


@dataclass(frozen=True)
class Settings:
    """Of a recipe that has none."""


class StopAfter(Callback):
    """Ctrl-C in the first step after so many epochs."""

    def __init__(self, epochs: int) -> None:
        super().__init__()
        self.epochs = epochs

    def before_batch(self) -> None:
        if self.learn.training and len(self.learn.history.rows) == self.epochs:
            raise KeyboardInterrupt


class Pretend(Callback):
    """Put figures of our choice in the place of those measured."""

    order = 45

    def __init__(self, name: str, values: list[float]) -> None:
        super().__init__()
        self.figure, self.values = name, values
        self.weights: list[torch.Tensor] = []

    def after_epoch(self) -> None:
        self.learn.validation_pass.figures[self.figure] = self.values[len(self.learn.history.rows)]
        self.weights.append(self.learn.model.box.weight.detach().clone())


def without_seconds(rows: list[dict[str, float]]) -> list[dict[str, float]]:
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


def same_weights(one: DetectionLearner, other: DetectionLearner) -> bool:
    theirs = other.model.state_dict()
    return all(torch.allclose(value, theirs[name], atol=1e-6) for name, value in one.model.state_dict().items())


def test_history_has_a_row_an_epoch_over_all_fits_and_is_on_disk(tmp_path: Path) -> None:
    learn = tiny_learner()
    learn.history.file = tmp_path / "history.csv"
    learn.fit(1)
    learn.fit(1)
    rows = list(csv.DictReader((tmp_path / "history.csv").read_text().splitlines()))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    losses = ["loss_box", "loss_score"]
    for split in ("train", "valid"):
        total = sum(float(rows[1][f"{split}_{name}"]) for name in losses)
        assert float(rows[1][f"{split}_loss"]) == pytest.approx(total, rel=1e-4)
    assert 0 <= float(rows[1]["box_ap"]) <= 1
    assert float(rows[1]["lr"]) == pytest.approx(1e-3)
    assert float(rows[1]["seconds"]) > 0


def test_validating_and_looking_for_a_rate_add_no_row() -> None:
    learn = tiny_learner()
    learn.validate()
    assert learn.history.rows == []
    learn.fit(1)
    learn.validate()
    learn.lr_find(num_it=9, show_plot=False)
    assert len(learn.history.rows) == 1


def test_losses_are_means_over_images_not_batches() -> None:
    learn = tiny_learner(lr=0.0)  # three validation images in batches of two and one
    learn.fit(1)
    by_image = []
    learn.model.eval()
    for images, targets, _ in learn.dls.valid:
        for image, target in zip(images, targets, strict=True):
            with torch.no_grad():
                losses = learn.model.losses_of(learn.model.features([image]), [target])
            by_image.append(float(sum(losses.values())))
    assert len(by_image) == 3
    assert learn.history.rows[0]["valid_loss"] == pytest.approx(sum(by_image) / 3, rel=1e-4)
    # fastai's own table says the same.
    assert learn.recorder.values[-1][1] == pytest.approx(sum(by_image) / 3, rel=1e-4)


def test_the_best_weights_are_kept_and_a_number_beats_nan(tmp_path: Path) -> None:
    pretend = Pretend("box_ap", [math.nan, 0.5, 0.2])
    best = BestWeights(tmp_path / "model.pth", "box_ap")
    learn = tiny_learner(cbs=[pretend, best])
    learn.fit(3)
    assert (best.best, best.best_epoch) == (0.5, 2)
    assert not torch.equal(learn.model.box.weight, pretend.weights[1])
    best.restore()
    assert torch.equal(learn.model.box.weight, pretend.weights[1])


def test_without_any_figure_the_last_weights_are_kept(tmp_path: Path) -> None:
    best = BestWeights(tmp_path / "model.pth", "box_ap")
    learn = tiny_learner(cbs=[Pretend("box_ap", [math.nan, math.nan]), best])
    learn.fit(2)
    assert best.best_epoch == 2


def test_of_equal_figures_the_later_weights_are_kept(tmp_path: Path) -> None:
    best = BestWeights(tmp_path / "model.pth", "box_ap")
    tiny_learner(cbs=[Pretend("box_ap", [0.0, 0.0]), best]).fit(2)
    assert best.best_epoch == 2


def test_a_watched_loss_is_better_when_lower(tmp_path: Path) -> None:
    best = BestWeights(tmp_path / "model.pth", "valid_loss")
    tiny_learner(cbs=[Pretend("valid_loss", [0.9, 0.3, 0.5]), best]).fit(3)
    assert (best.best, best.best_epoch) == (0.3, 2)


def test_the_clock_ends_a_fit_with_a_validated_epoch_that_every_callback_saw(tmp_path: Path) -> None:
    said: list[str] = []
    best = BestWeights(tmp_path / "model.pth", "box_ap")
    learn = tiny_learner(cbs=[best, EpochLines(lambda *_: None, said.append)])
    learn.fit_for(minutes=1.5 / 60, lr=1e-2)
    rows = learn.history.rows
    assert len(said) == len(rows) > 1
    assert "valid_loss" in rows[-1]
    assert not math.isnan(rows[-1]["train_loss"])
    assert rows[-1]["lr"] < 1e-3 < max(learn.recorder.lrs) <= 1e-2  # the schedule has been up and is down again
    assert best.best is not None


def test_an_epoch_without_validation_has_no_validation_figures() -> None:
    budget = TimeBudget(1.5)
    learn = tiny_learner(cbs=[budget])
    budget.before_fit()
    budget._validate_seconds = 1e9  # as if validation took all the time
    budget.budget_seconds = 2e9
    learn.fit(1)
    assert not [name for name in learn.history.rows[0] if name.startswith(("valid", "box"))]
    assert learn.history.rows[0]["train_loss"] > 0


def test_no_time_at_all_still_trains_a_step_and_measures() -> None:
    learn = tiny_learner()
    learn.fit_for(minutes=0.0, lr=1e-3)
    assert len(learn.history.rows) == 1
    assert len(learn.recorder.losses) == 1
    assert learn.history.rows[0]["valid_loss"] > 0


def test_the_frozen_epochs_are_within_the_time_of_a_fit() -> None:
    learn = tiny_learner()
    learn.fit_for(minutes=1 / 60, lr=1e-2, freeze_epochs=1)
    assert learn.history.rows[0]["lr"] > learn.history.rows[-1]["lr"]
    assert len(learn.history.rows) > 1
    assert all(parameter.requires_grad for parameter in learn.model.parameters())


@pytest.mark.parametrize("stop_after", [1, 2], ids="after {} epochs".format)
@pytest.mark.parametrize("how", ["one cycle", "fine tune"])
def test_a_training_cut_off_and_resumed_equals_one_without_a_stop(tmp_path: Path, how: str, stop_after: int) -> None:
    def train(learn: DetectionLearner) -> None:
        if how == "one cycle":
            learn.fit_one_cycle(3, 1e-2)
        else:
            learn.fine_tune(1, 1e-2, freeze_epochs=2)

    straight = tiny_learner()
    train(straight)

    file = tmp_path / "last.pth"
    stopped = tiny_learner(cbs=[Checkpoint(file, every_seconds=0), StopAfter(stop_after)])
    with pytest.raises(KeyboardInterrupt):
        train(stopped)
    assert len(stopped.history.rows) == stop_after
    torch.rand(7)  # another process has drawn other numbers
    resumed = tiny_learner(seed=9, cbs=[Checkpoint(file, resume=True)])
    train(resumed)
    assert [row["epoch"] for row in resumed.history.rows] == [1, 2, 3]
    for one, other in zip(without_seconds(straight.history.rows), without_seconds(resumed.history.rows), strict=True):
        assert one == pytest.approx(other, rel=1e-5, nan_ok=True)
    assert same_weights(straight, resumed)
    assert not same_weights(stopped, resumed)


def test_resuming_a_training_that_had_ended_trains_nothing_and_loads_it(tmp_path: Path) -> None:
    file = tmp_path / "last.pth"
    done = tiny_learner(cbs=[Checkpoint(file, every_seconds=1e9)])
    done.fit_one_cycle(2, 1e-2)
    again = tiny_learner(seed=9, cbs=[Checkpoint(file, resume=True)])
    again.fit_one_cycle(2, 1e-2)
    assert again.history.to_csv() == done.history.to_csv()
    assert same_weights(done, again)


def test_a_timed_fit_that_had_ended_is_not_trained_further(tmp_path: Path) -> None:
    file = tmp_path / "last.pth"
    done = tiny_learner(cbs=[Checkpoint(file)])
    done.fit_for(minutes=0.5 / 60, lr=1e-2, freeze_epochs=1)
    again = tiny_learner(seed=9, cbs=[Checkpoint(file, resume=True)])
    again.fit_for(minutes=0.5 / 60, lr=1e-2, freeze_epochs=1)
    assert again.history.to_csv() == done.history.to_csv()
    assert same_weights(done, again)


def test_a_checkpoint_waits_its_time_but_not_past_the_end(tmp_path: Path) -> None:
    file = tmp_path / "last.pth"
    with pytest.raises(KeyboardInterrupt):
        tiny_learner(cbs=[Checkpoint(file, every_seconds=1e9), StopAfter(1)]).fit(2)
    assert not file.exists()
    tiny_learner(cbs=[Checkpoint(file, every_seconds=1e9)]).fit(1)
    assert torch.load(file, weights_only=True)["epochs"] == 1


def test_a_damaged_or_foreign_checkpoint_is_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / "last.pth"
    tiny_learner(cbs=[Checkpoint(file)]).fit(1)
    state = torch.load(file, weights_only=True)
    torch.save(state | {"model": {"other": torch.zeros(1)}}, file)
    with pytest.raises(ConfigError, match="written by another model or training") as caught:
        tiny_learner(cbs=[Checkpoint(file, resume=True)]).fit(2)
    assert str(caught.value).startswith(str(file))  # fastai's own words are not before it
    file.write_bytes(file.read_bytes()[:500])
    with pytest.raises(DataError, match="is damaged; remove it"):
        Checkpoint(file, resume=True)


def test_the_recorded_block_keeps_everything_and_ends_with_the_best_weights(tmp_path: Path) -> None:
    said: list[str] = []
    run = Run.create(tmp_path / "run", "mine", Settings(), say=said.append)
    pretend = Pretend("box_ap", [0.7, 0.1])
    learn = tiny_learner(cbs=[pretend])
    with recorded(learn, run):
        learn.fit(2)
    assert torch.equal(learn.model.box.weight, pretend.weights[0])
    assert torch.equal(torch.load(run.weights_path, weights_only=True)["box.weight"], pretend.weights[0])
    assert run.history_path.read_text().count("\n") == 3
    assert run.checkpoint_path.exists()
    assert said[0].startswith("epoch 1  train_loss ")
    assert said[-1] == "best epoch 1: box_ap 0.700"


def test_ctrl_c_before_the_first_epoch_ends_leaves_weights_and_a_history(tmp_path: Path) -> None:
    said: list[str] = []
    run = Run.create(tmp_path / "run", "mine", Settings(), say=said.append)
    learn = tiny_learner(cbs=[StopAfter(0)])
    with pytest.raises(KeyboardInterrupt), recorded(learn, run):
        learn.fit(2)
    assert run.weights_path.exists()
    assert run.history_path.read_text() == "epoch\n"
    assert "stopped by Ctrl-C in epoch 1" in said[-1]
    assert "--resume" in said[-1]


@pytest.mark.parametrize(
    ("stop", "told"),
    [
        (KeyboardInterrupt(), KeyboardInterrupt),
        (OSError(errno.ENOSPC, "No space left on device"), WriteError),
        (DataError("of a signal handler"), DataError),
    ],
    ids=["Ctrl-C", "full disk", "another"],
)
def test_what_stops_the_writing_of_a_state_comes_out_as_what_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: BaseException, told: type[BaseException]
) -> None:
    class Stopped(io.FileIO):
        def write(self, data: Any) -> int:
            if len(data) > 10_000:
                raise stop
            return super().write(data)

    monkeypatch.setattr(os, "fdopen", lambda handle, mode, **_: Stopped(handle, mode))
    with pytest.raises(told):
        write_state(tmp_path / "state.pth", {"weights": torch.zeros(10_000)})
    assert list(tmp_path.iterdir()) == []
