"""Read a data set of any format that `recognise` knows, with the parser for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from contorno.errors import ConfigError
from contorno.parsers.coco import COCOBBoxParser, COCOMaskParser, COCOParser
from contorno.parsers.coco_layouts import image_folder
from contorno.parsers.cvat import CVATParser
from contorno.parsers.label_maps import MaskKind
from contorno.parsers.labelme import LabelMeParser
from contorno.parsers.mask_classes import Values
from contorno.parsers.mask_folder import MaskFolderParser
from contorno.parsers.openimages import OpenImagesBBoxParser, OpenImagesParser
from contorno.parsers.openimages_unmasked import Unmasked
from contorno.parsers.parsing import Missing, Parser
from contorno.parsers.recognise import recognise
from contorno.parsers.run_length_csv import RunLengthCSVParser
from contorno.parsers.sources import Recognised, Source
from contorno.parsers.unmasked import masks_or_boxes
from contorno.parsers.via import VIABBoxParser, VIAParser
from contorno.parsers.voc import VOCBBoxParser, VOCMaskParser, has_outlines
from contorno.parsers.yolo import YOLOBBoxParser, YOLOSegParser
from contorno.records import ClassMap, Records
from contorno.splits import BySplitFolder, RandomSplitter, SingleSplitter
from contorno.splits.words import SPLIT_FOLDERS

_COCO: dict[str, type[COCOMaskParser] | type[COCOBBoxParser] | type[COCOParser]] = {
    "masks": COCOMaskParser,
    "boxes": COCOBBoxParser,
    "any": COCOParser,
    "auto": COCOParser,
}

Objects = Literal["auto", "masks", "boxes", "any"]
"""Which objects count: those with masks; the boxes of all; each as it is; "auto": masks, unless no object has one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions:
    """How a data set is read; what a format has no use for is passed over.

    class_name:      what the objects are where the files name no class.
    class_map:       fixes the labels; if unset they are those of the files, those of "train" first.
    objects:         "masks" takes objects with masks and counts the others as dropped; "boxes" takes boxes and passes
                     masks over; "any" takes each as it is; "auto" is for training: masks, with the boxes of
                     objects that have none as regions to be ignored (`is_crowd`), or boxes where no object has a mask.
    label_field:     the attribute that holds the class, for VIA.
    mask_kind, mask_values, mask_void, min_area, min_box_area, resize_masks:  for folders of mask pictures, as `kind`,
                     `values`, `void` and so on of MaskFolderParser.
    vertex_offset, ignore_unknown, missing_images, autofix:  as in the parsers.
    """

    class_name: str | None = None
    class_map: ClassMap | None = None
    objects: Objects = "auto"
    label_field: str | None = None
    mask_kind: MaskKind | None = None
    mask_values: Values | Path | str | None = None
    mask_void: int | tuple[int, ...] = ()
    min_area: int = 1
    min_box_area: int = 0
    resize_masks: bool = False
    vertex_offset: float = 0.0
    ignore_unknown: bool = False
    missing_images: Missing = "error"
    autofix: bool = True


def read(
    path: Path | str,
    images: Path | str | None = None,
    options: ReadOptions = ReadOptions(),
    *,
    recognised: Recognised | None = None,
    show_pbar: bool = False,
) -> dict[str, Records]:
    """Read a data set as it is divided: its records by the name of the split, all as "" if it is not divided.

    recognised: what `recognise` made of it, to keep it from looking again.
    """
    found = recognise(path, images) if recognised is None else recognised
    parts: dict[str, Records] = {}
    for name, source in found.splits.items():
        (records,) = open_parser(source, options).parse(SingleSplitter(), options.autofix, show_pbar)
        if name:
            parts[name] = _in_split(records, name)
        else:
            parts |= _by_split(records)
    if options.objects == "auto":
        parts = masks_or_boxes(parts)
    return parts if options.class_map is not None else _with_one_class_map(parts)


def parse(
    path: Path | str,
    images: Path | str | None = None,
    *,
    class_name: str | None = None,
    class_map: ClassMap | None = None,
    seed: int = 42,
    valid_fraction: float = 0.2,
    autofix: bool = True,
    show_pbar: bool = False,
    options: ReadOptions | None = None,
) -> dict[str, Records]:
    """Read a data set for training: its records by split, "train" and "validation" always, "test" where it has one.

    class_name:      what the objects are where the files name no class.
    class_map:       fixes the labels; if unset, the files give their classes, those of "train" first.
    seed, valid_fraction:  for data that have no validation part: the share of the images held back, at random by id.
    options:         more of how to read; `class_name`, `class_map` and `autofix` given here come before it.
    Raises what `recognise` and the parsers raise.
    """
    options = ReadOptions() if options is None else options
    options = replace(
        options,
        autofix=autofix and options.autofix,
        class_name=class_name if class_name is not None else options.class_name,
        class_map=class_map if class_map is not None else options.class_map,
    )
    parts = read(path, images, options, show_pbar=show_pbar)
    if "train" not in parts and len(parts) == 1:
        (whole,) = parts.values()
        parts = {"train": whole}
    if "train" in parts and "validation" not in parts:
        whole = parts["train"]
        train, validation = RandomSplitter((1.0 - valid_fraction, valid_fraction), seed)(whole)
        train.report = validation.report = whole.report
        parts |= {"train": train, "validation": validation}
    return {name: parts[name] for name in (*SPLIT_FOLDERS, *parts) if name in parts}


