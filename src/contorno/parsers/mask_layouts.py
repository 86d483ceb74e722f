"""How folders of images and mask pictures are laid out: which masks belong to which image."""

from __future__ import annotations

import fnmatch
import os
import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from contorno.errors import DataError
from contorno.geometry import Size
from contorno.parsers.findings import Findings
from contorno.parsers.mask_names import ImageNames, Owner, class_in_name, split_of_folder
from contorno.records import ImageId

IMAGES, MASKS = "images", "masks"
IMAGE_FOLDERS = (IMAGES, "image", "imgs", "img", "jpegimages", "pngimages", "originals", "original", "inputs", "input")
_IMAGE_ENDS, _MASK_ENDS = ("images", "imgs", "leftimg8bit"), ("masks", "labels", "gtfine", "gtcoarse", "annotations")
MASK_FOLDERS = (
    *(MASKS, "mask", "instance_masks", "instances", "labels", "label", "annotations", "annotation", "pedmasks"),
    *("gt", "ground_truth", "groundtruth", "segmentations", "segmentation", "label_maps", "labelmaps", "targets"),
    *("segmentationclass", "segmentationclasspng", "trimaps", "trimap"),
)
PICTURE_SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".gif", ".pgm", ".ppm", ".jp2"}
)
_LAST_NUMBER = re.compile(r"(?:^|[\W_])(\d{1,9})\)?$", re.ASCII)
_MASK_ENDINGS = ("_masks", "_mask", "-masks", "-mask", "_labels", "_label", "_gt", "_seg", "_segmentation", "_cp_masks")


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskFile:
    """A mask picture of an image. name: below the data set, for messages.   class_name: what names tell, or None."""

    path: Path
    name: str
    class_name: str | None = None


@dataclass(slots=True, kw_only=True)
class MaskedImage:
    """An image and its mask pictures. name: below the data set.   many: names say that each mask is one object.
    stated_size: (height, width) as a table has it, or None."""

    path: Path
    name: str
    image_id: ImageId
    split: str | None = None
    masks: list[MaskFile] = field(default_factory=list)
    many: bool = False
    stated_size: Size | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """How folders are gone through. root: the data set; links that lead out of it are passed over and counted, unless
    `follow_links`.   pattern: of the names of mask files, as in "*_instanceIds.png"; None for all.
    splits: folders that are splits, beside those whose names say so.   homes: folders beside the root that the caller
    named, to which links may lead too."""

    root: Path
    findings: Findings
    pattern: str | None = None
    follow_links: bool = False
    splits: tuple[str, ...] = ()
    homes: tuple[Path, ...] = ()

    def name(self, path: Path) -> str:
        """The name of a file for messages."""
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else str(path)

    def pictures(self, folder: Path, what: str, *, deep: bool = True) -> list[Path]:
        """The pictures in `folder` and below, in the order of their names; what else is there is counted as `what`."""
        found = []
        for path in self.files(folder, deep):
            if path.suffix.lower() in PICTURE_SUFFIXES:
                found.append(path)
            elif what:
                self.findings.leave_out(f"file among the {what} that is no picture", 1, self.name(path))
        return found

    def masks(self, folder: Path, *, deep: bool = True) -> list[Path]:
        """The pictures in `folder` and below whose names fit the pattern."""
        found = self.pictures(folder, "masks", deep=deep)
        return [path for path in found if self.pattern is None or fnmatch.fnmatch(path.name, self.pattern)]

    def stays(self, path: Path) -> bool:
        """True if a link may be followed; counted if not."""
        target = Path(os.path.realpath(path))
        homes = (Path(os.path.realpath(home)) for home in (self.root, *self.homes))
        if self.follow_links or any(target.is_relative_to(home) for home in homes):
            return True
        self.findings.drop("link that leads out of the folder", self.name(path), "pass follow_links=True to follow")
        return False

    def files(self, folder: Path, deep: bool = True) -> Iterator[Path]:
        """The files in `folder`, and below if `deep`, in the order of their names."""
        if folder.is_symlink() and folder not in (self.root, *self.homes) and not self.stays(folder):
            return
        # A list and not recursion, which folders nested a thousand deep would end; each folder once, since links may
        # lead round in a circle.
        entered: set[tuple[int, int]] = set()
        waiting = [(folder, True, False)]
        while waiting:
            path, is_folder, is_link = waiting.pop()
            if is_link and not self.stays(path):
                continue
            if not is_folder:
                yield path
            elif deep or path == folder:
                with suppress(OSError):
                    status = path.stat()
                    if (status.st_dev, status.st_ino) in entered:
                        continue
                    entered.add((status.st_dev, status.st_ino))
                waiting += reversed(self._listed(path))

    def _listed(self, folder: Path) -> list[tuple[Path, bool, bool]]:
        """What is in a folder by name: path, whether it is a folder, whether it is a link."""
        try:
            with os.scandir(folder) as listed:
                found = [(folder / one.name, one.is_dir(), one.is_symlink()) for one in listed if _is_there(one)]
        except OSError as error:
            self.findings.drop("folder that cannot be read", self.name(folder), error.strerror or str(error))
            return []
        return sorted(one for one in found if not is_hidden(one[0]))


