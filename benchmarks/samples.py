"""How long training samples take, beside a plain data set of the same albumentations transforms and Pillow.

Run: OMP_NUM_THREADS=1 python benchmarks/samples.py [--images 200] [--workers 2] [--icevision DIR]

Pictures of 1024 x 768 with about five polygons each are drawn first; presize 512, size 384, IceVision's augmentations.
The peers run in turn with ours in the same process, over the same files:
  plain      a torch data set that opens with Pillow, draws polygons with pycocotools and builds its Compose once, with
             the very same transforms and albumentations' own Normalize
  icevision  the real icevision, from a folder it was installed to, if --icevision gives one (and with it a module
             `_icevision_compat` that makes it run on today's libraries)
Each figure is the median of the rounds, with the least and the most; ours in the first round encodes polygons, later
rounds have them.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from pycocotools import mask as coco_mask
from torch.utils.data import DataLoader

from contorno import parsers, splits, tfms
from contorno.dataset import Dataset
from contorno.images import write_image
from contorno.loaders import train_dl
from contorno.tfms.door import use_one_thread

HEIGHT, WIDTH = 768, 1024
SIZE, PRESIZE = 384, 512


def draw_set(folder: Path, count: int) -> Path:
    """Draw pictures and write their COCO file."""
    rng = np.random.default_rng(0)
    images, annotations = [], []
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    for number in range(1, count + 1):
        waves = [np.sin(x * rng.uniform(0, 0.1) + y * rng.uniform(0, 0.1) + rng.uniform(0, 6)) for _ in range(3)]
        picture = np.stack(waves, axis=2) * 60 + 120 + rng.normal(0, 6, (HEIGHT, WIDTH, 3))
        for _ in range(max(1, int(rng.poisson(5)))):
            radius = rng.uniform(40, 150)
            centre = rng.uniform([radius * 1.2, radius * 1.2], [WIDTH - radius * 1.2, HEIGHT - radius * 1.2])
            angles = np.linspace(0, 2 * np.pi, 370, endpoint=False)
            reach = radius * (1 + 0.1 * np.sin(7 * angles) + 0.04 * np.sin(19 * angles))
            points = centre + np.stack([np.cos(angles), np.sin(angles)], axis=1) * reach[:, None]
            flat = points.ravel().round(2).tolist()
            inside = coco_mask.decode(coco_mask.frPyObjects([flat], HEIGHT, WIDTH))[:, :, 0].astype(bool)
            picture[inside] = picture[inside] * 0.4 + rng.uniform(0, 150, 3)
            low, high = points.min(axis=0), points.max(axis=0)
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": 1,
                    "iscrowd": 0,
                    "area": int(inside.sum()),
                    "bbox": [*low.tolist(), *(high - low).tolist()],
                    "segmentation": [flat],
                }
            )
        write_image(folder / f"{number}.jpg", np.clip(picture, 0, 255).astype(np.uint8))
        images.append({"id": number, "file_name": f"{number}.jpg", "width": WIDTH, "height": HEIGHT})
    path = folder / "annotations.json"
    path.write_text(
        json.dumps({"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "blob"}]})
    )
    return path


def transforms(namespace: Any) -> list[Any]:
    """The tutorial's list, by our presets or by icevision's."""
    shift_scale_rotate = namespace.ShiftScaleRotate(rotate_limit=10)
    crop_fn = partial(namespace.RandomSizedBBoxSafeCrop, p=0.5)
    steps = namespace.aug_tfms(size=SIZE, presize=PRESIZE, shift_scale_rotate=shift_scale_rotate, crop_fn=crop_fn)
    return [*steps, namespace.Normalize()]


class PlainDataset(torch.utils.data.Dataset[tuple[torch.Tensor, dict[str, torch.Tensor]]]):
    """What one would write by hand."""

    def __init__(self, path: Path) -> None:
        content = json.loads(path.read_text())
        self.folder = path.parent
        self.images = content["images"]
        self.annotations: dict[int, list[dict[str, Any]]] = {image["id"]: [] for image in self.images}
        for annotation in content["annotations"]:
            self.annotations[annotation["image_id"]].append(annotation)
        boxes = tfms.A.BboxParams(format="pascal_voc", label_fields=["index"], min_width=1, min_height=1)
        self.pipeline = tfms.A.Compose(transforms(tfms.A), bbox_params=boxes)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, position: int) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        image = self.images[position]
        annotations = self.annotations[image["id"]]
        pixels = np.array(Image.open(self.folder / image["file_name"]).convert("RGB"))
        codes = [coco_mask.merge(coco_mask.frPyObjects(a["segmentation"], HEIGHT, WIDTH)) for a in annotations]
        masks = np.ascontiguousarray(coco_mask.decode(codes).transpose(2, 0, 1))
        boxes: NDArray[np.float32] = np.array([a["bbox"] for a in annotations], dtype=np.float32)
        boxes[:, 2:] += boxes[:, :2]
        found = self.pipeline(image=pixels, masks=masks, bboxes=boxes, index=np.arange(len(boxes)))
        left = np.asarray(found["index"], dtype=int)
        target = {
            "boxes": torch.as_tensor(np.asarray(found["bboxes"], dtype=np.float32)),
            "labels": torch.ones(len(left), dtype=torch.int64),
            "masks": torch.from_numpy(np.ascontiguousarray(found["masks"][left])),
        }
        return torch.from_numpy(np.ascontiguousarray(found["image"].transpose(2, 0, 1))), target


def as_lists(samples: list[Any]) -> tuple[Any, ...]:
    """The plain collate of detection models."""
    return tuple(zip(*samples, strict=True))


def icevision_parts(folder: Path, path: Path) -> tuple[Any, Callable[..., Any]]:
    """The real icevision's data set of the same files, and its train_dl."""
    sys.path[:0] = [str(folder)]
    import _icevision_compat  # type: ignore[import-not-found]  # noqa: F401
    from icevision.all import Dataset as IceDataset  # type: ignore[import-not-found]
    from icevision.all import SingleSplitSplitter, models
    from icevision.all import parsers as ice_parsers
    from icevision.all import tfms as ice_tfms
    from loguru import logger  # type: ignore[import-not-found]

    logger.remove()
    parser = ice_parsers.COCOMaskParser(annotations_filepath=path, img_dir=path.parent)
    (records,) = parser.parse(data_splitter=SingleSplitSplitter(), show_pbar=False)
    dataset = IceDataset(records, ice_tfms.A.Adapter(transforms(ice_tfms.A)))
    return dataset, models.torchvision.mask_rcnn.train_dl


