"""Forms of image files that surprise: other sizes than stated, orientations, depths, colours, wrong suffixes."""

from __future__ import annotations

from pathlib import Path

from contorno.doctor.picture_files import Header, expected_formats
from contorno.doctor.report import Faults, Place
from contorno.masks import Size

_HALF_TURN = 3


def explain_missing(path: Path, error: str) -> tuple[str, str, str]:
    """Kind, cause and mend of a file that could not be opened. error: what was said of it."""
    if path.is_file():
        if not path.stat().st_size:
            return "image file of zero bytes", f"{path} is empty.", "fetch it again, or leave the image out."
        return "image file that cannot be read", error, "put the file there, or leave the image out."
    like = _like(path)
    if like is not None and like.name.lower() == path.name.lower():
        cause = f"{path.name!r} is not there, and {like.name!r} is: only some systems take one for the other."
        return "image file named in another case", cause, "write the name as the file has it."
    hint = f" {like.name!r} is there: look whether it is meant." if like is not None else ""
    return "image file missing", error + hint, "put the file there, or leave the image out."


def check_size(stated: Size, found: Size, header: Header | None, place: Place, faults: Faults) -> None:
    """Compare the stated size with that of the file as it is shown, (height, width)."""
    is_turned = header is not None and header.orientation != 1
    if stated == found:
        if header is not None and is_turned:
            cause = f"EXIF orientation {header.orientation}; the stated size is that of the picture as it is shown."
            mend = "none needed where the annotations were made on the picture as it is shown."
            if header.orientation == _HALF_TURN:
                mend = "look whether the annotations stand upside down; the size cannot tell."
            faults.add("note", "image turned by EXIF", place, cause, mend)
        return
    text = f"stated are {stated[1]} x {stated[0]} pixels, the file has {found[1]} x {found[0]}"
    if header is not None and header.is_sideways and stated == header.stored_size:
        kind = "image turned by EXIF against its annotation"
        cause = (
            f"{text} (width x height) as it is shown, with EXIF orientation {header.orientation}: "
            "it was annotated as it is stored."
        )
        faults.add("error", kind, place, cause, "turn the annotations, or take the EXIF orientation out of the file.")
    elif stated == found[::-1]:
        cause = f"{text} (width x height) as it is shown: they are swapped, or the file was turned after annotating."
        mend = "turn the pixels back, or correct the stated size if the annotations fit."
        faults.add("error", "image with width and height swapped", place, cause, mend)
    else:
        mend = "use the files that were annotated; if they were resized, resize the annotations as well."
        faults.add("error", "image of another size than stated", place, f"{text} (width x height).", mend)


def check_form(path: Path, header: Header, place: Place, faults: Faults) -> None:
    """Look at format, depth, colours and frames."""
    expected = expected_formats(path)
    if expected and header.file_format not in expected:
        cause = f"{path.name} is a {header.file_format} file."
        faults.add(
            "warning", "image file with the suffix of another format", place, cause, "rename it, or save it anew."
        )
    if header.frames > 1:
        cause = f"it has {header.frames} frames or pages, of which the first is read."
        faults.add("warning", "image with several frames", place, cause, "save the frame that was annotated.")
    if header.bits > 8:
        cause = f"it has {header.bits} bits a colour; training reads the upper eight, and dark pictures become black."
        faults.add(
            "warning", f"image of {header.bits} bits a colour", place, cause, "scale it to 8 bits as it should look."
        )
    elif header.mode == "CMYK":
        cause = "it has the colours of print, which every reader turns into RGB in its own way."
        faults.add("warning", "image in CMYK", place, cause, "save it as RGB.")
    elif header.mode == "P" and header.has_transparency:
        faults.add(
            "warning", "palette image with transparency", place, "what shows through is lost.", "save it as RGB."
        )
    elif header.mode == "P":
        faults.add("note", "palette image", place, "it is read as RGB.", "none needed.")
    elif header.has_transparency:
        faults.add("note", "image with an alpha channel", place, "alpha is not read.", "none needed.")
    elif header.mode in ("L", "1"):
        faults.add("note", "grey image", place, "it is read as equal red, green and blue.", "none needed.")
    elif header.mode not in ("RGB", "YCbCr"):
        faults.add("note", f"image with the colours {header.mode}", place, "it is read as RGB.", "none needed.")


def _like(path: Path) -> Path | None:
    """A file beside `path` with its name in another case, else with its stem and another suffix."""
    try:
        beside = sorted(file for file in path.parent.iterdir() if file.stem.lower() == path.stem.lower())
    except OSError:
        return None
    same = [file for file in beside if file.name.lower() == path.name.lower()]
    return next(
        iter(same or [file for file in beside if file.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp")]), None
    )
