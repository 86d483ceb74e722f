"""Objects of one image that are annotated twice: the very same, nearly the same, or once for each of two classes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from contorno import boxes, masks
from contorno.doctor.report import Severity
from contorno.masks import RunLength
from contorno.records import Instances

TWICE = "object annotated twice"

SAME_IOU = 0.9
"""Two masks (or two boxes of objects without masks) that share more than this are one object."""

_BOXES_IOU = 0.7
"""Masks are only compared where their boxes share this much; less would need one mask to have a thin spike."""

MOST_OBJECTS = 10_000
"""Of an image with more objects so many are compared: all pairs of a million would take days."""

_COMPARED_AT_ONCE = 1 << 20
_MOST_PAIRS = 100_000

_Add = Callable[[Severity, str, int, str, str], None]


def check_pairs(instances: Instances, codes: Mapping[int, RunLength], add: _Add) -> None:
    """Compare all objects of an image but crowd regions. Each object is told of once, with the first like it.

    codes: masks by the index of their object.
    """
    ordinary = np.flatnonzero(~instances.is_crowd)
    if len(ordinary) < 2:
        return
    if len(ordinary) > MOST_OBJECTS:
        cause = f"the image has {len(ordinary)} objects; the first {MOST_OBJECTS} were looked at."
        add(
            "note",
            "objects too many to be compared with each other",
            int(ordinary[MOST_OBJECTS]),
            cause,
            "none needed.",
        )
        ordinary = ordinary[:MOST_OBJECTS]
    told: set[int] = set()
    for first, second in _close_pairs(instances.boxes[ordinary]).tolist():
        one, other = int(ordinary[first]), int(ordinary[second])
        if other in told:
            continue
        same_class = instances.labels[one] == instances.labels[other]
        if one in codes and other in codes:
            what, equal = "mask", codes[one] == codes[other]
            iou = 1.0 if equal else float(masks.iou([codes[one]], [codes[other]])[0, 0])
        elif one not in codes and other not in codes:
            what, pair = "box", instances.boxes[[one, other]]
            equal = bool((pair[0] == pair[1]).all())
            iou = 1.0 if equal else float(boxes.iou(pair[:1], pair[1:])[0, 0])
        else:
            continue
        if iou <= SAME_IOU:
            continue
        told.add(other)
        mend = "remove one of the two."
        if equal and same_class:
            cause = f"objects {one} and {other} have the very same {what}."
            add("warning", TWICE, other, cause, mend)
        elif same_class:
            cause = f"objects {one} and {other} have {'masks' if what == 'mask' else 'boxes'} of IoU {iou:.2f}."
            add("warning", f"{TWICE}, nearly alike (IoU over {SAME_IOU:g})", other, cause, mend)
        else:
            alike = f"the very same {what}" if equal else f"{'masks' if what == 'mask' else 'boxes'} of IoU {iou:.2f}"
            labels = f"{instances.labels[one]} and {instances.labels[other]}"
            cause = f"objects {one} and {other} have {alike}, and the labels {labels}."
            add("warning", "object annotated as two classes", other, cause, "keep the class that is right.")


def _close_pairs(found: NDArray[np.float32]) -> NDArray[np.int64]:
    """Pairs (M, 2) of boxes that share enough, the lower index first, in rising order; no more than _MOST_PAIRS."""
    pairs: list[NDArray[np.int64]] = []
    step = max(1, _COMPARED_AT_ONCE // max(1, len(found)))
    for start in range(0, len(found), step):
        if sum(map(len, pairs)) > _MOST_PAIRS:
            break
        some = found[start : start + step]
        rows, columns = np.nonzero(boxes.iou(some, found[start:]) > _BOXES_IOU)
        ahead = columns > rows
        pairs.append(np.stack([rows[ahead], columns[ahead]], axis=1) + start)
    return np.concatenate(pairs)[:_MOST_PAIRS]
