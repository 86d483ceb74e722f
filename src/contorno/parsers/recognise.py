"""Tell from the files which format a data set has."""

from __future__ import annotations

import itertools
from pathlib import Path

from contorno.errors import ConfigError, DataError
from contorno.parsers.coco_layouts import coco_files, find_coco_files
from contorno.parsers.coco_layouts import image_folder as coco_image_folder
from contorno.parsers.file_kinds import json_kind, recognise_file, text_head
from contorno.parsers.image_files import existing_folder
from contorno.parsers.mask_classes import CLASSES_FILE, stated_classes
from contorno.parsers.mask_layouts import is_mask_folder
from contorno.parsers.not_recognised import not_recognised, several
from contorno.parsers.openimages import is_openimages
from contorno.parsers.sources import UNFINISHED, Kind, Recognised, Source
from contorno.parsers.split_files import file_below, label_files, run_length_table, split_files
from contorno.parsers.yolo import is_yolo
from contorno.parsers.yolo_config import find_yaml
from contorno.splits.words import SPLIT_FOLDERS, SPLIT_WORDS

_LOOKED_AT = 200


def recognise(path: Path | str, images: Path | str | None = None) -> Recognised:
    """Tell what format the data at `path` have, from the files.

    path:    a label file (COCO, VIA, LabelMe, CVAT, YOLO's yaml, VOC's XML, a CSV of VIA or of masks); a folder as any
             of these tools leaves it; or a folder with `train/` and `val/`, `valid/` or `validation/` (and `test/`)
             that are of these kinds.
    images:  the image folder; found beside the labels if unset.
    Raises ConfigError if nothing is at `path`, DataError if it is of none of these kinds, or was not
    written to its end.
    """
    path = Path(path)
    images = None if images is None else existing_folder(Path(images), "the image folder")
    if not path.exists():
        raise ConfigError(f"{path} does not exist; give a label file or a folder.")
    if path.is_file():
        source, why = recognise_file(path, images)
        return Recognised(splits={"": source}, how=(f"{path}: {why}",))
    if (path / UNFINISHED).exists():
        raise DataError(f"{path} was not written to its end; run the command that writes it again, it goes on.")
    for look in (_whole_folder, _split_folders, _plain_folder):
        found = look(path, images)
        if found is not None:
            return found
    raise DataError(not_recognised(path, _is_known))


def _whole_folder(path: Path, images: Path | None) -> Recognised | None:
    """Formats whose one folder holds all splits."""
    for folder in (path, *(sub for sub in _folders(path) if sub.name == "VOCdevkit")):
        for root in (folder, *(sub for sub in _folders(folder) if sub.name.upper().startswith("VOC20"))):
            if _first(root / "Annotations", "*.xml") is not None:
                return _single(
                    "VOC folder",
                    root if root == path else _only_year(root),
                    images,
                    "Annotations/ with PASCAL VOC's XML",
                )
            if _first(root / "SegmentationObject", "*.png") is not None:
                return _single("VOC folder", root, images, "SegmentationObject/ with PASCAL VOC's mask pictures")
    for below in _folders(path):
        if below.name.lower() not in ("annotations", "annotation", "xmls", "xml", "labels"):
            continue
        places = (below, *(folder for folder in _folders(below) if folder.name.lower() in SPLIT_WORDS))
        xml = next(filter(None, (_first(place, "*.xml") for place in places)), None)
        if xml is not None and "<annotation" in text_head(xml) and "<annotations" not in text_head(xml):
            return _single("VOC folder", path, images, f"{below.name}/ with PASCAL VOC's XML")
    export = path / "annotations.xml"
    if export.is_file() and "<annotations" in text_head(export):
        return _single("CVAT file", export, images, "annotations.xml of CVAT")
    if find_yaml(path) is not None:
        return _single("YOLO folder", path, images, "a yaml of YOLO")
    if coco_files(path):
        return _coco_parts(path, images)
    if is_openimages(path):
        return _single("Open Images folder", path, images, "the tables of Open Images")
    if _says_masks(path):
        return _single("mask folder", path, images, f"{CLASSES_FILE}, with mask pictures below it")
    return split_files(path, images) or run_length_table(path, images)


def _only_year(root: Path) -> Path:
    """`root` itself. Raises DataError where data sets of other years of VOC lie beside it."""
    years = [other for other in _folders(root.parent) if _first(other / "Annotations", "*.xml") is not None]
    years = [year for year in years if year.name.upper().startswith("VOC20")]
    if root in years and len(years) > 1 and root.parent.name == "VOCdevkit":
        names = ", ".join(year.name for year in years)
        raise DataError(f"{root.parent} holds several data sets ({names}); give the folder of one, as {years[0]}.")
    return root


