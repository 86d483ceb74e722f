"""Read a CSV of masks as run-length code, one a line, as Kaggle's competitions give them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from contorno import masks
from contorno.errors import ConfigError, DataError
from contorno.images import image_size
from contorno.masks import RunLength, Size
from contorno.parsers.coco_geometry import BadGeometry
from contorno.parsers.components import regions
from contorno.parsers.findings import Findings
from contorno.parsers.found import FoundImage, FoundObject
from contorno.parsers.image_files import relative_name
from contorno.parsers.label_maps import MaskKind
from contorno.parsers.mask_classes import read_values
from contorno.parsers.parsing import Missing, Parser
from contorno.parsers.run_length_images import find_images
from contorno.parsers.run_length_table import (
    CodeLine,
    Order,
    are_offsets,
    draw_runs,
    find_columns,
    find_order,
    from_offsets,
    read_lines,
    read_runs,
)
from contorno.progress import Progress
from contorno.records import ClassMap

_LOOKED_AT = 64
_OFFSETS = "run-length code whose runs count from the end of the one before"


class RunLengthCSVParser(Parser):
    """Reads a table of masks as run-length code: `ImageId,EncodedPixels` and its kin, see `run_length_table`.

    path:        the CSV.   img_dir: a folder with the images, in it or below; the folder of the CSV if unset.
    class_name:  what objects are where the table has no class. A class that is a number, as 3, is `class_3`.
    values:      {3: "cat"} or a file with such a table (see `mask_classes`), for classes that are numbers.
    order:       "columns" or "rows", as the pixels are counted. If unset it is found: the right order is that in which
                 masks lie beside themselves one line on; where images are square, or that is not clear, columns.
    kind:        "instances": a line is an object. "semantic": a line is all of a class in its image, and objects are
                 its connected parts. If unset "semantic" where no image has two lines of one class.
    min_area:    px², under which a part of a semantic mask is left out and counted.

    Pixels count from 1; from 0 if a code has pixel 0, counted. Where most runs would start before the end of the one
    before, and fit the image counted from there, as SIIM's do, they are read so, and counted: once if those of the
    table are, else by object. Images are found by name, with or without suffix and wherever they lie below the folder;
    one without any code is a negative, those that no line names are left out and counted. Ids of images are the names
    in the table. `how` says what was found.
    Options of `Parser` and what it raises as there; ConfigError for options that are not known.
    """

    with_masks = True

    def __init__(
        self,
        path: Path | str,
        img_dir: Path | str | None = None,
        *,
        class_name: str = "object",
        values: Mapping[int, str] | Path | str | None = None,
        order: Order | None = None,
        kind: MaskKind | None = None,
        min_area: int = 1,
        class_map: ClassMap | None = None,
        ignore_unknown: bool = False,
        missing_images: Missing = "error",
    ) -> None:
        super().__init__(
            path, img_dir, class_map=class_map, ignore_unknown=ignore_unknown, missing_images=missing_images
        )
        if order not in (None, *get_args(Order)):
            raise ConfigError(f"order={order!r} is not known; choose 'columns' or 'rows'.")
        if kind not in (None, "instances", "semantic"):
            raise ConfigError(f"kind={kind!r} is not for tables of run-length code; choose 'instances' or 'semantic'.")
        self.class_name = class_name
        self.order = order
        self.kind = kind
        self.min_area = min_area
        named = read_values(Path(values)) if isinstance(values, str | Path) else (values or {})
        self._names = {str(value): name for value, name in named.items()}

    def _read(self, findings: Findings, progress: Progress) -> Iterator[FoundImage]:
        lines: dict[str, list[CodeLine]] = defaultdict(list)
        for line in read_lines(self.path):
            if not line.image:
                findings.drop("line without an image", f"line {line.number}")
                continue
            try:
                lines[relative_name(line.image, f"line {line.number}")].append(line)
            except DataError as error:
                findings.drop("line with a path that cannot be used", f"line {line.number}", str(error))
        paths, unnamed = find_images(lines, self.img_dir, findings)
        findings.leave_out("image that no line of the table names", len(unnamed), unnamed[0] if unnamed else "")
        sizes: dict[str, Size] = {}
        for name, path in paths.items():
            try:
                sizes[name] = image_size(path)
            except DataError as error:
                findings.drop("image that cannot be read", name, str(error))
        order, first, by_offsets = self._counting(lines, sizes, findings)
        kind = self.kind or ("instances" if _shares_class(lines.values()) else "semantic")
        what = "all of a class, its parts are objects" if kind == "semantic" else "an object"
        why = (
            ""
            if self.kind
            else f"{'some images have' if kind == 'instances' else 'no image has'} two lines of one class, "
        )
        start = "the end of the run before" if by_offsets else first
        self.how = f"{kind}: {why}each line is {what}; pixels counted along the {order}, from {start}"
        for done, (name, of_image) in enumerate(lines.items(), start=1):
            if name in paths and name not in sizes:
                continue
            yield FoundImage(
                file_name=name,
                where=name,
                image_id=name,
                size=sizes.get(name),
                objects=self._objects(of_image, sizes[name], (order, first, by_offsets), kind, findings)
                if name in sizes
                else [],
                path=paths.get(name),
            )
            if done % 64 == 0 or done == len(lines):
                progress("reading run-length codes", done, len(lines))

    def _counting(
        self, lines: Mapping[str, Sequence[CodeLine]], sizes: Mapping[str, Size], findings: Findings
    ) -> tuple[Order, int, bool]:
        """The order in which pixels are counted, the number of the first, and whether runs are `from_offsets`."""
        samples: list[tuple[NDArray[np.int64], Size]] = []
        from_zero: list[str] = []
        for name, of_image in lines.items():
            coded = [line for line in of_image if line.code]
            from_zero += [f"{name}, line {line.number}" for line in coded if line.code.lstrip("0")[:1] in ("", " ")]
            if name in sizes and len(samples) < _LOOKED_AT:
                for line in coded:
                    try:
                        samples.append((read_runs(line.code), sizes[name]))
                    except BadGeometry:
                        continue  # counted when all are read
        by_offsets = are_offsets(samples)
        if by_offsets:
            findings.mend(
                _OFFSETS, str(self.path), "all of the table are read so, the first from the image's beginning"
            )
            samples = [(from_offsets(runs), size) for runs, size in samples]
        else:
            for where in from_zero:
                findings.mend("pixels counted from 0 instead of 1", where)
        return self.order or find_order(samples) or "columns", 0 if from_zero or by_offsets else 1, by_offsets

    def _objects(
        self,
        lines: Sequence[CodeLine],
        size: Size,
        counting: tuple[Order, int, bool],
        kind: str,
        findings: Findings,
    ) -> list[FoundObject]:
        order, first, by_offsets = counting
        objects: list[FoundObject] = []
        seen: set[tuple[str, str]] = set()
        for line in lines:
            place = f"line {line.number}"
            where = f"{line.image}, {place}"
            if not line.code:
                continue
            if (line.category, line.code) in seen:
                findings.drop("line that repeats another", where)
                continue
            seen.add((line.category, line.code))
            try:
                if line.size is not None and line.size != size:
                    stated = f"{list(line.size)}, the image has {list(size)} (height, width)"
                    raise BadGeometry("mask of another size than the image", stated)
                runs = read_runs(line.code)
                is_odd = not by_offsets and are_offsets([(runs, size)])
                if by_offsets or is_odd:
                    mask, mixed = draw_runs(from_offsets(runs), size, order, 0)
                else:
                    mask, mixed = draw_runs(runs, size, order, first)
            except BadGeometry as fault:
                findings.drop(fault.reason, where, fault.detail)
                continue
            if is_odd:
                findings.mend(_OFFSETS, where, "otherwise most of its runs would overlap")
            if mixed:
                findings.mend("run-length code whose runs overlap or stand out of order", where)
            name = self._class_of(line.category)
            for part in self._parts(mask, kind, findings, where):
                objects.append(FoundObject(class_name=name, geometry=part, where=place))
        return objects

    def _class_of(self, category: str) -> str:
        if not category:
            return self.class_name
        # iMaterialist: a class with its attributes, 6_20_1.
        number, _, rest = category.partition("_")
        if number.isdecimal() and rest.replace("_", "").isdecimal():
            category = number
        return self._names.get(category, f"class_{category}" if category.isdecimal() else category)

    def _parts(self, mask: RunLength, kind: str, findings: Findings, where: str) -> Iterable[RunLength]:
        if kind == "instances":
            return [mask]
        parts = regions(masks.decode(mask), [1], split=True, min_area=self.min_area)
        small = sum(part.code is None for part in parts)
        findings.leave_out(f"region under {self.min_area} px² (min_area)", small, where)
        return [part.code for part in parts if part.code is not None]


def _shares_class(lines: Iterable[Sequence[CodeLine]]) -> bool:
    """True if an image has two objects of one class, so that no line holds all of it; a repeated line is none."""
    codes = ({(line.category, line.code) for line in of_image if line.code} for of_image in lines)
    named = ([category for category, _ in of_image] for of_image in codes)
    return any(len(set(of_image)) < len(of_image) for of_image in named)


def is_run_length_csv(head: str) -> bool:
    """True if the beginning of a text is that of a table of run-length codes."""
    return find_columns(head) is not None
