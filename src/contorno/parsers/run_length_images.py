"""The image files of a table of run-length codes, which names them with or without folder and suffix."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath

from contorno.parsers.findings import Findings
from contorno.parsers.mask_walk import PICTURE_SUFFIXES, Walk


def find_images(names: Iterable[str], folder: Path, findings: Findings) -> tuple[dict[str, Path], list[str]]:
    """The file of each image of a table, by its name with or without suffix, and files beside them that none names.

    Where several have the name, as in train/ and test/, the one in the folder that has most of all is it. A name that
    no file has is sought once more without its suffix and in any case, as `a.jpg` for `a.PNG`; what is found so is
    counted, and taken only if files of one name alone are meant that no other line names.
    """
    walk = Walk(root=folder, findings=findings)
    by_name: dict[str, list[Path]] = defaultdict(list)
    by_stem: dict[str, list[Path]] = defaultdict(list)
    for path in walk.pictures(folder, ""):
        for name in dict.fromkeys((path.name, path.stem, walk.name(path))):
            by_name[name].append(path)
        for name in dict.fromkeys((_folded_stem(path.name), _folded_stem(walk.name(path)))):
            by_stem[name].append(path)
    wanted = {name: by_name.get(name, []) for name in names}
    loose = _loosely([name for name, paths in wanted.items() if not paths], by_stem)
    exact = {path for paths in wanted.values() for path in paths}
    wanted |= {name: paths for name, paths in loose.items() if exact.isdisjoint(paths)}
    homes = Counter(path.parent for paths in wanted.values() for path in paths)
    found = {name: max(paths, key=lambda path: homes[path.parent]) for name, paths in wanted.items() if paths}
    for name in loose:
        if name in found:
            findings.mend("image found under another suffix or in another case", name, walk.name(found[name]))
    used = set(found.values())
    beside = {path.parent for path in used}
    every = {path for paths in by_name.values() for path in paths if path.parent in beside}
    return found, sorted(walk.name(path) for path in every - used)


def _loosely(names: Sequence[str], by_stem: Mapping[str, Sequence[Path]]) -> dict[str, list[Path]]:
    """The files that names mean but for suffix and case, where that is sure."""
    asked = Counter(map(_folded_stem, names))
    found: dict[str, list[Path]] = {}
    for name in names:
        stem = _folded_stem(name)
        paths = list(by_stem.get(stem, ()))
        if asked[stem] == 1 and len({path.name for path in paths}) == 1:
            found[name] = paths
    return found


def _folded_stem(name: str) -> str:
    """A name in small letters without the suffix of a picture; other ends, as of 1.2.840.113, are part of the name."""
    path = PurePosixPath(name)
    return str(path.with_suffix("") if path.suffix.lower() in PICTURE_SUFFIXES else path).casefold()
