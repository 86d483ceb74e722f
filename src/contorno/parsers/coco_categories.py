"""The categories of a COCO file: their names, the class map that they give, and the row of Roboflow that is none."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from contorno.errors import DataError
from contorno.parsers.coco_document import Document, clean_id, entries
from contorno.parsers.coco_layouts import drop_supercategory
from contorno.parsers.coco_text import Refused, SplitDocument, batches
from contorno.parsers.findings import Findings
from contorno.records import ClassMap, ImageId, fold_name

Categories = dict[ImageId, str]

PROJECT_ROW = "category row that stands for the whole project and is no class"
"""What reports call the row that `project_category` finds."""


BACKGROUND_ROW = "category row that stands for what is no object and is no class"
"""What reports call the row that `background_category` finds."""

NUMBER_NAME = "category name that is a number"

_BACKGROUND = ("_background_", "__background__")


def read_categories(document: Document, source: str, findings: Findings | None = None) -> Categories:
    """Names of the categories by their id, in the order of the ids: numbers (and texts of digits) first, then texts.

    The row that Roboflow writes for the project is left out, and counted in `findings` if these are given.
    Raises DataError for an entry without a usable id or name, and an id with two names.
    """
    categories: Categories = {}
    for where, key, entry in entries(document, "categories", source):
        name = entry.get("name")
        if is_number_name(name):
            name = str(name)
            if findings is not None:
                findings.mend(NUMBER_NAME, f"categories, id {key!r}")
        if not isinstance(name, str) or not name.strip():
            raise DataError(f"{where}: its name is {name!r}; expected a text that is not empty.")
        if categories.setdefault(key, name) != name:
            raise DataError(f"{where}: the id stands for {categories[key]!r} already and now for {name!r}; keep one.")
    project = project_category(document["categories"], lambda: _used_categories(document))
    background = background_category(document["categories"], lambda: _used_categories(document))
    if background is not None:
        del categories[background]
        if findings is not None:
            findings.leave_out(BACKGROUND_ROW, 1, f"categories, id {background!r}")
    if project is not None:
        del categories[project]
        if findings is not None:
            findings.leave_out(PROJECT_ROW, 1, f"categories, id {project!r}")
    return dict(sorted(categories.items(), key=lambda item: _rank(item[0])))


def project_category(table: list[Any], used: Callable[[], Iterable[object]]) -> ImageId | None:
    """The id of the row of `categories` that stands for the project and is no class, as Roboflow writes it, or None.

    used: gives the category ids that annotations have; asked for only where a row looks like that.
    """
    rows = [row | {"id": str(clean_id(row.get("id")))} for row in table if isinstance(row, dict)]
    if not drop_supercategory(rows, ())[1]:
        return None
    keys = [clean_id(row.get("id")) for row in table if isinstance(row, dict)]
    if None in keys or len({str(key).strip() for key in keys}) < len(keys):
        return None  # what is wrong with the ids comes first
    _, gone = drop_supercategory(rows, {str(clean_id(value)).strip() for value in used()})
    return next((key for key in keys if gone and str(key) == gone[0]["id"]), None)


def is_number_name(name: object) -> bool:
    """True for a number where the name of a class should be, as tools write classes called 1, 2, 3."""
    return isinstance(name, int | float) and not isinstance(name, bool) and abs(name) < 1e15


def background_category(table: list[Any], used: Callable[[], Iterable[object]]) -> ImageId | None:
    """The id of the row of `categories` with which LabelMe stands for what is no object, if none has it; or None."""
    marked = [row for row in table if isinstance(row, dict) and row.get("name") in _BACKGROUND]
    keys = {key for row in marked if (key := clean_id(row.get("id"))) is not None}
    if len(marked) != 1 or len(keys) != 1 or len(table) < 2:
        return None
    (key,) = keys
    same = [row for row in table if isinstance(row, dict) and clean_id(row.get("id")) == key]
    return key if len(same) == 1 and str(key) not in {str(clean_id(value)).strip() for value in used()} else None


def found_class_map(categories: Categories) -> ClassMap:
    """Labels 1..K in the order of the categories; a name that repeats, and background, get no label of their own."""
    class_map = ClassMap()
    for name in categories.values():
        if name not in class_map:
            class_map.add_name(name)
    return class_map


def repeated_names(categories: Categories) -> list[str]:
    """Names that an earlier category has already, without regard to case and outer space."""
    seen: set[str] = set()
    repeated = []
    for name in categories.values():
        if fold_name(name) in seen:
            repeated.append(name)
        seen.add(fold_name(name))
    return repeated


def unknown_classes(source: str, unknown: list[str], categories: Categories, class_map: ClassMap) -> str:
    """The message for objects of classes that the class map lacks: both lists, and the nearest names."""
    hints = []
    by_fold = {fold_name(name): name for name in class_map.names}
    for name in unknown:
        near = difflib.get_close_matches(fold_name(name), by_fold, n=1)
        if near:
            hints.append(f"{name!r} is near {by_fold[near[0]]!r}")
    return (
        f"{source}: objects have classes that are not in the class map: {_quoted(unknown)}. "
        f"The file has {_quoted(categories.values())}; the class map has {_quoted(class_map.names)}. "
        + (f"{'; '.join(hints)}. " if hints else "")
        + "Correct the names, or pass ignore_unknown=True to leave these objects out."
    )


def _used_categories(document: Document) -> Iterator[object]:
    if isinstance(document, SplitDocument):
        try:
            yield from [entry.category_id for some in batches(document.text("annotations")) for entry in some]
            return
        except Refused:
            pass
    yield from (entry.get("category_id") for entry in document["annotations"] if isinstance(entry, dict))


def _rank(key: ImageId) -> tuple[int, int, str]:
    try:
        return 0, int(key), str(key)
    except ValueError:
        return 1, 0, str(key)


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in names) or "none"
