"""Names of classes and their labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from contorno.errors import DataError

BACKGROUND = "background"


class ClassMap:
    """Names of classes and their labels: 0 is background, then 1..K in the order given.

    `len(class_map)` counts background, so it is the `num_classes` of a torchvision model. Names are looked up without
    regard to case and outer space; the spelling given here is the one that is shown.
    Raises DataError for an empty or repeated name.
    """

    def __init__(self, classes: Iterable[str] = (), background: str = BACKGROUND) -> None:
        self.background = background
        self._is_locked = True
        self._names: list[str] = []
        self._labels: dict[str, int] = {fold_name(background): 0}
        for name in classes:
            self.add_name(name)

    def add_name(self, name: str) -> int:
        """Append a class and return its label."""
        key = fold_name(name)
        if not key:
            raise DataError("a class name is empty; give every class a name.")
        if key in self._labels:
            raise DataError(
                f"the class name {name!r} stands twice in the class map "
                f"(as {self.get_by_id(self._labels[key])!r} already); names differ by more than case and outer space."
            )
        self._names.append(name.strip())
        self._labels[key] = len(self._names)
        return len(self._names)

    @property
    def names(self) -> tuple[str, ...]:
        """The classes without background; `names[i]` has label `i + 1`."""
        return tuple(self._names)

    @property
    def num_classes(self) -> int:
        """Classes with background, as a model counts them: `len(class_map)`, under IceVision's name."""
        return len(self)

    def get_classes(self) -> list[str]:
        """Background, then the classes: IceVision's list, in which place i names label i."""
        return [self.background, *self._names]

    def unlock(self) -> ClassMap:
        """From now on `get_by_name` takes in names that it does not know, as IceVision's parsers have it."""
        self._is_locked = False
        return self

    def lock(self) -> ClassMap:
        """Take back `unlock`."""
        self._is_locked = True
        return self

    @property
    def is_locked(self) -> bool:
        """False between `unlock` and `lock`."""
        return self._is_locked

    def get_by_id(self, label: int) -> str:
        """Name of a label. Raises DataError if there is no such label."""
        if label == 0:
            return self.background
        if not 0 < label <= len(self._names):
            raise DataError(f"label {label} is not in the class map, which has labels 1 to {len(self._names)}.")
        return self._names[label - 1]

    def get_by_name(self, name: str) -> int:
        """Label of a name. Raises DataError that lists the known names, unless the class map is unlocked."""
        label = self._labels.get(fold_name(name))
        if label is None:
            if not self._is_locked:
                return self.add_name(name)
            raise DataError(
                f"the class {name!r} is not in the class map, which has: {', '.join(self._names) or 'none'}."
            )
        return label

    def renamed(self, names: Mapping[str, str]) -> ClassMap:
        """The same labels under other names: {old name: new name}. Raises DataError for an unknown old name."""
        news = {self.get_by_name(old): new for old, new in names.items()}
        return ClassMap([news.get(label, name) for label, name in enumerate(self._names, 1)], self.background)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and fold_name(name) in self._labels

    def __len__(self) -> int:
        return len(self._names) + 1

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ClassMap) and self._names == other._names and self.background == other.background

    def __hash__(self) -> int:
        return hash((self.background, *self._names))

    def __repr__(self) -> str:
        return f"ClassMap({self._names!r})"


def fold_name(name: str) -> str:
    """The form in which class names are compared: no outer space, one inner space, no case."""
    return " ".join(name.split()).casefold()
