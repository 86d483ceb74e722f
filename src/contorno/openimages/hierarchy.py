"""Which classes of Open Images stand below which: "Fruit" has no masks of its own, "Apple" and "Banana" below it do.

The file is a tree of MIDs in which a class may stand at several places (a knife is a tool, a weapon and a kitchen
utensil), so what is read of it is a graph. A part is no subclass: a wheel is a part of a car, and no car.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from contorno.errors import DataError
from contorno.openimages.bucket import MetaFiles

ROOT_MID = "/m/0bl9f"
"""The top of the tree, "Entity": it stands in no list of classes."""

_MID = re.compile(r"/[a-z]/[0-9a-z_]+")
_T = TypeVar("_T")


class Hierarchy:
    """Parents and children of classes, all by MID.

    edges: (parent, child), in the order of the file; one that stands there twice counts once.
    """

    def __init__(self, edges: Iterable[tuple[str, str]]) -> None:
        self._children: dict[str, dict[str, None]] = {}
        self._parents: dict[str, dict[str, None]] = {}
        for parent, child in edges:
            self._children.setdefault(parent, {})[child] = None
            self._parents.setdefault(child, {})[parent] = None

    def children(self, mid: str) -> tuple[str, ...]:
        """The classes one step below, in the order of the file."""
        return tuple(self._children.get(mid, ()))

    def parents(self, mid: str) -> tuple[str, ...]:
        """The classes one step above, `ROOT_MID` among them; a class that the file has as a part only has none."""
        return tuple(self._parents.get(mid, ()))

    def descendants(self, mid: str) -> tuple[str, ...]:
        """All classes below, each once, in the order of the file; never the class itself, even if the file says so."""
        found: dict[str, None] = {}
        waiting = [mid]
        while waiting:
            at = waiting.pop()
            if at in found:
                continue
            found[at] = None
            waiting.extend(reversed(self.children(at)))
        del found[mid]
        return tuple(found)


def read_hierarchy(meta: MetaFiles) -> Hierarchy:
    """Read the tree of the 600 boxable classes.

    Raises DataError that names the file if it is something else, DownloadError if it cannot be had.
    """
    return read_checked(meta, meta.bucket.hierarchy_key, _parse)


def read_checked(meta: MetaFiles, key: str, parse: Callable[[str, str], _T]) -> _T:
    """Read a small text with `parse(text, key)`; a kept copy that turns out to be something else is thrown away."""
    try:
        return parse(meta.read(key).decode("utf-8-sig"), key)
    except UnicodeDecodeError as error:
        meta.forget(key)
        raise DataError(f"{key} is not a text: byte {error.start} is not UTF-8.") from error
    except DataError:
        meta.forget(key)
        raise


def check_mid(mid: str, where: str) -> str:
    """Give back a MID like "/m/01b9xk". Raises DataError that names `where` for anything else."""
    # MIDs become parts of file names, so nothing else may pass.
    if not _MID.fullmatch(mid):
        raise DataError(
            f"{where}: {mid[:60]!r} is no class id like '/m/01b9xk'; the file is not the list it should be."
        )
    return mid


def _parse(text: str, key: str) -> Hierarchy:
    try:
        root = json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(
            f"{key} is not JSON ({error.msg} at line {error.lineno}): it begins with {text[:40]!r}; fetch it anew."
        ) from error
    except RecursionError as error:
        raise DataError(f"{key} is nested too deeply to be the tree of classes; fetch it anew.") from error
    edges: list[tuple[str, str]] = []
    waiting: list[Any] = [root]
    while waiting:
        node = waiting.pop()
        mid = _mid(node, key)
        below = _nodes(node, "Subcategory", mid, key)
        edges.extend((mid, _mid(child, key)) for child in below)
        # Parts are read too: "Musical instrument" and all below it may stand in the file as a part of something.
        waiting.extend(reversed([*below, *_nodes(node, "Part", mid, key)]))
    if not edges:
        raise DataError(f"{key} holds no classes; fetch it anew.")
    return Hierarchy(edges)


def _mid(node: Any, key: str) -> str:
    mid = node.get("LabelName") if isinstance(node, dict) else None
    if not isinstance(mid, str):
        raise DataError(f"{key}: an entry is {str(node)[:60]!r}; expected an object with the field LabelName.")
    return check_mid(mid, key)


def _nodes(node: dict[str, Any], field: str, mid: str, key: str) -> list[Any]:
    nodes = node.get(field, [])
    if not isinstance(nodes, list):
        raise DataError(f"{key}: {field} of {mid} is {str(nodes)[:60]!r}; expected a list of classes.")
    return nodes
