"""The real icevision 0.12.0, mended so that it imports and runs beside today's torch, albumentations and numpy.

icevision rests since 2024 and pins torch below 1.11, so `contorno env add icevision` installs it without its pins. What
then stops it, and what it measures wrongly, is repaired here, in memory only: no installed file is touched, and
`Mended.undo` takes the repairs back.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import io
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from contorno.errors import ConfigError, MissingExtraError
from contorno.integrations.icevision.fonts import font_at_hand
from contorno.integrations.icevision.repairs import DRAWING_MODULE, Repair, repairs

VERSION = "0.12.0"
"""The version that the repairs are for."""

REPAIRS = {
    "font": "its import downloads a font; matplotlib's DejaVu Sans, which is here already, takes its place",
    "numpy aliases": "it says np.int and np.float, gone since numpy 1.24; its two modules see them, numpy itself stays",
    "image size": "it looks for EXIF in a file that it has closed, which today's Pillow refuses for PNG",
    "labels as ints": "albumentations 2 gives label fields back as floats, which cannot index the objects to keep",
    "padding colour": "albumentations 2 calls `value` `fill`, warns of the old name and pads in black",
    "pretrained": "torchvision's models and backbones take `weights`, warn of `pretrained` and will drop it",
    "mask threshold": "its training cuts soft masks at 0, so that its mask AP is that of filled boxes; now at 0.5",
    "mask areas": "its mask AP by size took the area of a detection from its box; now from its mask",
    "empty masks": "a mask that a resize leaves empty fell out of the list, which then was too short to measure",
}
"""Each repair, and what goes wrong without it."""


@dataclass(slots=True)
class Mended:
    """icevision with its repairs in place.

    ice:      what `from icevision.all import *` gives, as a module.
    repairs:  names of the repairs made by this call, keys of REPAIRS; those that stood already are not in it.
    """

    ice: ModuleType
    repairs: tuple[str, ...]
    _changes: list[tuple[str, Any, str, Any]] = field(default_factory=list, repr=False)

    def undo(self, *names: str) -> None:
        """Take repairs of this call back, those of these names or all; `mend` makes them again.

        The modules stay imported, with the font's path in their defaults, so that repair cannot be taken back alone.
        Raises ConfigError for a name that is not among `repairs`.
        """
        for name in names:
            if name not in self.repairs or name == "font":
                raise ConfigError(
                    f"the repair {name!r} was not made by this call or cannot be taken back; it made: "
                    f"{', '.join(self.repairs) or 'none'}."
                )
        chosen = names or self.repairs
        for repair, owner, name, before in reversed(self._changes):
            if repair in chosen:
                setattr(owner, name, before)
        self._changes[:] = [change for change in self._changes if change[0] not in chosen]
        self.repairs = tuple(name for name in self.repairs if name not in chosen)

    def __str__(self) -> str:
        lines = [f"icevision {VERSION}, {len(self.repairs)} repairs made in memory"]
        return "\n".join([*lines, *(f"{name}: {REPAIRS[name]}" for name in self.repairs)])


def mend() -> Mended:
    """Import icevision and repair what stops it; see REPAIRS. Printed, the result says what was repaired.

    The import takes seconds and makes the folder `.icevision` in the user's home, as icevision does.
    Raises MissingExtraError if icevision or a package that it imports is not installed, ConfigError for a version other
    than VERSION.
    """
    check_installed()
    importing = DRAWING_MODULE not in sys.modules
    try:
        with font_at_hand(), warnings.catch_warnings():
            # What the imports of old code warn of, a user can do nothing about.
            warnings.simplefilter("ignore")
            ice = importlib.import_module("icevision.all")
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"icevision needs the package {error.name!r}, which is not installed; run pip install 'contorno[interop]'."
        ) from error
    mended = Mended(ice, ("font",) if importing else ())
    for repair in repairs():
        _make(mended, repair)
    return mended


@contextmanager
def quiet() -> Iterator[None]:
    """Keep icevision's log and its progress bars, on stderr, from being shown while the block runs."""
    logger = importlib.import_module("loguru").logger
    logger.disable("icevision")
    try:
        with redirect_stderr(io.StringIO()):
            yield
    finally:
        logger.enable("icevision")


def imported() -> ModuleType:
    """What `from icevision.all import *` gives: as it is if it is imported already, mended if not. Raises as `mend`."""
    return sys.modules.get("icevision.all") or mend().ice


def check_installed() -> None:
    """Raise MissingExtraError without icevision, ConfigError for a version other than VERSION; imports nothing."""
    try:
        found = importlib.metadata.version("icevision")
    except importlib.metadata.PackageNotFoundError as error:
        raise MissingExtraError("icevision is not installed; run `contorno env add icevision`.") from error
    if found != VERSION:
        raise ConfigError(
            f"icevision {found} is installed; the repairs are for {VERSION}: run `contorno env add icevision`."
        )


def _make(mended: Mended, repair: Repair) -> None:
    """Put what the repair makes in each of its places, and note what stood there, unless it stands already."""
    for owner, name in repair.places:
        before = getattr(owner, name)
        if getattr(before, "mended_by_contorno", False):
            continue
        after = repair.make(before)
        after.mended_by_contorno = True
        setattr(owner, name, after)
        mended._changes.append((repair.name, owner, name, before))
        if repair.name not in mended.repairs:
            mended.repairs += (repair.name,)
