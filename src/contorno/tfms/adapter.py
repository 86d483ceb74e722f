"""From a record to a sample: read the image, draw the masks, run the transforms, keep what is left of the objects."""

from __future__ import annotations

import copy
import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contorno import boxes as box_math
from contorno import images, masks
from contorno.draw import IMAGENET_MEAN, IMAGENET_STD
from contorno.errors import ConfigError, DataError
from contorno.records import ClassMap, Record
from contorno.samples import Sample
from contorno.tfms import packing
from contorno.tfms.door import CropSizeError, albumentations, cv2
from contorno.tfms.frames import frame_of_last_call, keeps_frame, whole_frame

LEAST_MASK_PX = 4
"""An object of which the transforms leave fewer mask pixels than this is dropped from the sample."""

LEAST_BOX_PX = 1.0
"""An object without a mask whose box the transforms leave narrower or lower than this is dropped from the sample."""


class Adapter:
    """A pipeline of albumentations transforms that makes samples of records.

    transforms: albumentations transforms in their order; they are copied, and the pipeline is built once.
    Called as `adapter(record, class_map, rng)`; `rng` decides every random choice, and without one they differ from
    call to call and from process to process. Not safe for several threads at a time.

    In the sample, masks are taken from the nearest pixel and boxes drawn tight around them, so a rotated object's box
    is not that of its rotated box. An object with fewer than LEAST_MASK_PX mask pixels left is gone. Where an object of
    the record has a box only, the sample has no masks and its boxes are albumentations' own. `frame` is known if the
    pipeline is made of Resize, LongestMaxSize, SmallestMaxSize, padding and colour transforms alone.
    Raises ConfigError for what the model could not take: tensors made here, or Normalize with other than ImageNet's
    mean and standard deviation.
    """

    def __init__(self, transforms: Sequence[Any]) -> None:
        self.transforms = copy.deepcopy(list(transforms))
        single = list(packing.flat(self.transforms))
        for transform in single:
            _check(transform)
        self._normalizes = any(isinstance(transform, albumentations.Normalize) for transform in single)
        # Kept apart, so that loaders can send small uint8 images from their workers and normalize them at home.
        ends_in_normalize = bool(self.transforms) and _is_plain_normalize(self.transforms[-1])
        self._last = self.transforms[-1] if ends_in_normalize else None
        self._packs = packing.can_pack(self.transforms)
        self._keeps_frame = keeps_frame(self.transforms)
        packing.resample_nearest(self.transforms)
        # Thinner than a pixel, a box could make RandomSizedBBoxSafeCrop ask for a crop of no pixels.
        box_params = albumentations.BboxParams(format="pascal_voc", min_width=LEAST_BOX_PX, min_height=LEAST_BOX_PX)
        # `read_pixels` has checked that image and masks are of one size.
        # The last step does nothing; without it, albumentations warns that colour transforms have no use for boxes.
        steps = [*(self.transforms[:-1] if ends_in_normalize else self.transforms), albumentations.NoOp(p=0)]
        self._pipeline = albumentations.Compose(steps, bbox_params=box_params, is_check_shapes=False)

    def __call__(self, record: Record, class_map: ClassMap, rng: np.random.Generator | None = None) -> Sample:
        """Read, transform and gather. Raises DataError that names the image, ConfigError if the transforms fail."""
        sample = self.without_normalize(record, class_map, rng)
        if self._last is None:
            return sample
        return replace(sample, image=self._last(image=sample.image)["image"])

    def without_normalize(self, record: Record, class_map: ClassMap, rng: np.random.Generator | None = None) -> Sample:
        """The same, but for a Normalize at the very end, which is left to do: the image is uint8 still."""
        image = read_pixels(record)
        generator = np.random.default_rng() if rng is None else rng
        self._pipeline.set_random_state(generator, random.Random(int(generator.integers(2**63))))
        if record.instances.has_masks:
            return self._with_masks(record, class_map, image)
        return self._with_boxes(record, class_map, image)

    def __repr__(self) -> str:
        return f"Adapter({self.transforms!r})"

    def _with_masks(self, record: Record, class_map: ClassMap, image: NDArray[np.uint8]) -> Sample:
        instances = record.instances
        count = len(instances)
        packed, boxes = packing.pack(instances.run_lengths(), record.size_hw)
        if self._packs:
            found = self._run(record, image=image, bboxes=_with_index(boxes), mask=packed)
            stack = packing.unpack(found["mask"], count)
        elif count:
            found = self._run(record, image=image, bboxes=_with_index(boxes), masks=packing.unpack(packed, count))
            stack = (np.asarray(found["masks"]) > 0).view(np.uint8)
        else:
            found = self._run(record, image=image, bboxes=_with_index(boxes))
            stack = np.zeros((0, *found["image"].shape[:2]), dtype=np.uint8)
        pixels = np.array([np.count_nonzero(mask) for mask in stack], dtype=np.int64)
        left = np.flatnonzero(pixels >= LEAST_MASK_PX)
        if len(left) < count:
            stack = stack[left]
        return self._sample(record, class_map, found["image"], tight_boxes(stack), left, stack)

    def _with_boxes(self, record: Record, class_map: ClassMap, image: NDArray[np.uint8]) -> Sample:
        boxes = box_math.clip(record.instances.boxes, record.size_hw)
        found = self._run(record, image=image, bboxes=_with_index(boxes))
        moved = np.asarray(found["bboxes"], dtype=np.float32).reshape(-1, 5)
        boxes = box_math.clip(moved[:, :4], found["image"].shape[:2])
        return self._sample(record, class_map, found["image"], boxes, moved[:, 4].astype(np.int64), None)

    def _run(self, record: Record, **data: Any) -> dict[str, Any]:
        # Only boxes at least a pixel wide and high go in, or a crop around them could be empty from the start.
        boxes = data["bboxes"]
        wide = ((boxes[:, 2:4] - boxes[:, :2]) >= LEAST_BOX_PX).all(axis=1)
        data["bboxes"] = boxes[wide]
        try:
            found: dict[str, Any] = self._pipeline(**data)
        except (ValueError, CropSizeError, cv2.error) as error:
            raise ConfigError(f"image {record.image_id}: its transforms cannot be carried out: {error}") from error
        return found

    def _sample(
        self,
        record: Record,
        class_map: ClassMap,
        image: NDArray[Any],
        boxes: NDArray[np.float32],
        left: NDArray[np.int64],
        stack: NDArray[np.uint8] | None,
    ) -> Sample:
        is_float = self._normalizes and self._last is None
        if image.dtype != (np.float32 if is_float else np.uint8) or image.ndim != 3 or image.shape[2] != 3:
            raise ConfigError(
                f"the transforms give an image of {image.dtype} {image.shape}; expected (H, W, 3), uint8, or float32 "
                "where the last of them is Normalize."
            )
        frame = frame_of_last_call(self.transforms, record.size_hw) if self._keeps_frame else None
        return Sample(
            image=image,
            boxes=boxes,
            labels=record.instances.labels[left],
            is_crowd=record.instances.is_crowd[left],
            masks=stack,
            record=record,
            frame=frame,
            class_map=class_map,
        )


