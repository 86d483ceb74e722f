"""The hot-dog tutorial's two calls: a folder of images, PASCAL boxes and mask images, and one COCO file made of it.

    <dest_dir>/<class, lower case>/images/<ImageID>.jpg
    <dest_dir>/<class, lower case>/pascal/<ImageID>.xml
    <dest_dir>/<class, lower case>/segmentations/<ImageID>_<class code>_<BoxID>.png
    <dest_dir>/<class, lower case>/segmentations.csv     what the published table says of these masks

The calls and the three folders are those of the `issue_7_segmentation_support` branch of monocongo/openimages.
"""

from __future__ import annotations

import csv
import io
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from contorno import files, images, masks
from contorno.errors import ConfigError, DataError
from contorno.masks import RunLength, Size
from contorno.openimages.bucket import SPLITS, Bucket
from contorno.openimages.fetch import fetch
from contorno.openimages.folder import NO_USABLE_MASK
from contorno.openimages.mask_images import MASK_EMPTY, read_masks
from contorno.openimages.pascal import pascal_xml, photos_of
from contorno.openimages.request import read_exclusions
from contorno.progress import Progress, silent
from contorno.records import ClassMap, Instances, Record, Records, fold_name
from contorno.writers.coco import write_coco

_COLUMNS = ("MaskPath", "BoxID", "PredictedIoU")


