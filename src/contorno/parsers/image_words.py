"""IceVision's words for image files: a folder's list, a size, an opened picture."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from PIL import Image

from contorno.images import image_size, read_image
from contorno.parsers.drafts import ImgSize
from contorno.parsers.image_files import existing_folder
from contorno.parsers.mask_walk import PICTURE_SUFFIXES


def get_files(path: Path | str, extensions: Collection[str] | None = None, recurse: bool = True) -> list[Path]:
    """The files of a folder, sorted, those with one of the `extensions` (".xml") alone if given; no hidden ones.

    Raises ConfigError if `path` is no folder.
    """
    folder = existing_folder(Path(path), "the folder")
    wanted = None if extensions is None else {extension.lower() for extension in extensions}
    return sorted(
        found
        for found in folder.glob("**/*" if recurse else "*")
        if found.is_file()
        and not any(part.startswith(".") for part in found.relative_to(folder).parts)
        and (wanted is None or found.suffix.lower() in wanted)
    )


def get_image_files(path: Path | str, recurse: bool = True) -> list[Path]:
    """The pictures of a folder, sorted; see `get_files`."""
    return get_files(path, PICTURE_SUFFIXES, recurse)


def get_img_size(filepath: Path | str) -> ImgSize:
    """Width and height of a picture as it is shown, EXIF orientation applied. Raises DataError as `image_size` does."""
    height, width = image_size(Path(filepath))
    return ImgSize(width, height)


def open_img(fn: Path | str, gray: bool = False) -> Image.Image:
    """Open a picture as it is shown, RGB, or grey; EXIF orientation applied. Raises DataError as `read_image` does."""
    image = Image.fromarray(read_image(Path(fn)))
    return image.convert("L") if gray else image
