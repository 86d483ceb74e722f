"""How a learner shares its passes with the other processes of a training; `contorno.processes` says who they are.

Whatever steers the loop has to be the same in all processes, or one waits for ever for what the others do not send:
the loss, by which a search for a rate stops; the figures of a validation, by which a tracker stops; the clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from contorno import processes
from contorno.callbacks import TensorBoardCallback
from contorno.callbacks.door import CSVLogger, ProgressCallback
from contorno.errors import ConfigError, DataError

OF_THE_FIRST = (CSVLogger, TensorBoardCallback, ProgressCallback)
"""Callbacks that write or draw: they rest in all processes but the first."""


@contextmanager
def shared(learn: Any, loader: Any, *, is_even: bool) -> Iterator[None]:
    """In the block a loader gives this process's share, and `learn.shares` says of how many.

    is_even: all processes get the same number of batches, as training needs it, where they meet in every step. A
             loader of another kind cannot be shared; to validate with one, every process takes all of it.
    Raises ConfigError for a training loader that cannot be shared.
    """
    here = processes.place()
    if here.count == 1:
        yield
        return
    if not hasattr(loader, "shared"):
        if is_even:
            raise ConfigError(
                f"a training in several processes cannot deal out the images of a {type(loader).__name__}; make the "
                "training loader with model_type.train_dl."
            )
        yield
        return
    learn.shares = here.count
    try:
        with loader.shared(here.rank, here.count, is_even=is_even):
            yield
    finally:
        learn.shares = 1


def keep_event(learn: Any, event_name: str) -> None:
    """What has to be so before the callbacks of an event: nothing is written twice, nor read before it is written."""
    if event_name == "after_fit":
        processes.meet()
    if not processes.is_first():
        for callback in learn.cbs:
            if isinstance(callback, OF_THE_FIRST):
                callback.run = False


def average_losses(learn: Any) -> None:
    """Make the loss of a step, and each by name, the mean over all processes; the gradient stays this one's own."""
    learn.own_losses = learn.named_losses
    names = sorted(learn.named_losses)
    values = [*(learn.named_losses[name] for name in names), learn.loss.detach()]
    means = torch.stack([value.float().cpu() for value in values])
    processes.average([means])
    learn.named_losses = dict(zip(names, means, strict=False))
    learn.loss = means[-1]


def bad_step(learn: Any) -> tuple[str, str]:
    """The losses and the images of a step whose loss is no number, of the process that has them."""
    is_shared = learn.shares > 1
    own = learn.own_losses if is_shared else learn.named_losses
    found = ", ".join(f"{name} {float(value):.3g}" for name, value in own.items())
    ids = ", ".join(str(info.record.image_id) for info in learn.infos)
    if not is_shared:
        return found, ids
    is_finite = bool(torch.stack([value.float() for value in own.values()]).isfinite().all())
    told = [words for was_finite, words in processes.gathered((is_finite, (found, ids))) if not was_finite]
    if not processes.is_first():
        processes.leave(DataError.exit_code)
    return told[0] if told else (found, ids)
