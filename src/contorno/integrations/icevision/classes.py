"""Labels of icevision's class maps, which may have gaps or no background, as contorno's labels 1..K."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from contorno.errors import DataError
from contorno.records import ClassMap, ImageId


def class_map_of(records: Iterable[Any], given: ClassMap | Any | None = None) -> ClassMap:
    """The class map for records of icevision: the one given, contorno's or icevision's, or else that of the records.

    Records of several class maps give one with the classes of all, in the order in which they come.
    Raises DataError for class names that differ by case or outer space only.
    """
    if isinstance(given, ClassMap):
        return given
    if given is not None:
        return ClassMap(_names(given).values(), _background(given))
    names: dict[str, None] = {}
    background = None
    seen: set[int] = set()
    for record in records:
        found = getattr(getattr(record, "detection", None), "class_map", None)
        if found is not None and id(found) not in seen:
            seen.add(id(found))
            names.update(dict.fromkeys(_names(found).values()))
            background = background or _background(found)
    return ClassMap(names) if background is None else ClassMap(names, background)


class Labels:
    """Turns the label ids of records into labels of one class map."""

    def __init__(self, class_map: ClassMap) -> None:
        self.class_map = class_map
        # The key is the class map itself while it lives, since its records hold it.
        self._known: dict[int, dict[int, int]] = {}

    def of(self, theirs: Any, ids: Sequence[Any], image_id: ImageId) -> list[int]:
        """Labels for the ids of one record; theirs: its class map, or None if the ids are labels of ours already.

        Raises DataError that names the image for an id without a class.
        """
        if theirs is None:
            if len(ids) and len(self.class_map) == 1:
                raise DataError(
                    f"image {image_id}: the record of icevision has labels and no class map; give class_map."
                )
            return [int(label) for label in ids]
        if id(theirs) not in self._known:
            self._known[id(theirs)] = {
                key: self.class_map.get_by_name(name) for key, name in _names(theirs).items() if name in self.class_map
            }
        known = self._known[id(theirs)]
        for label in ids:
            if int(label) not in known:
                name = _names(theirs).get(int(label))
                what = f"label {label}, which its class map has no name for" if name is None else f"the class {name!r}"
                raise DataError(
                    f"image {image_id}: an object has {what}; the class map has: "
                    f"{', '.join(self.class_map.names) or 'none'}."
                )
        return [known[int(label)] for label in ids]


def _names(theirs: Any) -> dict[int, str]:
    """{label id: name} of icevision's class map, or a contorno one; background and the gaps between ids left out."""
    if isinstance(theirs, ClassMap):
        return dict(enumerate(theirs.names, start=1))
    first = 0 if theirs._background is None else 1
    return {key: str(name) for key, name in enumerate(theirs.get_classes()) if key >= first and name is not None}


def _background(theirs: Any) -> str:
    return "background" if theirs._background is None else str(theirs._background)
