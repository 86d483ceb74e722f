"""The search for a learning rate: a mock training at growing rates, of which nothing stays but its curve."""

from __future__ import annotations

import collections
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch

from contorno import processes
from contorno.callbacks.door import LRFinder, ParamScheduler
from contorno.callbacks.plots import present
from contorno.callbacks.states import copied, random_states, set_random_states
from contorno.errors import ConfigError
from contorno.learner.accepted import resting
from contorno.learner.pairs import epoch_kept

LEAST_STEPS = 6
"""Fewer steps make no curve."""

UNSURE_STEPS = 5
"""fastai leaves these last steps, where the loss explodes, out of the curve."""

Method = Callable[[Any, Any, int], tuple[float, Any]]


class RateFinder(LRFinder):  # type: ignore[misc]
    """fastai's, but for the file it would write: the state is kept in memory by `state_kept`."""

    name = "lr_finder"

    def before_fit(self) -> None:
        ParamScheduler.before_fit(self)
        self.best_loss = float("inf")

    def after_fit(self) -> None:
        ParamScheduler.after_fit(self)
        self.learn.opt.zero_grad()


def find_rate(
    learn: Any,
    *,
    start_lr: float,
    end_lr: float,
    num_it: int,
    stop_div: bool,
    show_plot: bool,
    suggest_funcs: Method | Sequence[Method] | None,
) -> Any:
    """Do what `DetectionLearner.lr_find` says."""
    if not 0 < start_lr < end_lr:
        raise ConfigError(f"lr_find goes from start_lr {start_lr:g} up to end_lr {end_lr:g}; expected 0 < start < end.")
    steps = max(num_it, LEAST_STEPS)
    finder = RateFinder(start_lr=start_lr, end_lr=end_lr, num_it=steps, stop_div=stop_div)
    with learn.removed_cbs(resting(learn.cbs)), state_kept(learn), learn.no_logging():
        learn.fit(-(-steps * processes.count() // len(learn.dls.train)) + 1, cbs=[finder])
    recorder = learn.recorder
    rates = torch.tensor([float(rate) for rate in recorder.lrs])
    losses = torch.tensor([float(loss) for loss in recorder.losses])
    if len(losses) < 2:
        raise ConfigError(
            f"lr_find made {len(losses)} steps before the loss was no longer a number, too few for a curve; lower "
            f"start_lr ({start_lr:g})."
        )
    # A curve that ended early, or has few steps, is taken whole.
    inner = slice(steps // 10, -UNSURE_STEPS) if len(losses) >= steps // 10 + 2 * UNSURE_STEPS else slice(None)
    methods = [] if suggest_funcs is None else [suggest_funcs] if callable(suggest_funcs) else list(suggest_funcs)
    names = [method.func.__name__ if isinstance(method, partial) else method.__name__ for method in methods]
    found = [
        _suggestion(name, method, rates[inner], losses[inner], steps)
        for name, method in zip(names, methods, strict=True)
    ]
    if show_plot:
        skipped = UNSURE_STEPS if len(losses) > 2 * UNSURE_STEPS else 0
        recorder.plot_lr_find(skip_end=skipped, suggestions=[point for _, point in found], nms=names)
        from matplotlib import pyplot

        present(pyplot.gcf())
    if not methods:
        return None
    suggested: Any = collections.namedtuple("SuggestedLRs", tuple(names))  # type: ignore[misc]
    return suggested(*(rate for rate, _ in found))


def _suggestion(name: str, method: Method, rates: Any, losses: Any, steps: int) -> tuple[float, Any]:
    try:
        with warnings.catch_warnings():
            # fastai's slide calls numpy on tensors, in a way that numpy 2 warns of.
            warnings.simplefilter("ignore", DeprecationWarning)
            return method(rates, losses, steps)
    except (IndexError, ValueError) as error:
        raise ConfigError(
            f"{name} needs a longer curve than the {len(losses)} steps of this one; raise num_it, or take "
            "SuggestionMethod.Valley."
        ) from error


@contextmanager
def state_kept(learn: Any) -> Iterator[None]:
    """Whatever the block trains, put weights, optimizer, modes, random states and the loader's epoch back."""
    weights = copied(learn.model.state_dict())
    settings = None if learn.opt is None else copied(learn.opt.state_dict())
    modes = [(module, module.training) for module in learn.model.modules()]
    states = random_states()
    try:
        with epoch_kept(learn.dls.train):
            yield
    finally:
        learn.model.load_state_dict(weights)
        if settings is None:
            learn.opt = None
        else:
            learn.opt.load_state_dict(settings)
        for module, is_training in modes:
            module.training = is_training
        set_random_states(states)