def download_segmentation_dataset(
    dest_dir: str | Path,
    class_labels: Sequence[str],
    exclusions_path: str | Path | None = None,
    annotation_format: Literal["pascal"] = "pascal",
    meta_dir: str | Path | None = None,
    limit: int | None = None,
    *,
    rename: Mapping[str, str] | None = None,
    bucket: Bucket | None = None,
    progress: Progress = silent,
) -> dict[str, Path]:
    """Fetch the images and masks of some Open Images classes, all splits of a class in one folder.

    exclusions_path: a text file with an ImageID a line, which are left out.
    meta_dir:        where the lists and tables are, or are kept.
    limit:           images of a class in each split that are asked for; those on the list of exclusions do not count.
    rename:          {class label: name to be written in the XML}; the folder keeps the label.
    bucket:          other addresses than the real ones.
    An image that shows several of the classes is fetched once, stands in the folder of each, and has the objects of all
    of them in its XML; so a folder may hold more images than the limit. An object whose mask cannot be used has its box
    in the XML, marked as difficult.
    Returns the folder of each class. What is fetched is kept beside them (`.openimages`), so that a broken download
    goes on where it stopped. Raises ConfigError for an unknown class or format, DownloadError.
    """
    if annotation_format != "pascal":
        raise ConfigError(f"annotation_format is {annotation_format!r}; expected 'pascal'.")
    for label in class_labels:
        if Path(label.strip()).name != label.strip():
            raise ConfigError(f"the class label {label!r} cannot name a folder; give the class's name, as 'Hot dog'.")
    new_names = {fold_name(old): new.strip() for old, new in (rename or {}).items()}
    unknown = set(new_names) - {fold_name(label) for label in class_labels}
    if unknown or not all(new_names.values()):
        raise ConfigError(f"rename is {dict(rename or {})}; expected new names for some of {', '.join(class_labels)}.")
    fetched = fetch(
        class_labels,
        out=Path(dest_dir) / ".openimages",
        splits=SPLITS,
        limit=limit,
        exclude=frozenset() if exclusions_path is None else read_exclusions(Path(exclusions_path)),
        bucket=bucket,
        meta_dir=None if meta_dir is None else Path(meta_dir),
        progress=progress,
    )
    photos = photos_of(fetched)
    folders = {}
    for label in class_labels:
        folder = folders[label] = Path(dest_dir) / label.strip().lower()
        for part in ("images", "pascal", "segmentations"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        rows = _read_rows(folder)
        for photo in photos.values():
            own = [
                (thing.mask_path, thing)
                for thing in photo.things
                if thing.mask_path is not None and fold_name(thing.label) == fold_name(label)
            ]
            if not own:
                continue
            _link(photo.path, folder / "images" / photo.path.name)
            for mask_path, thing in own:
                _link(mask_path, folder / "segmentations" / mask_path.name)
                guess = "" if thing.predicted_iou is None else str(thing.predicted_iou)
                rows[mask_path.name] = {"MaskPath": mask_path.name, "BoxID": thing.box_id, "PredictedIoU": guess}
            files.write_bytes(folder / "pascal" / f"{photo.path.stem}.xml", pascal_xml(photo, new_names))
        _write_rows(folder, rows)
    return folders


def create_coco_annotation_json(
    input_dir: str | Path,
    class_label: str,
    fname: str = "coco_annotation.json",
    *,
    name: str | None = None,
    workers: int | None = None,
    progress: Progress = silent,
) -> tuple[dict[str, Any], Path, Path]:
    """Make one lossless COCO file of a class folder in the tutorial's layout, whoever made the folder.

    name:    of the category, if the class is to be called otherwise: "choripan" for "hot dog"; None: `class_label`.
    workers: processes at one time; None: as many as there are cores.
    Masks go to their image by the ImageID that their name begins with, are resized, nearest, to its exact size, and
    each keeps its own shape, as run-length code. Each annotation has the `mask_path`, `box_id` and `predicted_iou` of
    its mask; the last is None where the folder has no `segmentations.csv` that says it.
    Images without masks stay, as negatives. An empty mask is no object; an image with empty masks only is left out, for
    as a negative it would teach misses. Both are named under `info.dropped` in the file.
    Returns (the COCO document, its path `<input_dir>/<fname>`, the folder of the images).
    Raises DataError for a folder without images or masks, a mask without an image, and a mask that is damaged or of
    other proportions than its image.
    """
    folder = Path(input_dir) / class_label.lower()
    images_dir, masks_dir = folder / "images", folder / "segmentations"
    paths = sorted(images_dir.glob("*.jpg"))
    mask_paths = sorted(masks_dir.glob("*.png"))
    for found, place, kind in ((paths, images_dir, ".jpg images"), (mask_paths, masks_dir, ".png masks")):
        if not found:
            raise DataError(f"{place} has no {kind}; fetch them with download_segmentation_dataset first.")
    sizes = {path.stem: images.image_size(path) for path in paths}
    image_ids = [_image_id(path, sizes, images_dir) for path in mask_paths]
    items = [(path, sizes[image_id]) for path, image_id in zip(mask_paths, image_ids, strict=True)]
    published = _read_rows(folder)
    codes: dict[str, list[RunLength]] = {image_id: [] for image_id in sizes}
    extras: dict[str, list[dict[str, Any]]] = {image_id: [] for image_id in sizes}
    dropped: dict[str, list[str]] = {}
    for (path, size), image_id, code in zip(
        items, image_ids, read_masks(items, workers=workers, progress=progress), strict=True
    ):
        if isinstance(code, RunLength):
            codes[image_id].append(code)
            extras[image_id].append(_extra(path, image_id, published.get(path.name)))
        elif code == MASK_EMPTY:
            dropped.setdefault(code, []).append(path.name)
        else:
            raise _fault(path, size, code)
    hidden = sorted(image_id for image_id in set(image_ids) if not codes[image_id])
    if hidden:
        dropped[NO_USABLE_MASK] = hidden
    left_out = set(hidden)
    records: list[Record] = []
    object_extras: dict[int | str, dict[str, Any]] = {}
    for path in paths:
        if path.stem in left_out:
            continue
        own = codes[path.stem]
        ids = range(len(object_extras) + 1, len(object_extras) + 1 + len(own))
        object_extras.update(zip(ids, extras[path.stem], strict=True))
        areas = masks.areas(own).astype(np.float64)
        shown = Instances.build(sizes[path.stem], [1] * len(own), own, areas=areas, ids=list(ids))
        records.append(Record(image_id=path.stem, path=path, size_hw=sizes[path.stem], instances=shown))
    target = write_coco(
        Records(records, ClassMap([class_label if name is None else name])),
        Path(input_dir) / fname,
        img_dir=images_dir,
        extras={"info": {"description": f"Open Images: {class_label}", "dropped": dropped}},
        object_extras=object_extras,
    ).path
    return files.read_json(target), target, images_dir


def _image_id(mask_path: Path, known: Mapping[str, Size], images_dir: Path) -> str:
    """The image that a mask belongs to: `<ImageID>_<class code>_<BoxID>`, where an ImageID may have underscores."""
    parts = mask_path.stem.split("_")
    for count in (len(parts) - 2, *range(len(parts), 0, -1)):
        image_id = "_".join(parts[:count]) if count > 0 else ""
        if image_id in known:
            return image_id
    raise DataError(f"the mask {mask_path} has no image {parts[0]}.jpg in {images_dir}; add it, or remove the mask.")


def _extra(mask_path: Path, image_id: str, row: Mapping[str, str] | None) -> dict[str, Any]:
    if row is None:
        box_id = mask_path.stem.removeprefix(image_id).rpartition("_")[2]
        return {"mask_path": mask_path.name, "box_id": box_id or None, "predicted_iou": None}
    guess = row["PredictedIoU"]
    return {"mask_path": mask_path.name, "box_id": row["BoxID"], "predicted_iou": float(guess) if guess else None}


def _fault(path: Path, size: Size, reason: str) -> DataError:
    """What is wrong with a mask, in words."""
    try:
        bitmap = images.read_mask(path)
    except DataError as error:
        return DataError(f"a mask cannot be used: {error}")
    try:
        masks.fit_mask(bitmap, size)
    except DataError as error:
        return DataError(f"the mask {path} does not fit its image: {error}")
    return DataError(f"the mask {path} cannot be used: {reason}; it may have changed meanwhile, run it again.")


def _read_rows(folder: Path) -> dict[str, dict[str, str]]:
    """Rows of `segmentations.csv` by the name of the mask; none where there is no such file."""
    path = folder / "segmentations.csv"
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    if rows and not set(_COLUMNS) <= set(rows[0]):
        raise DataError(f"{path} has the columns {', '.join(rows[0])}; expected {', '.join(_COLUMNS)} among them.")
    return {row["MaskPath"]: {column: row[column] for column in _COLUMNS} for row in rows}


def _write_rows(folder: Path, rows: Mapping[str, Mapping[str, str]]) -> None:
    text = io.StringIO(newline="")
    table = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
    table.writeheader()
    table.writerows(rows[name] for name in sorted(rows))
    files.write_bytes(folder / "segmentations.csv", text.getvalue().encode())


def _link(source: Path, target: Path) -> None:
    """Put a file at a second place without a second copy where the disk allows it."""
    if target.exists():
        return
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
