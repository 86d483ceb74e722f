"""Read folders of LabelMe files: one JSON an image, also as AnyLabeling and X-AnyLabeling write them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from contorno.errors import ConfigError, DataError
from contorno.files import read_json
from contorno.images import image_size
from contorno.masks import Size
from contorno.parsers.coco_geometry import BadGeometry
from contorno.parsers.findings import Findings
from contorno.parsers.found import FoundImage, FoundObject
from contorno.parsers.groups import join_groups
from contorno.parsers.labelme_attributes import LABELS_FILE, NO_CLASSES, attributes_of, listed_classes, split_of
from contorno.parsers.labelme_images import (
    embedded_image,
    find_image,
    images_beside,
    is_turned,
    json_files,
    name_below,
    stated_size,
    unlabelled,
)
from contorno.parsers.labelme_shapes import Rectangles, read_shape
from contorno.parsers.parsing import Missing, Parser
from contorno.progress import Progress
from contorno.records import ClassMap

__all__ = ["LABELS_FILE", "LabelMeParser", "is_labelme"]

_OF_IMAGE = frozenset(("imagePath", "imageData", "imageHeight", "imageWidth"))


def is_labelme(document: Any) -> bool:
    """Whether a JSON value is a LabelMe file: a list of shapes, and an image of which it says something.

    Tools that leave out the image altogether mean the one of the same name; their shapes have label and points.
    """
    if not isinstance(document, dict) or not isinstance(document.get("shapes"), list):
        return False
    shape = next((item for item in document["shapes"] if isinstance(item, dict)), {})
    return not _OF_IMAGE.isdisjoint(document) or {"label", "points"} <= shape.keys()


class LabelMeParser(Parser):
    """Reads LabelMe files of versions 3 to 6, in a folder with its sub-folders, or one.

    path:     the folder or the file.   img_dir: where the images are, if not where `imagePath` says or in images/
              beside a folder called labels/ or the like.
    rect:     "box": a rectangle is an object of which only the box is known; "mask": its mask is the rectangle.
    instance_separator: for labels such as "cat-1", by the old custom, "-": the class is "cat", and shapes of one such
              label in an image are one object. If unset, labels are classes as they are.

    Shapes of one label and one `group_id` in an image are parts of one object. For the types of shapes see
    `labelme_shapes.read_shape`. Flags, descriptions, scores and other members are kept as attributes of the object. The
    file of the image comes first, its size too, unless EXIF turns it and the size stated is that before the turn; an
    image that is only inside its label file becomes pixels in the record, and nothing is written. The id of an image
    is the name of its file, below `img_dir` or the folder. If all label files lie in train/, val/ and the like, or in
    labels/train/, these are the splits. Classes are those of labels.txt first, in its order, where the folder, or the
    one around a folder of one split, has one with classes of the shapes.
    JSON files of other kinds, and images beside the others that have no label file, are passed over and counted; label
    files that cannot be read are counted as dropped.
    Options of `Parser` and what it raises as there.
    """

    def __init__(
        self,
        path: Path | str,
        img_dir: Path | str | None = None,
        *,
        class_map: ClassMap | None = None,
        rect: Rectangles = "box",
        instance_separator: str | None = None,
        ignore_unknown: bool = False,
        missing_images: Missing = "error",
        vertex_offset: float = 0.0,
    ) -> None:
        super().__init__(
            path,
            img_dir,
            class_map=class_map,
            ignore_unknown=ignore_unknown,
            missing_images=missing_images,
            vertex_offset=vertex_offset,
        )
        if rect not in ("box", "mask"):
            raise ConfigError(f"rect={rect!r} is not known; choose 'box' or 'mask'.")
        self.rect: Rectangles = rect
        self.instance_separator = instance_separator
        self.root = self.path if self.path.is_dir() else self.path.parent
        if img_dir is None:
            self.img_dir = images_beside(self.root) or self.img_dir
        self._used: set[str] = set()
        self._left_out = ""

    def _declared_classes(self) -> Sequence[str]:
        names = listed_classes(self.root) if self.path.is_dir() else []
        return names if not self._used or self._used.intersection(names) else ()

    def _read(self, findings: Findings, progress: Progress) -> Iterator[FoundImage]:
        files = json_files(self.path) if self.path.is_dir() else [self.path]
        found = usable = 0
        used: set[Path] = set()
        self._used = set()
        self._left_out = ""
        for done, file in enumerate(files, start=1):
            where = file.relative_to(self.root).as_posix()
            try:
                document = read_json(file)
            except DataError as error:
                if self.path.is_file():
                    raise
                self._leave_out("label file that cannot be read", where, error, findings)
                continue
            if not is_labelme(document):
                findings.leave_out("JSON file that is not of LabelMe", 1, where)
                continue
            found += 1
            image = self._image(file, document, where, findings)
            if image is not None:
                usable += 1
                if image.path is not None:
                    used.add(image.path)
                yield image
            if done % 64 == 0 or done == len(files):
                progress("reading label files", done, len(files))
        if not found:
            why = f" The first that cannot be read is {self._left_out}" if self._left_out else ""
            raise DataError(
                f"{self.path} has no LabelMe files ({len(files)} JSON files looked at); expected 'shapes' in them.{why}"
            )
        if self.path.is_dir():
            # Nobody has looked at them, or found nothing: as a negative each might teach misses.
            without = unlabelled(used, {file.stem for file in files})
            name = name_below(without[0], self.img_dir, self.root) if without else ""
            findings.leave_out("image without a label file", len(without), name)
        if not usable:
            raise DataError(f"{self.path}: none of its {found} images can be used; the first is {self._left_out}")

    def _image(self, file: Path, document: dict[str, Any], where: str, findings: Findings) -> FoundImage | None:
        path = find_image(file, document.get("imagePath"), self.root, self.img_dir, findings, where)
        pixels = None
        folder = Path(where).parent
        base = str(document.get("imagePath") or f"{file.stem}.png").replace("\\", "/").rpartition("/")[2]
        name = (folder / (base if base not in ("", "..") and "\0" not in base else f"{file.stem}.png")).as_posix()
        stated = stated_size(document)
        size = stated
        if path is not None:
            name = name_below(path, self.img_dir, self.root)
            try:
                size = image_size(path)
            except DataError as error:
                self._leave_out("image file that cannot be read", where, error, findings)
                return None
        elif isinstance(document.get("imageData"), str) and document["imageData"]:
            try:
                pixels = embedded_image(document["imageData"])
            except DataError as error:
                self._leave_out("image inside the label file that cannot be read", where, error, findings)
                return None
            size = (pixels.shape[0], pixels.shape[1])
        if path is not None and size is not None and stated == size[::-1] and is_turned(path):
            # Annotated on the picture as it is stored. As in other formats the stated size stays; the doctor sees it.
            size = stated
        elif stated is not None and size != stated:
            detail = f"stated {stated}, the image has {size} (height, width)"
            findings.mend(
                "imageHeight and imageWidth that disagree with the image, those of the image taken", where, detail
            )
        for flag, value in _dict(document.get("flags")).items():
            if value:
                findings.leave_out(f"image flag {flag!r}, which records do not hold", 1, where)
        own_id, split = document.get("contorno_id"), document.get("split")
        # Without any size there is no image either, and it goes with its shapes.
        return FoundImage(
            file_name=name,
            where=where,
            image_id=own_id if isinstance(own_id, int | str) and own_id != "" else None,
            size=size,
            objects=[] if size is None else self._objects(document["shapes"], size, where, findings),
            path=path,
            image=pixels,
            split=split if isinstance(split, str) and split else split_of(where),
        )

    def _leave_out(self, reason: str, where: str, error: DataError, findings: Findings) -> None:
        findings.drop(reason, where, str(error))
        self._left_out = self._left_out or f"{where}: {error}"

    def _objects(self, shapes: list[Any], size: Size, where: str, findings: Findings) -> list[FoundObject]:
        parts = []
        for number, shape in enumerate(shapes):
            place = f"shape {number}"
            if not isinstance(shape, dict):
                findings.drop("shape that is not an object of JSON", f"{where}, {place}")
                continue
            label = shape.get("label")
            name = str(label).strip() if isinstance(label, str | int | float) and not isinstance(label, bool) else ""
            if name in NO_CLASSES:
                findings.leave_out(f"shape labelled {name}", 1, f"{where}, {place}")
                continue
            try:
                mended = partial(findings.mend, where=f"{where}, {place}")
                geometry, box = read_shape(shape, size, self.rect, mended)
            except BadGeometry as fault:
                findings.drop(fault.reason, f"{where}, {place}", fault.detail)
                continue
            group = shape.get("group_id")
            tie = str(group) if isinstance(group, int | str) and group != "" else None
            name, tie = self._instance(name, tie)
            self._used.add(name)
            object_id = shape.get("contorno_id")
            made = FoundObject(
                class_name=name,
                geometry=geometry,
                box=box,
                where=place,
                object_id=object_id if isinstance(object_id, int | str) else None,
                is_crowd=shape.get("is_crowd") is True,
                attributes=attributes_of(shape),
            )
            parts.append((tie, made))
        return join_groups(parts, size, findings, where)

    def _instance(self, label: str, group: str | None) -> tuple[str, str | None]:
        if self.instance_separator:
            name, _, number = label.rpartition(self.instance_separator)
            if name and number.isdigit():
                return name, group if group is not None else label
        return label, group


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
