"""fastai's own callbacks on a detection learner: they do what they are for, or one sentence says what to use."""

from __future__ import annotations

import csv
import math
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest
import torch

from contorno.callbacks import Callback, Checkpoint, TensorBoardCallback
from contorno.errors import ConfigError, MissingExtraError
from contorno.learner import recorded
from contorno.metrics import COCOMetric, COCOMetricType
from contorno.runs import Run
from tiny_detector import tiny_learner
from tiny_run import Settings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # fastai's own imports warn
    from fastai.callback.core import FetchPredsCallback, GatherPredsCallback
    from fastai.callback.fp16 import ModelToHalf, NonNativeMixedPrecision
    from fastai.callback.hook import ActivationStats
    from fastai.callback.mixup import CutMix, MixUp
    from fastai.callback.preds import MCDropoutCallback
    from fastai.callback.progress import CSVLogger, ShowGraphCallback
    from fastai.callback.rnn import ModelResetter
    from fastai.callback.tracker import (
        EarlyStoppingCallback,
        ReduceLROnPlateau,
        SaveModelCallback,
        TerminateOnNaNCallback,
    )
    from fastai.callback.training import BnFreeze, GradientAccumulation, ShortEpochCallback
    from fastai.optimizer import Adam, OptimWrapper, ranger


class Pretend(Callback):
    """Put figures of our choice in the place of those measured."""

    order = 45

    def __init__(self, name: str, values: list[float]) -> None:
        super().__init__()
        self.figure, self.values = name, values
        self.weights: list[torch.Tensor] = []

    def after_validate(self) -> None:
        self.learn.validation_pass.figures[self.figure] = self.values[len(self.learn.history.rows)]
        self.weights.append(self.learn.model.box.weight.detach().clone())


class SkipValidation(Callback):
    """Leave validation out of the second epoch."""

    def before_validate(self) -> None:
        from contorno.callbacks.door import CancelValidException

        if len(self.learn.history.rows) == 1:
            raise CancelValidException


@pytest.fixture(autouse=True)
def _no_window() -> Iterator[None]:
    mpl.use("Agg")
    yield
    from matplotlib import pyplot

    pyplot.close("all")


@pytest.mark.parametrize("monitor", ["valid_loss", "box_ap", "COCOMetric", "valid_loss_box"])
def test_the_best_model_is_saved_and_loaded_at_the_end(tmp_path: Path, monitor: str) -> None:
    lower = "loss" in monitor
    figure = "box_ap" if monitor == "COCOMetric" else monitor
    pretend = Pretend(figure, [0.5, 0.2, 0.4] if lower else [0.2, 0.6, 0.4])
    learn = tiny_learner(path=tmp_path, cbs=[pretend])
    learn.fit(3, cbs=SaveModelCallback(monitor=monitor))
    assert torch.equal(learn.model.box.weight, pretend.weights[1])
    assert torch.equal(
        torch.load(tmp_path / "models" / "model.pth", weights_only=True)["box.weight"], pretend.weights[1]
    )


def test_a_monitor_that_is_no_column_is_refused_with_the_columns() -> None:
    sentence = "monitors 'mask_ap', and this learner has no such column; take one of train_loss, valid_loss, .*box_ap"
    with pytest.raises(ConfigError, match=sentence):
        tiny_learner(cbs=[SaveModelCallback(monitor="mask_ap")])
    with pytest.raises(ConfigError, match=sentence):
        tiny_learner().fit(1, cbs=[EarlyStoppingCallback(monitor="mask_ap")])
    masks = tiny_learner(metrics=[COCOMetric(COCOMetricType.mask)])
    masks.add_cb(SaveModelCallback(monitor="mask_ap"))


def test_training_stops_early_and_only_measured_epochs_count() -> None:
    learn = tiny_learner(cbs=[Pretend("valid_loss", [0.5, 0.5, 0.4, 0.4, 0.3]), SkipValidation()])
    learn.fit(5, cbs=EarlyStoppingCallback(patience=1))
    # The second epoch is not validated; the fourth is no better than the third.
    assert len(learn.history.rows) == 4
    row = dict(zip(learn.recorder.metric_names[1:-1], learn.recorder.values[1], strict=True))
    assert math.isfinite(row["train_loss"])
    assert math.isnan(row["valid_loss"])


@pytest.mark.parametrize("opt_func", [None, OptimWrapper, Adam], ids=["default", "torch's SGD", "fastai's Adam"])
def test_a_plateau_lowers_the_rate(opt_func: Any) -> None:
    if opt_func is OptimWrapper:
        opt_func = lambda params, **options: OptimWrapper(params, opt=torch.optim.SGD, **options)  # noqa: E731
    learn = tiny_learner(cbs=[Pretend("valid_loss", [0.5, 0.5, 0.5])], opt_func=opt_func)
    learn.fit(3, lr=1e-2, cbs=ReduceLROnPlateau(patience=1, factor=10))
    assert [row["lr"] for row in learn.history.rows] == pytest.approx([1e-2, 1e-2, 1e-3])
    assert [settings["lr"] for settings in learn.opt.hypers] == pytest.approx([1e-4, 1e-4])