def _is_there(entry: os.DirEntry[str]) -> bool:
    return entry.is_file() or entry.is_dir()


def is_hidden(path: Path) -> bool:
    """True for what file managers and archives leave behind."""
    return path.name.startswith((".", "__MACOSX")) or path.name.lower() in ("thumbs.db", "desktop.ini")


def find_masked_images(walk: Walk, img_dir: Path | None = None, mask_dir: Path | None = None) -> list[MaskedImage]:
    """All images below `walk.root` with their masks, whatever the layout; in a repeatable order.

    img_dir, mask_dir: the folders of images and masks, where they are not to be found by their names.
    Raises DataError if no layout fits.
    """
    root = walk.root
    if img_dir is not None or mask_dir is not None:
        images = img_dir if img_dir is not None else image_folder(root) or root
        masks = mask_dir if mask_dir is not None else _one_mask_folder(root) or root
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


def subfolders(folder: Path) -> list[Path]:
    """The folders in `folder` that are not hidden, by name."""
    return sorted(path for path in folder.iterdir() if path.is_dir() and not is_hidden(path))


def image_folder(folder: Path) -> Path | None:
    """The folder of images in `folder`, by its name, whatever its case."""
    named = {path.name.casefold(): path for path in subfolders(folder)}
    ends = [name for name in sorted(named) if name.endswith(_IMAGE_ENDS)]
    return next((named[name] for name in (*IMAGE_FOLDERS, *ends) if name in named), None)


def holds_folders_of_images(folder: Path) -> bool:
    """True if a folder in `folder` has an image in `images/`."""
    return any((below / IMAGES).is_dir() and has_picture(below / IMAGES) for below in subfolders(folder))


def has_picture(folder: Path) -> bool:
    """True if a picture lies in `folder` or below."""
    walk = Walk(root=folder, findings=Findings(str(folder), autofix=True), follow_links=True)
    return any(path.suffix.lower() in PICTURE_SUFFIXES for path in walk.files(folder))


def mask_folders(folder: Path) -> list[Path]:
    """The folders in `folder` that are called as folders of masks are, and hold pictures."""
    named = {path.name.casefold(): path for path in subfolders(folder)}
    return [named[name] for name in MASK_FOLDERS if name in named and has_picture(named[name])]


def _one_mask_folder(folder: Path) -> Path | None:
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


def _in_one(walk: Walk, folder: Path, split: str | None) -> list[MaskedImage]:
    """The images of one folder that holds images and masks in some way; empty if it does not."""
    images, masks = image_folder(folder), _one_mask_folder(folder)
    if images is not None and (masks is not None or split is not None or _is_empty_mask_folder(folder)):
        return _in_two_folders(walk, images, masks, split)
    if masks is not None and walk.pictures(folder, "", deep=False):
        return _in_two_folders(walk, folder, masks, split, deep=False)
    inside = [path for path in subfolders(folder) if path.name not in walk.splits and not split_of_folder(path.name)]
    if inside and holds_folders_of_images(folder):
        return _in_folders_of_images(walk, folder, split)
    found = []
    for below in subfolders(folder):  # train/ with train_masks/, val/ with val_masks/
        beside = [path for path in subfolders(folder) if path.name in {below.name + end for end in _MASK_ENDINGS}]
        if beside:
            own = split if split is not None else split_of_folder(below.name)
            found += _in_two_folders(walk, below, beside[0], own)
    if found:
        return found
    return _side_by_side(walk, folder, split)


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
