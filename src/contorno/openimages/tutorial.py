"""The hot-dog tutorial's two calls: a folder of images, PASCAL boxes and mask images, and one COCO file made of it.

    <dest_dir>/<class, lower case>/images/<ImageID>.jpg
    <dest_dir>/<class, lower case>/pascal/<ImageID>.xml
    <dest_dir>/<class, lower case>/segmentations/<ImageID>_<class code>_<BoxID>.png

The call and the layout are those of the `issue_7_segmentation_support` branch of monocongo/openimages.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal
from xml.etree import ElementTree

import numpy as np

from contorno import boxes, files, images, masks, parsers, splits
from contorno.errors import ConfigError, DataError
from contorno.masks import RunLength
from contorno.openimages.bucket import SPLITS, Bucket
from contorno.openimages.fetch import fetch
from contorno.progress import Progress, silent
from contorno.records import ClassMap, Instances, Record, Records
from contorno.writers.coco import write_coco


def download_segmentation_dataset(
    dest_dir: str | Path,
    class_labels: Sequence[str],
    exclusions_path: str | Path | None = None,
    annotation_format: Literal["pascal"] = "pascal",
    meta_dir: str | Path | None = None,
    limit: int | None = None,
    *,
    bucket: Bucket | None = None,
    progress: Progress = silent,
) -> dict[str, Path]:
    """Fetch the images and masks of some Open Images classes, all splits of a class in one folder.

    exclusions_path: a text file with an ImageID a line, which are left out.
    meta_dir:        where the lists and tables are, or are kept.   limit: most images of a class and split.
    bucket:          other addresses than the real ones.
    Returns the folder of each class. What is fetched is kept beside them (`.openimages`), so that a broken download
    goes on where it stopped. Raises ConfigError for an unknown class or format, DownloadError.
    """
    if annotation_format != "pascal":
        raise ConfigError(f"annotation_format is {annotation_format!r}; expected 'pascal'.")
    if exclusions_path is not None and not Path(exclusions_path).is_file():
        raise ConfigError(f"the list of exclusions {exclusions_path} does not exist; it has an ImageID a line.")
    excluded = set() if exclusions_path is None else set(Path(exclusions_path).read_text(encoding="utf-8").split())
    folders = {}
    for name in class_labels:
        kept = Path(dest_dir) / ".openimages" / name.lower()
        meta = None if meta_dir is None else Path(meta_dir)
        fetched = fetch([name], out=kept, splits=SPLITS, limit=limit, bucket=bucket, meta_dir=meta, progress=progress)
        folder = Path(dest_dir) / name.lower()
        for part in ("images", "pascal", "segmentations"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        for split in fetched.splits:
            parser = parsers.COCOMaskParser(fetched.annotations(split), fetched.images(split))
            coco = files.read_json(fetched.annotations(split))
            if not coco["images"]:
                continue  # a small split may have no image of the class
            file_names = {image["id"]: image["file_name"] for image in coco["images"]}
            masks_of: dict[str, list[Path]] = {}
            for annotation in coco["annotations"]:
                mask_path = fetched.masks(split) / annotation["mask_path"]
                masks_of.setdefault(file_names[annotation["image_id"]], []).append(mask_path)
            for record in parser.parse(data_splitter=splits.SingleSplitter())[0]:
                assert record.path is not None
                if record.path.stem in excluded:
                    continue
                _link(record.path, folder / "images" / record.path.name)
                for mask_path in masks_of.get(record.path.name, ()):
                    _link(mask_path, folder / "segmentations" / mask_path.name)
                files.write_bytes(folder / "pascal" / f"{record.path.stem}.xml", _pascal(record, name))
        folders[name] = folder
    return folders


def create_coco_annotation_json(
    input_dir: str | Path, class_label: str, fname: str = "coco_annotation.json"
) -> tuple[dict[str, Any], Path, Path]:
    """Make one lossless COCO file of a class folder in the tutorial's layout.

    Masks go to their image by the ImageID at the start of their name, are resized, nearest, to its exact size, and
    each keeps its own shape, as run-length code. Images without masks stay, as negatives.
    Returns (the COCO document, its path `<input_dir>/<fname>`, the folder of the images).
    Raises DataError for a missing or empty folder, a mask without an image, and a mask of other proportions.
    """
    folder = Path(input_dir) / class_label.lower()
    images_dir, masks_dir = folder / "images", folder / "segmentations"
    paths = sorted(images_dir.glob("*.jpg"))
    if not paths:
        raise DataError(f"{images_dir} has no .jpg images; fetch them with download_segmentation_dataset first.")
    codes: dict[str, list[RunLength]] = {path.stem: [] for path in paths}
    sizes = {path.stem: images.image_size(path) for path in paths}
    for path in sorted(masks_dir.glob("*.png")):
        image_id = _image_id(path)
        if image_id not in codes:
            raise DataError(f"the mask {path} has no image {image_id}.jpg in {images_dir}; add it, or remove the mask.")
        try:
            fitted = masks.fit_mask(images.read_mask(path), sizes[image_id])
        except DataError as error:
            raise DataError(f"the mask {path} does not fit its image: {error}") from error
        if fitted.any():
            codes[image_id].append(masks.encode(fitted))
    class_map = ClassMap([class_label])
    records = Records(
        [
            Record(
                image_id=path.stem,
                path=path,
                size_hw=sizes[path.stem],
                instances=Instances.build(
                    sizes[path.stem],
                    [1] * len(codes[path.stem]),
                    codes[path.stem],
                    areas=masks.areas(codes[path.stem]).astype(np.float64),
                ),
            )
            for path in paths
        ],
        class_map,
    )
    target = write_coco(records, Path(input_dir) / fname, img_dir=images_dir)
    return files.read_json(target), target, images_dir


def _image_id(mask_path: Path) -> str:
    return mask_path.stem.partition("_")[0]


def _link(source: Path, target: Path) -> None:
    """Put a file at a second place without a second copy where the disk allows it."""
    if target.exists():
        return
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _pascal(record: Record, class_name: str) -> bytes:
    """PASCAL VOC XML; its pixels count from 1 and its boxes include their last pixel."""
    assert record.path is not None
    height, width = record.size_hw
    root = ElementTree.Element("annotation")
    ElementTree.SubElement(root, "folder").text = "images"
    ElementTree.SubElement(root, "filename").text = record.path.name
    size = ElementTree.SubElement(root, "size")
    for tag, value in (("width", width), ("height", height), ("depth", 3)):
        ElementTree.SubElement(size, tag).text = str(value)
    ElementTree.SubElement(root, "segmented").text = "1" if len(record.instances) else "0"
    for box in boxes.clip(record.instances.boxes, record.size_hw):
        thing = ElementTree.SubElement(root, "object")
        ElementTree.SubElement(thing, "name").text = class_name
        for tag in ("truncated", "difficult"):
            ElementTree.SubElement(thing, tag).text = "0"
        bounds = ElementTree.SubElement(thing, "bndbox")
        corners = {"xmin": box[0] + 1, "ymin": box[1] + 1, "xmax": box[2], "ymax": box[3]}
        for tag, edge in corners.items():
            ElementTree.SubElement(bounds, tag).text = str(round(float(edge)))
    ElementTree.indent(root)
    text: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return text
