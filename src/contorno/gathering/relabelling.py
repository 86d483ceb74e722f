"""Classes called otherwise, joined into one, or put in another order."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from contorno.class_map import ClassMap, fold_name
from contorno.errors import ConfigError
from contorno.records import Record, Records


def relabel(records: Records, names: Mapping[str, str], *, order: Sequence[str] | None = None) -> Records:
    """The same objects under other class names: {old name: new name}; several old names may go to one new one.

    order: the new classes in the order that their labels shall have; unset: that of their first old class.
    Raises ConfigError for an old name that is no class, two new names for one old one, and an `order` that does not
    name every class of the result once.
    """
    news = new_names(records.class_map.names, names)
    found = joined_class_map([news], records.class_map.background)
    if order is not None:
        if sorted(map(fold_name, order)) != sorted(map(fold_name, found.names)):
            raise ConfigError(
                f"order={list(order)} does not name each class of the result once; these are {', '.join(found.names)}."
            )
        found = ClassMap(order, records.class_map.background)
    return Records([with_classes(record, news, found) for record in records], found, records.report)


def new_names(olds: Sequence[str], names: Mapping[str, str], known: Iterable[str] | None = None) -> list[str]:
    """The new name of each old one. `known`: names that may be renamed, if more than `olds`.

    Raises ConfigError for other names, and for two that are the same but for case and outer space.
    """
    wanted: dict[str, str] = {}
    for old, new in names.items():
        if not new.strip():
            raise ConfigError(f"the class {old!r} is renamed to {new!r}; give it a name.")
        if fold_name(old) in wanted:
            raise ConfigError(f"the class {old!r} is renamed twice; names differ by more than case and outer space.")
        wanted[fold_name(old)] = new.strip()
    check_classes(names, olds if known is None else known)
    return [wanted.get(fold_name(old), old) for old in olds]


def check_classes(asked: Iterable[str], known: Iterable[str]) -> None:
    """Raise ConfigError that lists the known classes, and the nearest, if one asked for is not among them."""
    spelled = {fold_name(name): name for name in known}
    for name in asked:
        if fold_name(name) not in spelled:
            near = difflib.get_close_matches(fold_name(name), spelled, n=1)
            hint = f" Did you mean {spelled[near[0]]!r}?" if near else ""
            raise ConfigError(f"there is no class {name!r}; there are {', '.join(spelled.values()) or 'none'}.{hint}")


def joined_class_map(many: Iterable[Sequence[str]], background: str) -> ClassMap:
    """All names in the order in which they come, each once, in the first spelling."""
    joined = ClassMap(background=background)
    for names in many:
        for name in names:
            if name not in joined:
                joined.add_name(name)
    return joined


def with_classes(record: Record, names: Sequence[str], class_map: ClassMap) -> Record:
    """The record with the labels of `class_map`; `names[i]` is the class that has label `i + 1` in it now."""
    table = np.array([0, *(class_map.get_by_name(name) for name in names)], dtype=np.int64)
    instances = record.instances
    return replace(record, instances=replace(instances, labels=table[instances.labels]))