def test_the_csv_of_a_fit_is_whole_and_survives_what_comes_after(tmp_path: Path) -> None:
    learn = tiny_learner(path=tmp_path / "new", cbs=[CSVLogger(fname="log.csv")])
    learn.fit(2)
    learn.validate()
    learn.lr_find(num_it=6, show_plot=False)
    rows = list(csv.DictReader((tmp_path / "new" / "log.csv").read_text().splitlines()))
    assert [row["epoch"] for row in rows] == ["0", "1"]
    assert float(rows[1]["box_ap"]) >= 0
    assert float(rows[1]["valid_loss"]) == pytest.approx(learn.history.rows[1]["valid_loss"], rel=1e-4)


def test_gradients_are_gathered_over_images_not_boxes() -> None:
    steps: list[int] = []

    class Steps(Callback):
        def after_step(self) -> None:
            steps.append(self.learn.train_iter)

    learn = tiny_learner(cbs=[Steps()])
    learn.fit(2, cbs=GradientAccumulation(n_acc=4))  # six images an epoch in batches of two
    assert steps == [1, 3, 5]
    one = tiny_learner(cbs=[Steps()], lr=0.0)
    seen: list[torch.Tensor] = []
    one.add_cb(Callback(before_step=lambda _: seen.append(one.model.box.bias.grad.clone())))
    one.fit(1, cbs=GradientAccumulation(n_acc=2))
    plain = tiny_learner(lr=0.0)
    there: list[torch.Tensor] = []
    plain.add_cb(Callback(before_step=lambda _: there.append(plain.model.box.bias.grad.clone())))
    plain.fit(1)
    assert torch.allclose(torch.stack(seen), torch.stack(there))


@pytest.mark.parametrize(
    "make",
    [
        lambda _: TerminateOnNaNCallback(),
        lambda _: BnFreeze(),
        lambda _: MCDropoutCallback(),
        lambda _: ShortEpochCallback(pct=0.3),
        lambda model: ActivationStats(modules=[model.box, model.body[0]], with_hist=True),
        lambda _: FetchPredsCallback(),
    ],
    ids=["nan", "norms", "dropout", "short", "activations", "fetch"],
)
def test_these_work_too(make: Any) -> None:
    learn = tiny_learner()
    learn.fit_one_cycle(2, 1e-3, cbs=[make(learn.model)])
    assert len(learn.history.rows) == 2
    assert all(len(values) == len(learn.recorder.metric_names) - 2 for values in learn.recorder.values)
    assert math.isfinite(learn.recorder.values[-1][0])


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (MixUp, "MixUp blends whole images .* transforms of the training data"),
        (lambda: CutMix(0.4), "CutMix blends"),
        (ModelResetter, "ModelResetter is for recurrent models"),
        (ModelToHalf, r"use learn.to_fp16\(\)"),
        (lambda: NonNativeMixedPrecision.__new__(NonNativeMixedPrecision), r"use learn.to_fp16\(\)"),
        (GatherPredsCallback, r"use learn.get_preds\(\)"),
        (ShowGraphCallback, "show_progress=True"),
    ],
    ids=["mixup", "cutmix", "recurrent", "half", "half by hand", "gather", "graph"],
)
def test_these_are_refused_with_what_to_use(make: Any, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence) as caught:
        tiny_learner(cbs=[make()])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("module", "name", "sentence"),
    [
        ("fastai.callback.tensorboard", "TensorBoardCallback", r"use contorno.callbacks.TensorBoardCallback"),
        ("fastai.distributed", "ParallelTrainer", "start the same program with torchrun"),
    ],
)
def test_those_of_modules_that_may_be_absent_are_known_by_name(module: str, name: str, sentence: str) -> None:
    # Their modules need packages that contorno does not; the class stands in for one that was imported.
    foreign = type(name, (Callback,), {"__module__": module})
    derived = type("Mine", (foreign,), {})
    for kind in (foreign, derived):
        with pytest.raises(ConfigError, match=sentence):
            tiny_learner().fit(1, cbs=[kind()])


def test_the_graph_is_drawn_where_there_is_a_progress_bar(capsys: pytest.CaptureFixture[str]) -> None:
    learn = tiny_learner(show_progress=True)
    learn.fit(1, cbs=ShowGraphCallback())
    assert "valid_loss" in capsys.readouterr().out


