"""The way of an exported model from a picture of any size to its sample, and back to the picture's own pixels."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.roi_heads import paste_masks_in_image


class WholeImages(nn.Module):
    """Make of RGB float 0..1 images (3, H, W) what `tfms.A.resize_and_pad(size)` and `Normalize` make in training.

    The longest side becomes `size` px, and the image stands in the middle of a square of `size` px. torchvision's own
    transform pads on the right and below instead, and a model that never saw that finds objects cut by the image's edge
    less exactly. Boxes and masks come back in the pixels of each image: masks are drawn over the whole box, also where
    that leaves the image, and then cut, as `inference` does.
    Takes the place of GeneralizedRCNNTransform in evaluation; torch.jit.script takes it.
    """

    # torch.jit.script reads these, and could not as strings: this module does without postponed annotations.
    mean: Tensor
    std: Tensor
    padding: Tensor

    def __init__(self, size: int, mean: Sequence[float], std: Sequence[float], padding_rgb: Sequence[int]) -> None:
        super().__init__()
        self.size = size
        # Not among the weights, whose names are torchvision's.
        for name, values in (("mean", mean), ("std", std), ("padding", [value / 255 for value in padding_rgb])):
            self.register_buffer(name, torch.tensor(values, dtype=torch.float32)[:, None, None], persistent=False)

    def forward(
        self,
        images: list[Tensor],
        targets: list[dict[str, Tensor]] | None = None,  # part of the protocol
    ) -> tuple[ImageList, list[dict[str, Tensor]] | None]:
        """A batch (N, 3, size, size)."""
        squares: list[Tensor] = []
        sizes: list[tuple[int, int]] = []
        for image in images:
            height, width, top, left = self.place(image.shape[-2], image.shape[-1])
            if height != image.shape[-2] or width != image.shape[-1]:
                image = functional.interpolate(image[None], size=[height, width], mode="bilinear", align_corners=False)[
                    0
                ]
            square = self.padding.to(image).repeat(1, self.size, self.size)
            square[:, top : top + height, left : left + width] = image
            squares.append((square - self.mean.to(image)) / self.std.to(image))
            sizes.append((self.size, self.size))
        return ImageList(torch.stack(squares), sizes), targets

    def place(self, height: int, width: int) -> tuple[int, int, int, int]:
        """Height, width, top and left of an image's place in its square, from its own height and width."""
        scale = self.size / max(height, width)
        new_height, new_width = max(1, int(round(height * scale))), max(1, int(round(width * scale)))  # noqa: RUF046
        return new_height, new_width, (self.size - new_height) // 2, (self.size - new_width) // 2

    def postprocess(
        self,
        result: list[dict[str, Tensor]],
        image_shapes: list[tuple[int, int]],
        original_image_sizes: list[tuple[int, int]],
    ) -> list[dict[str, Tensor]]:
        """Boxes in the pixels of each image as it came, and masks as float32 (N, 1, H, W) probabilities.

        What lies wholly in the padding is no object and is left out.
        """
        found: list[dict[str, Tensor]] = []
        for index, one in enumerate(result):
            height, width = original_image_sizes[index]
            new_height, new_width, top, left = self.place(height, width)
            boxes = one["boxes"]
            offset = torch.tensor([left, top, left, top], dtype=boxes.dtype, device=boxes.device)
            scale_x, scale_y = new_width / width, new_height / height
            scale = torch.tensor([scale_x, scale_y, scale_x, scale_y], dtype=boxes.dtype, device=boxes.device)
            whole = (boxes - offset) / scale
            xs, ys = whole[:, 0::2].clamp(0, width), whole[:, 1::2].clamp(0, height)
            inside = (xs[:, 1] > xs[:, 0]) & (ys[:, 1] > ys[:, 0])
            cut = torch.stack((xs[:, 0], ys[:, 0], xs[:, 1], ys[:, 1]), dim=1)
            seen = {"boxes": cut[inside], "labels": one["labels"][inside], "scores": one["scores"][inside]}
            if "masks" in one:
                seen["masks"] = paste_masks_in_image(one["masks"][inside], whole[inside], (height, width))
            found.append(seen)
        return found
