"""The search for a rate: a suggestion, a curve, and nothing of it left in the learner."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
import torch

from contorno.callbacks import CSVLogger, plots
from contorno.callbacks.door import SuggestionMethod
from contorno.errors import ConfigError
from contorno.learner import DetectionLearner
from tiny_detector import TinyDetector, tiny_learner

Method = SuggestionMethod


@pytest.fixture(autouse=True)
def _no_window() -> Iterator[None]:
    mpl.use("Agg")
    yield
    from matplotlib import pyplot

    pyplot.close("all")


def everything(learn: DetectionLearner) -> dict[str, Any]:
    """All of a learner that a search must leave alone."""
    return {
        "weights": {name: value.clone() for name, value in learn.model.state_dict().items()},
        "optimizer": None if learn.opt is None else str(learn.opt.state_dict()),
        "trained": [parameter.requires_grad for parameter in learn.model.parameters()],
        "modes": [module.training for module in learn.model.modules()],
        "torch": torch.get_rng_state(),
        "numpy": np.random.get_state()[1].tolist(),
        "python": random.getstate(),
        "epoch": learn.dls.train.sampler.epoch,
        "rows": list(learn.history.rows),
        "callbacks": sorted(str(callback) for callback in learn.cbs),
    }


def same(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        return all(same(one[key], other[key]) for key in one)
    return torch.equal(one, other) if isinstance(one, torch.Tensor) else bool(one == other)


@pytest.mark.parametrize("state", ["new", "trained", "frozen"])
def test_nothing_stays_of_a_search(state: str, tmp_path: Path) -> None:
    learn = tiny_learner(path=tmp_path)
    if state != "new":
        learn.fit(1)
    if state == "frozen":
        learn.freeze()
    before = everything(learn)
    learn.lr_find(num_it=10)
    after = everything(learn)
    assert [name for name in before if not same(before[name], after[name])] == []
    assert list(tmp_path.iterdir()) == []


def test_a_training_after_a_search_is_the_one_without_it() -> None:
    plain, searched = tiny_learner(), tiny_learner()
    plain.fit_one_cycle(1, 1e-2)
    torch.manual_seed(0)
    searched = tiny_learner()
    searched.lr_find(num_it=8, show_plot=False)
    searched.fit_one_cycle(1, 1e-2)
    assert torch.equal(plain.model.box.weight, searched.model.box.weight)


def test_a_search_makes_its_steps_also_over_a_few_batches() -> None:
    learn = tiny_learner()
    found = learn.lr_find(start_lr=1e-6, end_lr=1e-2, num_it=20, stop_div=False, show_plot=False)
    assert len(learn.dls.train) == 3
    assert len(learn.recorder.losses) == 20
    assert [float(learn.recorder.lrs[0]), float(learn.recorder.lrs[-1])] == pytest.approx(
        [1e-6, 1e-2 ** (19 / 20) * 1e-6 ** (1 / 20)]
    )
    assert 1e-6 < found.valley < 1e-2


def test_every_method_suggests_and_a_curve_too_short_for_one_says_so() -> None:
    learn = tiny_learner()
    methods = (Method.Valley, Method.Minimum, Method.Steep, partial(Method.Slide, lr_diff=5))
    found = learn.lr_find(num_it=40, suggest_funcs=methods, show_plot=False)
    assert found._fields == ("valley", "minimum", "steep", "slide")
    assert all(0 < rate < 10 for rate in found)
    with pytest.raises(ConfigError, match="slide needs a longer curve than the 8 steps of this one; raise num_it"):
        learn.lr_find(num_it=8, suggest_funcs=Method.Slide, show_plot=False)
    assert learn.lr_find(num_it=8, suggest_funcs=None, show_plot=False) is None


class Explodes(TinyDetector):
    """Its loss is no number from some step on."""

    steps = 0
    good = 12

    def losses_of(self, features: torch.Tensor, targets: Any) -> dict[str, torch.Tensor]:
        losses = super().losses_of(features, targets)
        self.steps += 1
        if self.steps > self.good:
            losses["loss_box"] = losses["loss_box"] * float("nan")
        return losses


def test_a_loss_that_is_no_number_ends_the_curve_and_not_the_search() -> None:
    learn = tiny_learner(model=Explodes())
    assert learn.lr_find(num_it=30, stop_div=False, show_plot=False).valley > 0
    assert len(learn.recorder.losses) == 12


def test_a_curve_of_no_steps_is_one_sentence() -> None:
    model = Explodes()
    model.good = 1
    learn = tiny_learner(model=model)
    before = everything(learn)
    with pytest.raises(ConfigError, match=r"made 1 steps .* lower start_lr \(1e-07\)"):
        learn.lr_find(show_plot=False)
    assert same(before, everything(learn))


@pytest.mark.parametrize(("start", "end"), [(0.0, 1.0), (1.0, 0.1)])
def test_rates_that_do_not_grow_are_refused(start: float, end: float) -> None:
    with pytest.raises(ConfigError, match="expected 0 < start < end"):
        tiny_learner().lr_find(start, end)


def test_a_search_that_is_stopped_leaves_the_learner_as_it_was() -> None:
    class Stops(TinyDetector):
        def forward(self, images: Any, targets: Any = None) -> Any:
            if float(self.score.bias.detach()) != bias:
                raise KeyboardInterrupt
            return super().forward(images, targets)

    model = Stops()
    bias = float(model.score.bias.detach())
    learn = tiny_learner(model=model, cbs=[CSVLogger()])
    before = everything(learn)
    with pytest.raises(KeyboardInterrupt):
        learn.lr_find()
    assert same(before, everything(learn))


def test_the_curve_is_drawn_with_its_suggestion_and_without_a_display_nothing_opens() -> None:
    from matplotlib import pyplot

    learn = tiny_learner()
    learn.lr_find(num_it=20)
    axes = pyplot.gcf().axes[0]
    assert axes.get_xscale() == "log"
    assert axes.get_legend().get_texts()[0].get_text() == "valley"
    assert len(axes.lines[0].get_xdata()) == 15


def test_the_losses_are_drawn_also_where_validation_was_left_out() -> None:
    learn = tiny_learner()
    with pytest.raises(ConfigError, match="there is no loss to plot yet"):
        learn.recorder.plot_loss()
    learn.fit_for(minutes=0.5 / 60, lr=1e-3)
    learn.validate()
    axes = learn.recorder.plot_loss(skip_start=0)
    train, valid = axes.lines
    assert len(train.get_xdata()) == len(learn.recorder.losses)
    assert len(valid.get_xdata()) == len(learn.history.rows)
    assert np.isfinite(valid.get_ydata()[-1])
    learn.recorder.plot_sched()


def test_a_window_opens_only_where_matplotlib_draws_to_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    from matplotlib import pyplot

    shown: list[bool] = []
    monkeypatch.setattr(pyplot, "show", lambda: shown.append(True))
    figure = pyplot.figure()
    plots.present(figure)
    assert shown == []
    monkeypatch.setattr(type(figure.canvas), "required_interactive_framework", "tk")
    plots.present(figure)
    assert shown == [True]
    learn = tiny_learner()
    learn.lr_find(num_it=6)
    learn.fit(1)
    learn.recorder.plot_loss()
    assert shown == [True] * 3
    learn.recorder.plot_loss(ax=figure.add_subplot())
    assert shown == [True] * 3