def rate(items: Iterable[Any], count: int) -> float:
    """Pictures a second of going through once."""
    start = time.perf_counter()
    for _ in items:
        pass
    return count / (time.perf_counter() - start)


def print_rates(
    title: str, passes: dict[str, Callable[[], Iterable[Any]]], counts: dict[str, int], rounds: int
) -> None:
    """Go through each in turn, round by round."""
    found: dict[str, list[float]] = {name: [] for name in passes}
    for _ in range(rounds):
        for name, make in passes.items():
            found[name].append(rate(make(), counts[name]))
    plain = statistics.median(found["plain"])
    print(f"\n{title}")
    for name, rates in found.items():
        middle = statistics.median(rates)
        print(f"{name:10} {middle:7.1f} img/s  ({min(rates):.1f} to {max(rates):.1f})   {middle / plain:.2f} x plain")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--images", type=int, default=200)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--workers", type=int, default=2)
    arguments.add_argument("--icevision", type=Path, help="folder with icevision 0.12.0 and _icevision_compat.py")
    given = arguments.parse_args()
    torch.set_num_threads(1)
    use_one_thread()
    with tempfile.TemporaryDirectory() as name:
        path = draw_set(Path(name), given.images)
        (records,) = parsers.COCOMaskParser(path, path.parent).parse(data_splitter=splits.SingleSplitter())
        ours = Dataset(records, tfms.A.Adapter(transforms(tfms.A)), seed=0)
        plain = PlainDataset(path)
        data: dict[str, Any] = {"contorno": ours, "plain": plain}
        print(f"{len(records)} pictures of {WIDTH} x {HEIGHT}, {records.num_objects} objects; {PRESIZE} to {SIZE}")
        ice_loader: Callable[..., Any] | None = None
        if given.icevision is not None:
            data["icevision"], ice_loader = icevision_parts(given.icevision, path)
        counts = {key: len(value) for key, value in data.items()}
        singles = {key: partial(map, value.__getitem__, range(len(value))) for key, value in data.items()}
        print_rates("one process, samples", singles, counts, given.rounds)

        settings = {"batch_size": 4, "shuffle": True, "num_workers": given.workers}
        loaders: dict[str, Any] = {
            "contorno": train_dl(ours, **settings),
            "plain": DataLoader(plain, collate_fn=as_lists, persistent_workers=given.workers > 0, **settings),
        }
        if ice_loader is not None:
            loaders["icevision"] = ice_loader(data["icevision"], persistent_workers=given.workers > 0, **settings)
        for loader in loaders.values():  # start the workers
            for _ in loader:
                pass
        passes = {key: partial(iter, loader) for key, loader in loaders.items()}
        print_rates(f"batches of 4, {given.workers} workers, already running", passes, counts, given.rounds)


if __name__ == "__main__":
    main()
