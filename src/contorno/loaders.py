"""Samples to batches, as torch's DataLoader: lists of images, targets and where each image came from.

A batch is (images, targets, infos), each a list with one entry for an image: float32 (3, H, W), always normalized with
ImageNet's mean and standard deviation; a dict with boxes float32 (N, 4) xyxy, labels int64 (N,) and, if the data has
masks, masks uint8 (N, H, W); and a `SampleInfo`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Sampler

from contorno.dataset import Dataset
from contorno.draw import IMAGENET_MEAN, IMAGENET_STD
from contorno.errors import ConfigError, DataError
from contorno.masks import Size
from contorno.records import ClassMap, ImageId, Record
from contorno.samples import Frame, Sample, SampleInfo
from contorno.tfms.door import use_one_thread
from contorno.tfms.packing import pack_stack, unpack

Target = dict[str, Tensor]
Batch = tuple[list[Tensor], list[Target], list[SampleInfo]]

LEAST_BOX_PX = 1.0
"""Objects with a box narrower or lower than this are no targets: torchvision refuses boxes without area."""

_FACTOR = 1 / (255 * torch.tensor(IMAGENET_STD))[:, None, None]  # (3, 1, 1)
_SHIFT = -(torch.tensor(IMAGENET_MEAN) / torch.tensor(IMAGENET_STD))[:, None, None]


def train_dl(
    dataset: Dataset | Sequence[Sample],
    batch_size: int = 4,
    shuffle: bool = True,
    num_workers: int = 0,
    seed: int = 0,
    drop_last: bool = False,
) -> Loader:
    """Batches for training. Each pass is a new epoch; the order of epoch e depends on `seed` and e alone.

    Raises DataError for a data set without images.
    """
    sampler = EpochSampler(len(dataset), seed=seed, shuffle=shuffle)
    return Loader(dataset, sampler, batch_size=batch_size, num_workers=num_workers, drop_last=drop_last)


def valid_dl(
    dataset: Dataset | Sequence[Sample],
    batch_size: int = 4,
    shuffle: bool = False,
    num_workers: int = 0,
    seed: int = 0,
) -> Loader:
    """Batches for validation: the same in every pass, if the data set has a seed or its transforms no randomness."""
    sampler = EpochSampler(len(dataset), seed=seed, shuffle=shuffle, is_counting=False)
    return Loader(dataset, sampler, batch_size=batch_size, num_workers=num_workers)


def infer_dl(dataset: Dataset | Sequence[Sample], batch_size: int = 4, num_workers: int = 0) -> Loader:
    """Batches for prediction, in the order of the data set."""
    return valid_dl(dataset, batch_size=batch_size, num_workers=num_workers)


class EpochSampler(Sampler[tuple[int, int]]):
    """The (epoch, index) pairs of one epoch after another.

    The epoch travels with each index, so that workers that outlive an epoch know it. `epoch` is that of the next pass.
    is_counting: whether each pass is an epoch of its own.
    """

    def __init__(self, count: int, *, seed: int, shuffle: bool, is_counting: bool = True) -> None:
        self.count = count
        self.seed = seed
        self.shuffle = shuffle
        self.is_counting = is_counting
        self.epoch = 0

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[tuple[int, int]]:
        epoch = self.epoch
        self.epoch += self.is_counting
        order = np.arange(self.count)
        if self.shuffle:
            order = np.random.default_rng([self.seed, epoch]).permutation(self.count)
        return iter([(epoch, int(index)) for index in order])


class Loader(DataLoader[Sample]):
    """A DataLoader that gives batches as this module describes them; `dataset` has a `class_map`."""

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
        if drop_last and len(dataset) < batch_size:
            raise ConfigError(
                f"drop_last leaves nothing of {len(dataset)} images in batches of {batch_size}; take a smaller batch."
            )
        if not isinstance(dataset, Dataset):
            num_workers = 0  # there is nothing left to do for workers, and they would be sent every sample
        source: Any = dataset if isinstance(dataset, Dataset) else ReadySamples(dataset)
        super().__init__(
            source,
            batch_size=batch_size,
            sampler=sampler,
            num_workers=num_workers,
            collate_fn=collate if num_workers == 0 else _collate_in_worker,
            drop_last=drop_last,
            worker_init_fn=_start_worker,
            persistent_workers=num_workers > 0,
            # Its own, or each pass would draw from torch's global generator.
            generator=torch.Generator().manual_seed(sampler.seed),
        )
        self._epochs = sampler
        self._records: dict[ImageId, Record] = {}

    def set_epoch(self, epoch: int) -> None:
        """Make the next pass that of `epoch`, for instance to go on with a training that was cut off."""
        self._epochs.epoch = int(epoch)

    def __iter__(self) -> Iterator[Batch]:  # type: ignore[override]
        for batch in super().__iter__():
            yield batch if isinstance(batch, tuple) else self._unpack(batch)

    def _unpack(self, parcels: list[_Parcel]) -> Batch:
        if not self._records:
            dataset: Any = self.dataset
            self._records = {record.image_id: record for record in dataset.records}
        images = [_normalized(parcel.pixels) for parcel in parcels]
        targets = [parcel.target() for parcel in parcels]
        infos = [
            SampleInfo(record=self._records[parcel.image_id], frame=parcel.frame, size_hw=parcel.size_hw)
            for parcel in parcels
        ]
        return images, targets, infos


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


@dataclass(frozen=True, slots=True)
class _Parcel:
    """What a worker sends of a sample, as small as can be, since sending costs a millisecond for each megabyte.

    pixels: (3, H, W), uint8 where it is still to be normalized.   masks: bits, (H, W, G).
    Boxes and labels are arrays, which go through a pipe; each tensor would cost a file in shared memory. The record,
    with all its masks and maybe its pixels, is at home already.
    """

    pixels: Tensor
    boxes: NDArray[np.float32]
    labels: NDArray[np.int64]
    ignored: NDArray[np.float32] | None
    masks: Tensor | None
    image_id: ImageId
    frame: Frame | None
    size_hw: Size

    def target(self) -> Target:
        """The target as `collate` makes it."""
        found = {"boxes": torch.from_numpy(self.boxes), "labels": torch.from_numpy(self.labels)}
        if self.ignored is not None:
            found["ignored"] = torch.from_numpy(self.ignored)
        if self.masks is not None:
            found["masks"] = torch.from_numpy(unpack(self.masks.numpy(), len(self.boxes)))
        return found


def collate(samples: Sequence[Sample]) -> Batch:
    """Put samples together to a batch; usable as the `collate_fn` of any DataLoader.

    Crowd objects, and boxes narrower or lower than LEAST_BOX_PX, are left out of the targets; the boxes of crowds are
    their `ignored`, float32 (M, 4), which is there only if there are some.
    """
    return (
        [image_tensor(sample) for sample in samples],
        [_target(sample) for sample in samples],
        [sample.info() for sample in samples],
    )


def image_tensor(sample: Sample) -> Tensor:
    """The image of a sample as float32 (3, H, W), normalized here if its pipeline did not."""
    return _normalized(_pixels(sample))


def _pixels(sample: Sample) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(sample.image)).permute(2, 0, 1).contiguous()


def _normalized(pixels: Tensor) -> Tensor:
    return pixels.to(torch.float32).mul_(_FACTOR).add_(_SHIFT) if pixels.dtype == torch.uint8 else pixels


def _target(sample: Sample) -> Target:
    sides = sample.boxes[:, 2:] - sample.boxes[:, :2]
    kept = np.flatnonzero(~sample.is_crowd & (sides >= LEAST_BOX_PX).all(axis=1))
    target = {
        "boxes": torch.from_numpy(sample.boxes[kept].astype(np.float32, copy=False)),
        "labels": torch.from_numpy(sample.labels[kept]),
    }
    if sample.is_crowd.any():
        target["ignored"] = torch.from_numpy(sample.boxes[sample.is_crowd].astype(np.float32, copy=False))
    if sample.masks is not None:
        every = len(kept) == len(sample.masks)
        target["masks"] = torch.from_numpy(np.ascontiguousarray(sample.masks if every else sample.masks[kept]))
    return target


def _collate_in_worker(samples: Sequence[Sample]) -> list[_Parcel]:
    parcels = []
    for sample in samples:
        target, info = _target(sample), sample.info()
        masks = target.get("masks")
        parcels.append(
            _Parcel(
                pixels=_pixels(sample),
                boxes=target["boxes"].numpy(),
                labels=target["labels"].numpy(),
                ignored=target["ignored"].numpy() if "ignored" in target else None,
                masks=None if masks is None else torch.from_numpy(pack_stack(masks.numpy())),
                image_id=info.record.image_id,
                frame=info.frame,
                size_hw=info.size_hw,
            )
        )
    return parcels


def _start_worker(worker: int) -> None:
    use_one_thread()
