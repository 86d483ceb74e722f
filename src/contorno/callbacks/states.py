"""States of optimizers and random generators as plain values, which a file of weights alone may hold."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import torch

from contorno import files
from contorno.callbacks.door import L, OptimWrapper


def plain_values(value: Any) -> Any:
    """The same of dicts, lists, tuples, tensors and plain numbers.

    fastai's schedules set numpy's numbers, and its optimizers keep their settings in its own kind of list.
    """
    if isinstance(value, dict):
        return {key: plain_values(item) for key, item in value.items()}
    if isinstance(value, L):
        return [plain_values(item) for item in value]
    if isinstance(value, list | tuple):
        return type(value)(plain_values(item) for item in value)
    return value.item() if isinstance(value, np.generic) else value


def copied(value: Any) -> Any:
    """A copy of a state whose tensors share no memory with it and lie where they lay."""
    if isinstance(value, torch.Tensor):
        return value.detach().clone()
    if isinstance(value, dict):
        return {key: copied(item) for key, item in value.items()}
    if isinstance(value, L):
        return [copied(item) for item in value]
    if isinstance(value, list | tuple):
        return type(value)(copied(item) for item in value)
    return value


def random_states() -> dict[str, Any]:
    """States of the generators that models and some transforms draw from, of plain values and tensors."""
    numpy_state: Any = np.random.get_state()
    name, keys, *rest = numpy_state
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "python": random.getstate(),
        "numpy": (name, keys.tolist(), *rest),
    }


def set_random_states(states: dict[str, Any]) -> None:
    """Put the generators back to what `random_states` told."""
    torch.set_rng_state(states["torch"])
    if len(states["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(states["cuda"])
    random.setstate(states["python"])
    np.random.set_state(states["numpy"])


def write_state(path: Path, state: Any) -> None:
    """Write a state whole or not at all.

    torch.save hides whatever stops it, a Ctrl-C or a full disk, behind a RuntimeError about its own file; here it comes
    out as what it was.
    """
    with files.atomic_file(path) as file:
        try:
            torch.save(state, file)
        except RuntimeError as error:
            if error.__context__ is not None:
                raise error.__context__ from None
            raise


def shift_random_states(steps: int) -> None:
    """Seed the generators anew, `steps` from the seed they had, so that processes draw different numbers."""
    seed = torch.initial_seed() + steps
    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed % 2**32)


def load_optimizer(opt: Any, state: dict[str, Any], device: torch.device) -> None:
    """Load a state into an optimizer of either kind, whose parameters lie on `device`.

    Raises ValueError or RuntimeError if it is that of other parameters.
    """
    if isinstance(opt, OptimWrapper):
        opt.load_state_dict(state)
        return
    # torch's optimizers send a state to their parameters; fastai's take it as it is, and check by assertion.
    if not {"state", "hypers"} <= set(state) or len(state["hypers"]) != len(opt.param_lists):
        raise ValueError("its settings are those of another optimizer")
    if len(state["state"]) != len(opt.all_params()):
        raise ValueError("it is that of another number of parameters")
    opt.load_state_dict(_on(state, device))


def _on(value: Any, device: torch.device) -> Any:
    if isinstance(value, torch.Tensor):
        return value.to(device)
    if isinstance(value, dict):
        return {key: _on(item, device) for key, item in value.items()}
    return [_on(item, device) for item in value] if isinstance(value, list | tuple) else value
