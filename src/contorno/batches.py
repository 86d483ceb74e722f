"""Samples to batches: lists of images, targets and where each image came from.

A batch is (images, targets, infos), each a list with one entry for an image: float32 (3, H, W), always normalized with
ImageNet's mean and standard deviation; a dict with boxes float32 (N, 4) xyxy, labels int64 (N,) and, if the data has
masks, masks uint8 (N, H, W); and a `SampleInfo`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from contorno.draw import IMAGENET_MEAN, IMAGENET_STD, denormalize_imagenet
from contorno.masks import Size, encode_stack
from contorno.records import ImageId, Instances, Record
from contorno.samples import Frame, Sample, SampleInfo
from contorno.tfms.packing import pack_stack, unpack

Target = dict[str, Tensor]
Batch = tuple[list[Tensor], list[Target], list[SampleInfo]]

LEAST_BOX_PX = 1.0
"""Objects with a box narrower or lower than this are no targets: torchvision refuses boxes without area."""

_FACTOR = 1 / (255 * torch.tensor(IMAGENET_STD))[:, None, None]  # (3, 1, 1)
_SHIFT = -(torch.tensor(IMAGENET_MEAN) / torch.tensor(IMAGENET_STD))[:, None, None]


@dataclass(frozen=True, slots=True)
class Parcel:
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

    def image(self) -> Tensor:
        """The image as `collate` makes it."""
        return _normalized(self.pixels)

    def info(self, record: Record) -> SampleInfo:
        """The sample's info; record: that of `image_id`."""
        return SampleInfo(record=record, frame=self.frame, size_hw=self.size_hw)

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


def collate_in_worker(samples: Sequence[Sample]) -> list[Parcel]:
    """Pack samples for the way home, where each `Parcel` gives what `collate` would."""
    parcels = []
    for sample in samples:
        target, info = _target(sample), sample.info()
        masks = target.get("masks")
        parcels.append(
            Parcel(
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


def sample_record(image: Tensor, target: Target, info: SampleInfo) -> Record:
    """An image of a batch with its targets, as a record of its own.

    image: float32 (3, H, W), normalised.   Boxes and masks are those the model is trained on: no crowds.
    """
    pixels = denormalize_imagenet(image.detach().cpu().permute(1, 2, 0).numpy())
    stack = target.get("masks")
    size = (int(image.shape[-2]), int(image.shape[-1]))
    instances = Instances.build(
        size,
        target["labels"].cpu().numpy(),
        None if stack is None else encode_stack(stack.cpu().numpy()),
        target["boxes"].cpu().numpy(),
    )
    return Record(image_id=info.record.image_id, size_hw=size, instances=instances, image=pixels)
