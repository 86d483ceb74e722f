"""The image of a PASCAL VOC annotation: which file it is, and how large."""

from __future__ import annotations

from contorno.images import image_size
from contorno.masks import Size
from contorno.parsers.findings import Findings
from contorno.parsers.voc_folders import Images, safe_name, without_suffix
from contorno.parsers.voc_xml import VocAnnotation


def file_name(annotation: VocAnnotation, images: Images, findings: Findings) -> str:
    """The image of an annotation, relative to the image folder; the stated name if there is none."""
    own = images.of_stem(annotation.folder, annotation.stem)
    stated = safe_name(annotation.file_name, name_of(annotation)) if annotation.file_name else None
    detail = f"it says {annotation.file_name!r}"
    if stated is not None:
        base = stated.rpartition("/")[2]
        beside = f"{annotation.folder}/{base}" if annotation.folder else base
        there = next((name for name in dict.fromkeys((stated, beside, base)) if images.has(name)), None)
        # Writers that put images of many folders in one join the names with "_".
        own_names = (without_suffix(base), without_suffix(stated.replace("/", "_")))
        if there is not None and (own is None or annotation.stem in own_names):
            return there
        if own is not None and there is not None:
            findings.mend("file name in the XML that is another image's", name_of(annotation), detail)
            return own
    if own is not None:
        findings.mend("file name in the XML that is no image's, found by the XML's name", name_of(annotation), detail)
        return own
    return stated if stated is not None else f"{annotation.stem}.jpg"


def image_size_of(annotation: VocAnnotation, name: str, images: Images, findings: Findings) -> Size | None:
    """The stated size, unless it is missing or boxes reach beyond it and the image file says otherwise."""
    stated = annotation.size
    if stated is None:
        if not images.has(name):
            return None
        findings.mend("size in the XML missing or 0, read from the image", name_of(annotation))
        return image_size(images.folder / name)
    height, width = stated
    reaches = any(
        max(found.box[0], found.box[2]) > width + 1 or max(found.box[1], found.box[3]) > height + 1
        for found in annotation.objects
        if found.box is not None
    )
    return true_size(annotation, stated, name, images, findings) if reaches else stated


def true_size(annotation: VocAnnotation, stated: Size, name: str, images: Images, findings: Findings) -> Size:
    """The size of the image file, if it is there; counted where it is not the stated one."""
    if not images.has(name):
        return stated
    true = image_size(images.folder / name)
    if true != stated:
        findings.mend(
            "size in the XML that is not the image's",
            name_of(annotation),
            f"{stated}, the image has {true} (height, width)",
        )
    return true


def name_of(annotation: VocAnnotation) -> str:
    """Where an annotation lies below the annotations, for messages."""
    name = annotation.path.name
    return f"{annotation.folder}/{name}" if annotation.folder else name
