"""contorno: recipes for instance segmentation, from the name of a thing or your own labels to a model that outlines it.

The names below are resolved on first use, so that `import contorno` is quick and loads nothing else.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "ClassMap": "contorno.records",
    "COCOMetric": "contorno.metrics",
    "COCOMetricType": "contorno.metrics",
    "Dataset": "contorno.dataset",
    "Prediction": "contorno.samples",
    "Record": "contorno.records",
    "Records": "contorno.records",
    "Run": "contorno.runs",
    "doctor": "contorno.doctor",
    "draw": "contorno.draw",
    "masks": "contorno.masks",
    "metrics": "contorno.metrics",
    "models": "contorno.models",
    "openimages": "contorno.openimages",
    "parsers": "contorno.parsers",
    "splits": "contorno.splits",
    "tfms": "contorno.tfms",
    "writers": "contorno.writers",
}

__all__ = ["__version__", *sorted(_HOMES)]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'contorno' has no attribute {name!r}")
    home = importlib.import_module(_HOMES[name])
    return home if _HOMES[name] == f"contorno.{name}" else getattr(home, name)


def __dir__() -> list[str]:
    return __all__
