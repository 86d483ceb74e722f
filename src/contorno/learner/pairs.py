"""A training and a validation loader as fastai's DataLoaders, and single batches of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from contorno import inference
from contorno.callbacks.door import DataLoaders
from contorno.loaders import Batch, Loader, collate


class LoaderPair(DataLoaders):  # type: ignore[misc]
    """`train` and `valid` as `contorno.loaders` makes them, and the device that batches are sent to.

    fastai keeps the device in its own loaders; torch's have none.
    """

    def __init__(self, train: Any, valid: Any, *, path: Path, device: torch.device) -> None:
        super().__init__(train, valid, path=path)
        self._device = device

    @property
    def device(self) -> torch.device:
        """Where batches and the model are sent to when a fit begins."""
        return self._device

    @device.setter
    def device(self, device: torch.device | str) -> None:
        self._device = torch.device(device)

    def one_batch(self) -> Batch:
        """The first batch of the next training epoch, which begins with it all the same."""
        return next(some_batches(self.train, self.train.batch_size))

    def show_batch(
        self,
        b: Batch | None = None,
        max_n: int = 9,
        ncols: int = 3,
        *,
        figsize: tuple[float, float] | None = None,
        show: bool = True,
        path: Path | str | None = None,
    ) -> Any:
        """Show the images of a batch with their objects outlined, as the model gets them; None is `one_batch()`.

        The rest is as in `draw.show_records`. Returns a Pillow image.
        """
        batch = self.one_batch() if b is None else b
        shown = batch[0][:max_n], batch[1][:max_n], batch[2][:max_n]
        names = self.train.dataset.class_map
        return inference.show_batch(shown, ncols, figsize, class_map=names, show=show, path=path)


def some_batches(loader: Any, count: int, *, shuffle: bool = False) -> Iterator[Batch]:
    """`count` images of a loader in batches: its next ones, or others at random with `shuffle`.

    The loader's epoch is left as it is and no worker is started; any loader but ours is simply asked for its batches.
    """
    if not isinstance(loader, Loader):
        done = 0
        for batch in loader:
            yield batch
            done += len(batch[0])
            if done >= count:
                return
        return
    with epoch_kept(loader):
        pairs = list(loader.sampler)
    if shuffle:
        pairs = [pairs[place] for place in np.random.default_rng().permutation(len(pairs))]
    pairs, size = pairs[:count], loader.batch_size or 1
    for start in range(0, len(pairs), size):
        dataset: Any = loader.dataset
        yield collate([dataset[pair] for pair in pairs[start : start + size]])


@contextmanager
def epoch_kept(loader: Any) -> Iterator[None]:
    """Whatever passes the block makes over a loader, its next epoch stays the one it was."""
    sampler = getattr(loader, "sampler", None)
    epoch = getattr(sampler, "epoch", None)
    try:
        yield
    finally:
        if epoch is not None:
            loader.set_epoch(epoch)
