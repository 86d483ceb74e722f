"""What a data set holds, in figures: counts, sizes, shapes, overlaps."""

from __future__ import annotations

from contorno.stats.describe import describe
from contorno.stats.statistics import Statistics

__all__ = ["Statistics", "describe"]
