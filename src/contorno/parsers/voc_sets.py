"""The lists of images of a PASCAL VOC data set: which image is in which split."""

from __future__ import annotations

from collections.abc import Container, Iterator
from pathlib import Path

from contorno.errors import DataError
from contorno.parsers.findings import Findings
from contorno.parsers.voc_folders import named_folder, without_suffix
from contorno.splits.words import SPLIT_WORDS

_LIST_BYTES = 1 << 28


def read_image_sets(
    folder: Path, kinds: tuple[str, ...], findings: Findings, known: Container[str] = frozenset()
) -> dict[str, str | None] | None:
    """The split of each image that a list names, by the id in the list; None where there are no lists.

    kinds: the folders of ImageSets/ to look in, the first that has lists is taken; `folder` may be one itself.
    known: ids that there are, so that the name `photo 1` is not taken for the id `photo` with a flag, nor `a.jpg` for
           the image of `a`.

    train.txt, val.txt and test.txt are splits. trainval.txt is one, "train", where there is no train.txt and no
    val.txt. A list of another name is a split of that name, but for default.txt, whose images are in none. Lists of
    one class (aeroplane_train.txt, with -1, 0 or 1 after each id) are not splits. An image in two lists is in the
    first, in the order train, validation, test; it is counted. Of names with folders the last part counts.
    """
    lists: dict[str, Path] = {}
    for place in [*(found for kind in kinds if (found := named_folder(folder, (kind,))) is not None), folder]:
        lists = {path.stem.lower(): path for path in sorted(place.glob("*.txt")) if not _of_one_class(path)}
        if lists:
            break
    if not lists:
        return None
    if lists.keys() & SPLIT_WORDS.keys() - {"test", "testing"}:
        lists.pop("trainval", None)
    rank = {"train": 0, "validation": 1, "test": 2}
    named = sorted(
        ((SPLIT_WORDS.get(stem, "train" if stem == "trainval" else path.stem), path) for stem, path in lists.items()),
        key=lambda entry: (rank.get(entry[0], 3), entry[1].name),
    )
    splits: dict[str, str | None] = {}
    for split, path in named:
        for image_id in _ids(path, findings, known):
            if splits.setdefault(image_id, None if split == "default" else split) not in (split, None):
                findings.mend("image in two lists of splits, kept in the first", f"{path.name}: {image_id}")
    return splits


def _ids(path: Path, findings: Findings, known: Container[str]) -> Iterator[str]:
    try:
        if path.stat().st_size > _LIST_BYTES:
            raise DataError(f"it has more than {_LIST_BYTES:,} bytes")
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError, DataError) as error:
        findings.drop("list of images that cannot be read", path.name, str(error))
        return
    for line in filter(None, map(str.strip, lines)):
        own = _id_of(line, known)
        words = line.split()
        # The flag that a list of one class has after each id, in files with names of their own.
        flagged = len(words) == 2 and words[1] in ("-1", "0", "1")
        yield _id_of(words[0], known) if flagged and own not in known else own


def _id_of(line: str, known: Container[str]) -> str:
    base = line.replace("\\", "/").rpartition("/")[2]
    # An image may be called a.jpg.png.
    return base if base in known else without_suffix(base)


def _of_one_class(path: Path) -> bool:
    name, _, split = path.stem.rpartition("_")
    return bool(name) and split.lower() in (*SPLIT_WORDS, "trainval")
