"""Put data sets together, and take out of them: merged, chosen from, relabelled. Inputs never change."""

from __future__ import annotations

from contorno.gathering.merging import merge
from contorno.gathering.relabelling import relabel
from contorno.gathering.subsets import subset

__all__ = ["merge", "relabel", "subset"]
