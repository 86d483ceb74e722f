"""Division as somebody has laid it down: lists of ids or file names, a function, or all in one part."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from contorno.errors import ConfigError, DataError
from contorno.records import ImageId, Record, Records
from contorno.splits.drawn import id_order
from contorno.splits.file_lists import FileNames, read_list

Unlisted = Literal["error", "drop"]


class FixedSplitter:
    """Divide by given lists of image ids, one list (or one entry of a mapping) for each part.

    unlisted: what becomes of records in no list: "error", or "drop" to leave them out.
    Raises ConfigError for an empty list or an id in two; when called, for ids that no record has, and unlisted ones.
    """

    def __init__(
        self,
        splits: Sequence[Sequence[ImageId]] | Mapping[str, Sequence[ImageId]],
        *,
        unlisted: Unlisted = "error",
    ) -> None:
        parts = splits.values() if isinstance(splits, Mapping) else splits
        self.names = tuple(splits) if isinstance(splits, Mapping) else None
        self.splits = tuple(tuple(ids) for ids in parts)
        self.unlisted = _checked(unlisted)
        seen: set[ImageId] = set()
        for number, ids in enumerate(self.splits):
            if not ids:
                raise ConfigError(f"list {number} of the fixed split is empty; every part needs at least one image id.")
            for image_id in ids:
                if image_id in seen:
                    raise ConfigError(
                        f"image id {image_id!r} stands twice in the fixed split; an image is in one part only."
                    )
                seen.add(image_id)

    def __call__(self, records: Records) -> list[Records]:
        index_of = {record.image_id: index for index, record in enumerate(records)}
        listed = [image_id for ids in self.splits for image_id in ids]
        unknown = [image_id for image_id in listed if image_id not in index_of]
        if unknown:
            example = f"; the records have ids such as {records[0].image_id!r}" if len(records) else ""
            raise ConfigError(f"{some(unknown)} of the fixed split belong to no record{example}.")
        _check_unlisted(records, {index_of[image_id] for image_id in listed}, self.unlisted, "the fixed split")
        return [records.select(index_of[image_id] for image_id in ids) for ids in self.splits]


class FileListSplitter:
    """Divide by text files that list the images of each part, one a line, as in {"train": "train.txt", ...}.

    A line is an image id or a file name, with or without folders and suffix; of a name with folders as many of the
    last ones count as fit any image, so that lists made on another machine still serve. Blank lines and those that
    start with "#" are passed over; after a name a flag 1, 0 or -1 may stand, as in the lists of PASCAL VOC.
    A name twice in one list counts once.

    unlisted: what becomes of records in no list: "error", or "drop" to leave them out.
    Raises ConfigError for a file that is not there; when called, for names that fit no image or several, an image in
    two lists, an empty list, and unlisted images. DataError for a list that is no UTF-8 text.
    """

    def __init__(self, lists: Mapping[str, Path | str], *, unlisted: Unlisted = "error") -> None:
        self.lists = {name: Path(path) for name, path in lists.items()}
        self.names = tuple(self.lists)
        self.unlisted = _checked(unlisted)
        if not self.lists:
            raise ConfigError("a split by file lists needs at least one list, as in {'train': 'train.txt'}.")
        for path in self.lists.values():
            if not path.is_file():
                raise ConfigError(f"the list {path} is not a file; give a text file with one image name a line.")

    def __call__(self, records: Records) -> list[Records]:
        names = FileNames(records)
        part_of: dict[int, Path] = {}
        parts = []
        for path in self.lists.values():
            indices, unknown = names.find(read_list(path), path)
            if unknown:
                raise ConfigError(
                    f"{path}: {some(unknown, 'names')} fit no image{names.example()}; "
                    "correct the list, or give the images that it was made for."
                )
            if not indices:
                raise ConfigError(f"{path} lists no image; every part needs at least one.")
            for index in indices:
                if index in part_of:
                    raise ConfigError(
                        f"image id {records[index].image_id!r} is in {part_of[index]} and in {path}; "
                        "an image is in one part only."
                    )
            part_of.update(dict.fromkeys(indices, path))
            parts.append(records.select(indices))
        _check_unlisted(records, set(part_of), self.unlisted, "the files")
        return parts


class SingleSplitter:
    """One part that holds all records. Raises DataError, when called, if there are none."""

    def __call__(self, records: Records) -> list[Records]:
        if not len(records):
            raise DataError("there are no images to put into the one part; check the images and the label file.")
        return [records]


class FuncSplitter:
    """Divide as a function of your own does: it takes Records and gives the parts, each Records or a list of records.

    Raises DataError, when called, if it gives no parts, an empty one, or an image in two.
    """

    def __init__(self, func: Callable[[Records], Sequence[Sequence[Record]]]) -> None:
        self.func = func

    def __call__(self, records: Records) -> list[Records]:
        made = self.func(records)
        parts = [part if isinstance(part, Records) else Records(part, records.class_map) for part in made]
        seen: set[ImageId] = set()
        for number, part in enumerate(parts):
            for record in part:
                if record.image_id in seen:
                    raise DataError(f"the function put image id {record.image_id!r} in two parts; it belongs in one.")
                seen.add(record.image_id)
            if not len(part):
                raise DataError(f"the function gave a part {number} without images; every part needs at least one.")
        if not parts:
            raise DataError("the function gave no parts; expected a list of Records.")
        return parts


def _checked(unlisted: Unlisted) -> Unlisted:
    if unlisted not in ("error", "drop"):
        raise ConfigError(f"unlisted={unlisted!r} is not known; choose 'error' or 'drop'.")
    return unlisted


def _check_unlisted(records: Records, listed: set[int], unlisted: Unlisted, where: str) -> None:
    left = [record.image_id for index, record in enumerate(records) if index not in listed]
    if left and unlisted == "error":
        raise ConfigError(
            f"{some(sorted(left, key=id_order))} are in no list of {where}; "
            "list them, or leave them out with unlisted='drop'."
        )


def some(ids: Sequence[ImageId], what: str = "image ids") -> str:
    """The first three ids, and how many more there are, for messages."""
    more = f" and {len(ids) - 3} more" if len(ids) > 3 else ""
    return f"{what} {', '.join(repr(image_id) for image_id in ids[:3])}{more}"
