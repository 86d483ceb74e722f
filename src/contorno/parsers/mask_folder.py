"""Read folders of masks: a folder for each image, with one mask picture for each object."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from contorno import masks
from contorno.errors import DataError
from contorno.images import image_size, read_mask
from contorno.masks import RunLength, Size
from contorno.parsers.findings import Findings, divide
from contorno.parsers.image_files import existing_folder
from contorno.progress import ProgressLine
from contorno.records import ClassMap, Instances, ParseReport, Record, Records
from contorno.splits import SingleSplitter, Splitter

IMAGES, MASKS = "images", "masks"
IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _ImageMasks:
    """What one image's folder holds. names, codes: the masks that are not empty; empty: names of those that are."""

    image_id: str
    path: Path
    size: Size
    names: tuple[str, ...]
    codes: tuple[RunLength, ...]
    empty: tuple[str, ...]
    others: tuple[str, ...]


class MaskFolderParser:
    """Reads `<root>/<id>/images/<one image>` with `<root>/<id>/masks/*.png`, each mask picture one object.

    root:        the folder that holds a folder for each image; their names become the image ids.
    class_name:  what all objects are, since the folders name no class.
    class_map:   fixes the labels; it must hold `class_name`. If unset it holds that alone.
    workers:     threads that read; as many as the machine has cores, at most 8, if unset.

    In a mask picture whatever is not black is object. An image without a masks folder, or with an empty one, has no
    objects and stays.
    Raises ConfigError if `root` is no folder, DataError if `class_map` lacks `class_name`.
    """

    def __init__(
        self,
        root: Path | str,
        *,
        class_name: str = "object",
        class_map: ClassMap | None = None,
        workers: int | None = None,
    ) -> None:
        self.root = existing_folder(Path(root), "the folder of masks")
        self.class_map = class_map if class_map is not None else ClassMap([class_name])
        self.report = ParseReport()
        self._label = self.class_map.get_by_name(class_name)
        self._workers = workers if workers is not None else min(8, os.cpu_count() or 1)

    def parse(
        self, data_splitter: Splitter | None = None, autofix: bool = True, show_pbar: bool = False
    ) -> list[Records]:
        """Read all masks and divide the images.

        data_splitter:  SingleSplitter() if unset: one part.
        autofix:        leave out what is bad (empty masks, folders without an image, files that are no PNG) and count
                        it in `report`; if False the first one raises.
        show_pbar:      draw progress on stderr.
        Raises DataError for a mask of another size than its image, files that cannot be read, two images in a folder,
        and a root in which no image is found.
        """
        findings = Findings(str(self.root), autofix)
        folders = list(self._image_folders(findings))
        if not folders:
            raise DataError(
                f"{self.root} holds no images as folders of masks; expected <id>/{IMAGES}/ with one image and "
                f"<id>/{MASKS}/*.png with one object each."
            )
        records = []
        # Threads do: Pillow and numpy let go of the interpreter's lock while they decode and count.
        with ProgressLine() as line, ThreadPoolExecutor(self._workers) as pool:
            for done, found in enumerate(pool.map(_read_folder, folders), start=1):
                records.append(self._record(found, findings))
                if show_pbar:
                    line("reading images with their masks", done, len(folders))
        made = Records(records, self.class_map)
        self.report = findings.report(made)
        return divide(made, data_splitter if data_splitter is not None else SingleSplitter(), self.report)

    def _image_folders(self, findings: Findings) -> Iterator[Path]:
        for folder in sorted(self.root.iterdir(), key=lambda path: path.name):
            if not folder.is_dir() or _is_hidden(folder):
                continue
            if (folder / IMAGES).is_dir() and _files(folder / IMAGES):
                yield folder
            else:
                findings.drop(f"folder without an image in {IMAGES}/", f"folder {folder.name}")

    def _record(self, found: _ImageMasks, findings: Findings) -> Record:
        for name in found.empty:
            findings.drop("empty mask", f"{found.image_id}/{MASKS}/{name}")
        for name in found.others:
            findings.drop(f"file in {MASKS}/ that is not a PNG", f"{found.image_id}/{MASKS}/{name}")
        instances = Instances.build(
            found.size,
            labels=[self._label] * len(found.codes),
            geometries=found.codes,
            ids=[Path(name).stem for name in found.names],
        )
        return Record(image_id=found.image_id, path=found.path, size_hw=found.size, instances=instances)


def is_mask_folder(root: Path) -> bool:
    """True if a folder in `root` has an image in `images/`, which is how this format is told from others."""
    return any(
        folder.is_dir() and not _is_hidden(folder) and (folder / IMAGES).is_dir() and _files(folder / IMAGES)
        for folder in root.iterdir()
    )


def _read_folder(folder: Path) -> _ImageMasks:
    images = _files(folder / IMAGES)
    pictures = [path for path in images if path.suffix.lower() in IMAGE_SUFFIXES]
    if len(pictures) != 1:
        raise DataError(
            f"{folder / IMAGES} has {len(pictures)} images ({', '.join(path.name for path in images[:3])}); "
            "expected one."
        )
    size = image_size(pictures[0])
    names, codes, empty, others = [], [], [], []
    for path in _files(folder / MASKS):
        if path.suffix.lower() != ".png":
            others.append(path.name)
            continue
        bitmap = read_mask(path)
        if bitmap.shape != size:
            raise DataError(
                f"{path} is {bitmap.shape[0]} x {bitmap.shape[1]} pixels (height x width); "
                f"expected {size[0]} x {size[1]} as its image {pictures[0].name}; export masks at the image's size."
            )
        if bitmap.any():
            names.append(path.name)
            codes.append(masks.encode(bitmap))
        else:
            empty.append(path.name)
    return _ImageMasks(
        image_id=folder.name,
        path=pictures[0],
        size=size,
        names=tuple(names),
        codes=tuple(codes),
        empty=tuple(empty),
        others=tuple(others),
    )


def _files(folder: Path) -> list[Path]:
    """Files in `folder` in the order of their names, without hidden ones; none if there is no such folder."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.is_file() and not _is_hidden(path))


def _is_hidden(path: Path) -> bool:
    return path.name.startswith((".", "__MACOSX")) or path.name in ("Thumbs.db", "desktop.ini")
