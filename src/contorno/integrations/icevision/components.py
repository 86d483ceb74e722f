"""Components that carry through icevision what its records have no place for.

They follow the protocol of `icevision.core.record_components.RecordComponent` and need not be derived from it, so that
records can be pickled and unpickled by workers like any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from contorno.records import Record


class PassiveComponent:
    """A component that takes part in nothing. task: the `icevision.core.tasks.Task` that it belongs to."""

    order = 0.5

    def __init__(self, task: Any) -> None:
        self.task = task
        self.composite: Any = None

    def set_composite(self, composite: Any) -> None:
        """Be told what this is a part of."""
        self.composite = composite

    def as_dict(self) -> dict[str, Any]:
        """Nothing."""
        return {}

    def setup_transform(self, tfm: Any) -> None:
        """Need no transform."""

    def builder_template(self) -> list[str]:
        """Nothing."""
        return []

    def _load(self) -> None:
        pass

    def _unload(self) -> None:
        pass

    def _num_annotations(self) -> dict[str, int]:
        return {}

    def _autofix(self) -> dict[str, bool]:
        return {}

    def _aggregate_objects(self) -> dict[str, list[dict[str, Any]]]:
        return {}

    def _repr(self) -> list[str]:
        return []

    def _remove_annotation(self, i: int) -> None:
        pass


class SourceComponent(PassiveComponent):
    """Where a record came from.

    split:       the split that the source put it in, if any.
    source_path: the file of an image whose pixels are in memory, if it has one; icevision's metric is given that, or
                 the image id, as the path that it asks for.
    """

    def __init__(self, task: Any, record: Record) -> None:
        super().__init__(task)
        self.split = record.split
        if record.image is not None:
            self.source_path = record.path
            self.filepath = Path(str(record.image_id)) if record.path is None else record.path


@dataclass(slots=True)
class ObjectNote:
    """What icevision has no place for in one object.

    annotation_id: as the file gave it; None without.   attributes: as in `Instances`; None without.
    has_area:      whether the area was stated; if not, icevision's record has that of the mask or box.
    """

    annotation_id: int | str | None
    attributes: Mapping[str, Any] | None
    has_area: bool


class NotesComponent(PassiveComponent):
    """A note for each object, which goes where its object goes: through transforms and removals."""

    def __init__(self, task: Any, notes: list[ObjectNote]) -> None:
        super().__init__(task)
        self.notes = notes

    def setup_transform(self, tfm: Any) -> None:
        """Ask icevision's Adapter to be told which objects are left."""
        if hasattr(tfm, "_collect_ops"):
            tfm._collect_ops.append(SimpleNamespace(fn=lambda _: self._keep(tfm), order=self.order))

    def _keep(self, tfm: Any) -> None:
        kept = tfm._keep_mask
        if kept is not None and len(kept) and len(kept) != len(self.notes):
            # Objects were added by hand, and nothing tells which notes are whose.
            self.notes = []
        self.notes = list(tfm._filter_attribute(self.notes)) if self.notes else []

    def _remove_annotation(self, i: int) -> None:
        self.notes.pop(i)
