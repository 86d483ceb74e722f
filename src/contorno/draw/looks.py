"""IceVision's settings of letters and colours, which do nothing here, and the word that is said of them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from contorno.errors import ConfigError

LOOKS = (
    "color_map",
    "display_keypoints",
    "display_score",
    "dynamic_font_size_div_factor",
    "font_path",
    "font_size",
    "include_classification_task_names",
    "include_instances_task_names",
    "label_border_color",
    "label_color",
    "label_pad_height_factor",
    "label_pad_width_factor",
    "label_thin_border",
    "mask_blend",
    "mask_border_thickness",
    "multiple_classification_spacing_factor",
    "prettify",
    "prettify_func",
)
"""IceVision's settings of letters and colours, and of what is not there to be drawn."""


def no_effect(function: str, look: Mapping[str, Any]) -> None:
    """Warn that IceVision's settings of letters and colours, `look`, do nothing here.

    Raises ConfigError for an argument that is none of them.
    """
    for name in look:
        if name not in LOOKS:
            raise ConfigError(
                f"{function}() takes no {name}; it takes display_label, display_bbox, display_mask and figsize, and "
                "path to write the picture to a file."
            )
    if look:
        warnings.warn(
            f"{', '.join(look)}: without effect in {function}(), which chooses letters and colours for the picture; "
            "leave it out.",
            stacklevel=3,
        )
