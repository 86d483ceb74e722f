"""A font that is here already, in place of the one that icevision downloads while it is imported."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import ModuleType

from contorno.errors import MissingExtraError

FONT_MODULE = "icevision.visualize.utils"
"""The module that defines `get_default_font`; the modules after it call that as they are imported."""


@contextmanager
def font_at_hand() -> Iterator[None]:
    """Let icevision find a font instead of downloading one, while it is imported."""
    if FONT_MODULE in sys.modules:
        # Left behind by an import that failed for want of the font.
        sys.modules[FONT_MODULE].__dict__["get_default_font"] = font_path
    finder = _FontFinder()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


class _FontFinder(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != FONT_MODULE:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.origin is not None:
            spec.loader = _FontLoader(fullname, spec.origin)
        return spec


class _FontLoader(SourceFileLoader):
    """Runs the module, then replaces its function that downloads the font; the next module calls it at once."""

    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        module.__dict__["get_default_font"] = font_path


def font_path() -> str:
    """matplotlib's DejaVu Sans; icevision imports matplotlib anyway."""
    matplotlib = importlib.util.find_spec("matplotlib")
    if matplotlib is None or matplotlib.origin is None:
        raise MissingExtraError("icevision needs the package 'matplotlib', which is not installed.")
    return str(Path(matplotlib.origin).parent / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf")