def _coco_parts(path: Path, images: Path | None) -> Recognised:
    """COCO files for each split, as many tools lay them out; or one."""
    splits = {
        split: Source(kind="COCO file", path=file, images=_coco_images(file, path, images))
        for split, file in find_coco_files(path).items()
    }
    lines = [
        f"{source.path}: COCO file, images {f'in {source.images}' if source.images is not None else 'not found'}"
        for source in splits.values()
    ]
    if len(splits) == 1:
        return Recognised(splits={"": next(iter(splits.values()))}, how=(lines[0],))
    named = [f"{split}: {line}" for split, line in zip(splits, lines, strict=True)]
    return Recognised(splits=splits, how=(f"{path}: a COCO file for each split", *named))


def _coco_images(file: Path, root: Path, images: Path | None) -> Path | None:
    """The image folder of a COCO file; `images` where its images are in none, which the parser says best."""
    try:
        return coco_image_folder(file, root, images)
    except DataError:
        return images


def _split_folders(path: Path, images: Path | None) -> Recognised | None:
    found: dict[str, Path] = {}
    for split, names in SPLIT_FOLDERS.items():
        folders = [folder for folder in _folders(path) if folder.name.lower() in names]
        if len(folders) > 1:
            both = " and ".join(folder.name for folder in folders)
            raise DataError(f"{path} has {both}, which both mean the split {split!r}; keep one of them.")
        found |= dict.fromkeys([split] * len(folders), *folders[:1])
    if "train" not in found:
        return None
    if is_yolo(path):
        return _single("YOLO folder", path, images, "split folders with YOLO's text files")
    splits: dict[str, Source] = {}
    how = [f"{path}: split folders {', '.join(f'{folder.name}/' for folder in found.values())}"]
    for split, folder in found.items():
        below = None if images is None else images / folder.name
        part = _plain_folder(folder, below if below is not None and below.is_dir() else images)
        if part is None:  # a devkit of VOC for each split, or an export for each
            whole = _whole_folder(folder, below if below is not None and below.is_dir() else images)
            part = whole if whole is not None and "" in whole.splits else None
        if part is None and is_mask_folder(path, images):  # train_masks/ lies beside train/
            return _single("mask folder", path, images, "a folder of images and mask pictures")
        if part is None:
            raise DataError(not_recognised(folder, _is_known))
        splits[split] = part.splits[""]
        how.append(f"{split}: {part.how[0]}")
    return Recognised(splits=splits, how=tuple(how))


def _plain_folder(path: Path, images: Path | None) -> Recognised | None:
    """Formats of a folder that is not divided."""
    labels = [file for file in sorted(path.glob("*.json")) if not file.name.startswith(".")]
    kinds = [json_kind(file) for file in labels[:_LOOKED_AT]]
    if "LabelMe folder" in kinds:
        return _single("LabelMe folder", path, images, "a JSON file of LabelMe for each image")
    xml = _first(path, "*.xml")
    if xml is not None and "<annotation" in text_head(xml):
        kind: Kind = "CVAT file" if "<annotations" in text_head(xml) else "VOC folder"
        if kind == "VOC folder":
            return _single(kind, path, images, "PASCAL VOC's XML beside the images")
        exports = [file for file in sorted(path.glob("*.xml")) if "<annotations" in text_head(file)]
        if len(exports) > 1:
            raise DataError(several(path, exports))
        return _single(kind, xml, images, "CVAT's XML for images")
    known = [file for file, kind in zip(labels, kinds, strict=False) if kind is not None]
    tables = [file for file in label_files(path) if file.suffix.lower() == ".csv"]
    if len(known) == 1 or (not known and len(tables) == 1):
        (file,) = known or tables
        source, why = recognise_file(file, images)
        return Recognised(splits={"": source}, how=(f"{file}: {why}",))
    if known:
        raise DataError(several(path, known))
    if any(json_kind(file) == "LabelMe folder" for file in itertools.islice(path.rglob("*.json"), _LOOKED_AT)):
        return _single("LabelMe folder", path, images, "JSON files of LabelMe in folders below")
    if is_yolo(path) or (images is not None and is_yolo(path, images)):
        return _single("YOLO folder", path, images, "YOLO's text files")
    if is_mask_folder(path, images):
        return _single("mask folder", path, images, "a folder of images and mask pictures")
    return file_below(path, images)


def _single(kind: Kind, path: Path, images: Path | None, why: str) -> Recognised:
    return Recognised(splits={"": Source(kind=kind, path=path, images=images)}, how=(f"{path}: {why}",))


def _says_masks(path: Path) -> bool:
    """True for a folder with a `classes.json` that says what its mask pictures, and those of its splits, mean."""
    try:
        stated = stated_classes(path) if (path / CLASSES_FILE).is_file() else None
    except DataError:
        return False
    return stated is not None and stated.kind is not None


def _folders(path: Path) -> list[Path]:
    return [folder for folder in sorted(path.iterdir()) if folder.is_dir() and not folder.name.startswith(".")]


def _first(folder: Path, pattern: str) -> Path | None:
    return next(iter(folder.glob(pattern)), None) if folder.is_dir() else None


def _is_known(folder: Path) -> bool:
    try:
        return _whole_folder(folder, None) is not None or _plain_folder(folder, None) is not None
    except DataError:
        return False
