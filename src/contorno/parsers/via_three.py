"""Label files of the VGG Image Annotator, version 3, in the words of version 2.

A project has files; views, which show one file each as a rule; and metadata, each a shape `xy` (a number for its kind,
then coordinates) in a view with values `av` of attributes by id. Values of listed attributes are the ids of options.
The CSV of version 3 has its attributes in a comment and one metadata a row.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from contorno.errors import DataError
from contorno.parsers.findings import Findings
from contorno.parsers.via_document import ViaDocument, ViaImage, ViaRegion, csv_rows, read_cell

_IMAGE = 2  # file types: image 2, video 4, audio 8
_CHECKBOX, _LISTED = 2, (2, 3, 4, 5)  # attribute types: text 1, checkbox 2, radio 3, select 4, image 5
_WITHOUT_REGION = "XY0"  # anchors that end so belong to files and stretches of time, not to regions
_CSV_FIRST, _CSV_MARK = "# Exported using VGG Image Annotator", "# CSV_HEADER"
_COMMENT = ("#", '"#')


def read_project(document: Mapping[str, Any], findings: Findings) -> ViaDocument:
    """Take a project. Sound and film, and what is said of whole files, go to `findings`."""
    declared = _dict(document.get("attribute"))
    images: dict[str, ViaImage] = {}
    for file_id, file in document["file"].items():
        if not isinstance(file, dict) or file.get("type", _IMAGE) != _IMAGE:
            findings.leave_out("file that is not an image", 1, f"file {file_id}")
            continue
        names = tuple(name for name in (file.get("fname"), file.get("src")) if isinstance(name, str) and name)
        images[str(file_id)] = ViaImage(names=names or ("",), where=names[0] if names else f"file {file_id}")
    shown = {
        str(view): [str(file) for file in files]
        for view, files in ((key, _dict(value).get("fid_list")) for key, value in document["view"].items())
        if isinstance(files, list)
    }
    of_files = 0
    for key, entry in document["metadata"].items():
        where = f"metadata {key}"
        if not isinstance(entry, dict) or not isinstance(entry.get("xy"), list):
            findings.drop("region without a shape", where)
            continue
        files = shown.get(str(entry.get("vid")), [])
        if len(files) > 1:
            findings.drop("region of a view with several files", where, f"view {entry.get('vid')}")
            continue
        if not files or files[0] not in images:
            known = bool(files) and files[0] in map(str, document["file"])
            if known:
                findings.leave_out("region of a file that is not an image", 1, where)
            else:
                findings.drop("region of a view that is not there", where, f"view {entry.get('vid')}")
            continue
        if not entry["xy"]:
            of_files += 1
            continue
        images[files[0]].regions.append(
            ViaRegion(where=where, shape=_shape(entry["xy"]), attributes=_values(_dict(entry.get("av")), declared))
        )
    findings.leave_out("attributes of a whole file, which records do not hold", of_files)
    options = {
        _name(key, attribute): dict.fromkeys(_options(attribute).values(), "")
        for key, attribute in declared.items()
        if isinstance(attribute, dict) and attribute.get("type") in _LISTED and not _of_files(attribute)
    }
    return ViaDocument(form="VIA 3 project", images=list(images.values()), options=options)


def is_csv(text: str) -> bool:
    """True for the CSV of version 3."""
    lines = [line.lstrip('"') for line in text.splitlines()[:40]]
    return bool(lines) and (lines[0].startswith(_CSV_FIRST) or any(line.startswith(_CSV_MARK) for line in lines))


def read_csv(path: Path, text: str, findings: Findings) -> ViaDocument:
    """Take the CSV of version 3, which has no images without regions. Raises DataError for bad comments."""
    # Not splitlines, which takes some characters in texts for ends of lines.
    lines = text.split("\n")
    comments = [_comment(line) for line in lines if line.startswith(_COMMENT)]
    attributes: dict[str, Any] = {}
    for line in comments:
        name, _, value = line.partition("=")
        if name.strip(" #") in ("ATTRIBUTE", "ATTRIBUTES"):
            try:
                found = _dict(read_cell(value))
            except ValueError as error:
                raise DataError(f"{path}: its comment ATTRIBUTE cannot be read: {error}.") from error
            # The older form gives names only.
            attributes = {key: item if isinstance(item, dict) else {"aname": str(item)} for key, item in found.items()}
    files: dict[str, Any] = {}
    metadata: dict[str, Any] = {}
    body = "\n".join(line for line in lines if not line.startswith(_COMMENT))
    for number, (_, row) in enumerate(csv_rows(path, body), start=1):
        where = f"row {number} below the comments"
        try:
            key, named, _, _, shape, values = row[:6]
            cells = [read_cell(cell) for cell in (named, shape, values)]
        except ValueError as error:
            findings.drop("row that cannot be read", where, str(error))
            continue
        names = [str(name) for name in cells[0]] if isinstance(cells[0], list) else []
        view = "\n".join(names)
        for name in names:
            files[name] = {"fname": name}
        metadata[f"{key} ({where})" if key in metadata else key] = {"vid": view, "xy": cells[1], "av": cells[2]}
    views = {entry["vid"]: {"fid_list": entry["vid"].split("\n")} for entry in metadata.values()}
    document = {"attribute": attributes, "file": files, "view": views, "metadata": metadata}
    made = read_project(document, findings)
    made.form = "VIA 3 CSV"
    return made


def _comment(line: str) -> str:
    """A comment as VIA wrote it: spreadsheets put it in quotes, and empty cells behind it."""
    line = line.strip().rstrip(",;")
    return line[1:-1].replace('""', '"') if line.startswith('"') and line.endswith('"') else line


def _shape(xy: list[Any]) -> dict[str, Any]:
    """A shape in the words of version 2; its numbers are checked later."""
    kind, numbers = xy[0], xy[1:]
    points: dict[str, Any] = {"all_points_x": numbers[::2], "all_points_y": numbers[1::2]}
    fields: dict[Any, tuple[str, tuple[str, ...]]] = {
        1: ("point", ("cx", "cy")),
        2: ("rect", ("x", "y", "width", "height")),
        3: ("circle", ("cx", "cy", "r")),
        4: ("ellipse", ("cx", "cy", "rx", "ry", "theta")),
    }
    names = {5: "line", 6: "polyline", 7: "polygon", 8: "extreme_rect", 9: "extreme_circle"}
    if isinstance(kind, int) and kind in fields:
        name, keys = fields[kind]
        return {"name": name, **dict(zip(keys, numbers, strict=False))}
    name = names.get(kind, f"number {kind}") if isinstance(kind, int) else f"number {kind}"
    try:
        pairs = [(float(x), float(y)) for x, y in zip(numbers[::2], numbers[1::2], strict=True)]
    except (TypeError, ValueError, OverflowError):
        return {"name": name, **points}
    if name == "extreme_rect" and pairs:
        left, right = min(x for x, _ in pairs), max(x for x, _ in pairs)
        top, bottom = min(y for _, y in pairs), max(y for _, y in pairs)
        return {"name": "rect", "x": left, "y": top, "width": right - left, "height": bottom - top}
    if name == "extreme_circle" and len(pairs) == 3:
        return _circle_through(pairs)
    return {"name": name, **points}


def _circle_through(points: list[tuple[float, float]]) -> dict[str, Any]:
    """The circle through three points, which need not be whole numbers; of radius 0 if they lie on a line."""
    (ax, ay), (bx, by), (cx, cy) = points
    bx, by, cx, cy = bx - ax, by - ay, cx - ax, cy - ay
    doubled = 2 * (bx * cy - by * cx)
    if not doubled or not math.isfinite(doubled):
        return {"name": "circle", "cx": ax, "cy": ay, "r": 0}
    x = (cy * (bx * bx + by * by) - by * (cx * cx + cy * cy)) / doubled
    y = (bx * (cx * cx + cy * cy) - cx * (bx * bx + by * by)) / doubled
    return {"name": "circle", "cx": ax + x, "cy": ay + y, "r": math.hypot(x, y)}


def _values(given: Mapping[str, Any], declared: Mapping[str, Any]) -> dict[str, Any]:
    """Values by the name of their attribute, with the text of options instead of their ids."""
    values: dict[str, Any] = {}
    for key, value in given.items():
        attribute = _dict(declared.get(key))
        options = _options(attribute)
        if attribute.get("type") == _CHECKBOX and isinstance(value, str):
            ticked = [option.strip() for option in value.split(",") if option.strip()]
            values[_name(key, attribute)] = {options.get(option, option): True for option in ticked}
        else:
            values[_name(key, attribute)] = options.get(value, value) if isinstance(value, str) else value
    return values


def _options(attribute: Mapping[str, Any]) -> dict[str, str]:
    return {str(key): str(text or key) for key, text in _dict(attribute.get("options")).items()}


def _name(key: str, attribute: Mapping[str, Any]) -> str:
    return str(attribute.get("aname") or key)


def _of_files(attribute: Mapping[str, Any]) -> bool:
    return str(attribute.get("anchor_id", "")).endswith(_WITHOUT_REGION)


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
