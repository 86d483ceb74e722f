"""Where a model is trained, and in which type of number its forward pass runs."""

from __future__ import annotations

import torch

from contorno import processes
from contorno.callbacks.door import Callback, MixedPrecision
from contorno.errors import ConfigError


def best_device() -> torch.device:
    """The first GPU if there is one, else the CPU; under torchrun each process has a GPU of its own.

    Apple's MPS is left out: mask models give NaN there.
    """
    if not torch.cuda.is_available():
        return torch.device("cpu")
    here = processes.place()
    return torch.device("cuda", here.local_rank) if here.count > 1 else torch.device("cuda")


def precision_callbacks(precision: str, device: torch.device) -> list[Callback]:
    """What a learner needs for a precision on a device, by the names that `learner` takes.

    Raises ConfigError for an unknown one, and for float16 on a CPU.
    """
    known = ("auto", "float32", "bfloat16", "float16")
    if precision not in known:
        raise ConfigError(f"precision is {precision!r}; expected one of {', '.join(known)}.")
    if device.type == "cpu":
        if precision == "float16":
            raise ConfigError("precision float16 needs a GPU; on a CPU use bfloat16 or float32.")
        return []
    if precision == "float32":
        return []
    return [MixedPrecision(amp_mode="bf16" if precision == "bfloat16" else "fp16")]


def cpu_type(precision: str, device: torch.device) -> torch.dtype | None:
    """The type of a CPU's forward passes at a precision; None is that of the weights, and on a GPU."""
    is_chosen = precision == "bfloat16" or (precision == "auto" and _cpu_has_bfloat16())
    return torch.bfloat16 if device.type == "cpu" and is_chosen else None


def _cpu_has_bfloat16() -> bool:
    # Without these instructions torch emulates bfloat16, which is slower than float32.
    found = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return bool(found.get("avx512_bf16") or found.get("amx_bf16"))
