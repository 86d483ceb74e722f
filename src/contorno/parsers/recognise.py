"""Tell from the files which format a data set has, and read it with the parser for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from contorno.errors import ConfigError, DataError
from contorno.parsers.coco import COCOMaskParser
from contorno.parsers.coco_document import found_class_map, read_categories, read_document, read_images
from contorno.parsers.findings import Findings, collector_paused
from contorno.parsers.image_files import existing_folder, missing_names
from contorno.parsers.mask_folder import MaskFolderParser, is_mask_folder
from contorno.records import ClassMap, Records
from contorno.splits import RandomSplitter, SingleSplitter

Kind = Literal["COCO file", "mask folder"]

SPLIT_FOLDERS = {
    "train": ("train", "training"),
    "validation": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}
"""Names of splits, and the folders that data sets keep them in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One part of a data set. path: a COCO file or a folder of masks.   images: the image folder of a COCO file."""

    kind: Kind
    path: Path
    images: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognised:
    """What a data set was taken for.

    splits: its parts by the name of the split; one part named "" if it is not divided.   how: why, in one line each.
    """

    splits: dict[str, Source]
    how: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join(self.how)


def recognise(path: Path | str, images: Path | str | None = None) -> Recognised:
    """Tell what format the data at `path` have, from the files.

    path:    a COCO file; a folder of masks (`<id>/images/`, `<id>/masks/`); a folder with one COCO file in it; or a
             folder with `train/` and `val/`, `valid/` or `validation/` (and `test/`) that are of these kinds.
    images:  the image folder of a COCO file; found beside the file if unset.
    Raises ConfigError if nothing is at `path`, DataError if it is of none of these kinds.
    """
    path = Path(path)
    images = None if images is None else existing_folder(Path(images), "the image folder")
    if not path.exists():
        raise ConfigError(f"{path} does not exist; give a COCO file or a folder.")
    if path.is_dir():
        found = _split_folders(path)
        if "train" in found:
            return _divided(path, found, images)
    source, how = _one(path, images)
    return Recognised(splits={"": source}, how=(how,))


def parse(
    path: Path | str,
    images: Path | str | None = None,
    *,
    class_name: str = "object",
    class_map: ClassMap | None = None,
    seed: int = 42,
    valid_fraction: float = 0.2,
    autofix: bool = True,
    show_pbar: bool = False,
) -> dict[str, Records]:
    """Read a data set of any format that `recognise` knows: its records by split.

    "train" and "validation" are always there, "test" where the data have it.

    class_name:      what the objects of a folder of masks are.
    class_map:       fixes the labels; if unset, COCO files give their categories, those of "train" first.
    seed, valid_fraction:  for data that have no validation part: the share of the images held back, at random by id.
    autofix, show_pbar:    as in the parsers.
    Raises what `recognise` and the parsers raise.
    """
    recognised = recognise(path, images)
    if class_map is None and len(recognised.splits) > 1:
        class_map = _common_class_map(list(recognised.splits.values()), class_name)
    parts: dict[str, Records] = {}
    for name, source in recognised.splits.items():
        if source.kind == "COCO file":
            parser: COCOMaskParser | MaskFolderParser = COCOMaskParser(
                source.path, _image_folder(source), class_map=class_map
            )
        else:
            parser = MaskFolderParser(source.path, class_name=class_name, class_map=class_map)
        (records,) = parser.parse(SingleSplitter(), autofix, show_pbar)
        parts[name or "train"] = _in_split(records, name) if name else records
    if "validation" not in parts:
        report = parts["train"].report
        train, validation = RandomSplitter((1.0 - valid_fraction, valid_fraction), seed)(parts["train"])
        train.report = validation.report = report
        parts = {**parts, "train": train, "validation": validation}
    return {name: parts[name] for name in SPLIT_FOLDERS if name in parts}


def _split_folders(path: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for split, names in SPLIT_FOLDERS.items():
        folders = [folder for folder in sorted(path.iterdir()) if folder.is_dir() and folder.name.lower() in names]
        if len(folders) > 1:
            both = " and ".join(folder.name for folder in folders)
            raise DataError(f"{path} has {both}, which both mean the split {split!r}; keep one of them.")
        found |= dict.fromkeys([split] * len(folders), *folders[:1])
    return found


def _divided(path: Path, folders: dict[str, Path], images: Path | None) -> Recognised:
    splits: dict[str, Source] = {}
    how = [f"{path}: split folders {', '.join(f'{folder.name}/' for folder in folders.values())}"]
    for split, folder in folders.items():
        below = None if images is None else images / folder.name
        own = below if below is not None and below.is_dir() else images
        splits[split], line = _one(folder, own)
        how.append(f"{split}: {line}")
    return Recognised(splits=splits, how=tuple(how))


def _one(path: Path, images: Path | None) -> tuple[Source, str]:
    """The one part at `path`, and how it was recognised."""
    if path.is_file():
        source = Source(kind="COCO file", path=path, images=images)
        return (
            source,
            f"{path}: COCO file, images {'below ' + str(images) if images is not None else 'looked for beside it'}",
        )
    if is_mask_folder(path):
        return Source(
            kind="mask folder", path=path
        ), f"{path}: a folder for each image, with one mask picture an object"
    labels = sorted(file for file in path.glob("*.json") if not file.name.startswith("."))
    if len(labels) == 1:
        return _one(labels[0], images)
    found = f"{len(labels)} JSON files ({', '.join(file.name for file in labels[:4])})" if labels else "no JSON file"
    raise DataError(
        f"{path} is not recognised: it has {found}, no train/ folder, and no <id>/images/ folders; "
        "give a COCO file with images=, or a folder of masks."
    )


def _image_folder(source: Source) -> Path:
    """The image folder of a COCO file: the one given, else the first beside it that has the file's first image."""
    if source.images is not None:
        return source.images
    with collector_paused():
        entries = read_images(read_document(source.path), Findings(str(source.path), autofix=True))
    names = [entry.file_name for entry in entries.values()][:1]
    here = source.path.parent
    places: Sequence[Path] = (here / "images", here, here / source.path.stem, here.parent / "images", here.parent)
    for place in places:
        if place.is_dir() and not missing_names(place, names):
            return place
    raise DataError(
        f"{source.path}: its first image {names[0]!r} is not beside it or in images/; "
        "give the image folder with images=."
    )


def _common_class_map(sources: list[Source], class_name: str) -> ClassMap:
    """One class map for all parts: the classes of the first, then what others add."""
    class_map = ClassMap()
    for source in sources:
        if source.kind == "mask folder":
            names: Sequence[str] = [class_name]
        else:
            with collector_paused():
                names = found_class_map(read_categories(read_document(source.path), str(source.path))).names
        for name in names:
            if name not in class_map:
                class_map.add_name(name)
    return class_map


def _in_split(records: Records, split: str) -> Records:
    return Records([replace(record, split=split) for record in records], records.class_map, records.report)