def open_parser(
    source: Source, options: ReadOptions = ReadOptions()
) -> Parser | COCOMaskParser | COCOBBoxParser | COCOParser:
    """The parser for one part of a data set, not yet run.

    Raises ConfigError for options that the format cannot follow.
    """
    path, images = source.path, source.images
    common: dict[str, Any] = {
        "class_map": options.class_map,
        "ignore_unknown": options.ignore_unknown,
        "missing_images": options.missing_images,
    }
    named: dict[str, Any] = {} if options.class_name is None else {"class_name": options.class_name}
    boxes = options.objects == "boxes"
    if source.kind == "mask folder":
        if options.vertex_offset:
            raise ConfigError("vertex_offset is for polygons; mask pictures have none, leave it out.")
        if not named and options.class_map is not None and len(options.class_map) == 2:
            named = {"class_name": options.class_map.names[0]}  # what else could they be
        made: Parser = MaskFolderParser(
            path,
            images,
            values=options.mask_values,
            kind=options.mask_kind,
            void=options.mask_void,
            min_area=options.min_area,
            min_box_area=options.min_box_area,
            resize_masks=options.resize_masks,
            **named,
            **common,
        )
        return _taking(made, options.objects)
    if source.kind == "run-length table":
        if options.vertex_offset:
            raise ConfigError("vertex_offset is for polygons; tables of run-length codes have none, leave it out.")
        made = RunLengthCSVParser(
            path,
            images,
            values=_numbers(options.mask_values),
            kind=options.mask_kind,
            min_area=options.min_area,
            **named,
            **common,
        )
        return _taking(made, options.objects)
    common["vertex_offset"] = options.vertex_offset
    if source.kind == "COCO file":
        folder = images if images is not None else image_folder(path, path.parent)
        return _COCO[options.objects](path, folder, **common)
    if source.kind == "VIA file":
        via = VIABBoxParser if boxes else VIAParser
        made = via(path, images, label_field=options.label_field, class_name=options.class_name, **common)
    elif source.kind == "LabelMe folder":
        made = LabelMeParser(path, images, **common)
    elif source.kind == "YOLO folder":
        made = (YOLOBBoxParser if boxes else YOLOSegParser)(path, images, **common)
    elif source.kind == "VOC folder":
        wants_boxes = boxes or (options.objects != "masks" and not has_outlines(path))
        voc = (VOCBBoxParser if wants_boxes else VOCMaskParser)(path, images, **common)
        # Images that have boxes alone are in other lists than those with masks.
        voc.every_list = options.objects == "any" and not wants_boxes
        made = voc
    elif source.kind == "CVAT file":
        made = CVATParser(path, images, **common)
    else:
        unmasked: Unmasked = "keep" if options.objects == "any" else "leave-out"
        made = (OpenImagesBBoxParser if boxes else OpenImagesParser)(path, images, unmasked=unmasked, **common)
    return _taking(made, options.objects)


def _numbers(values: Values | Path | str | None) -> dict[int, str] | Path | str | None:
    """Classes by number; colours are none of a table's."""
    if values is None or isinstance(values, str | Path):
        return values
    return {number: name for number, name in values.items() if isinstance(number, int)}


def _taking(parser: Parser, objects: Objects) -> Parser:
    parser.with_masks = {"masks": True, "boxes": False}.get(objects)
    return parser


def _in_split(records: Records, split: str) -> Records:
    return Records([replace(record, split=split) for record in records], records.class_map, records.report)


def _by_split(records: Records) -> dict[str, Records]:
    """The splits that the source names itself; all as "" if an image is in none."""
    if not len(records) or any(record.split is None for record in records):
        return {"": records}
    parts = BySplitFolder()(records)
    for part in parts:
        part.report = records.report
    return {str(part[0].split): part for part in parts}


def _with_one_class_map(parts: Mapping[str, Records]) -> dict[str, Records]:
    """One class map for all parts: the classes of "train", or the first part, then what others add."""
    class_map = ClassMap()
    for name in sorted(parts, key=lambda name: name != "train"):
        for class_name in parts[name].class_map.names:
            if class_name not in class_map:
                class_map.add_name(class_name)
    return {name: records.with_class_map(class_map) for name, records in parts.items()}
