"""IceVision's functions that show, with its arguments in its order, for notebooks written for it.

What differs: boxes are drawn for objects without a mask only, unless `display_bbox` says otherwise; three pictures
stand in a row by default; letters and colours are chosen for the picture, so IceVision's settings of them have no
effect, and a warning says so. Each function returns a Pillow image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image

from contorno.draw import show as showing
from contorno.draw.looks import no_effect
from contorno.draw.pictures import Denormalize
from contorno.records import ClassMap, Record
from contorno.samples import Prediction, Sample

Figure = tuple[float, float] | None


def show_records(
    records: Sequence[Record],
    class_map: ClassMap | None = None,
    display_label: bool = True,
    display_bbox: bool | None = None,
    display_mask: bool = True,
    ncols: int = 3,
    figsize: Figure = None,
    show: bool = True,
    *,
    path: Path | str | None = None,
    **look: Any,
) -> Image.Image:
    """Show records with their objects; see `draw.show_records`."""
    no_effect("show_records", look)
    return showing.show_records(
        records,
        ncols,
        class_map,
        display_label=display_label,
        display_bbox=display_bbox,
        display_mask=display_mask,
        figsize=figsize,
        show=show,
        path=path,
    )


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


def show_samples(
    samples: Sequence[Sample],
    class_map: ClassMap | None = None,
    denormalize_fn: Denormalize | None = None,
    display_label: bool = True,
    display_bbox: bool | None = None,
    display_mask: bool = True,
    ncols: int = 3,
    figsize: Figure = None,
    show: bool = True,
    *,
    path: Path | str | None = None,
    **look: Any,
) -> Image.Image:
    """Show samples as the model gets them, with the names of `class_map`, else their own; see `draw.show_samples`."""
    no_effect("show_samples", look)
    named = [sample if class_map is None else replace(sample, class_map=class_map) for sample in samples]
    return showing.show_samples(
        named,
        ncols,
        denormalize_fn,
        display_label=display_label,
        display_bbox=display_bbox,
        display_mask=display_mask,
        figsize=figsize,
        show=show,
        path=path,
    )


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


def show_preds(
    preds: Sequence[Prediction],
    denormalize_fn: Denormalize | None = None,
    display_label: bool = True,
    display_bbox: bool | None = None,
    display_mask: bool = True,
    figsize: Figure = None,
    show: bool = True,
    *,
    ncols: int = 3,
    class_map: ClassMap | None = None,
    threshold: float = 0.0,
    display_score: bool = True,
    path: Path | str | None = None,
    **look: Any,
) -> Image.Image:
    """Show predictions over their images; see `draw.show_preds`."""
    no_effect("show_preds", look)
    return showing.show_preds(
        preds,
        denormalize_fn,
        ncols,
        threshold=threshold,
        class_map=class_map,
        display_label=display_label,
        display_score=display_score,
        display_bbox=display_bbox,
        display_mask=display_mask,
        figsize=figsize,
        show=show,
        path=path,
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
