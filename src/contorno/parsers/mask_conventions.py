"""Mask pictures of well-known data sets, whose values have a meaning that no file beside them tells.

Known by the names of files and folders: Cityscapes (`*_gtFine_instanceIds.png` and its kin), PASCAL VOC's class
pictures (`SegmentationClass/`) where there are no object pictures, the trimaps of the Oxford pets (`trimaps/`), and the
folders of `labelme_json_to_dataset` (`label.png`, with a `label_names.txt` of its own).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from contorno.errors import DataError
from contorno.images import read_mask_values
from contorno.parsers.label_maps import MaskKind
from contorno.parsers.mask_layouts import LABEL_FILE
from contorno.parsers.mask_walk import MaskedImage
from contorno.parsers.voc_classes import read_class_table

CITYSCAPES = (
    *("unlabeled", "ego vehicle", "rectification border", "out of roi", "static", "dynamic", "ground", "road"),
    *("sidewalk", "parking", "rail track", "building", "wall", "fence", "guard rail", "bridge", "tunnel", "pole"),
    *("polegroup", "traffic light", "traffic sign", "vegetation", "terrain", "sky", "person", "rider", "car", "truck"),
    *("bus", "caravan", "trailer", "train", "motorcycle", "bicycle"),
)
"""Cityscapes' classes by id; those from "person" on have instances. Source: labels.py of cityscapesScripts."""

_TRAIN_IDS = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)
_FIRST_THING, _NOTHING = 24, 4  # ids under 4 are of no class
_CITYSCAPES_NAME = re.compile(r"_gt(?:Fine|Coarse)_(instanceIds|labelIds|labelTrainIds|color)$")
_PREFERRED = ("instanceIds", "labelIds", "labelTrainIds")
_CLASS_FOLDERS = ("segmentationclass", "segmentationclasspng")
_VOID_COLOUR = 224 << 16 | 224 << 8 | 192  # VOC's, in files whose void is told by its colour
_LOOKED_AT = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Convention:
    """What is known of the pictures. names: class of each value, None where it is not known.
    of_image: by the name of an image, the class of each value in its own pictures.   how: for the report."""

    kind: MaskKind
    how: str
    names: Mapping[int, str] | None = None
    of_image: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    void: frozenset[int] = frozenset()


def find_convention(images: Sequence[MaskedImage], root: Path, class_name: str) -> Convention | None:
    """The convention of most masks, or None. Of the several pictures that Cityscapes has of an image one is kept.

    root: where a list of classes is looked for.   class_name: of what trimaps show.
    """
    masks = [mask for image in images for mask in image.masks]
    kinds = [_CITYSCAPES_NAME.search(mask.path.stem) for mask in masks]
    if masks and 2 * sum(kind is not None for kind in kinds) > len(masks):
        found = {kind[1] for kind in kinds if kind is not None}
        chosen = next((kind for kind in _PREFERRED if kind in found), None)
        if chosen is None:
            return None
        for image in images:
            image.masks = [mask for mask in image.masks if mask.path.stem.endswith(f"_{chosen}")]
            image.many = False
        return _cityscapes(chosen)
    if masks and all(mask.path.name == LABEL_FILE for mask in masks):
        named = {image.name: _names_beside(image.masks[0].path) for image in images if image.masks}
        how = f"labelme_json_to_dataset's {LABEL_FILE}: each value is a line of label_names.txt"
        return Convention(kind="semantic", how=how, of_image=named)
    folders = [{part.casefold() for part in mask.path.parent.parts[-2:]} for mask in masks]
    if masks and all(folder & {"trimaps", "trimap"} for folder in folders) and _values(images) <= {0, 1, 2, 3}:
        how = "trimaps: 1 is the object, 2 background, 3 its border, which belongs to neither"
        return Convention(kind="semantic", how=how, names={1: class_name}, void=frozenset({2, 3}))
    if masks and all(folder & set(_CLASS_FOLDERS) for folder in folders):
        return _voc(root, images)
    return None


def _names_beside(label: Path) -> dict[int, str]:
    try:
        lines = (label.parent / "label_names.txt").read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError):
        return {}  # its values are counted as of no class
    return {number: line.strip() for number, line in enumerate(lines) if number and line.strip()}


def _cityscapes(chosen: str) -> Convention:
    how = f"Cityscapes' {chosen} pictures"
    if chosen == "instanceIds":
        things = range(_FIRST_THING, len(CITYSCAPES))
        names = {1000 * number + place: CITYSCAPES[number] for number in things for place in range(1000)}
        how += ": objects are the values from 1000 on; what has no instances is left out"
        return Convention(kind="label-map", how=how, names=names, void=frozenset({*range(len(CITYSCAPES)), 255, 65535}))
    if chosen == "labelIds":
        names = dict(enumerate(CITYSCAPES[_NOTHING:], start=_NOTHING))
        return Convention(kind="semantic", how=how, names=names, void=frozenset({*range(_NOTHING), 255}))
    names = {number: CITYSCAPES[label] for number, label in enumerate(_TRAIN_IDS)}
    return Convention(kind="semantic", how=how, names=names, void=frozenset({255}))


def _voc(root: Path, images: Sequence[MaskedImage]) -> Convention:
    void = frozenset({255, _VOID_COLOUR})
    how = "class pictures of PASCAL VOC: each value is a class, 255 is void"
    values = _values(images) - void - {0}
    places = [root, root.parent, *{mask.path.parent.parent for image in images[:1] for mask in image.masks}]
    for place in places:
        table = read_class_table(place)
        if (table.stated or place == places[-1]) and values and values <= table.names.keys():
            return Convention(kind="semantic", how=how, names=table.names, void=void)
    return Convention(kind="semantic", how=how, void=void)


def _values(images: Sequence[MaskedImage]) -> set[int]:
    """The values of some pictures, spread over all."""
    masked = [image for image in images if image.masks]
    found: set[int] = set()
    for image in masked[:: max(1, len(masked) // _LOOKED_AT)]:
        try:
            values = read_mask_values(image.masks[0].path).values
        except DataError:
            continue  # counted when all are read
        found.update(np.unique(values).astype(int).tolist())
    return found
