"""The table of images and their masks that semantic data often come with: `images,masks,width,height`.

As in the nail data of the MMDetection tutorial: one line for each image and mask, paths relative to a data folder.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from contorno.errors import DataError
from contorno.files import write_text
from contorno.geometry import Size
from contorno.parsers.findings import Findings
from contorno.parsers.image_files import relative_name
from contorno.parsers.mask_walk import MaskedImage, MaskFile, Walk

_IMAGE = ("images", "image", "img", "imgs", "image_path", "img_path", "filename", "file_name", "image_file")
_MASK = ("masks", "mask", "mask_path", "mask_file", "label", "labels", "annotation", "gt")
_LONGEST_CELL = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskRow:
    """One line: an image and a mask of it. image, mask: relative paths with forward slashes; mask is "" for none.
    size: (height, width) of the image as stated, or None.   where: the line, for messages."""

    image: str
    mask: str
    size: Size | None = None
    where: str = ""


def read_mask_csv(path: Path, findings: Findings | None = None) -> list[MaskRow]:
    """Read the lines of a table; the columns may stand in any order, among others, and be named in the singular.

    findings: takes lines that cannot be used; if unset the first one raises.
    Raises DataError for a file that is no such table, and for paths that climb out or are absolute (unless counted).
    """
    path = Path(path)
    findings = findings if findings is not None else Findings(str(path), autofix=False)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read as a table of images and masks: {error}.") from error
    head = text[: text.find("\n") + 1]
    comma = max(",;\t", key=head.count)
    rows = []
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=comma)
    try:
        columns = {str(name).strip().casefold(): name for name in reader.fieldnames or ()}
        image_column = next((columns[name] for name in _IMAGE if name in columns), None)
        mask_column = next((columns[name] for name in _MASK if name in columns), None)
        if image_column is None or mask_column is None:
            raise DataError(
                f"{path} has the columns {', '.join(columns) or 'none'}; expected images,masks,width,height."
            )
        for cells in reader:
            where = f"line {reader.line_num}"
            image, mask = (str(cells.get(name) or "").strip() for name in (image_column, mask_column))
            if not image and not mask:
                continue
            try:
                row = MaskRow(
                    image=relative_name(image[:_LONGEST_CELL], where),
                    mask=relative_name(mask[:_LONGEST_CELL], where) if mask else "",
                    size=_size(cells, columns),
                    where=where,
                )
            except DataError as error:
                findings.drop("line with a path that cannot be used", where, str(error))
                continue
            rows.append(row)
    except csv.Error as error:
        raise DataError(f"{path} is no table of images and masks: {error}.") from error
    return rows


def write_mask_csv(path: Path, rows: Iterable[MaskRow]) -> Path:
    """Write a table that `read_mask_csv` reads, whole or not at all, and return `path`. Sizes unset stay empty."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["images", "masks", "width", "height"])
    for row in rows:
        height, width = row.size if row.size is not None else ("", "")
        writer.writerow([row.image, row.mask, width, height])
    write_text(Path(path), out.getvalue())
    return Path(path)


def csv_images(path: Path, walk: Walk, home_is_given: bool, mask_dir: Path | None) -> list[MaskedImage]:
    """The images of a table with their masks.

    walk: its root is the folder that paths start in; the one above it counts if the first image is there instead,
        unless `home_is_given`.   mask_dir: the folder that paths of masks start in, if another.
    """
    rows = read_mask_csv(path, walk.findings)
    home = walk.root
    if not home_is_given and rows and not (home / rows[0].image).exists() and (home.parent / rows[0].image).exists():
        home = home.parent  # the tutorial keeps its tables in a folder beside those of the images
    walk = replace(walk, root=home)
    masks = walk if mask_dir is None else replace(walk, root=mask_dir)
    images: dict[str, MaskedImage] = {}
    left_out: set[str] = set()
    for row in rows:
        if row.image in left_out:
            continue
        if row.image not in images:
            place = home / row.image
            if _leads_out(place, walk):
                left_out.add(row.image)
                continue
            images[row.image] = MaskedImage(path=place, name=row.image, image_id=row.image, stated_size=row.size)
        image, place = images[row.image], masks.root / row.mask
        if not row.mask:
            continue
        if not place.is_file():
            walk.findings.drop("mask file that is not there", f"{row.where}, {row.mask}")
        elif not _leads_out(place, masks):
            image.masks.append(MaskFile(path=place, name=row.mask))
            image.many = len(image.masks) > 1
    return list(images.values())


def _leads_out(place: Path, walk: Walk) -> bool:
    # Any folder on the way may be the link.
    if walk.follow_links or Path(os.path.realpath(place)).is_relative_to(os.path.realpath(walk.root)):
        return False
    walk.findings.drop("link that leads out of the folder", str(place), "pass follow_links=True to follow")
    return True


def _size(cells: dict[str, str], columns: dict[str, str]) -> Size | None:
    try:
        height, width = (int(float(cells.get(columns[name]) or "")) for name in ("height", "width"))
    except (KeyError, ValueError, OverflowError):
        return None
    return height, width
