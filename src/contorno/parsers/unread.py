"""What to say of data that are not read as they are: archives, and formats of other tools, each with what to do."""

from __future__ import annotations

from pathlib import Path

from contorno.errors import DataError
from contorno.parsers.json_head import read_head

ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar")
_TABLE_KEYS = {
    "xmin": "boxes as TensorFlow's and RetinaNet's tables are",
    "x_min": "boxes",
    "bbox": "boxes",
    "labelname": "one of Open Images, which is read by the folder that holds it with its images",
}


def archive_message(path: Path) -> str:
    """What to do with an archive, or a packed file: the command that unpacks it, and what to give then."""
    name = path.name.split(".")[0] or "data"
    folder = path.parent / name
    tool = f'unzip "{path}" -d "{folder}"' if path.suffix.lower() == ".zip" else f'tar -xf "{path}" -C "{folder}"'
    if path.suffix.lower() in (".7z", ".rar"):
        tool = f'7z x "{path}" -o"{folder}"'
    elif path.suffix.lower() in (".gz", ".bz2", ".xz") and ".tar" not in [suffix.lower() for suffix in path.suffixes]:
        unpack = {".gz": "gunzip", ".bz2": "bunzip2", ".xz": "unxz"}[path.suffix.lower()]
        file = path.with_suffix("")
        return (
            f'{path} is packed, which is not read as it is; unpack it, as with {unpack} -k "{path}", and give {file}.'
        )
    elif path.suffix.lower() != ".zip":
        tool = f'mkdir "{folder}" && {tool}'
    what = "a zip" if path.suffix.lower() == ".zip" else "an archive"
    return f"{path} is {what}, which is not read as it is; unpack it, as with {tool}, and give the folder {folder}."


def foreign_json(path: Path) -> str:
    """What a JSON file of a tool whose format is not read is, and what to export there instead; "" for others."""
    try:
        head = read_head(path)
    except DataError:
        return ""
    keys, inner = set(head.keys), set(head.inner)
    both = keys | inner
    tool, instead = "", ""
    if head.kind == "list":
        if {"annotations", "data"} <= inner or {"completions", "data"} <= inner or "annotation_id" in inner:
            tool, instead = "tasks of Label Studio", "COCO or YOLO"
        elif {"image", "annotations"} <= inner:
            tool, instead = "CreateML", "COCO"
        elif {"shapes", "tracks"} <= inner:
            tool, instead = "a backup of CVAT", "CVAT for images 1.1 or COCO"
        elif {"Label", "External ID"} & inner or "data_row" in inner:
            tool, instead = "Labelbox", "COCO"
    elif {"objects", "size"} <= keys and ("tags" in keys or "description" in keys):
        tool, instead = "Supervisely", "COCO"
    elif {"data_row", "projects"} <= keys:
        tool, instead = "Labelbox", "COCO"
    elif {"imgHeight", "imgWidth", "objects"} <= keys:
        tool, instead = "Cityscapes' polygons", "the folder that has its instanceIds pictures"
    elif "items" in keys and "categories" in keys:
        tool, instead = "Datumaro", "COCO"
    elif "asset" in both and "regions" in both:
        tool, instead = "VoTT", "PASCAL VOC or COCO"
    if not tool:
        return ""
    give = f"give {instead}" if tool.startswith("Cityscapes") else f"export the data there as {instead}"
    return f"{path} is of {tool}, which is not read; {give}."


def table_message(path: Path, first: str) -> str:
    """What a CSV is that is no label file of ours. first: its first line."""
    what = _foreign_columns(first)
    said = f" ({what})" if what else ""
    return (
        f"{path} is a CSV whose first line is {first[:80]!r}{said}; expected one of VIA, one with the columns images "
        "and masks, or one of run-length codes as ImageId,EncodedPixels."
    )


def hint_below(path: Path) -> str:
    """A sentence about what a folder that is not recognised holds: archives, or files of formats that are not read.

    "" where nothing of that is found, or something may not be looked into: another fault is being told.
    """
    try:
        return _hint_below(path)
    except OSError:
        return ""


def _hint_below(path: Path) -> str:
    files = sorted(file for file in path.iterdir() if file.is_file() and not file.name.startswith("."))
    archive = next((file for file in files if file.suffix.lower() in ARCHIVES), None)
    if archive is not None:
        return archive_message(archive)
    places = [path, *sorted(folder for folder in path.iterdir() if folder.is_dir())]
    places += [folder for place in places[1:24] for folder in sorted(place.iterdir()) if folder.is_dir()][:24]
    for place in places:
        for file in sorted(place.glob("*.json"))[:4]:
            said = foreign_json(file)
            if said:
                return said
    for file in [file for file in files if file.suffix.lower() == ".csv"][:4]:
        with file.open(encoding="utf-8-sig", errors="replace") as text:
            first = text.readline(4096).strip()
        if _foreign_columns(first):
            return table_message(file, first)
    return ""


def _foreign_columns(first: str) -> str:
    names = {name.strip().strip('"').casefold() for name in first.replace(";", ",").split(",")}
    return next((what for key, what in _TABLE_KEYS.items() if key in names), "")
