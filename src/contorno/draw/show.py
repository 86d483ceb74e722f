"""Show pictures: inline in a notebook, in a window in a script, to a file when asked. IceVision's names and order.

What differs: boxes are drawn for objects without a mask only, unless `display_bbox` says otherwise; three pictures
stand in a row by default; IceVision's settings of letters and colours (`**look`) have no effect, and a warning says so.

A script waits at each window until it is closed, as with `plt.show()`, so that none is lost when the script ends.
`MPLBACKEND=agg` in the environment, or `show=False`, keeps windows shut; without a display nothing opens and nothing
fails (`contorno.draw.window`).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from contorno.draw import window
from contorno.draw.instances import Style, draw_instances
from contorno.draw.looks import no_effect
from contorno.draw.pictures import Denormalize, Pixels, draw_record, draw_sample, grid, prediction_image, to_pixels
from contorno.errors import DataError
from contorno.images import read_image, write_image
from contorno.records import ClassMap, Record, Records
from contorno.samples import Prediction, Sample

CELL_PX = 400
"""Longest side of each picture, pixels, unless a figure size is given."""
POINTS_PER_INCH = 100

Figure = tuple[float, float] | None


def show_img(
    image: NDArray[Any] | Image.Image | Path | str, *, show: bool = True, path: Path | str | None = None
) -> Image.Image:
    """Show one image: an array (float ones are taken as ImageNet-normalised), a Pillow image or a file.

    show: display it: inline in a notebook; else in a window, and wait until it is closed (off: MPLBACKEND=agg).
    path: also write it there (.png or .jpg).   Returns the picture; a small one is only enlarged in its window.
    """
    if isinstance(image, Path | str):
        pixels = read_image(Path(image))
    elif isinstance(image, Image.Image):
        pixels = np.array(image.convert("RGB"))
    else:
        pixels = to_pixels(image)
        if pixels.ndim == 2:
            pixels = np.repeat(pixels[:, :, None], 3, axis=2)
    return _present(pixels, show, path)


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
    """Show records with their objects, `ncols` in a row; class names come from `class_map`, else from Records.

    display_bbox: unset: only for objects without a mask.   figsize: (width, height) in inches; the width counts.
    show: display: inline in a notebook; else in a window, and wait until it is closed (off: MPLBACKEND=agg).
    path: also write there, .png or .jpg, before any window opens.   Returns the picture.
    """
    no_effect("show_records", look)
    if class_map is None and isinstance(records, Records):
        class_map = records.class_map
    style = _style(len(records), ncols, figsize, display_label, False, display_bbox, display_mask)
    pictures = [draw_record(record, class_map, style) for record in records]
    return _present_grid(pictures, ncols, [str(record.image_id) for record in records], style, show, path)


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
    """Show samples as the model gets them; float ones are denormalised by `denormalize_fn`, ImageNet's if unset.

    class_map: unset: each sample's own.   display_bbox, figsize, show, path: see `show_records`.
    """
    no_effect("show_samples", look)
    style = _style(len(samples), ncols, figsize, display_label, False, display_bbox, display_mask)
    named = [sample if class_map is None else replace(sample, class_map=class_map) for sample in samples]
    pictures = [draw_sample(sample, denormalize_fn, style) for sample in named]
    return _present_grid(pictures, ncols, None, style, show, path)


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
    """Show predictions over their images: all that `predict` kept, or what scores at least `threshold`.

    display_bbox, figsize, show, path: see `show_records`.
    """
    no_effect("show_preds", look)
    style = _style(len(preds), ncols, figsize, display_label, display_score, display_bbox, display_mask)
    pictures = []
    for pred in (pred.above(threshold) for pred in preds):
        pictures.append(
            draw_instances(
                prediction_image(pred, denormalize_fn),
                masks=pred.masks,
                boxes=pred.boxes,
                labels=pred.labels,
                scores=pred.scores,
                class_map=class_map if class_map is not None else pred.class_map,
                style=style,
            )
        )
    return _present_grid(pictures, ncols, [str(pred.image_id) for pred in preds], style, show, path)


def _style(
    count: int,
    ncols: int,
    figsize: Figure,
    label: bool,
    score: bool,
    bbox: bool | None,
    mask: bool,
) -> Style:
    if not count:
        raise DataError("there is nothing to show: the list is empty.")
    columns = max(1, min(ncols, count))
    cell_px = CELL_PX if figsize is None else max(32, round(figsize[0] * POINTS_PER_INCH / columns))
    return Style(longest_px=cell_px, display_label=label, display_score=score, display_bbox=bbox, display_mask=mask)


def _present_grid(
    pictures: Sequence[Pixels],
    ncols: int,
    captions: Sequence[str] | None,
    style: Style,
    show: bool,
    path: Path | str | None,
) -> Image.Image:
    sheet = grid(pictures, ncols, captions, cell_px=style.longest_px or CELL_PX)
    return _present(sheet, show, path)


def _present(pixels: Pixels, show: bool, path: Path | str | None) -> Image.Image:
    picture = Image.fromarray(pixels)
    if path is not None:
        write_image(Path(path), pixels)
    if not show:
        return picture
    shell = _notebook_shell()
    if shell is None:
        window.show_picture(pixels, kept=path is not None)
        return picture
    display = sys.modules["IPython"].display.display
    display(picture)
    shown_in = shell.execution_count

    def display_again() -> None:
        # A call that ends a cell is displayed by the notebook once more: that cell has the picture already.
        if shell.execution_count != shown_in:
            display(Image.fromarray(pixels))

    vars(picture)["_ipython_display_"] = display_again
    return picture


def _notebook_shell() -> Any:
    """The running IPython, if it can display pictures: any but the one in a terminal, which is a script's like."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None and hasattr(ipython, "get_ipython") else None
    terminal = sys.modules.get("IPython.terminal.interactiveshell")
    if terminal is not None and isinstance(shell, terminal.TerminalInteractiveShell):
        return None
    return shell
