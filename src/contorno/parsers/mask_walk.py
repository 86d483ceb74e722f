"""Images with their mask pictures, and how the folders that hold them are gone through."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from contorno.geometry import Size
from contorno.parsers.findings import Findings
from contorno.records import ImageId

PICTURE_SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".gif", ".pgm", ".ppm", ".jp2"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskFile:
    """A mask picture of an image. name: below the data set, for messages.   class_name: what names tell, or None."""

    path: Path
    name: str
    class_name: str | None = None


@dataclass(slots=True, kw_only=True)
class MaskedImage:
    """An image and its mask pictures. name: below the data set.   many: names say that each mask is one object.
    stated_size: (height, width) as a table has it, or None."""

    path: Path
    name: str
    image_id: ImageId
    split: str | None = None
    masks: list[MaskFile] = field(default_factory=list)
    many: bool = False
    stated_size: Size | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """How folders are gone through. root: the data set; links that lead out of it are passed over and counted, unless
    `follow_links`.   pattern: of the names of mask files, as in "*_instanceIds.png"; None for all.
    splits: folders that are splits, beside those whose names say so.   homes: folders beside the root that the caller
    named, to which links may lead too."""

    root: Path
    findings: Findings
    pattern: str | None = None
    follow_links: bool = False
    splits: tuple[str, ...] = ()
    homes: tuple[Path, ...] = ()

    def name(self, path: Path) -> str:
        """The name of a file for messages."""
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else str(path)

    def pictures(self, folder: Path, what: str, *, deep: bool = True) -> list[Path]:
        """The pictures in `folder` and below, in the order of their names; what else is there is counted as `what`."""
        found = []
        for path in self.files(folder, deep):
            if path.suffix.lower() in PICTURE_SUFFIXES:
                found.append(path)
            elif what:
                self.findings.leave_out(f"file among the {what} that is no picture", 1, self.name(path))
        return found

    def masks(self, folder: Path, *, deep: bool = True) -> list[Path]:
        """The pictures in `folder` and below whose names fit the pattern."""
        found = self.pictures(folder, "masks", deep=deep)
        return [path for path in found if self.pattern is None or fnmatch.fnmatch(path.name, self.pattern)]

    def stays(self, path: Path) -> bool:
        """True if a link may be followed; counted if not."""
        target = Path(os.path.realpath(path))
        homes = (Path(os.path.realpath(home)) for home in (self.root, *self.homes))
        if self.follow_links or any(target.is_relative_to(home) for home in homes):
            return True
        self.findings.drop("link that leads out of the folder", self.name(path), "pass follow_links=True to follow")
        return False

    def files(self, folder: Path, deep: bool = True) -> Iterator[Path]:
        """The files in `folder`, and below if `deep`, in the order of their names."""
        if folder.is_symlink() and folder not in (self.root, *self.homes) and not self.stays(folder):
            return
        # A list and not recursion, which folders nested a thousand deep would end; each folder once, since links may
        # lead round in a circle.
        entered: set[tuple[int, int]] = set()
        waiting = [(folder, True, False)]
        while waiting:
            path, is_folder, is_link = waiting.pop()
            if is_link and not self.stays(path):
                continue
            if not is_folder:
                yield path
            elif deep or path == folder:
                with suppress(OSError):
                    status = path.stat()
                    if (status.st_dev, status.st_ino) in entered:
                        continue
                    entered.add((status.st_dev, status.st_ino))
                waiting += reversed(self._listed(path))

    def _listed(self, folder: Path) -> list[tuple[Path, bool, bool]]:
        """What is in a folder by name: path, whether it is a folder, whether it is a link."""
        try:
            with os.scandir(folder) as listed:
                found = [(folder / one.name, one.is_dir(), one.is_symlink()) for one in listed if _is_there(one)]
        except OSError as error:
            self.findings.drop("folder that cannot be read", self.name(folder), error.strerror or str(error))
            return []
        return sorted(one for one in found if not is_hidden(one[0]))


def _is_there(entry: os.DirEntry[str]) -> bool:
    return entry.is_file() or entry.is_dir()


def is_hidden(path: Path) -> bool:
    """True for what file managers and archives leave behind."""
    return path.name.startswith((".", "__MACOSX")) or path.name.lower() in ("thumbs.db", "desktop.ini")
