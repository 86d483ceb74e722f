"""The real imantics 0.1.12 beside contorno: its polygons with a receipt, and its data sets both ways.

Nothing here imports imantics before a call that needs it.
"""

from contorno.integrations.imantics.datasets import from_imantics, to_imantics
from contorno.integrations.imantics.polygons import ImanticsPolygons, to_polygons_imantics
from contorno.integrations.imantics.tutorial import create_coco_annotation_json

__all__ = [
    "ImanticsPolygons",
    "create_coco_annotation_json",
    "from_imantics",
    "to_imantics",
    "to_polygons_imantics",
]
