"""How folders of images and mask pictures are laid out: which masks belong to which image."""

from __future__ import annotations

import fnmatch
import re
from collections import defaultdict
from pathlib import Path

from contorno.errors import DataError
from contorno.parsers.findings import Findings
from contorno.parsers.mask_folder_names import (
    IMAGES,
    MASK_FOLDERS,
    MASKS,
    has_picture,
    image_folder,
    one_mask_folder,
    subfolders,
)
from contorno.parsers.mask_names import ImageNames, Owner, class_in_name, split_of_folder
from contorno.parsers.mask_walk import MaskedImage, MaskFile, Walk

LABEL_FILE = "label.png"
_LAST_NUMBER = re.compile(r"(?:^|[\W_])(\d{1,9})\)?$", re.ASCII)
_MASK_ENDINGS = ("_masks", "_mask", "-masks", "-mask", "_labels", "_label", "_gt", "_seg", "_segmentation", "_cp_masks")


def find_masked_images(walk: Walk, img_dir: Path | None = None, mask_dir: Path | None = None) -> list[MaskedImage]:
    """All images below `walk.root` with their masks, whatever the layout; in a repeatable order.

    img_dir, mask_dir: the folders of images and masks, where they are not to be found by their names.
    Raises DataError if no layout fits.
    """
    root = walk.root
    if img_dir is not None or mask_dir is not None:
        images = img_dir if img_dir is not None else image_folder(root) or root
        masks = mask_dir if mask_dir is not None else one_mask_folder(root) or root
        return _side_by_side(walk, images, None) if images == masks else _in_two_folders(walk, images, masks, None)
    found = _in_one(walk, root, None)
    if found:
        return found
    for folder in subfolders(root):
        split = folder.name if folder.name in walk.splits else split_of_folder(folder.name)
        if split is not None:
            found += _in_one(walk, folder, split)
    if found:
        return found
    raise DataError(
        f"{root} holds no images with masks in a known layout; expected <id>/{IMAGES}/ with one image and "
        f"<id>/{MASKS}/*.png, or {IMAGES}/ beside {MASKS}/, or <name>.png beside <name>_mask.png; "
        "else give img_dir and mask_dir. Links that lead out of it are followed with follow_links=True."
    )


def is_mask_folder(root: Path, img_dir: Path | None = None) -> bool:
    """True if `root` holds images with mask pictures in one of the layouts of `mask_folder`.

    img_dir: the images, where they are not below `root`, or not in a folder that is called so.
    """
    if not root.is_dir():
        return False
    try:
        images = find_masked_images(Walk(root=root, findings=Findings(str(root), autofix=True)), img_dir)
    except DataError:
        return False
    return any(image.masks for image in images)


def holds_folders_of_images(folder: Path) -> bool:
    """True if a folder in `folder` has an image in `images/`."""
    return any((below / IMAGES).is_dir() and has_picture(below / IMAGES) for below in subfolders(folder))


def _in_one(walk: Walk, folder: Path, split: str | None) -> list[MaskedImage]:
    """The images of one folder that holds images and masks in some way; empty if it does not."""
    images, masks = image_folder(folder), one_mask_folder(folder)
    if images is not None and (masks is not None or split is not None or _is_empty_mask_folder(folder)):
        return _in_two_folders(walk, images, masks, split)
    if masks is not None and walk.pictures(folder, "", deep=False):
        return _in_two_folders(walk, folder, masks, split, deep=False)
    inside = [path for path in subfolders(folder) if path.name not in walk.splits and not split_of_folder(path.name)]
    if inside and holds_folders_of_images(folder):
        return _in_folders_of_images(walk, folder, split)
    found = _exported_by_labelme(walk, folder, split)
    if found:
        return found
    for below in subfolders(folder):  # train/ with train_masks/, val/ with val_masks/
        beside = [path for path in subfolders(folder) if path.name in {below.name + end for end in _MASK_ENDINGS}]
        if beside:
            own = split if split is not None else split_of_folder(below.name)
            found += _in_two_folders(walk, below, beside[0], own)
    if found:
        return found
    return _side_by_side(walk, folder, split)


def _exported_by_labelme(walk: Walk, folder: Path, split: str | None) -> list[MaskedImage]:
    """Folders with img.png and label.png, one for each image, as labelme_json_to_dataset leaves them."""
    found = []
    for below in subfolders(folder):
        image, label = below / "img.png", below / LABEL_FILE
        if image.is_file() and label.is_file() and (below / "label_names.txt").is_file() and walk.stays(below):
            drawn = [MaskFile(path=label, name=walk.name(label))]
            image_id = below.name.removesuffix("_json")
            found.append(MaskedImage(path=image, name=walk.name(image), image_id=image_id, split=split, masks=drawn))
    return found