def test_a_measurement_moves_no_tracker_and_loads_nothing(tmp_path: Path) -> None:
    learn = tiny_learner(path=tmp_path, cbs=[SaveModelCallback()])
    learn.fit(1)
    with torch.no_grad():
        learn.model.box.weight.add_(1.0)
    weight = learn.model.box.weight.detach().clone()
    written = (tmp_path / "models" / "model.pth").stat().st_mtime_ns
    curve = list(learn.recorder.losses)
    figures = learn.validate()
    assert len(figures) == len(learn.recorder.metric_names) - 3  # all but epoch, training loss and time
    assert torch.equal(learn.model.box.weight, weight)
    assert (tmp_path / "models" / "model.pth").stat().st_mtime_ns == written
    assert learn.recorder.losses == curve


def test_epochs_that_are_skipped_move_no_tracker(tmp_path: Path) -> None:
    learn = tiny_learner(path=tmp_path)
    learn.fit(3, start_epoch=1, cbs=[SaveModelCallback(), EarlyStoppingCallback(patience=5), CSVLogger()])
    assert len(learn.history.rows) == 2
    assert [math.isnan(values[1]) for values in learn.recorder.values] == [True, False, False]


def test_every_epoch_is_saved_if_asked_also_without_validation(tmp_path: Path) -> None:
    learn = tiny_learner(path=tmp_path, cbs=[SkipValidation()])
    learn.fit(3, cbs=SaveModelCallback(every_epoch=True))
    assert sorted(path.name for path in (tmp_path / "models").iterdir()) == [f"model_{i}.pth" for i in range(3)]


def test_a_training_without_a_number_to_save_by_says_so(tmp_path: Path) -> None:
    learn = tiny_learner(path=tmp_path, cbs=[Pretend("box_ap", [math.nan])])
    with pytest.raises(ConfigError, match=r"there is no file .*model\.pth to load"):
        learn.fit(1, cbs=SaveModelCallback(monitor="box_ap"))
    assert len(learn.history.rows) == 1


def test_a_resumed_training_takes_trackers_along(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "run", "mine", Settings())
    with recorded(first := tiny_learner(path=tmp_path), run, checkpoint_seconds=0):
        first.fit(1)
    again = Run(tmp_path / "run", "mine", resumes=True)
    learn = tiny_learner(path=tmp_path)
    with recorded(learn, again):
        learn.validate()  # neither is an epoch to pass over, and the checkpoint waits for the fit
        learn.lr_find(num_it=6, show_plot=False)
        learn.fit(2, cbs=[SaveModelCallback(), EarlyStoppingCallback(patience=5), CSVLogger()])
    assert [row["epoch"] for row in learn.history.rows] == [1, 2]


@pytest.mark.parametrize("opt_func", [Adam, ranger], ids=["Adam", "ranger"])
def test_a_checkpoint_holds_fastais_optimizers_too(tmp_path: Path, opt_func: Any) -> None:
    file = tmp_path / "last.pth"
    straight = tiny_learner(opt_func=opt_func)
    straight.fit_one_cycle(2, 1e-2)
    with pytest.raises(KeyboardInterrupt):
        tiny_learner(opt_func=opt_func, cbs=[Checkpoint(file, every_seconds=0), StopAfterOne()]).fit_one_cycle(2, 1e-2)
    resumed = tiny_learner(seed=9, opt_func=opt_func, cbs=[Checkpoint(file, resume=True)])
    resumed.fit_one_cycle(2, 1e-2)
    assert torch.allclose(straight.model.box.weight, resumed.model.box.weight, atol=1e-6)


class StopAfterOne(Callback):
    """Ctrl-C in the first step of the second epoch."""

    def before_batch(self) -> None:
        if self.learn.training and len(self.learn.history.rows) == 1:
            raise KeyboardInterrupt


def test_tensorboard_without_its_package_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(MissingExtraError, match="pip install tensorboard"):
        TensorBoardCallback()


def test_tensorboard_gets_each_step_and_each_epoch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    written: list[tuple[str, float, int]] = []
    opened: list[str] = []

    class Writer:
        """What torch's SummaryWriter does with numbers."""

        def __init__(self, log_dir: str) -> None:
            opened.append(log_dir)

        def add_scalar(self, name: str, value: float, step: int) -> None:
            written.append((name, value, step))

        def close(self) -> None:
            opened.append("closed")

    module = type(sys)("torch.utils.tensorboard")
    module.SummaryWriter = Writer  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    learn = tiny_learner(cbs=[TensorBoardCallback(tmp_path)])
    learn.lr_find(num_it=6, show_plot=False)
    learn.validate()
    assert not opened
    learn.fit(1)
    learn.fit(1)
    assert opened == [str(tmp_path), "closed"] * 2
    assert [step for name, _, step in written if name == "train_loss/step"] == [1, 2, 3, 4, 5, 6]
    assert [step for name, _, step in written if name == "box_ap"] == [3, 6]
    assert {name for name, _, _ in written} >= {"lr/group_0", "lr/group_1", "valid_loss", "valid_loss_box", "seconds"}
