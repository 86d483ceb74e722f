"""Samples to batches, as torch's DataLoader; `contorno.batches` says what a batch is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Sampler

from contorno.batches import Batch, Parcel, Target, collate, collate_in_worker, image_tensor
from contorno.dataset import Dataset
from contorno.errors import ConfigError, DataError
from contorno.records import ClassMap, ImageId, Record
from contorno.samples import Sample
from contorno.tfms.door import use_one_thread

__all__ = [
    "Batch",
    "EpochSampler",
    "Loader",
    "ReadySamples",
    "Target",
    "collate",
    "first",
    "image_tensor",
    "infer_dl",
    "train_dl",
    "valid_dl",
]


def train_dl(
    dataset: Dataset | Sequence[Sample],
    batch_size: int = 4,
    shuffle: bool = True,
    num_workers: int = 0,
    seed: int = 0,
    drop_last: bool = False,
    **others: Any,
) -> Loader:
    """Batches for training. Each pass is a new epoch; the order of epoch e depends on `seed` and e alone.

    others: what IceVision passes on to torch's DataLoader: `pin_memory`, which has no effect, and nothing else.
    Raises DataError for a data set without images, ConfigError for other arguments.
    """
    _check_others("train_dl", others)
    sampler = EpochSampler(len(dataset), seed=seed, shuffle=shuffle)
    return Loader(dataset, sampler, batch_size=batch_size, num_workers=num_workers, drop_last=drop_last)


def valid_dl(
    dataset: Dataset | Sequence[Sample],
    batch_size: int = 4,
    shuffle: bool = False,
    num_workers: int = 0,
    seed: int = 0,
    **others: Any,
) -> Loader:
    """Batches for validation: the same in every pass, if the data set has a seed or its transforms no randomness.

    others: as in `train_dl`.
    """
    _check_others("valid_dl", others)
    sampler = EpochSampler(len(dataset), seed=seed, shuffle=shuffle, is_counting=False)
    return Loader(dataset, sampler, batch_size=batch_size, num_workers=num_workers)


def infer_dl(
    dataset: Dataset | Sequence[Sample],
    batch_size: int = 4,
    num_workers: int = 0,
    *,
    shuffle: bool = False,
    **others: Any,
) -> Loader:
    """Batches for prediction, in the order of the data set unless `shuffle`.   others: as in `train_dl`."""
    _check_others("infer_dl", others)
    return valid_dl(dataset, batch_size, shuffle, num_workers)


def first(batches: Iterable[Any]) -> Any:
    """The first of some batches, as in `show_batch(first(train_dl))`; None if there is none."""
    return next(iter(batches), None)


def _check_others(function: str, others: dict[str, Any]) -> None:
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


class EpochSampler(Sampler[tuple[int, int]]):
    """The (epoch, index) pairs of one epoch after another, or of each epoch the share of one process of several.

    The epoch travels with each index, so that workers that outlive an epoch know it. `epoch` is that of the next pass.
    is_counting: whether each pass is an epoch of its own.
    """

    def __init__(self, count: int, *, seed: int, shuffle: bool, is_counting: bool = True) -> None:
        self.count = count
        self.seed = seed
        self.shuffle = shuffle
        self.is_counting = is_counting
        self.epoch = 0
        self._share = slice(None)
        self._dealt = count

    def share(self, rank: int, processes: int, *, is_even: bool) -> None:
        """Give only every `processes`-th image of each pass from now on, from the one at `rank` on.

        So the batches of all processes together are those of one process with that many times the batch size.
        is_even: all shares are equally long, for which the first images of an epoch are given again, up to
                 `processes` - 1 in all: each of them once more, or several times where there are fewer images than
                 processes. Else each image is given once, by one of the processes.
        """
        self._share = slice(rank, None, processes)
        self._dealt = -(-self.count // processes) * processes if is_even else self.count

    def __len__(self) -> int:
        return len(range(self._dealt)[self._share])

    def __iter__(self) -> Iterator[tuple[int, int]]:
        epoch = self.epoch
        self.epoch += self.is_counting
        order = np.arange(self.count)
        if self.shuffle:
            order = np.random.default_rng([self.seed, epoch]).permutation(self.count)
        return iter([(epoch, int(index)) for index in np.resize(order, self._dealt)[self._share]])


class Loader(DataLoader[Sample]):
    """A DataLoader that gives batches as `contorno.batches` describes them; `dataset` has a `class_map`."""

    def __init__(
        self,
        dataset: Dataset | Sequence[Sample],
        sampler: EpochSampler,
        *,
        batch_size: int,
        num_workers: int,
        drop_last: bool = False,
    ) -> None:
        if not len(dataset):
            raise DataError("the data set has no images; a loader needs at least one.")
        if batch_size < 1 or num_workers < 0:
            raise ConfigError(
                f"batch_size {batch_size} and num_workers {num_workers}; expected at least 1 and at least 0."
            )
        if not isinstance(dataset, Dataset):
            num_workers = 0  # there is nothing left to do for workers, and they would be sent every sample
        source: Any = dataset if isinstance(dataset, Dataset) else ReadySamples(dataset)
        super().__init__(
            source,
            batch_size=batch_size,
            sampler=sampler,
            num_workers=num_workers,
            collate_fn=collate if num_workers == 0 else collate_in_worker,
            drop_last=drop_last,
            worker_init_fn=_start_worker,
            persistent_workers=num_workers > 0,
            # Its own, or each pass would draw from torch's global generator.
            generator=torch.Generator().manual_seed(sampler.seed),
        )
        self._epochs = sampler
        self._records: dict[ImageId, Record] = {}
        self._require_batches()

    def set_epoch(self, epoch: int) -> None:
        """Make the next pass that of `epoch`, for instance to go on with a training that was cut off."""
        self._epochs.epoch = int(epoch)

    @contextmanager
    def shared(self, rank: int, processes: int, *, is_even: bool) -> Iterator[None]:
        """In the block, give only the share that one of several processes has; see `EpochSampler.share`."""
        self._epochs.share(rank, processes, is_even=is_even)
        try:
            self._require_batches()
            yield
        finally:
            self._epochs.share(0, 1, is_even=True)

    def record_of(self, image_id: ImageId) -> Record:
        """The record of an image of this loader's data set."""
        if not self._records:
            source: Any = self.dataset
            ready = isinstance(source, ReadySamples)
            found = [sample.info().record for sample in source.samples] if ready else source.records
            self._records = {record.image_id: record for record in found}
        return self._records[image_id]

    def __iter__(self) -> Iterator[Batch]:  # type: ignore[override]
        for batch in super().__iter__():
            yield batch if isinstance(batch, tuple) else self._unpack(batch)

    def _unpack(self, parcels: list[Parcel]) -> Batch:
        return (
            [parcel.image() for parcel in parcels],
            [parcel.target() for parcel in parcels],
            [parcel.info(self.record_of(parcel.image_id)) for parcel in parcels],
        )

    def _require_batches(self) -> None:
        images = len(self._epochs)
        if self.drop_last and images < (self.batch_size or 1):
            raise ConfigError(
                f"drop_last leaves nothing of {images} images in batches of {self.batch_size}; take a smaller batch."
            )


class ReadySamples:
    """Samples that were made before, as a data set."""

    def __init__(self, samples: Sequence[Sample]) -> None:
        self.samples = samples

    @property
    def class_map(self) -> ClassMap:
        """The class map of the first sample; data sets are not mixed."""
        return self.samples[0].class_map

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: tuple[int, int]) -> Sample:
        return self.samples[index[1]]


def _start_worker(worker: int) -> None:
    use_one_thread()
