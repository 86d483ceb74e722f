"""Which attribute of a VIA region names its class, and what it says.

VIA has no word for the class of a region: people define attributes of any name. An attribute fits if some region has a
value in it. The one that fits is taken. If several do, it is the only one with values in the class map that the caller
gave, or the one that a project of VIA 2 shows as the label of its regions. Some people define an attribute for each
class, and write its name into it again; then these names are the classes. Otherwise the caller has to say.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from contorno.errors import DataError
from contorno.parsers.via_document import ViaDocument
from contorno.records import ClassMap

GROUP_ID, SCORE, IS_CROWD, OBJECT_ID = "group_id", "score", "is_crowd", "contorno_id"
"""Region attributes that are never a class: the tie between parts of one object, the score of a prediction, the flag of
a crowd region, and an id of the object."""

NAMED = "(name of the attribute)"
"""Stands for the attribute that names classes where these are the names of attributes."""

_SHOWN = 4


def find_field(document: ViaDocument, label_field: str | None, class_map: ClassMap | None, source: str) -> str | None:
    """The attribute that names classes; None if no region has one.

    label_field: as the caller gave it; matched without regard to case if no attribute has it as it is.
    Raises DataError that lists the attributes if it is not there, or if several fit and none was given.
    """
    used = _values(document)
    values = {**{name: list(options) for name, options in document.options.items()}, **used}
    if label_field is not None:
        if label_field in values:
            return label_field
        near = [name for name in values if name.strip().casefold() == label_field.strip().casefold()]
        if len(near) == 1:
            return near[0]
        if not any(image.regions for image in document.images):
            return None
        raise DataError(f"{source}: no region has the attribute {label_field!r}; found {_listed(values)}.")
    # Where no region says anything, what the project declares is all there is.
    fitting = [name for name in used or document.options if name not in (GROUP_ID, SCORE, IS_CROWD, OBJECT_ID)]
    if len(fitting) > 1 and class_map is not None:
        known = [name for name in fitting if any(value in class_map for value in values[name])]
        fitting = known or fitting
    if len(fitting) > 1 and document.shown in fitting:
        return document.shown
    if len(fitting) > 1 and all(
        value.casefold() == name.casefold() for name in fitting for value in used.get(name, [""])
    ):
        _take_names(document, fitting)
        return NAMED
    if len(fitting) > 1 and used:
        raise DataError(
            f"{source}: several attributes of its regions may name the class: "
            f"{_listed({name: values[name] for name in fitting})}; choose one with label_field= (--label-field), "
            f"such as label_field={fitting[0]!r}."
        )
    return fitting[0] if len(fitting) == 1 else None


def class_names(value: Any) -> list[str]:
    """The classes that the value of an attribute names: none, one, or the several that are ticked in a checkbox."""
    if isinstance(value, Mapping):
        return [str(name).strip() for name, ticked in value.items() if _is_ticked(ticked) and str(name).strip()]
    if isinstance(value, list):
        return [name for item in value if isinstance(item, str) for name in class_names(item)]
    if isinstance(value, str):
        return [value.strip()] if value.strip() else []
    if isinstance(value, int | float) and not isinstance(value, bool):
        return [str(value)]
    return []


def option_names(options: Mapping[str, str], class_map: ClassMap | None) -> dict[str, str]:
    """What each option of a listed attribute is called: {option id: name}.

    That is its id, as VIA shows where there is no description. Ids that are all numbers stand for their descriptions.
    With a class map, whichever of the two it knows more of.
    """
    described = {option: text.strip() or option for option, text in options.items()}
    if class_map is not None:
        by_id = sum(option in class_map for option in options)
        by_text = sum(text in class_map for text in described.values())
        if by_id != by_text:
            return described if by_text > by_id else {option: option for option in options}
    numbered = bool(options) and all(option.strip().isdigit() for option in options)
    distinct = len({text.casefold() for text in described.values()}) == len(options)
    return described if numbered and distinct else {option: option for option in options}


def _take_names(document: ViaDocument, fields: list[str]) -> None:
    """Put what each region has of `fields` into one checkbox, NAMED."""
    for image in document.images:
        for region in image.regions:
            ticked = {name: True for name in fields if class_names(region.attributes.get(name))}
            others = {name: value for name, value in region.attributes.items() if name not in fields}
            region.attributes = {**others, NAMED: ticked}


def _values(document: ViaDocument) -> dict[str, list[str]]:
    """The different values of each region attribute that has any, in the order of the file."""
    found: dict[str, dict[str, None]] = {}
    for image in document.images:
        for region in image.regions:
            for name, value in region.attributes.items():
                names = class_names(value)
                if names:
                    texts = document.options.get(name, {})
                    # Either form of an option may be what a class map knows.
                    found.setdefault(name, {}).update(dict.fromkeys([*names, *(texts.get(n) or n for n in names)]))
    return {name: list(values) for name, values in found.items()}


def _listed(values: Mapping[str, Iterable[str]]) -> str:
    def some(names: list[str]) -> str:
        return ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")

    return "; ".join(f"{name!r} ({some(list(names))})" for name, names in values.items()) or "no attribute at all"


def _is_ticked(value: Any) -> bool:
    return value is True or (isinstance(value, str) and value.strip().lower() in ("true", "1", "on"))
