"""Records and transforms as a data set of samples, for torch's loaders or to index by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import index as as_index
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from contorno import images
from contorno.errors import ConfigError, DataError
from contorno.records import ClassMap, Instances, Record, Records
from contorno.samples import Sample
from contorno.tfms.adapter import Adapter, untransformed

Transforms = Callable[[Record, ClassMap, np.random.Generator], Sample]
"""What makes a sample of a record: `tfms.A.Adapter`, or any function of this form."""


class Dataset:
    """One sample for each record.

    records: as a parser gives them; those of the real icevision are taken too, and so is its Dataset.
    tfm:     `tfms.A.Adapter`; without one the samples are the images as they are, uint8, at their original size. With
             records of icevision, its Adapter too: contorno's then runs the transforms.
    seed:    with a seed the sample of (seed, epoch, index) is always the same one, whatever the number of workers;
             without, every look at an index gives another.
    """

    def __init__(self, records: Records | Any, tfm: Transforms | Any | None = None, *, seed: int | None = None) -> None:
        if _is_of_icevision(records):
            # Resolved on first use: integrations stand above, and whoever has such records has imported icevision.
            from contorno.integrations.icevision.datasets import taken

            records, tfm = taken(records, tfm)
        if not isinstance(records, Records):
            raise ConfigError(
                f"a Dataset takes Records, as a parser gives them; got {type(records).__name__}. "
                "For a list of single records write Dataset(Records(records, class_map), tfm). For images without "
                "annotations write Dataset.from_images(images, tfm)."
            )
        if seed is not None and seed < 0:
            raise ConfigError(f"the seed of a Dataset is {seed}; expected 0 or more.")
        self.records = records
        self.tfm = tfm
        self.seed = seed
        self.epoch = 0

    @classmethod
    def from_images(
        cls,
        images: Sequence[NDArray[Any] | Path | str],
        tfm: Transforms | None = None,
        class_map: ClassMap | None = None,
    ) -> Dataset:
        """A data set of images without annotations, to predict on; image ids are 0, 1, 2, ...

        images: arrays uint8, (H, W, 3) RGB, or (H, W) grey, or (H, W, 4) of which alpha is left out; or paths.
        Raises DataError that names the position of an image that is neither.
        """
        return cls(
            Records([_bare_record(position, image) for position, image in enumerate(images)], class_map or ClassMap()),
            tfm,
        )

    @classmethod
    def from_paths(
        cls, paths: Sequence[Path | str], tfm: Transforms | None = None, class_map: ClassMap | None = None
    ) -> Dataset:
        """A data set of image files without annotations; image ids are the file names, or the paths if names repeat."""
        given = [Path(path) for path in paths]
        names_differ = len({path.name for path in given}) == len(given)
        records = [_bare_record(path.name if names_differ else str(path), path) for path in given]
        return cls(Records(records, class_map or ClassMap()), tfm)

    @property
    def class_map(self) -> ClassMap:
        """The class map of the records."""
        return self.records.class_map

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch for indexing by hand; the loaders of `contorno.loaders` count their own."""
        self.epoch = int(epoch)

    def __len__(self) -> int:
        return len(self.records)

    @overload
    def __getitem__(self, index: int | tuple[int, int]) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> list[Sample]: ...
    def __getitem__(self, index: int | tuple[int, int] | slice) -> Sample | list[Sample]:
        """The sample at an index.

        Or at (epoch, index): so the loaders ask, and workers need not be told the epoch. Its image is uint8 even if the
        pipeline ends in Normalize; that is left to the loader.
        """
        if isinstance(index, slice):
            return [self[position] for position in range(*index.indices(len(self)))]
        if isinstance(index, tuple):
            tfm = self.tfm.without_normalize if isinstance(self.tfm, Adapter) else self.tfm
            return self._make(index[1], index[0], tfm)
        return self._make(index, self.epoch, self.tfm)

    def _make(self, index: int, epoch: int, tfm: Transforms | None) -> Sample:
        position = as_index(index)
        if not -len(self) <= position < len(self):
            raise IndexError(f"index {position} of a Dataset of {len(self)} images")
        position %= len(self)
        record = self.records[position]
        if tfm is None:
            return untransformed(record, self.class_map)
        entropy = None if self.seed is None else [self.seed, epoch, position]
        return tfm(record, self.class_map, np.random.default_rng(entropy))

    def __repr__(self) -> str:
        return f"Dataset({self.records!r}, {self.tfm!r}, seed={self.seed})"


def _is_of_icevision(records: Any) -> bool:
    """Whether these are icevision's records, or its Dataset of them, by their shape."""
    if isinstance(records, Records):
        return False
    held = getattr(records, "records", records)
    first = held[0] if isinstance(held, Sequence) and len(held) else None
    return not isinstance(first, Record) and hasattr(first, "detection") and hasattr(first, "record_id")


def _bare_record(image_id: int | str, image: NDArray[Any] | Path | str) -> Record:
    if isinstance(image, str | Path):
        path = Path(image)
        size = images.image_size(path)
        return Record(image_id=image_id, size_hw=size, instances=Instances.build(size), path=path)
    pixels = np.asarray(image)
    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3) or not pixels.size:
        raise DataError(
            f"image {image_id} is {pixels.dtype} of shape {pixels.shape}; expected uint8 (H, W, 3) RGB, "
            "values 0 to 255, or a path."
        )
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    if channels not in (1, 3, 4):
        raise DataError(f"image {image_id} has {channels} channels; expected (H, W, 3), RGB last.")
    height, width = pixels.shape[:2]
    if channels == 1:
        pixels = np.repeat(pixels.reshape(height, width, 1), 3, axis=2)
    size = (int(height), int(width))
    return Record(image_id=image_id, size_hw=size, instances=Instances.build(size), image=pixels[:, :, :3])
