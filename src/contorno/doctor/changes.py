"""The list of what a mended copy has otherwise than its source."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from contorno.files import write_text

_LONGEST = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing that was changed.

    label_file: as in the source.   image: its file name.   object_id: of the annotation.   field: the key that changed.
    before, after: the values as JSON, cut after 200 characters; empty if there was none, or is none now.
    why:        the fault, the same words for all of a kind.   count: how many alike stand in this one line.
    """

    label_file: str
    image: str = ""
    object_id: str = ""
    field: str = ""
    before: str = ""
    after: str = ""
    why: str = ""
    count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Mended:
    """A mended copy of a data set. path: its folder.   label_files: written there.   changes: what was changed.

    images: how many image files were put beside it.
    """

    path: Path
    label_files: tuple[Path, ...]
    changes: tuple[Change, ...]
    images: int = 0

    @property
    def counts(self) -> dict[str, int]:
        """How often each thing was mended, the most frequent first."""
        counts: Counter[str] = Counter()
        for change in self.changes:
            counts[change.why] += change.count
        return dict(counts.most_common())

    def __str__(self) -> str:
        head = f"{self.path}: {', '.join(path.name for path in self.label_files)}, changes.csv"
        if not self.changes:
            return f"{head}; nothing was changed"
        return "\n".join([head, *(f"changed: {count} × {why}" for why, count in self.counts.items())])

    def to_json(self) -> dict[str, Any]:
        """The same as a value for JSON; the changes themselves are in changes.csv."""
        files = [str(path) for path in self.label_files]
        return {"path": str(self.path), "label_files": files, "counts": self.counts, "images": self.images}


def shown(value: object) -> str:
    """A value as text for the list."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} …"


def write_changes(path: Path, changes: Iterable[Change]) -> None:
    """Write the list as CSV, a line for each change."""
    with io.StringIO(newline="") as text:
        table = csv.DictWriter(text, [field.name for field in fields(Change)], lineterminator="\n")
        table.writeheader()
        table.writerows(asdict(change) for change in changes)
        write_text(path, text.getvalue())
