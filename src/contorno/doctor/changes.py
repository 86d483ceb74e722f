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

    images: of how many images the files were put beside it.   images_in: where they are, if they were left there.
    """

    path: Path
    label_files: tuple[Path, ...]
    changes: tuple[Change, ...]
    images: int = 0
    images_in: Path | None = None

    @property
    def counts(self) -> dict[str, int]:
        """How often each thing was mended, the most frequent first."""
        counts: Counter[str] = Counter()
        for change in self.changes:
            counts[change.why] += change.count
        return dict(counts.most_common())

    def __str__(self) -> str:
        files = [
            path.relative_to(self.path) if path.is_relative_to(self.path) and path != self.path else path
            for path in self.label_files
        ]
        head = f"{self.path}: {', '.join(map(str, files))}, changes.csv"
        stay = [] if self.images_in is None else [f"its images stay where they are: add --images {self.images_in}"]
        if not self.changes:
            return "\n".join([f"{head}; nothing was changed", *stay])
        return "\n".join([head, *(f"changed: {count} × {why}" for why, count in self.counts.items()), *stay])

    def to_json(self) -> dict[str, Any]:
        """The same as a value for JSON; the changes themselves are in changes.csv."""
        files = [str(path) for path in self.label_files]
        where = None if self.images_in is None else str(self.images_in)
        counted = {"counts": self.counts, "images": self.images, "images_in": where}
        return {"path": str(self.path), "label_files": files, **counted}


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
