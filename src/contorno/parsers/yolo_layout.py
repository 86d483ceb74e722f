"""Where the images and label files of a YOLO data set lie: as data.yaml says, as lists say, or as the folders show.

Whatever a file says, nothing outside the folder of the data set is looked at: paths of another machine, absolute or
with `..`, are taken for the longest tail of them that exists in that folder.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from contorno.errors import DataError
from contorno.parsers.findings import Findings
from contorno.parsers.yolo_config import YoloConfig, find_yaml, read_config
from contorno.parsers.yolo_labels import (
    IMAGES,
    YoloImage,
    find_labels,
    label_by_rule,
    name_below,
    same_but_for_case,
)
from contorno.parsers.yolo_names import read_text
from contorno.splits.words import SPLIT_WORDS

IMAGE_SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".jfif", ".jpe", ".bmp", ".dib", ".tif", ".tiff", ".webp", ".mpo", ".gif", ".ppm", ".pgm"}
)
_LISTS = {"train.txt": "train", "val.txt": "validation", "valid.txt": "validation", "test.txt": "test"}
_MOST_LIST_BYTES = 1 << 28


@dataclass(slots=True, kw_only=True)
class YoloLayout:
    """A data set laid open.

    root:   the folder that names of images start in.   config: what its file says, empty without one.
    images: by split, then by name.   label_folders: the folders in which label files are, or would be.
    """

    root: Path
    config: YoloConfig
    images: list[YoloImage] = field(default_factory=list)
    label_folders: list[Path] = field(default_factory=list)


def lay_out(path: Path, img_dir: Path | None, findings: Findings) -> YoloLayout:
    """Find the images of a data set and the label file of each.

    path:     data.yaml, obj.data, a .txt list of images, the folder of the data set, or a folder of label files.
    img_dir:  the folder that image paths start in, if that is not the folder of `path`.
    Raises DataError if no image is found, or no label file for any.
    """
    home = path if path.is_dir() else path.parent
    file = path if path.is_file() else find_yaml(path) or _darknet_file(path)
    home = Path(os.path.normpath(home.absolute()))
    root = home if img_dir is None else Path(os.path.normpath(img_dir.absolute()))
    if file is None:
        config = YoloConfig()
    elif file.suffix.lower() == ".txt":
        config = YoloConfig(parts={"": (file.name,)})
    else:
        config = read_config(file)
    parts = (
        _stated_parts(config, file.absolute(), root, findings)
        if config.parts and file is not None
        else _seen_parts(root)
    )
    layout = YoloLayout(root=root, config=config)
    if not any(parts.values()):
        raise DataError(
            f"{path} is not recognised as YOLO data: no images are found in {root}; "
            "expected images/ and labels/, or a data.yaml that names them."
        )
    taken: set[Path] = set()
    for split, paths in _each_once(parts, findings).items():
        images = []
        for image in paths:
            if image in taken:
                findings.leave_out("image listed twice, kept in the first split", 1, name_below(image, root))
                continue
            taken.add(image)
            images.append(YoloImage(path=image, name=name_below(image, root), split=split or None))
        layout.label_folders += find_labels(images, root, home)
        layout.images += images
    if not any(image.label for image in layout.images):
        first = layout.images[0]
        raise DataError(
            f"{path}: none of its {len(layout.images)} images has a label file; that of {first.name} is looked for as "
            f"{name_below(label_by_rule(first.path, root), root)} and beside it."
        )
    _leave_out_unlabelled_splits(layout, findings)
    return layout


def _each_once(parts: dict[str, list[Path]], findings: Findings) -> dict[str, list[Path]]:
    """The splits without those that are another one again, as where `val` says what `train` does: Ultralytics asks for
    both, so that data without a validation part are written that way."""
    kept: dict[str, list[Path]] = {}
    for split, paths in parts.items():
        twin = next((name for name, others in kept.items() if paths and set(paths) == set(others)), None)
        if twin is None:
            kept[split] = paths
        else:
            findings.leave_out(f"split {split!r} that is {twin!r} again, read once", 1, f"{split}, {len(paths)} images")
    return kept


def is_image(path: Path) -> bool:
    """True for the suffix of a picture on a file that is not hidden."""
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")


def _leave_out_unlabelled_splits(layout: YoloLayout, findings: Findings) -> None:
    """A test part is often given without labels; its images are not negatives."""
    labelled = {image.split for image in layout.images if image.label is not None}
    without = [image for image in layout.images if image.split not in labelled]
    reason = "image of a split in which no image has a label file"
    findings.leave_out(reason, len(without), without[0].name if without else "")
    layout.images = [image for image in layout.images if image.split in labelled]


def _darknet_file(folder: Path) -> Path | None:
    found = sorted(path for path in folder.glob("*.data") if path.is_file())
    return found[0] if len(found) == 1 else None


def _stated_parts(config: YoloConfig, file: Path, root: Path, findings: Findings) -> dict[str, list[Path]]:
    parts: dict[str, list[Path]] = {}
    lost: list[str] = []
    for split, entries in config.parts.items():
        for entry in entries:
            places = list(_places(config.root, entry, root, file.parent))
            place = next((place for place in places if place.exists()), None)
            if place is None:  # written where upper and lower case are the same
                below = [place for place in places if place.is_relative_to(root)]
                place = next(filter(None, (same_but_for_case(place, root) for place in below)), None)
            if place is None:
                lost.append(entry)
                where, reason = f"{file.name}, {split or 'images'}: {entry[:200]!r}", "split whose images are not there"
                if split == "test":  # stated by many tools whether there is one or not
                    findings.leave_out(reason, 1, where)
                else:
                    findings.drop(reason, where)
            elif place.is_dir():
                parts.setdefault(split, []).extend(images_below(place))
            elif place.suffix.lower() == ".txt":
                parts.setdefault(split, []).extend(_listed(place, root))
            elif is_image(place):
                parts.setdefault(split, []).append(place)
    if lost and not parts:
        raise DataError(
            f"{file}: its images, {lost[0][:200]!r}, are not found in {root}; "
            "give the folder of the data set as img_dir."
        )
    return {split: parts[split] for split in ("", "train", "validation", "test") if split in parts}


def _places(root_text: str, entry: str, root: Path, home: Path) -> Iterator[Path]:
    """Where an entry of a file may lie below `root` (or `home`, the folder of the file), the likeliest first."""
    whole = f"{root_text}/{entry}" if root_text and not _is_absolute(entry) else entry
    # Not `..`: Roboflow writes ../train/images in a file that lies beside train/, as if it lay one folder deeper.
    steps = [step for step in whole.replace("\\", "/").split("/") if step not in ("", ".", "..")]
    steps = steps[1:] if steps and re.fullmatch(r"[A-Za-z]:", steps[0]) else steps
    own = [step for step in entry.replace("\\", "/").split("/") if step not in ("", ".", "..")]
    if _is_absolute(whole):
        exact = Path(os.path.normpath(whole))
        if any(exact.is_relative_to(place) for place in (root, home)):
            yield exact
    else:
        yield root.joinpath(*steps)
    yield root.joinpath(*own)
    for skipped in range(len(steps)):
        # `images` alone says nothing of the split that the folders before it did.
        if steps[skipped:] != [IMAGES]:
            yield root.joinpath(*steps[skipped:])
            yield home.joinpath(*steps[skipped:])
    if not own:
        yield root


def _listed(file: Path, root: Path) -> list[Path]:
    """Images in a list, one a line. Where the first one is found tells where to look for the next."""
    found: list[Path] = []
    skipped: tuple[Path, int] | None = None
    for line in read_text(file, _MOST_LIST_BYTES).splitlines():
        text = line.strip().strip("\"'")
        if not text:
            continue
        steps = [step for step in text.replace("\\", "/").split("/") if step not in ("", ".", "..")]
        if not steps or not is_image(Path(steps[-1])):
            continue
        if skipped is None or not skipped[0].joinpath(*steps[skipped[1] :]).is_file():
            bases = (file.parent.absolute(), root)
            tails = ((base, count) for count in range(len(steps)) for base in bases)
            skipped = next((tail for tail in tails if tail[0].joinpath(*steps[tail[1] :]).is_file()), skipped)
        base, count = skipped if skipped is not None else (root, 0)
        found.append(base.joinpath(*steps[min(count, len(steps) - 1) :]))
    return found


def _seen_parts(root: Path) -> dict[str, list[Path]]:
    """The images by split as the folders show it; one part named "" where they show none."""
    lists = {split: root / name for name, split in _LISTS.items() if (root / name).is_file()}
    if lists:
        listed = {split: _listed(file, root) for split, file in lists.items()}
        if any(listed.values()):
            return listed
    folders: dict[str, list[Path]] = {}
    images = same_but_for_case(root / IMAGES, root)
    for place in (root, images):
        if place is not None and place.is_dir():
            for folder in sorted(place.iterdir()):
                split = _split_of(folder.name) if folder.is_dir() else None
                if split is not None:
                    own = same_but_for_case(folder / IMAGES, folder)
                    folders.setdefault(split, []).append(own if own is not None and own.is_dir() else folder)
    parts = {split: [image for folder in found for image in images_below(folder)] for split, found in folders.items()}
    if any(parts.values()):
        return {split: parts[split] for split in ("train", "validation", "test") if parts.get(split)}
    return {"": images_below(images if images is not None and images.is_dir() else root)}


def _split_of(name: str) -> str | None:
    """The split that a folder's name means: val, Valid, train2017, test_images."""
    word = re.sub(r"[\d_-]+(images)?$", "", name.lower())
    return SPLIT_WORDS.get(word)


def images_below(folder: Path) -> list[Path]:
    """Image files in a folder and those below it, in the order of their paths; links to folders are not followed."""
    found = []
    for place, names, files in os.walk(folder):
        names[:] = sorted(name for name in names if not name.startswith((".", "__MACOSX")))
        found += [path for name in files if is_image(path := Path(place) / name)]
    return sorted(found)


def _is_absolute(text: str) -> bool:
    plain = text.replace("\\", "/")
    return PurePosixPath(plain).is_absolute() or re.match(r"[A-Za-z]:", plain) is not None
