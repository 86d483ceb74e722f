"""How good predictions are: COCO's AP and AR over a data set, and a score for each image.

`DETECTION_THRESHOLD`, from which score on a detection is shown to people, is defined here once for the whole library.
"""

from __future__ import annotations

from contorno.metrics.coco import COCOMetric, COCOMetricType, COCOResult, evaluate
from contorno.metrics.engines import Engine
from contorno.metrics.images import DETECTION_THRESHOLD, ImageScore, image_scores

__all__ = [
    "DETECTION_THRESHOLD",
    "COCOMetric",
    "COCOMetricType",
    "COCOResult",
    "Engine",
    "ImageScore",
    "evaluate",
    "image_scores",
]
