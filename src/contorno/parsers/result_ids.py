"""What image ids and category ids of COCO results files mean: which record, which label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from contorno.errors import ConfigError, DataError
from contorno.parsers.coco_categories import read_categories
from contorno.parsers.coco_document import clean_id, read_document, read_images
from contorno.parsers.findings import Findings
from contorno.records import ClassMap, ImageId, Record, Records

_DIGITS_AT_MOST = 10
_SHOWN = 60  # characters of a bad value


@dataclass(frozen=True, slots=True)
class CocoIds:
    """What a COCO file calls the images and classes of records.

    images: {id of the record: id in the file}.   categories: {label 1..K: category id in the file}.
    """

    images: dict[ImageId, ImageId]
    categories: dict[int, int]


def coco_ids(annotations_filepath: Path | str, class_map: ClassMap) -> CocoIds:
    """The ids that results need to be measured against a COCO ground truth, by any tool.

    Raises DataError if the file is not COCO or a category in it that the class map has is not numbered.
    """
    findings = Findings(str(annotations_filepath), autofix=True)
    document = read_document(Path(annotations_filepath))
    categories: dict[int, int] = {}
    for key, name in read_categories(document, findings.source).items():
        if name not in class_map:
            continue
        if not isinstance(key, int):
            raise DataError(f"{findings.source}: the category {name!r} has the id {key!r}; expected a whole number.")
        categories.setdefault(class_map.get_by_name(name), key)
    # Names are not followed here, so those that lead out of their folder do no harm.
    images = {entry.shown_id: entry.key for entry in read_images(document, findings, with_refused=True).values()}
    return CocoIds(images, categories)


class ImageFinder:
    """Find the record that an image id of a results file means; see `read_results`."""

    def __init__(self, records: Records, image_ids: Mapping[ImageId, ImageId] | None) -> None:
        by_own = {record.image_id: record for record in records}
        if image_ids is None:
            self._known = by_own
        else:
            self._known = {image_ids[own]: record for own, record in by_own.items() if own in image_ids}
            if len(self._known) < len(by_own.keys() & image_ids.keys()):
                raise ConfigError("image_ids has two images with the same id in the file; expected different ones.")
        self._by_text = _unique((str(key), record) for key, record in self._known.items())
        self._by_name = {} if image_ids is not None else _unique(_names(records))

    def find(self, value: object, findings: Findings, where: str) -> Record | None:
        key = clean_id(value)
        if key in self._known:
            return self._known[key]
        text = "" if key is None else str(key).strip()
        if text in self._by_text:
            findings.mend("image_id that is a text for a number or the reverse", where)
            return self._by_text[text]
        if text in self._by_name:
            findings.mend("image_id that is the name of an image file, matched to its record", where)
            return self._by_name[text]
        findings.drop("result of an unknown image", where, shown("image_id", value))
        return None


def _names(records: Records) -> Iterable[tuple[str, Record]]:
    for record in records:
        if record.path is not None:
            stem = record.path.stem
            # Some tools write the digits of a name such as 000042.jpg as a number.
            names = {record.path.name, stem, str(int(stem)) if stem.isascii() and stem.isdigit() else stem}
            yield from ((name, record) for name in names)


def _unique(pairs: Iterable[tuple[str, Record]]) -> dict[str, Record]:
    pairs = list(pairs)
    counts = Counter(name for name, _ in pairs)
    return {name: record for name, record in pairs if counts[name] == 1}


def labels_of_categories(
    values: list[object], class_map: ClassMap, category_ids: Mapping[int, int] | None, findings: Findings
) -> dict[int, int]:
    """The label of each category id of the file."""
    count = len(class_map) - 1
    if category_ids is not None:
        wrong = [label for label in category_ids if not 1 <= label <= count]
        if wrong or len(set(category_ids.values())) < len(category_ids):
            raise ConfigError(
                f"category_ids is {dict(category_ids)}; expected a different category id for each label in 1..{count}."
            )
        return {category: label for label, category in category_ids.items()}
    ids = sorted({key for value in values if (key := category_id(value)) is not None})
    if all(1 <= key <= count for key in ids):
        return {label: label for label in range(1, count + 1)}
    if ids[0] == 0 and ids[-1] < count:
        findings.mend("category ids from 0, taken for labels less one", f"the ids {ids[0]} to {ids[-1]}")
        return {label - 1: label for label in range(1, count + 1)}
    if len(ids) == count:
        return {key: label for label, key in enumerate(ids, start=1)}
    shown = ", ".join(str(key)[:_SHOWN] for key in ids[:12]) + (", ..." if len(ids) > 12 else "")
    raise DataError(
        f"{findings.source}: its category ids ({shown}) cannot be told for the {count} classes of the records; give "
        "category_ids={label: category id}, as coco_ids reads them from the ground truth."
    )


def category_id(value: object) -> int | None:
    """A category id as a whole number, from a text of digits too."""
    key = clean_id(value)
    if isinstance(key, str):
        return int(key) if len(key) < _DIGITS_AT_MOST and key.isascii() and key.isdigit() else None
    return key


def shown(name: str, value: object) -> str:
    """A bad value of a member, cut to be read."""
    return f"{name} {repr(value)[:_SHOWN]}"
