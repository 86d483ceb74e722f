"""A canvas to draw one thing on, and the parts of what is seen of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from contorno.rehearsal.paint import Canvas


def parts_of(mask: NDArray[np.bool_]) -> int:
    """Number of 4-connected parts, by flood fill."""
    left, count = mask.copy(), 0
    while left.any():
        count += 1
        grown = np.zeros_like(left)
        grown[np.unravel_index(left.argmax(), left.shape)] = True
        while True:
            wider = grown.copy()
            wider[1:] |= grown[:-1]
            wider[:-1] |= grown[1:]
            wider[:, 1:] |= grown[:, :-1]
            wider[:, :-1] |= grown[:, 1:]
            wider &= left
            if (wider == grown).all():
                break
            grown = wider
        left &= ~grown
    return count


def plain_canvas() -> Canvas:
    """100 x 100 pixels of even grey."""
    return Canvas(np.random.default_rng(0), np.full((100, 100, 3), 0.5, np.float32), np.zeros((100, 100), np.float32))
