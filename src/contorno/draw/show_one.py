"""Show one record, sample or prediction: `show_records` and its kin with a list of one, under IceVision's names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PIL import Image

from contorno.draw.looks import no_effect
from contorno.draw.pictures import Denormalize
from contorno.draw.show import Figure, show_preds, show_records, show_samples
from contorno.records import ClassMap, Record
from contorno.samples import Prediction, Sample


def show_record(
    record: Record,
    class_map: ClassMap | None = None,
    display_label: bool = True,
    display_bbox: bool | None = None,
    display_mask: bool = True,
    *,
    figsize: Figure = None,
    show: bool = True,
    path: Path | str | None = None,
    **look: Any,
) -> Image.Image:
    """Show one record with its objects; see `draw.show_records`."""
    no_effect("show_record", look)
    return show_records([record], class_map, display_label, display_bbox, display_mask, 1, figsize, show, path=path)


def show_sample(
    sample: Sample,
    class_map: ClassMap | None = None,
    denormalize_fn: Denormalize | None = None,
    display_label: bool = True,
    display_bbox: bool | None = None,
    display_mask: bool = True,
    *,
    show: bool = True,
    figsize: Figure = None,
    path: Path | str | None = None,
    **look: Any,
) -> Image.Image:
    """Show one sample as the model gets it; see `draw.show_samples`."""
    no_effect("show_sample", look)
    return show_samples(
        [sample], class_map, denormalize_fn, display_label, display_bbox, display_mask, 1, figsize, show, path=path
    )


def show_pred(
    pred: Prediction,
    denormalize_fn: Denormalize | None = None,
    display_label: bool = True,
    display_bbox: bool | None = None,
    display_mask: bool = True,
    show: bool = True,
    *,
    figsize: Figure = None,
    class_map: ClassMap | None = None,
    threshold: float = 0.0,
    display_score: bool = True,
    path: Path | str | None = None,
    **look: Any,
) -> Image.Image:
    """Show one prediction over its image; see `draw.show_preds`."""
    no_effect("show_pred", look)
    return show_preds(
        [pred],
        denormalize_fn,
        display_label,
        display_bbox,
        display_mask,
        figsize,
        show,
        ncols=1,
        class_map=class_map,
        threshold=threshold,
        display_score=display_score,
        path=path,
    )
