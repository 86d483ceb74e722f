"""What processes exchange: values, and numbers in tensors. All of them call each of these, in the same order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from contorno.processes.joining import together
from contorno.processes.places import count, is_first, team

if TYPE_CHECKING:
    from torch import Tensor

T = TypeVar("T")

BUCKET_NUMBERS = 2**23
"""So many numbers are sent at once: enough for full speed, 32 MiB of float32 more memory."""


def meet() -> None:
    """Wait until all processes are here."""
    gathered(None)


def agreed(value: T) -> T:
    """The first process's value."""
    if count() == 1:
        return value
    import torch
    from torch import distributed

    box = [value]
    with together():
        distributed.broadcast_object_list(box, src=0, group=team.group, device=torch.device("cpu"))
    return box[0]


def gathered(value: T) -> list[T]:
    """The values of all processes, in the order of their ranks."""
    if count() == 1:
        return [value]
    from torch import distributed

    found: list[Any] = [None] * count()
    with together():
        distributed.all_gather_object(found, value, group=team.group)
    return found


def gathered_by_first(value: T) -> list[T] | None:
    """The values of all processes, in the order of their ranks, in the first process; None in the others."""
    if count() == 1:
        return [value]
    from torch import distributed

    found: list[Any] | None = [None] * count() if is_first() else None
    with together():
        distributed.gather_object(value, found, dst=0, group=team.group)
    return found


def average(tensors: Iterable[Tensor]) -> None:
    """Put the mean over all processes into each tensor; in each process the very same numbers."""
    if count() == 1:
        return
    from torch import distributed

    for flat, parts in _buckets(tensors):
        with together():
            distributed.all_reduce(flat, group=team.group)
        _put_back(flat.div_(count()), parts)


def equalize(tensors: Iterable[Tensor]) -> None:
    """Put the first process's numbers into each tensor."""
    if count() == 1:
        return
    from torch import distributed

    for flat, parts in _buckets(tensors):
        with together():
            distributed.broadcast(flat, src=0, group=team.group)
        _put_back(flat, parts)


def _buckets(tensors: Iterable[Tensor]) -> Iterator[tuple[Tensor, list[Tensor]]]:
    """Tensors of one type and device, joined to a flat one of about BUCKET_NUMBERS."""
    import torch

    kinds: dict[Any, list[Tensor]] = {}
    for tensor in tensors:
        parts = kinds.setdefault((tensor.dtype, tensor.device), [])
        parts.append(tensor.detach())
        if sum(part.numel() for part in parts) >= BUCKET_NUMBERS:
            yield torch.cat([part.reshape(-1) for part in parts]), parts
            del kinds[tensor.dtype, tensor.device]
    for parts in kinds.values():
        yield torch.cat([part.reshape(-1) for part in parts]), parts


def _put_back(flat: Tensor, parts: list[Tensor]) -> None:
    began = 0
    for part in parts:
        part.copy_(flat[began : began + part.numel()].view(part.shape))
        began += part.numel()
