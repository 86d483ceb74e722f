"""Read folders of Open Images: contorno's own, the hot-dog tutorial's, FiftyOne's, and the published tables as such."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import get_args

from contorno.errors import ConfigError, DataError
from contorno.parsers.findings import Findings
from contorno.parsers.found import FoundImage
from contorno.parsers.openimages_fetched import read_fetched
from contorno.parsers.openimages_folder import Layout, layout_of
from contorno.parsers.openimages_joined import Reading, read_tables
from contorno.parsers.openimages_tutorial import read_tutorial
from contorno.parsers.openimages_unmasked import Unmasked
from contorno.parsers.parsing import Missing, Parser
from contorno.progress import Progress
from contorno.records import ClassMap, fold_name


class OpenImagesParser(Parser):
    """Reads a folder of Open Images; which of three layouts it has is told from the files.

    path:      what `contorno openimages fetch` left (manifest.json, annotations/); one or several class folders of the
               tutorial's layout (images/, segmentations/, pascal/); FiftyOne's folder, with or without its split
               folders (data/, labels/, metadata/); or any folder with the published CSV tables and images below it.
    img_dir:   where the images are, if not below `path`; for the published tables only.
    classes:   names, or MIDs, of the classes that are read; all if unset. They get their labels in this order.
    unmasked:  boxes of objects that nobody outlined: "leave-out"; "ignore" for crowd regions (rectangles), which
               training and measuring pass over; "keep" for objects with a box only. Where the folder has no masks at
               all the boxes are the objects, and this does not matter.
    class_map, ignore_unknown, missing_images, vertex_offset:  as in all parsers.

    Masks are resized, nearest, to the size of their image. `IsGroupOf` makes a crowd region. MaskPath, BoxID,
    PredictedIoU and flags become attributes under the names that the files give them. Classes have their display
    names. An image with boxes or masks of which none can be used is left out: as a negative it would teach misses.
    """

    def __init__(
        self,
        path: Path | str,
        img_dir: Path | str | None = None,
        *,
        classes: Sequence[str] | None = None,
        unmasked: Unmasked = "leave-out",
        class_map: ClassMap | None = None,
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
        if unmasked not in get_args(Unmasked):
            raise ConfigError(f"unmasked={unmasked!r} is not known; choose one of {', '.join(get_args(Unmasked))}.")
        if isinstance(classes, str):
            raise ConfigError(f"classes={classes!r} is one text; give a list of names, as ['Hot dog', 'Banana'].")
        if not self.path.is_dir():
            raise ConfigError(f"{self.path} is no folder; give the folder that holds the images and tables.")
        self._images = None if img_dir is None else self.img_dir
        self._classes = None if classes is None else [name.strip() for name in classes]
        self._declared: list[str] = []
        self.unmasked = unmasked

    def _declared_classes(self) -> Sequence[str]:
        return self._declared

    def _read(self, findings: Findings, progress: Progress) -> Iterator[FoundImage]:
        layout = layout_of(self.path)
        if layout is None:
            raise DataError(
                f"{self.path} is not a folder of Open Images: it has no manifest.json of contorno, no segmentations/ "
                "beside images/, and no CSV file with the columns ImageID and LabelName."
            )
        reading = Reading(
            root=self.path,
            images=self._images,
            classes=None if self._classes is None else frozenset(map(fold_name, self._classes)),
            unmasked=self.unmasked,
            masks=self.with_masks is not False,
        )
        readers = {"contorno": read_fetched, "tutorial": read_tutorial, "tables": read_tables}
        seen: set[str] = set()
        for image in readers[layout](reading, findings, progress):
            seen.update(found.class_name for found in image.objects)
            yield image
        self._declared = self._order(seen, reading.declared)

    def _order(self, seen: Iterable[str], declared: Sequence[str]) -> list[str]:
        """Classes in the order asked for, else in that of contorno's own files; others follow by name."""
        if self._classes is None:
            return list(declared)
        by_fold = {fold_name(name): name for name in (*declared, *seen)}
        missing = [name for name in self._classes if fold_name(name) not in by_fold and not name.startswith("/")]
        if missing and not any(fold_name(name) in by_fold for name in self._classes):
            known = ", ".join(sorted(by_fold.values())[:20]) or "none"
            raise ConfigError(f"{self.path} has no objects of {', '.join(missing)}; it has those of {known}.")
        return [by_fold.get(fold_name(name), name) for name in self._classes if not name.startswith("/")]


class OpenImagesBBoxParser(OpenImagesParser):
    """Reads the boxes of a folder of Open Images, outlined or not; no mask file is opened but in contorno's layout."""

    with_masks = False


def is_openimages(path: Path) -> bool:
    """True if a folder is one of Open Images in a layout that OpenImagesParser reads."""
    return openimages_layout(path) is not None


def openimages_layout(path: Path) -> Layout | None:
    """Which layout a folder of Open Images has; None if it is none."""
    path = Path(path)
    return layout_of(path) if path.is_dir() else None


__all__ = ["OpenImagesBBoxParser", "OpenImagesParser", "is_openimages", "openimages_layout"]