def untransformed(record: Record, class_map: ClassMap) -> Sample:
    """The sample of a record as it is: uint8, original size, every object, boxes tight around masks."""
    instances = record.instances
    image = read_pixels(record)
    stack = masks.decode_stack(instances.run_lengths(), record.size_hw) if instances.has_masks else None
    return Sample(
        image=image,
        boxes=instances.boxes if stack is None else tight_boxes(stack),
        labels=instances.labels,
        is_crowd=instances.is_crowd,
        masks=stack,
        record=record,
        frame=whole_frame(record.size_hw),
        class_map=class_map,
    )


def read_pixels(record: Record) -> NDArray[np.uint8]:
    """The image of a record, uint8 (H, W, 3). Raises DataError naming image and file if it is not what was recorded."""
    if record.image is not None:
        image = record.image
    else:
        assert record.path is not None  # a record has one or the other
        try:
            image = images.read_image(record.path)
        except DataError as error:
            raise DataError(f"image {record.image_id}: {error}") from error
    if image.shape != (*record.size_hw, 3) or image.dtype != np.uint8:
        place = "its pixels" if record.path is None else str(record.path)
        raise DataError(
            f"image {record.image_id}: {place}: {image.dtype} of shape {image.shape}; its record says uint8 of "
            f"{(*record.size_hw, 3)} (height, width, channels). Correct the size in the annotations, or the file."
        )
    return image


def tight_boxes(stack: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Boxes float32 (N, 4) xyxy around masks (N, H, W) of 0 and 1; 0, 0, 0, 0 around an empty one."""
    boxes = np.zeros((len(stack), 4), dtype=np.float32)
    for box, mask in zip(boxes, stack, strict=True):
        columns = np.flatnonzero(np.bitwise_or.reduce(mask, axis=0))
        if len(columns):
            rows = np.flatnonzero(np.bitwise_or.reduce(mask[:, columns[0] : columns[-1] + 1], axis=1))
            box[:] = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
    return boxes


def _with_index(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Boxes (N, 5): the fifth column numbers them, to tell afterwards which are left."""
    return np.column_stack([boxes, np.arange(len(boxes))]).astype(np.float32)


def _is_plain_normalize(transform: Any) -> bool:
    return isinstance(transform, albumentations.Normalize) and transform.p >= 1


def _check(transform: Any) -> None:
    name = type(transform).__name__
    if not isinstance(transform, albumentations.BasicTransform):
        raise ConfigError(
            f"{transform!r} is no albumentations transform; expected a list of them, as tfms.A.HorizontalFlip()."
        )
    if name in ("ToTensorV2", "ToTensor3D"):
        raise ConfigError(f"{name} does not belong in an Adapter: the loaders make tensors; leave it out.")
    if isinstance(transform, albumentations.Normalize) and not (
        transform.normalization == "standard"
        and transform.max_pixel_value == 255
        and np.allclose(transform.mean, IMAGENET_MEAN)
        and np.allclose(transform.std, IMAGENET_STD)
    ):
        raise ConfigError(
            f"Normalize with mean {transform.mean} and std {transform.std}: the models, and what is exported of them, "
            "take ImageNet's; write tfms.A.Normalize()."
        )
