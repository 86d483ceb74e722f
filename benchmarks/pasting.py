"""How long it takes to draw predicted masks out over an image and code them, beside torchvision and pycocotools.

Run: OMP_NUM_THREADS=2 python benchmarks/pasting.py [--count 100] [--height 768] [--width 1024]

Peer, on the same probabilities and boxes in the same run: torchvision's `paste_masks_in_image`, `> 0.5`, and
`pycocotools.mask.encode` of the stack: what a COCO evaluation of a torchvision model does. Figures are the median of
seven passes taken in turn; the pixels that differ are counted.
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np
import torch
from pycocotools import mask as coco_mask
from torchvision.models.detection.roi_heads import paste_masks_in_image

from contorno import masks
from contorno.inference import paste


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--count", type=int, default=100)
    arguments.add_argument("--height", type=int, default=768)
    arguments.add_argument("--width", type=int, default=1024)
    given = arguments.parse_args()
    size = (given.height, given.width)
    rng = np.random.default_rng(0)
    for name, low, high in (("small", 0.02, 0.08), ("ordinary", 0.05, 0.3), ("large", 0.3, 0.9)):
        sides = rng.uniform(low, high, (given.count, 2)) * [given.width, given.height]
        corners = rng.uniform(0, 1, (given.count, 2)) * ([given.width, given.height] - sides)
        boxes = np.hstack([corners, corners + sides]).astype(np.float32)
        coarse = torch.from_numpy(rng.random((given.count, 1, 7, 7), dtype=np.float32))
        soft = torch.nn.functional.interpolate(coarse, size=(28, 28), mode="bicubic").clamp(0, 1)
        probabilities = soft[:, 0].numpy()

        ours, theirs = [], []
        for _ in range(7):
            start = time.perf_counter()
            codes = paste(probabilities, boxes, size)
            ours.append(time.perf_counter() - start)
            start = time.perf_counter()
            drawn = (paste_masks_in_image(soft, torch.from_numpy(boxes), size) > 0.5)[:, 0].to(torch.uint8).numpy()
            coco_mask.encode(np.asfortranarray(drawn.transpose(1, 2, 0)))
            theirs.append(time.perf_counter() - start)
        differ = int((masks.decode_stack(codes, size) != drawn).sum())
        took, peer = statistics.median(ours), statistics.median(theirs)
        print(
            f"{given.count} masks of {name:8} size in {given.width} x {given.height}:  contorno {1000 * took:7.1f} ms  "
            f"torchvision + pycocotools {1000 * peer:7.1f} ms  ratio {peer / took:5.1f}  "
            f"({differ} of {drawn.size} pixels differ)"
        )


if __name__ == "__main__":
    main()
