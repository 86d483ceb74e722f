"""One image with its mask pictures: sizes compared, pictures read, objects found, faults counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from contorno import masks
from contorno.errors import DataError
from contorno.images import image_size
from contorno.masks import Size
from contorno.parsers.findings import Findings
from contorno.parsers.found import FoundImage, FoundObject
from contorno.parsers.label_maps import Drawn, Rules, draw_objects, read_picture
from contorno.parsers.mask_values import Names, nearest_name, value_text
from contorno.parsers.mask_walk import MaskedImage, MaskFile

Job = tuple[MaskedImage, Rules, Names | None, bool]
"""An image, how its masks are read, the class of each value if told for this image, and whether to resize masks."""

_UNKNOWN_NAMED = 20
_OTHER_SIZE = "mask of another size than its image"
_OTHER_PROPORTIONS = "mask of other proportions than its image"


@dataclass(slots=True, kw_only=True)
class ImageMasks:
    """What one image and its masks hold. size: of the image, None if it cannot be read.   faults: of what is dropped,
    (reason, where, detail).   unknown: pixels of values that no class has."""

    size: Size | None = None
    drawn: list[tuple[MaskFile, Drawn]] = field(default_factory=list)
    faults: list[tuple[str, str, str]] = field(default_factory=list)

    @property
    def first_fault(self) -> str:
        """What is wrong with the first picture that cannot be used; "" if all can."""
        said = [f"{where}: {reason}: {detail}" for reason, where, detail in self.faults]
        said += [f"{mask.name}: {reason}" for mask, drawn in self.drawn for reason, _ in drawn.dropped]
        return next(iter(said), "")

    @property
    def unknown(self) -> Counter[int]:
        """Pixels of each value that no class has."""
        found: Counter[int] = Counter()
        for _, drawn in self.drawn:
            found.update(drawn.unknown)
        return found


def read_image_masks(job: Job) -> ImageMasks:
    """Read the masks of one image; never raises for what files hold. A file that is not there has no size either."""
    image, rules, names, resize = job
    read = ImageMasks()
    if not image.path.is_file():
        return read  # counted, or an error, as missing image files are in every format
    try:
        read.size = image_size(image.path)
    except DataError as error:
        read.faults.append(("image that cannot be read", image.name, str(error)))
        return read
    for mask in image.masks:
        try:
            picture = read_picture(mask.path, rules)
        except DataError as error:
            read.faults.append(("mask that cannot be read", mask.name, str(error)))
            continue
        shape: Size = (picture.values.shape[0], picture.values.shape[1])
        if shape != read.size:
            detail = (
                f"{shape[0]} x {shape[1]} pixels (height x width), expected {read.size[0]} x {read.size[1]} "
                f"as its image {image.path.name}"
            )
            if shape[::-1] == read.size:
                detail += ", which its EXIF orientation may have turned"
            fits = _same_proportions(shape, read.size)
            if not (fits and resize):
                reason = _OTHER_PROPORTIONS if resize else _OTHER_SIZE
                read.faults.append((reason, mask.name, detail + ("; resize_masks=True fits it" if fits else "")))
                continue
            picture = replace(picture, values=masks.resize(picture.values, read.size))
        read.drawn.append((mask, draw_objects(picture, rules, mask.class_name, names)))
    return read


def found_image(image: MaskedImage, read: ImageMasks, rules: Rules, findings: Findings) -> FoundImage | None:
    """The image with its objects, or None if it cannot be read or none of its masks can; faults go to `findings`."""
    for reason, where, detail in read.faults:
        findings.drop(reason, where, detail)
    if read.faults and read.size is None:
        return None
    if image.stated_size is not None and read.size is not None and image.stated_size != read.size:
        detail = f"{list(image.stated_size)}, the file has {list(read.size)} (height, width)"
        findings.mend("size in the table that is not the image's", image.name, detail)
    if image.masks and read.size is not None and not any(not drawn.dropped for _, drawn in read.drawn):
        for mask, drawn in read.drawn:
            _count(drawn, mask.name, rules, findings)
        # As a negative it would teach misses.
        findings.leave_out("image of which no mask can be used", 1, image.name)
        return None
    objects: list[FoundObject] = []
    stems = Counter(mask.path.stem for mask, _ in read.drawn)
    for mask, drawn in read.drawn:
        _count(drawn, mask.name, rules, findings)
        for class_name, value, code in drawn.objects:
            own_id: int | str | None = None
            where = mask.name
            if rules.kind == "instances":
                own_id = mask.path.stem if stems[mask.path.stem] == 1 else mask.name
            else:
                where += f", value {value}"
                if rules.kind == "label-map" and len(read.drawn) == 1:
                    own_id = value
            objects.append(FoundObject(class_name=class_name, geometry=code, where=where, object_id=own_id))
    return FoundImage(
        file_name=image.name,
        where=image.name,
        image_id=image.image_id,
        size=read.size,
        objects=objects,
        path=image.path,
        split=image.split,
    )


def count_unknown(unknown: Mapping[int, int], rules: Rules, findings: Findings) -> None:
    """Name the values that no class has, each with the nearest that one has."""
    names = rules.names or {}
    order = sorted(unknown, key=lambda value: (-unknown[value], value))
    for value in order[:_UNKNOWN_NAMED]:
        near = f"the nearest is {nearest_name(value, names, rules.by_colour)}" if names else ""
        reason = f"{value_text(value, rules.by_colour)}, which no class has"
        findings.drop(reason, f"{unknown[value]} pixels in all", near)
    if len(order) > _UNKNOWN_NAMED:
        findings.drop("other values which no class has", f"{len(order) - _UNKNOWN_NAMED} values")


def shares_class(image: MaskedImage) -> bool:
    """True if two masks of an image are of one class, so that neither holds all of it."""
    return len({mask.class_name for mask in image.masks}) < len(image.masks)


def _count(drawn: Drawn, where: str, rules: Rules, findings: Findings) -> None:
    for reason, detail in drawn.mended:
        findings.mend(reason, where, detail)
    for reason, detail in drawn.dropped:
        findings.drop(reason, where, detail)
    small = f"region under {rules.min_area} px² (min_area)", f"region with a box under {rules.min_box_area} px²"
    findings.leave_out(small[0], drawn.small_area, where)
    findings.leave_out(f"{small[1]} (min_box_area)", drawn.small_box, where)
    if rules.kind == "instances" and not drawn.dropped and not (drawn.objects or drawn.small_area or drawn.small_box):
        findings.drop("empty mask", where)


def _same_proportions(shape: Size, size: Size) -> bool:
    try:
        masks.fit_mask(np.zeros(shape, dtype=np.uint8), size)
    except DataError:
        return False
    return True
