"""The loaders of `contorno.loaders` with the arguments that IceVision's `train_dl`, `valid_dl` and `infer_dl` take."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from contorno import loaders
from contorno.dataset import Dataset
from contorno.errors import ConfigError
from contorno.loaders import Loader
from contorno.samples import Sample


def train_dl(
    dataset: Dataset | Sequence[Sample],
    batch_size: int = 4,
    shuffle: bool = True,
    num_workers: int = 0,
    seed: int = 0,
    drop_last: bool = False,
    **others: Any,
) -> Loader:
    """Batches for training; see `contorno.loaders.train_dl`."""
    _check("train_dl", others)
    return loaders.train_dl(dataset, batch_size, shuffle, num_workers, seed, drop_last)


def valid_dl(
    dataset: Dataset | Sequence[Sample],
    batch_size: int = 4,
    shuffle: bool = False,
    num_workers: int = 0,
    seed: int = 0,
    **others: Any,
) -> Loader:
    """Batches for validation; see `contorno.loaders.valid_dl`."""
    _check("valid_dl", others)
    return loaders.valid_dl(dataset, batch_size, shuffle, num_workers, seed)


def infer_dl(
    dataset: Dataset | Sequence[Sample],
    batch_size: int = 4,
    num_workers: int = 0,
    *,
    shuffle: bool = False,
    **others: Any,
) -> Loader:
    """Batches for prediction, in the order of the data set unless `shuffle`; see `contorno.loaders.infer_dl`."""
    _check("infer_dl", others)
    return loaders.valid_dl(dataset, batch_size, shuffle, num_workers)


def _check(function: str, others: dict[str, Any]) -> None:
    """Raise ConfigError for arguments that cannot be honoured; IceVision passes any on to torch's DataLoader."""
    if others.pop("batch_tfms", None) is not None:
        raise ConfigError(
            f"{function}() takes no batch_tfms, transforms of a whole batch; put them into the transforms of the data "
            "set, tfms.A.Adapter([...])."
        )
    if others.pop("drop_last", False):
        raise ConfigError(f"{function}() takes no drop_last=True: every image is validated and predicted.")
    others.pop("pin_memory", None)  # only how fast batches reach a GPU, which the loaders see to themselves
    if others:
        raise ConfigError(
            f"{function}() takes no {', '.join(others)}; of the options of torch's DataLoader it takes batch_size, "
            "shuffle and num_workers."
        )


def first(batches: Iterable[Any]) -> Any:
    """The first of some batches, as in `show_batch(first(train_dl))`; None if there is none."""
    return next(iter(batches), None)
