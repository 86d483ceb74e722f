"""Where the outlines of a PASCAL VOC data set are: in mask pictures, or in the XML."""

from __future__ import annotations

from pathlib import Path

from contorno.parsers.voc_folders import files, find_folders, is_lossy, without_suffix

_LOOKED_AT = 100
_LOOKED_AT_BYTES = 1 << 20


def has_outlines(annotations_dir: Path | str) -> bool:
    """True if a VOC data set has mask pictures, or polygons in one of its first XML files.

    Raises ConfigError as `find_folders` does.
    """
    folders = find_folders(annotations_dir)
    if mask_pictures(folders.masks):
        return True
    if folders.annotations is None:
        return False
    first = sorted(name for name in files(folders.annotations) if name.lower().endswith(".xml"))[:_LOOKED_AT]
    return any(b"<polygon" in (folders.annotations / name).read_bytes()[:_LOOKED_AT_BYTES] for name in first)


def mask_pictures(folder: Path | None) -> dict[str, Path]:
    """The pictures of a folder by their names without suffix, in order; PNG before others of one name."""
    if folder is None:
        return {}
    names = [name for name in files(folder) if without_suffix(name) != name and not is_lossy(name)]
    names.sort(key=lambda name: (without_suffix(name), not name.lower().endswith(".png")))
    found: dict[str, Path] = {}
    for name in names:
        found.setdefault(without_suffix(name), folder / name)
    return found
