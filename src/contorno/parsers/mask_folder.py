"""Read folders of mask pictures: one picture for each object, label maps, or semantic and black and white masks."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Literal, get_args

from contorno.errors import DataError
from contorno.parsers.components import Connectivity
from contorno.parsers.findings import Findings
from contorno.parsers.found import FoundImage
from contorno.parsers.image_files import existing_folder
from contorno.parsers.label_maps import THRESHOLD, MaskKind, Rules
from contorno.parsers.mask_classes import StatedClasses, Values, read_values
from contorno.parsers.mask_conventions import Convention, find_convention
from contorno.parsers.mask_csv import csv_images
from contorno.parsers.mask_layouts import find_masked_images, is_mask_folder
from contorno.parsers.mask_reading import count_unknown, found_image, read_image_masks
from contorno.parsers.mask_rules import check_options, numbered, own_names, settle_rules, stated_below
from contorno.parsers.mask_walk import MaskedImage, Walk
from contorno.parsers.parsing import Missing, Parser
from contorno.progress import Progress
from contorno.records import ClassMap

__all__ = ["UNMASKED", "ClassFrom", "MaskFolderParser", "is_mask_folder"]

ClassFrom = Literal["names", "constant"]

UNMASKED = "image without a mask picture, taken for a negative"
"""How the report counts these, where each image has one picture of all its objects."""


class MaskFolderParser(Parser):
    """Reads images with mask pictures beside them.

    path: a folder in one of these layouts, alone or in folders of splits (`train/`, `val/`, `test/`), or a CSV file:

    - `<id>/images/<one image>` with `<id>/masks/*`: a folder for each image, whose name becomes the image id;
    - `images/` with `masks/` (or labels, annotations, gt, segmentation, instances, ...; any case): masks have the name
      of their image, or start with it (`a_0.png`, `a-3.png`, `a_cat_1.png`), or lie in a folder of that name
      (`masks/a/1.png`) or in one named for the class (`masks/cat/a.png`). The longest image name that fits counts;
    - `train/` with `train_masks/`; `a.tif` with `a_masks.tif` in one folder;
    - `<id>_json/img.png` with `label.png` and `label_names.txt`, as labelme_json_to_dataset leaves them;
    - a CSV with the columns `images,masks,width,height`, paths relative to it or to `img_dir`.

    img_dir, mask_dir: the folders of images and masks, where they are called otherwise.
    class_name:    what objects are where nothing else tells.
    class_from:    "constant": all objects are `class_name`, whatever files and folders are called.
    values:        {value: class}, {(R, G, B): class}, or a file with such a table (see `mask_classes`), which is found
                   in the folder if unset. Other values are counted, with the nearest. Background needs no entry.
    kind:          "instances", "label-map" or "semantic" (see `MaskKind`). If unset it is found: the data sets of
                   `mask_conventions` are known; several masks for an image, or a folder for each, are instances; with
                   `values`, semantic; else see `mask_kinds.find_kind`.
                   `how` says what was found after `parse`, and so do the details of the report.
    void:          values that are neither object nor background, such as 255 for a border.
    threshold:     grey from which on a smoothed black and white mask is object, 1..255.
    connectivity:  8 or 4, of the parts of semantic masks.
    min_area, min_box_area: px² of mask and of its tight box, under which a region is left out and counted. (The nail
                   tutorial takes a box of n x m pixels as (n - 1) * (m - 1) px².)
    resize_masks:  take masks of another size and the same proportions to the size of their image, nearest; otherwise
                   they are bad objects.
    mask_pattern:  names of the mask files, as in "*_instanceIds.png".
    follow_links:  follow links that lead out of the folder, which are counted otherwise.
    workers:       threads that read; as many as the machine has cores, at most 8, if unset.

    With autofix=False `parse` also raises for masks of no image, or of another size than it; pictures that cannot be
    read or are not exact; empty masks; values without a class; links that lead out.

    Image ids are the folder names of the first layout, else file names below the image folder. In a mask for one object
    whatever is not black is object; index 0 of a palette is background. Images without masks stay as negatives.
    Raises ConfigError for options that are not known.
    """

    with_masks = True

    def __init__(
        self,
        path: Path | str,
        img_dir: Path | str | None = None,
        *,
        mask_dir: Path | str | None = None,
        class_name: str = "object",
        class_from: ClassFrom = "names",
        values: Values | Path | str | None = None,
        kind: MaskKind | None = None,
        void: int | Iterable[int] = (),
        threshold: int = THRESHOLD,
        connectivity: Connectivity = 8,
        min_area: int = 1,
        min_box_area: int = 0,
        resize_masks: bool = False,
        mask_pattern: str | None = None,
        follow_links: bool = False,
        workers: int | None = None,
        class_map: ClassMap | None = None,
        ignore_unknown: bool = False,
        missing_images: Missing = "error",
    ) -> None:
        super().__init__(
            path, img_dir, class_map=class_map, ignore_unknown=ignore_unknown, missing_images=missing_images
        )
        check_options(
            {
                "kind": (kind, (None, *get_args(MaskKind))),
                "class_from": (class_from, get_args(ClassFrom)),
                "connectivity": (connectivity, get_args(Connectivity)),
            },
            {
                "threshold": (threshold, 1, 255),
                "min_area": (min_area, 1, None),
                "min_box_area": (min_box_area, 0, None),
                "workers": (1 if workers is None else workers, 1, None),
            },
        )
        self.class_name = class_name
        self._img_dir = None if img_dir is None else self.img_dir
        self._mask_dir = None if mask_dir is None else existing_folder(Path(mask_dir), "the mask folder mask_dir")
        self._class_from = class_from
        self._values = read_values(Path(values)) if isinstance(values, str | Path) else values
        self._kind = kind
        self._void = frozenset([void] if isinstance(void, int) else void)
        self._resize = resize_masks
        self._pattern = mask_pattern
        self._follow = follow_links
        self._workers = workers if workers is not None else min(8, os.cpu_count() or 1)
        self._threshold, self._min_area, self._min_box_area = threshold, min_area, min_box_area
        self._connectivity: Connectivity = connectivity
        self._declared: tuple[str, ...] = ()

    def _count_unmasked(self, images: list[MaskedImage], findings: Findings) -> None:
        """Tell of images without a mask picture where each has one, which are lawful, yet mostly a mistake."""
        without = [image.name for image in images if not image.masks]
        if findings.autofix or 2 * len(without) > len(images):
            for name in without:
                findings.mend(UNMASKED, name, f"{len(without)} of {len(images)} images have no mask picture")

    def _declared_classes(self) -> Sequence[str]:
        return self._declared

    def _read(self, findings: Findings, progress: Progress) -> Iterable[FoundImage]:
        stated = stated_below(self.path)
        images = self._images(findings, () if stated is None else stated.splits)
        known = self._convention(images, stated)
        rules, how = settle_rules(self._told(stated, known), images, self._kind, stated, known)
        self.how = how
        found = []
        by_value: Mapping[str, Mapping[int, str]] = {} if stated is None else stated.objects
        jobs = [(image, rules, own_names(image, known, by_value), self._resize) for image in images]
        unknown: Counter[int] = Counter()
        fault = ""
        # Threads do: Pillow and numpy let go of the interpreter's lock while they decode and count.
        with ThreadPoolExecutor(self._workers) as pool:
            for done, (image, read) in enumerate(zip(images, pool.map(read_image_masks, jobs), strict=True), start=1):
                made = found_image(image, read, rules, findings)
                fault = fault or read.first_fault
                unknown.update(read.unknown)
                if made is not None:
                    if stated is not None and image.name in stated.ids:
                        made.image_id = stated.ids[image.name]
                    found.append(made)
                progress("reading images with their masks", done, len(images))
        if images and not found:
            raise DataError(f"{self.path}: none of its {len(images)} images can be used; the first: {fault}")
        count_unknown(unknown, rules, findings)
        if rules.kind != "instances" and self.path.is_dir():  # a table says by itself that there is none
            self._count_unmasked(images, findings)
        used = {found_object.class_name for image in found for found_object in image.objects}
        if stated is not None and stated.classes and self._class_from != "constant":
            self._declared = stated.classes
        elif rules.names is not None and rules.kind != "instances":
            self._declared = tuple(dict.fromkeys(rules.names.values()))
        else:
            self._declared = () if used - {self.class_name} else (self.class_name,)
        return found

    def _images(self, findings: Findings, splits: tuple[str, ...]) -> list[MaskedImage]:
        root = self.path if self.path.is_dir() else (self._img_dir or self.path.parent)
        walk = Walk(
            root=root,
            findings=findings,
            pattern=self._pattern,
            follow_links=self._follow,
            splits=splits,
            homes=tuple(folder for folder in (self._img_dir, self._mask_dir) if folder is not None),
        )
        if self.path.is_dir():
            images = find_masked_images(walk, self._img_dir, self._mask_dir)
        else:
            images = csv_images(self.path, walk, self._img_dir is not None, self._mask_dir)
        if self._class_from == "constant":
            for image in images:
                image.masks = [replace(mask, class_name=None) for mask in image.masks]
        # Two splits may hold files of one name.
        times = Counter(image.image_id for image in images)
        for image in images:
            if times[image.image_id] > 1 and image.split is not None:
                image.image_id = f"{image.split}/{image.image_id}"
        return images

    def _convention(self, images: list[MaskedImage], stated: StatedClasses | None) -> Convention | None:
        """What is known of the pictures by their names, unless somebody says what they are."""
        told = self._kind is not None or self._values is not None or self._pattern is not None
        if told or (stated is not None and stated.kind is not None):
            return None
        root = self.path if self.path.is_dir() else self.path.parent
        return find_convention(images, root, self.class_name)

    def _told(self, stated: StatedClasses | None, known: Convention | None) -> Rules:
        """What the caller, a file beside the pictures and their convention say of them, in this order."""
        values = self._values if self._values is not None else (stated.values if stated is not None else None)
        names, by_colour = numbered(values) if values else (None, False)
        if known is not None and names is None:
            names = None if known.names is None else dict(known.names)
        return Rules(
            kind="instances",
            class_name=self.class_name,
            names=names,
            by_colour=by_colour,
            void=self._void if known is None else self._void | known.void,
            connectivity=self._connectivity,
            threshold=self._threshold,
            min_area=self._min_area,
            min_box_area=self._min_box_area,
        )
