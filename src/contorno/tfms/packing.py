"""The masks of an image as bits of one picture, so that a transform moves up to eight masks at the cost of one.

Holds only where masks are moved and not mixed: resampled by nearest neighbour, with 0 wherever nothing is known.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contorno import run_length
from contorno.masks import RunLength, Size
from contorno.tfms.door import albumentations, cv2

BITS = 8

# The transforms that do no more to a mask than take each pixel from some place of the old one.
_MOVERS = (
    albumentations.Affine,
    albumentations.AtLeastOneBBoxRandomCrop,
    albumentations.BBoxSafeRandomCrop,
    albumentations.CenterCrop,
    albumentations.Crop,
    albumentations.CropAndPad,
    albumentations.D4,
    albumentations.HorizontalFlip,
    albumentations.LongestMaxSize,
    albumentations.NoOp,
    albumentations.Pad,
    albumentations.PadIfNeeded,
    albumentations.Perspective,
    albumentations.RandomCrop,
    albumentations.RandomResizedCrop,
    albumentations.RandomRotate90,
    albumentations.RandomScale,
    albumentations.RandomSizedBBoxSafeCrop,
    albumentations.RandomSizedCrop,
    albumentations.Resize,
    albumentations.Rotate,
    albumentations.SafeRotate,
    albumentations.SmallestMaxSize,
    albumentations.SquareSymmetry,
    albumentations.Transpose,
    albumentations.VerticalFlip,
)
_RESIZERS = (
    albumentations.LongestMaxSize,
    albumentations.RandomResizedCrop,
    albumentations.RandomScale,
    albumentations.RandomSizedBBoxSafeCrop,
    albumentations.RandomSizedCrop,
    albumentations.Resize,
    albumentations.SmallestMaxSize,
)


def flat(transforms: Sequence[Any]) -> Iterator[Any]:
    """The single transforms of a pipeline, those inside OneOf, Compose and the like included."""
    for transform in transforms:
        if isinstance(transform, albumentations.BaseCompose):
            yield from flat(transform.transforms)
        else:
            yield transform


def resample_nearest(transforms: Sequence[Any]) -> None:
    """Set every transform of a pipeline to take mask pixels from the nearest pixel centre.

    OpenCV's plain INTER_NEAREST takes the pixel under the cell's corner when it resizes, which pulls a mask that is
    shrunk 2.7 times up and left by 0.3 px against its image; INTER_NEAREST_EXACT does not, but warps do not know it.
    """
    for transform in flat(transforms):
        if hasattr(transform, "mask_interpolation"):
            exact = isinstance(transform, _RESIZERS)
            transform.mask_interpolation = cv2.INTER_NEAREST_EXACT if exact else cv2.INTER_NEAREST
        if getattr(transform, "area_for_downscale", None) == "image_mask":
            transform.area_for_downscale = "image"


def can_pack(transforms: Sequence[Any]) -> bool:
    """Whether a pipeline moves masks and does not mix them."""
    return all(
        isinstance(transform, albumentations.ImageOnlyTransform)
        or (type(transform) in _MOVERS and not np.any(getattr(transform, "fill_mask", 0)))
        for transform in flat(transforms)
    )


def pack(codes: Sequence[RunLength], size: Size) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Draw N masks into the bits of one picture.

    Returns uint8 (H, W) for up to eight masks, else (H, W, G), mask i being bit i % 8 of picture i // 8; and the tight
    boxes of the masks, float32 (N, 4) xyxy, 0, 0, 0, 0 for an empty one.
    """
    groups = max(1, -(-len(codes) // BITS))
    if groups % 4 == 2:
        groups += 1  # two channels go another way through OpenCV's warp, which rounds 1 pixel in 1000 otherwise
    packed = np.zeros((groups, *size), dtype=np.uint8)
    boxes = np.zeros((len(codes), 4), dtype=np.float32)
    for index, code in enumerate(codes):
        crop, x0, y0 = run_length.crop_of_edges(
            run_length.edges_of_counts(run_length.parse_counts(code.counts)), size[0]
        )
        height, width = crop.shape
        if crop.size:
            boxes[index] = (x0, y0, x0 + width, y0 + height)
            packed[index // BITS, y0 : y0 + height, x0 : x0 + width] |= crop << np.uint8(index % BITS)
    return (packed[0] if groups == 1 else np.ascontiguousarray(packed.transpose(1, 2, 0))), boxes


def pack_stack(stack: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Pack N masks (N, H, W) of 0 and 1, to send them; the inverse of `unpack`."""
    packed = np.zeros((*stack.shape[1:], -(-len(stack) // BITS)), dtype=np.uint8)
    for index, mask in enumerate(stack):
        packed[:, :, index // BITS] |= mask << np.uint8(index % BITS)
    return packed


def unpack(packed: NDArray[np.uint8], count: int) -> NDArray[np.uint8]:
    """The first `count` masks of a packed picture, uint8 (N, H, W) of 0 and 1."""
    planes = packed[:, :, None] if packed.ndim == 2 else packed
    stack = np.empty((count, *packed.shape[:2]), dtype=np.uint8)
    for index in range(count):
        np.bitwise_and(planes[:, :, index // BITS] >> np.uint8(index % BITS), 1, out=stack[index])
    return stack