def _is_empty_mask_folder(folder: Path) -> bool:
    return any(path.name.casefold() in MASK_FOLDERS[:3] for path in subfolders(folder))


def _in_two_folders(
    walk: Walk, images: Path, masks: Path | None, split: str | None, *, deep: bool = True
) -> list[MaskedImage]:
    pictures = walk.pictures(images, "images", deep=deep)
    if masks is not None and masks.is_relative_to(images):
        pictures = [path for path in pictures if not path.is_relative_to(masks)]
    found = {path.relative_to(images).as_posix(): path for path in pictures}
    drawn = [] if masks is None else walk.masks(masks)
    if masks is not None and images.is_relative_to(masks):
        drawn = [path for path in drawn if not path.is_relative_to(images) or masks == images]
    owners = {path: path.relative_to(masks).as_posix() for path in drawn} if masks is not None else {}
    return _matched(walk, found, owners, split)


def _side_by_side(walk: Walk, folder: Path, split: str | None) -> list[MaskedImage]:
    """Masks beside their images, told by how their names end: `x.tif` and `x_masks.tif`."""
    pictures = walk.pictures(folder, "")
    masks = {path for path in pictures if path.stem.casefold().endswith(_MASK_ENDINGS)}
    # Masks in a folder of their own are another layout.
    homes = {path.parent for path in pictures if path not in masks}
    masks = {path for path in masks if path.parent in homes}
    if not masks:
        return []
    images = {path.relative_to(folder).as_posix(): path for path in pictures if path not in masks}
    chosen = [path for path in sorted(masks) if walk.pattern is None or fnmatch.fnmatch(path.name, walk.pattern)]
    return _matched(walk, images, {path: path.relative_to(folder).as_posix() for path in chosen}, split)


def _in_folders_of_images(walk: Walk, root: Path, split: str | None) -> list[MaskedImage]:
    found = []
    for folder in subfolders(root):
        if folder.is_symlink() and not walk.stays(folder):
            continue
        pictures = walk.pictures(folder / IMAGES, "images") if (folder / IMAGES).is_dir() else []
        if not pictures:
            walk.findings.drop(f"folder without an image in {IMAGES}/", f"folder {folder.name}")
            continue
        drawn = walk.masks(folder / MASKS) if (folder / MASKS).is_dir() else []
        if len(pictures) > 1:
            below = {path.relative_to(folder / IMAGES).as_posix(): path for path in pictures}
            names = ImageNames(below)
            owners = {path: path.relative_to(folder / MASKS).as_posix() for path in drawn}
            if any(isinstance(names.owner(name), Owner) for name in owners.values()):
                found += _matched(walk, below, owners, split, folder.name)
            else:
                some = ", ".join(path.name for path in pictures[:3])
                detail = f"{len(pictures)} images ({some}); expected one"
                walk.findings.drop(f"folder with several images in {IMAGES}/", f"folder {folder.name}", detail)
            continue
        image = MaskedImage(
            path=pictures[0], name=walk.name(pictures[0]), image_id=folder.name, split=split, many=bool(drawn)
        )
        for path, _ in sorted(dict.fromkeys(drawn, "").items(), key=_by_number):
            inside = path.relative_to(folder / MASKS)
            in_name = class_in_name(f"_{path.stem}")
            class_name = in_name if len(inside.parts) == 1 else in_name or inside.parts[0]
            image.masks.append(MaskFile(path=path, name=walk.name(path), class_name=class_name))
        found.append(image)
    return found


def _matched(
    walk: Walk, images: dict[str, Path], masks: dict[Path, str], split: str | None, above: str = ""
) -> list[MaskedImage]:
    """Images with the masks named for them. images: by name below their folder.   masks: their names below theirs."""
    found: dict[str, MaskedImage] = {}
    for name, path in images.items():
        first = name.split("/")[0]
        own = split if split is not None or first == name else split_of_folder(first)
        image_id = f"{above}/{name}" if above else name
        found[name] = MaskedImage(path=path, name=walk.name(path), image_id=image_id, split=own)
    names = ImageNames(images)
    many: defaultdict[str, int] = defaultdict(int)
    for path, name in sorted(masks.items(), key=_by_number):
        owner = names.owner(name)
        if not isinstance(owner, Owner):
            walk.findings.drop(owner, walk.name(path))
            continue
        found[owner.image].masks.append(MaskFile(path=path, name=walk.name(path), class_name=owner.class_name))
        many[owner.image] += owner.many
    for name, count in many.items():
        found[name].many = 2 * count > len(found[name].masks)
    return list(found.values())


def _by_number(mask: tuple[Path, str]) -> tuple[str, int, str]:
    """Masks of one folder by the number that their names end with, so that 10 comes after 9; then by name."""
    path = mask[0]
    number = _LAST_NUMBER.search(path.stem)
    return str(path.parent), int(number[1]) if number else -1, path.name
