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

from contorno.draw import show
from contorno.draw.instances import Style
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
    return _records(records, class_map, display_label, display_bbox, display_mask, ncols, figsize, show, path)


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
    return _records([record], class_map, display_label, display_bbox, display_mask, 1, figsize, show, path)


def _records(
    records: Sequence[Record],
    class_map: ClassMap | None,
    label: bool,
    bbox: bool | None,
    mask: bool,
    ncols: int,
    figsize: Figure,
    is_shown: bool,
    path: Path | str | None,
) -> Image.Image:
    return show.show_records(
        records,
        ncols,
        class_map,
        display_label=label,
        display_bbox=bbox,
        display_mask=mask,
        figsize=figsize,
        show=is_shown,
        path=path,
    )


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
    return _samples(
        samples, class_map, denormalize_fn, display_label, display_bbox, display_mask, ncols, figsize, show, path
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
    return _samples(
        [sample], class_map, denormalize_fn, display_label, display_bbox, display_mask, 1, figsize, show, path
    )


def _samples(
    samples: Sequence[Sample],
    class_map: ClassMap | None,
    denormalize_fn: Denormalize | None,
    label: bool,
    bbox: bool | None,
    mask: bool,
    ncols: int,
    figsize: Figure,
    is_shown: bool,
    path: Path | str | None,
) -> Image.Image:
    return show.show_samples(
        [sample if class_map is None else replace(sample, class_map=class_map) for sample in samples],
        ncols,
        denormalize_fn,
        display_label=label,
        display_bbox=bbox,
        display_mask=mask,
        figsize=figsize,
        show=is_shown,
        path=path,
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
    return _preds(
        preds,
        denormalize_fn,
        Style(
            display_label=display_label,
            display_score=display_score,
            display_bbox=display_bbox,
            display_mask=display_mask,
        ),
        ncols,
        figsize,
        show,
        path,
        class_map,
        threshold,
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
    return _preds(
        [pred],
        denormalize_fn,
        Style(
            display_label=display_label,
            display_score=display_score,
            display_bbox=display_bbox,
            display_mask=display_mask,
        ),
        1,
        figsize,
        show,
        path,
        class_map,
        threshold,
    )


def _preds(
    preds: Sequence[Prediction],
    denormalize_fn: Denormalize | None,
    style: Style,
    ncols: int,
    figsize: Figure,
    is_shown: bool,
    path: Path | str | None,
    class_map: ClassMap | None,
    threshold: float,
) -> Image.Image:
    return show.show_preds(
        preds,
        denormalize_fn,
        ncols,
        threshold=threshold,
        class_map=class_map,
        display_label=style.display_label,
        display_score=style.display_score,
        display_bbox=style.display_bbox,
        display_mask=style.display_mask,
        figsize=figsize,
        show=is_shown,
        path=path,
    )
