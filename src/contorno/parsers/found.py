"""What a reader finds in a source, before it is checked: images and their objects, as the files state them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contorno.masks import Geometry, Size
from contorno.parsers.coco_geometry import Box
from contorno.records import ImageId


@dataclass(slots=True, kw_only=True)
class FoundObject:
    """One object as a file states it.

    class_name: as the file spells it.   geometry: its mask, in pixels of the image, or None for a box only.
    box:        xyxy pixels as stated, which may reach over the image; None to take the tight box of the mask.
    where:      its place in the source, for messages ("region 3"); the image's place is put before it.
    area:       px² as stated, NaN if it is not.   attributes: what else the source says of it, fit for JSON.
    """

    class_name: str
    geometry: Geometry | None = None
    box: Box | None = None
    where: str = ""
    object_id: int | str | None = None
    is_crowd: bool = False
    area: float = math.nan
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class FoundImage:
    """One image as a file states it, with all its objects.

    file_name: relative to the image folder, with forward slashes (see `image_files.relative_name`).
    where:     its place in the source, for messages.
    image_id:  `file_name` if unset.
    size:      (height, width) of the image as shown; None to read it from the image file.
    path:      the image file, where it is not `img_dir / file_name`.
    image:     uint8 (H, W, 3) RGB, for an image that the source holds itself and of which there is no file.
    split:     the part that the source puts it in, "train", "validation" or "test" where it means one of these.
    """

    file_name: str
    where: str = ""
    image_id: ImageId | None = None
    size: Size | None = None
    objects: list[FoundObject] = field(default_factory=list)
    path: Path | None = None
    image: NDArray[np.uint8] | None = None
    split: str | None = None
