"""LabelMe files in a folder, and the image that each is about: where its file is, or the copy inside."""

from __future__ import annotations

import base64
import os
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Set
from contextlib import contextmanager
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from contorno.errors import DataError
from contorno.images import image_size, read_image, read_mask
from contorno.masks import Size
from contorno.parsers.findings import Findings
from contorno.parsers.image_files import is_there

_IMAGE_FOLDERS = ("images", "image", "imgs", "img", "JPEGImages", "photos")
_LABEL_FOLDERS = ("labels", "label", "annotations", "annotation", "json", "jsons")
SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")


def json_files(folder: Path) -> list[Path]:
    """All JSON files below a folder in a repeatable order; hidden ones and links to folders are passed over."""
    found = []
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [Path(parent) / name for name in sorted(names) if name.lower().endswith(".json") and name[0] != "."]
    return found


def find_image(
    label_file: Path, image_path: object, root: Path, img_dir: Path, findings: Findings, where: str
) -> Path | None:
    """The image file that `imagePath` means, or None.

    root: the folder of the data set.   img_dir: the folder of the images, if that is another.

    A path counts from the folder of the label file and may climb ("../images/a.jpg") inside `root` and `img_dir`, and
    no farther. Then it is looked for below `img_dir`; by its base name beside the label file, in `img_dir`, and in
    images/ and the like beside the folder of the label file; and last under the name of the label file. Names that had
    to be looked for are counted as mended.
    """
    name = image_path.replace("\\", "/").strip() if isinstance(image_path, str) and "\0" not in image_path else ""
    folder = label_file.parent
    below = os.path.relpath(folder, root)
    base = PurePosixPath(name).name
    if name and base not in ("", ".."):
        outside = PurePosixPath(name).is_absolute() or bool(PureWindowsPath(name).drive)
        plain = [] if outside else [folder / name, img_dir / name]
        if base == name:
            plain.append(img_dir / below / base)
        for place in plain:
            if _is_inside(place, root, img_dir) and is_there(place):
                return Path(os.path.normpath(place))
        for place in (folder / base, img_dir / below / base, img_dir / base, *_beside(folder, root, base)):
            if is_there(place):
                findings.mend("imagePath of another place, its image found by the base name", where, name)
                return Path(os.path.normpath(place))
    for place in (folder, img_dir / below, img_dir):
        for suffix in (*SUFFIXES, *map(str.upper, SUFFIXES)):
            file = place / f"{label_file.stem}{suffix}"
            if is_there(file):
                findings.mend("imagePath without a file, the image named as the label file taken", where, name)
                return Path(os.path.normpath(file))
    return None


def images_beside(folder: Path) -> Path | None:
    """images/ or the like beside a folder of label files that is called as such; None if there is none."""
    if folder.name.lower() not in _LABEL_FOLDERS:
        return None
    return next((place for name in _IMAGE_FOLDERS if (place := folder.parent / name).is_dir()), None)


def _beside(folder: Path, root: Path, base: str) -> Iterator[Path]:
    """Where an image lies whose label file is in a folder of its own: images/a.jpg for labels/a.json, and
    images/train/a.jpg for labels/train/a.json."""
    steps = folder.relative_to(root).parts if folder.is_relative_to(root) else ()
    for name in _IMAGE_FOLDERS:
        yield folder / name / base
        for at in reversed(range(len(steps))):
            yield root.joinpath(*steps[:at], name, *steps[at + 1 :], base)


def embedded_image(text: str) -> NDArray[np.uint8]:
    """The image in `imageData`, uint8 (H, W, 3) RGB. Raises DataError if it is none, or too large."""
    with _picture_file(text) as (path, what):
        try:
            return read_image(path)
        except DataError as error:
            raise DataError(str(error).replace(str(path), what)) from error


def embedded_mask(text: str) -> NDArray[np.uint8]:
    """The picture in `mask`, uint8 (h, w), 0 or 1. Raises DataError if it is none, or too large."""
    with _picture_file(text) as (path, what):
        try:
            return read_mask(path)
        except DataError as error:
            raise DataError(str(error).replace(str(path), what)) from error


def unlabelled(used: Set[Path], stems: Set[str]) -> list[Path]:
    """Pictures in the folders of the `used` ones which are not used and that no label file is named for.

    stems: names of all label files, without suffix; one of these that cannot be read is told of by itself.
    """
    found: list[Path] = []
    for folder in sorted({path.parent for path in used}):
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.is_file() and not entry.name.startswith(".")]
        places = (folder / name for name in sorted(names) if name.lower().endswith(SUFFIXES))
        found += [place for place in places if place not in used and place.stem not in stems]
    return found


def is_turned(path: Path) -> bool:
    """Whether EXIF lays the image on its side. Its header has been read before without a fault."""
    height, width = image_size(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(path) as image:
            return height != width and image.size == (height, width)


@contextmanager
def _picture_file(text: str) -> Iterator[tuple[Path, str]]:
    """A picture of base64 text as a file for as long as the block runs, out of the data set.

    So embedded pictures pass the same guards as others.
    """
    what = "the picture inside the label file"
    try:
        data = base64.b64decode(text.rpartition("base64,")[2])
    except ValueError as error:
        raise DataError(f"{what} is not base64: {error}.") from error
    with tempfile.TemporaryDirectory(prefix="contorno-") as folder:
        path = Path(folder) / "picture"
        path.write_bytes(data)
        yield path, what


def stated_size(document: Mapping[str, Any]) -> Size | None:
    """(height, width) as a label file states it, or None if it does not, or not as two numbers above 0."""
    height, width = document.get("imageHeight"), document.get("imageWidth")
    if isinstance(height, int | float) and isinstance(width, int | float) and height > 0 and width > 0:
        return (int(height), int(width)) if max(height, width) < 1e9 else None
    return None


def name_below(path: Path, *folders: Path) -> str:
    """The name of a file below the first of `folders` that it lies in."""
    place = plain(path)
    for folder in folders:
        if place.is_relative_to(plain(folder)):
            return place.relative_to(plain(folder)).as_posix()
    return path.name


def _is_inside(path: Path, *folders: Path) -> bool:
    place = plain(path)
    return any(place.is_relative_to(plain(folder)) for folder in folders)


def plain(path: Path) -> Path:
    """The whole path without "..", by its words: a link to another place is still where it is."""
    return Path(os.path.normpath(path.absolute()))
