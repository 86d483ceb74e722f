"""Bitmaps that hypothesis draws."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

Bitmap = NDArray[np.uint8]


@st.composite
def bitmaps(draw: st.DrawFn, largest: int = 40) -> Bitmap:
    """Noise of any density, in single pixels or in blocks; empty and full among them."""
    height, width = draw(st.integers(1, largest)), draw(st.integers(1, largest))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    density = draw(st.sampled_from([0.0, 0.02, 0.2, 0.41, 0.5, 0.6, 0.8, 0.98, 1.0]))
    block = draw(st.sampled_from([1, 1, 2, 5]))
    coarse = rng.random((-(-height // block), -(-width // block))) < density
    return np.kron(coarse, np.ones((block, block)))[:height, :width].astype(np.uint8)
