"""IceVision's short ways from a model to a picture: some results of a data set, one image end to end, a batch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from contorno import draw
from contorno.batches import sample_record
from contorno.dataset import Dataset, Transforms
from contorno.draw import Style
from contorno.draw.looks import no_effect
from contorno.draw.pictures import Denormalize
from contorno.errors import DataError
from contorno.inference.running import predict
from contorno.loaders import Batch
from contorno.masks import MASK_THRESHOLD
from contorno.metrics import DETECTION_THRESHOLD
from contorno.records import ClassMap
from contorno.samples import Prediction, Sample

HALF_PX = 320
"""Longest side of the picture of the truth, and of the prediction beside it."""


def show_results(
    model: nn.Module,
    dataset: Dataset | Sequence[Sample],
    detection_threshold: float = DETECTION_THRESHOLD,
    num_samples: int = 6,
    ncols: int = 3,
    denormalize_fn: Denormalize | None = None,
    show: bool = True,
    device: torch.device | str | None = None,
    *,
    mask_threshold: float = MASK_THRESHOLD,
    seed: int | None = None,
    path: Path | str | None = None,
) -> Any:
    """Show some images of a data set, drawn at random: the truth beside what the model finds, right green, missed
    orange, false pink.

    Where the transforms cannot be undone (augmentations, say) only what was found is shown, on the sample.
    Returns a Pillow image.
    num_samples:    at most so many, none twice.   seed: the same images each time.
    denormalize_fn: for samples shown; unset: ImageNet's.   show, path: see `draw.show_records`.
    Raises DataError if the data set is empty.
    """
    if not len(dataset):
        raise DataError("there is nothing to show: the data set has no images.")
    places = np.random.default_rng(seed).permutation(len(dataset))[: max(num_samples, 1)]
    found = predict(
        model, [dataset[int(place)] for place in places], detection_threshold, mask_threshold, device=device
    )
    pictures = [_truth_beside(prediction, detection_threshold, denormalize_fn) for prediction in found]
    return show_sheet(pictures, [str(prediction.image_id) for prediction in found], ncols, show=show, path=path)


def show_sheet(
    pictures: Sequence[NDArray[np.uint8]], captions: Sequence[str], ncols: int, *, show: bool, path: Path | str | None
) -> Any:
    """Show pictures of truth and prediction, `ncols` in a row, none made smaller. Returns a Pillow image."""
    width = max(max(picture.shape[:2]) for picture in pictures)
    sheet = draw.grid(pictures, ncols, captions, cell_px=width, fit_width=True)
    return draw.show_img(sheet, show=show, path=path)


def _truth_beside(
    prediction: Prediction, detection_threshold: float, denormalize_fn: Denormalize | None
) -> NDArray[np.uint8]:
    record = prediction.record
    if record is not None and prediction.image is None:
        return draw.side_by_side(record, prediction, detection_threshold, longest_px=HALF_PX)
    return draw.draw_prediction(prediction, detection_threshold, Style(longest_px=HALF_PX))


def end2end_detect(
    img: Any,
    transforms: Transforms,
    model: nn.Module,
    class_map: ClassMap,
    detection_threshold: float = DETECTION_THRESHOLD,
    *,
    display_label: bool = True,
    display_bbox: bool = True,
    display_score: bool = True,
    display_mask: bool = True,
    return_as_pil_img: bool = True,
    return_img: bool = True,
    device: torch.device | str | None = None,
    **look: Any,
) -> dict[str, Any]:
    """Find the objects of one image, and draw them over it.

    img: a Pillow image, an array uint8 (H, W, 3) RGB, or a file.   transforms: those of the validation data.
    return_img, return_as_pil_img: whether there is a picture, and whether as a Pillow image or an array.
    look: IceVision's settings of letters and colours (font_size, label_color); without effect, with a warning.
    Returns {"detection": {"labels", "label_ids", "scores", "bboxes", and "masks" of a mask model}, "img", "width",
    "height"}; boxes are BBox, masks run-length codes, all in the pixels of the image as it was given.
    """
    no_effect("end2end_detect", look)
    given = img if isinstance(img, Path | str) else np.asarray(img.convert("RGB") if hasattr(img, "convert") else img)
    dataset = Dataset.from_images([given], transforms, class_map)
    prediction = predict(model, dataset, detection_threshold, keep_images=True, device=device)[0]
    found: dict[str, Any] = {"detection": prediction.detection.as_dict()}
    del found["detection"]["iscrowds"]
    picture = None
    if return_img:
        style = Style(
            display_label=display_label,
            display_score=display_score,
            display_bbox=display_bbox,
            display_mask=display_mask,
        )
        picture = draw.draw_prediction(prediction, detection_threshold, style)
    found["img"] = draw.show_img(picture, show=False) if picture is not None and return_as_pil_img else picture
    return found | {"width": prediction.width, "height": prediction.height}


def show_batch(
    batch: Batch,
    ncols: int = 1,
    figsize: tuple[float, float] | None = None,
    *,
    class_map: ClassMap | None = None,
    show: bool = True,
    path: Path | str | None = None,
    **look: Any,
) -> Any:
    """Show the images of a batch, as a loader gives it, with the boxes and masks that the model is trained on.

    Returns a Pillow image.
    class_map: for the names of classes, which a batch does not know.   look: as in `end2end_detect`.
    figsize, show, path: see `draw.show_records`.
    """
    no_effect("show_batch", look)
    records = [sample_record(*parts) for parts in zip(*batch, strict=True)]
    return draw.show_records(records, ncols=ncols, class_map=class_map, figsize=figsize, show=show, path=path)
