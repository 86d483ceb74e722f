"""What the boxes of a COCO file seem to be, when they are not x_min, y_min, width, height in pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

TOLERANCE_PX = 2.0
"""A box may differ from the tight box of its mask by this much at each side."""

_FEWEST = 5
"""So many boxes without masks are needed to tell what they look like."""

_MOST = 0.9
"""Boxes without masks are taken for another form only if at least this share of them fits it."""

FORMS = {
    "xyxy": "x_min, y_min, x_max, y_max",
    "centre": "x_centre, y_centre, width, height",
    "normalised xywh": "x_min, y_min, width, height as shares of the image",
    "normalised xyxy": "x_min, y_min, x_max, y_max as shares of the image",
    "normalised centre": "x_centre, y_centre, width, height as shares of the image",
    "rows first": "y_min, x_min, height, width",
    "rows first xyxy": "y_min, x_min, y_max, x_max",
}
"""Other forms that boxes come in, in the order in which they are tried."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What boxes look like. form: a key of FORMS.   fitting: rows that fit it.   of: how many were looked at."""

    form: str
    fitting: NDArray[np.int64]
    of: int

    def __str__(self) -> str:
        return f"boxes look like {FORMS[self.form]} in {len(self.fitting)} of {self.of}"


def as_form(stated: Floats, sizes: Floats, form: str) -> Floats:
    """The xyxy pixels that `stated` (N, 4) means if it is of that form ("xywh" is COCO's own).

    sizes: (N, 2), height and width of the images.
    """
    scale = np.stack([sizes[:, 1], sizes[:, 0], sizes[:, 1], sizes[:, 0]], axis=1)
    values = stated * scale if form.startswith("normalised") else stated
    first, second = values[:, :2], values[:, 2:]
    if form.endswith("xyxy") and not form.startswith("rows"):
        return values
    if form.endswith("centre"):
        return np.concatenate([first - second / 2, first + second / 2], axis=1)
    if form == "rows first xyxy":
        return values[:, [1, 0, 3, 2]]
    if form == "rows first":
        return np.concatenate([first[:, ::-1], first[:, ::-1] + second[:, ::-1]], axis=1)
    return np.concatenate([first, first + second], axis=1)


def off(found: Floats, true: Floats, sizes: Floats) -> Floats:
    """How far the sides of boxes lie from the true ones, the farthest of each, pixels (N,); both cut at the image."""
    limit = np.stack([sizes[:, 1], sizes[:, 0], sizes[:, 1], sizes[:, 0]], axis=1)
    difference = np.abs(np.clip(found, 0, limit) - np.clip(true, 0, limit))
    return np.asarray(difference.max(axis=1, initial=0.0))


def compare(stated: Floats, true: Floats, sizes: Floats) -> tuple[NDArray[np.int64], Verdict | None]:
    """Rows whose box is not that of their mask, and the form that most of these have, if any has one.

    stated: (N, 4) as in the file.   true: (N, 4) xyxy, the tight box of the mask.   sizes: (N, 2).
    """
    wrong = np.flatnonzero(off(as_form(stated, sizes, "xywh"), true, sizes) > TOLERANCE_PX)
    if not len(wrong):
        return wrong, None
    best: Verdict | None = None
    for form in FORMS:
        taken = as_form(stated[wrong], sizes[wrong], form)
        fitting = wrong[off(taken, true[wrong], sizes[wrong]) <= TOLERANCE_PX]
        if len(fitting) and (best is None or len(fitting) > len(best.fitting)):
            best = Verdict(form, fitting, len(stated))
    return wrong, best


def guess(stated: Floats, sizes: Floats) -> Verdict | None:
    """What boxes without masks look like, or None if nothing speaks against COCO's own form.

    Shares of the image are told by values that are all within 0..1. Other forms are only thought of if as x, y, width,
    height over a tenth of the boxes reach out of their image, and in the other form hardly any does.
    """
    if len(stated) < _FEWEST:
        return None
    if stated.min() >= 0 and stated.max() <= 1.0 and sizes.min() > 4:
        forms = ("normalised xyxy", "normalised centre", "normalised xywh")
        fits = {form: _inside(as_form(stated, sizes, form), sizes) for form in forms}
        form = max(forms, key=lambda form: int(fits[form].sum()))
        return Verdict(form, np.flatnonzero(fits[form]), len(stated))
    own = _inside(as_form(stated, sizes, "xywh"), sizes)
    if own.mean() >= _MOST:
        return None
    for form in ("xyxy", "centre"):
        inside = _inside(as_form(stated, sizes, form), sizes)
        if inside.mean() >= _MOST and inside.sum() > own.sum():
            return Verdict(form, np.flatnonzero(inside), len(stated))
    return None


def _inside(boxes: Floats, sizes: Floats) -> NDArray[np.bool_]:
    """Which boxes have an area and lie within their image, to a pixel."""
    return np.asarray(
        (boxes[:, 0] >= -1)
        & (boxes[:, 1] >= -1)
        & (boxes[:, 2] <= sizes[:, 1] + 1)
        & (boxes[:, 3] <= sizes[:, 0] + 1)
        & (boxes[:, 2] > boxes[:, 0])
        & (boxes[:, 3] > boxes[:, 1])
    )
