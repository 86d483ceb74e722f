"""Parts under their names, as files are written from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from contorno.errors import ConfigError
from contorno.records import Records
from contorno.splits.drawn import Splitter
from contorno.splits.folders import BySplitFolder, FolderSplitter

_USUAL = {1: ("all",), 2: ("train", "validation"), 3: ("train", "validation", "test")}


def named_parts(
    records: Records, splitter: Splitter, names: Sequence[str] | None = None, *, mark: bool = True
) -> dict[str, Records]:
    """Divide `records` and name the parts.

    names: of the parts; if unset those that the splitter knows (a mapping given to it, folds, folders), else train,
           validation and test for two or three parts, "all" for one, part_0, part_1, ... for more.
    mark:  set `split` of each record to the name of its part.
    Raises ConfigError if the number of names is not that of the parts, or two are the same; else as the splitter does.
    """
    if names is None and isinstance(splitter, BySplitFolder | FolderSplitter):
        found = splitter.by_name(records)
    else:
        parts = splitter(records)
        known = names if names is not None else getattr(splitter, "names", None)
        chosen = tuple(known) if known is not None else _USUAL.get(len(parts))
        if chosen is None:
            chosen = tuple(f"part_{number}" for number in range(len(parts)))
        if len(chosen) != len(parts) or len(set(chosen)) != len(chosen):
            raise ConfigError(
                f"the names {', '.join(chosen)} are given to {len(parts)} parts; expected {len(parts)} different names."
            )
        found = dict(zip(chosen, parts, strict=True))
    if not mark:
        return found
    return {
        name: Records([replace(record, split=name) for record in part], part.class_map, part.report)
        for name, part in found.items()
    }
