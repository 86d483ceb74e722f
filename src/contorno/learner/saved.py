"""A learner's weights and optimizer state in a file, in fastai's form, read as weights alone."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from contorno import processes
from contorno.callbacks.door import L
from contorno.callbacks.states import load_optimizer, plain_values, write_state
from contorno.errors import ConfigError, WeightsError

# What files of fastai's own `save` hold besides tensors and plain values: none of it runs code.
_FASTAI_PARTS = [
    L,
    (np._core.multiarray.scalar, "numpy._core.multiarray.scalar"),  # type: ignore[attr-defined]
    (np._core.multiarray.scalar, "numpy.core.multiarray.scalar"),  # type: ignore[attr-defined]  # its name in numpy 1
    np.dtype,
    *(getattr(np.dtypes, name) for name in ("Float64DType", "Float32DType", "Int64DType", "BoolDType")),
]


def saved_path(file: Path | str, folder: Path) -> Path:
    """Where `learn.save(file)` writes: `folder/file.pth`, or `file.pth` itself if that is absolute."""
    path = folder / file
    return path if path.suffix == ".pth" else path.with_name(f"{path.name}.pth")


def save(path: Path, model: nn.Module, opt: Any, *, with_opt: bool) -> Path:
    """Write a state dict, or with the optimizer's state {"model": ..., "opt": ...}, whole or not at all.

    Of several processes the first one writes.
    """
    if not processes.is_first():
        return path
    state: dict[str, Any] = model.state_dict()
    if with_opt and opt is not None:
        state = {"model": state, "opt": plain_values(opt.state_dict())}
    write_state(path, state)
    return path


def load(path: Path, model: nn.Module, opt: Any, *, device: torch.device, with_opt: bool, strict: bool) -> None:
    """Read what `save` wrote, or fastai, or a state dict alone.

    device: where the tensors of the file are read to; the model stays where it is.
    with_opt: load the optimizer's state too, where the file has one.
    Raises ConfigError if there is no file, WeightsError if it cannot be read as weights alone or is not of this model.
    """
    if not path.is_file():
        raise ConfigError(f"there is no file {path} to load; learn.save(name) writes one there.")
    try:
        with torch.serialization.safe_globals(_FASTAI_PARTS):
            state = torch.load(path, map_location=device, weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        told = next(iter(str(error).splitlines()), "it ends too early")
        raise WeightsError(
            f"{path} cannot be read as weights: it is damaged, or holds objects, which could run code when opened "
            f"({told})."
        ) from error
    has_both = isinstance(state, dict) and set(state) == {"model", "opt"}
    weights = state["model"] if has_both else state
    try:
        model.load_state_dict(weights, strict=strict)
    except (RuntimeError, TypeError, AttributeError) as error:
        lines = str(error).splitlines()
        raise WeightsError(f"{path} holds the weights of another model: {' '.join(lines[:2])}") from error
    if has_both and with_opt:
        try:
            load_optimizer(opt, state["opt"], next(model.parameters()).device)
        except (RuntimeError, ValueError, KeyError) as error:
            raise WeightsError(
                f"{path} holds the state of another optimizer ({error}); its weights are loaded; to load them alone "
                "say learn.load(name, with_opt=False)."
            ) from error
