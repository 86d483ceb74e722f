"""One found object as records hold it: its mask checked and moved, its box cut off at the image's edge."""

from __future__ import annotations

from contorno.masks import Geometry, Polygons, RunLength, Size
from contorno.parsers.coco_geometry import BadGeometry, Box, check_mask, clip_box, mask_box
from contorno.parsers.findings import Findings
from contorno.parsers.found import FoundObject


def usable(
    found: FoundObject, size: Size, findings: Findings, where: str, *, with_masks: bool | None, vertex_offset: float
) -> tuple[Geometry | None, Box]:
    """Geometry and xyxy box of one object in an image of `size`. Raises BadGeometry if it cannot be used.

    with_masks, vertex_offset: as in `parsing.Parser`.
    """
    geometry = found.geometry
    if geometry is None and with_masks:
        raise BadGeometry("object without a mask", "it has a box only")
    if isinstance(geometry, Polygons) and vertex_offset:
        geometry = Polygons(tuple(part + vertex_offset for part in geometry.parts))
    if isinstance(geometry, RunLength) and geometry.size != size:
        raise BadGeometry(
            "mask of another size than the image",
            f"{list(geometry.size)}, the image has {list(size)} (height, width)",
        )
    if geometry is not None:
        check_mask(geometry, size)
    box = None if found.box is None else clip_box(found.box, size)
    if box is None and geometry is None:
        raise BadGeometry("box without area inside the image", f"box {found.box}")
    if box is None and geometry is not None:
        box = mask_box(geometry, size)
        if found.box is not None:
            findings.mend("box without area inside the image, taken from the mask", where)
    elif box != found.box and found.box is not None:
        if findings.autofix:
            findings.mend("box beyond the image, clipped", where)
        else:
            box = found.box
    assert box is not None
    return geometry if with_masks is not False else None, box


def ids_of(kept: list[FoundObject]) -> list[int | str] | None:
    """The ids of objects, None unless all have one."""
    ids = [found.object_id for found in kept if found.object_id is not None]
    return ids if len(ids) == len(kept) and kept else None
