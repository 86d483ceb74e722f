"""torch's optimizers behind fastai's names, with settings that can be set."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from contorno.callbacks.door import OptimWrapper


class SteeredOptimizer(OptimWrapper):  # type: ignore[misc]
    """An OptimWrapper whose `hypers` write through to torch's optimizer.

    fastai's gives copies, so that ReduceLROnPlateau, which sets a rate in them, changes nothing.
    """

    @classmethod
    def around(cls, wrapper: OptimWrapper) -> SteeredOptimizer:
        """The same optimizer, settings, frozen groups and marks of parameters included."""
        if isinstance(wrapper, cls):
            return wrapper
        made = cls.__new__(cls)
        made.__dict__.update(vars(wrapper))
        return made

    @property
    def hypers(self) -> list[dict[str, Any]]:
        """For each group of parameters its settings under fastai's names: lr, mom, wd, ..."""
        return [
            _Settings(values, lambda name, value, group=index: self._set_one(group, name, value))  # type: ignore[misc]
            for index, values in enumerate(super().hypers)
        ]

    def _set_one(self, group: int, name: str, value: Any) -> None:
        every = [settings[name] for settings in self.hypers]
        every[group] = value
        self._set_hyper(name, every)


class _Settings(dict[str, Any]):
    """Settings of one group, and who is told when one is set."""

    def __init__(self, values: dict[str, Any], tell: Callable[[str, Any], None]) -> None:
        super().__init__(values)
        self._tell = tell

    def __setitem__(self, name: str, value: Any) -> None:
        super().__setitem__(name, value)
        self._tell(name, value)
