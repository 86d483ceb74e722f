"""What folders of images and of masks are called."""

from __future__ import annotations

from pathlib import Path

from contorno.errors import DataError
from contorno.parsers.findings import Findings
from contorno.parsers.mask_walk import PICTURE_SUFFIXES, Walk, is_hidden

IMAGES = "images"
MASKS = "masks"
IMAGE_FOLDERS = (
    IMAGES,
    "image",
    "imgs",
    "img",
    "jpegimages",
    "pngimages",
    "originals",
    "original",
    "inputs",
    "input",
    "data",
)
_IMAGE_ENDS = ("images", "imgs", "leftimg8bit")
_MASK_ENDS = ("masks", "labels", "gtfine", "gtcoarse", "annotations")
MASK_FOLDERS = (
    *(MASKS, "mask", "instance_masks", "instances", "labels", "label", "annotations", "annotation", "pedmasks"),
    *("gt", "ground_truth", "groundtruth", "segmentations", "segmentation", "label_maps", "labelmaps", "targets"),
    *("segmentationclass", "segmentationclasspng", "trimaps", "trimap", "masks_machine"),
)


def subfolders(folder: Path) -> list[Path]:
    """The folders in `folder` that are not hidden, by name."""
    return sorted(path for path in folder.iterdir() if path.is_dir() and not is_hidden(path))


def image_folder(folder: Path) -> Path | None:
    """The folder of images in `folder`, by its name, whatever its case."""
    named = {path.name.casefold(): path for path in subfolders(folder)}
    ends = [name for name in sorted(named) if name.endswith(_IMAGE_ENDS)]
    return next((named[name] for name in (*IMAGE_FOLDERS, *ends) if name in named), None)


def has_picture(folder: Path) -> bool:
    """True if a picture lies in `folder` or below."""
    walk = Walk(root=folder, findings=Findings(str(folder), autofix=True), follow_links=True)
    return any(path.suffix.lower() in PICTURE_SUFFIXES for path in walk.files(folder))


def mask_folders(folder: Path) -> list[Path]:
    """The folders in `folder` that are called as folders of masks are, and hold pictures."""
    named = {path.name.casefold(): path for path in subfolders(folder)}
    return [named[name] for name in MASK_FOLDERS if name in named and has_picture(named[name])]


def one_mask_folder(folder: Path) -> Path | None:
    named = {path.name.casefold(): path for path in subfolders(folder)}
    found = mask_folders(folder)
    if not found:
        ends = [named[name] for name in sorted(named) if name.endswith(_MASK_ENDS)]
        # Not `train_masks`, which belong to `train`.
        found = [path for path in ends if path.name.casefold().rpartition("_")[0] not in named and has_picture(path)]
    if len(found) > 1:
        raise DataError(
            f"{folder} has several folders of masks, {', '.join(path.name for path in found)}; "
            "say which is meant with mask_dir, or give it with the folder of the images (--images)."
        )
    return found[0] if found else None
