"""The real icevision 0.12.0, mended so that it imports and runs beside today's torch, albumentations and numpy.

icevision rests since 2024 and pins torch below 1.11, so `contorno env add icevision` installs it without its pins. What
then stops it is repaired here, in memory only: no installed file is touched, and `Mended.undo` takes the repairs back.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from contorno.errors import ConfigError, MissingExtraError
from contorno.images import image_size

__all__ = ["REPAIRS", "VERSION", "Mended", "mend"]

VERSION = "0.12.0"
"""The version that the repairs are for."""

REPAIRS = {
    "font": "its import downloads a font; matplotlib's DejaVu Sans, which is here already, takes its place",
    "numpy aliases": "it says np.int and np.float, gone since numpy 1.24; its two modules see them, numpy itself stays",
    "image size": "it looks for EXIF in a file that it has closed, which today's Pillow refuses for PNG",
    "labels as ints": "albumentations 2 gives label fields back as floats, which cannot index the objects to keep",
    "padding colour": "albumentations 2 calls it `fill`, warns of `value` and pads in black",
    "pretrained": "torchvision's backbones take `weights`, and warn of `pretrained`",
}
"""Each repair, and what goes wrong without it."""

_FONT_MODULE = "icevision.visualize.utils"
_DRAWING_MODULE = "icevision.visualize.draw_data"
_NUMPY_MODULES = (_FONT_MODULE, _DRAWING_MODULE)
_ADAPTER_MODULE = "icevision.tfms.albumentations.albumentations_adapter"
_HELPERS_MODULE = "icevision.tfms.albumentations.albumentations_helpers"


@dataclass(slots=True)
class Mended:
    """icevision with its repairs in place.

    ice:      what `from icevision.all import *` gives, as a module.
    repairs:  names of the repairs made by this call, keys of REPAIRS; those that stood already are not in it.
    """

    ice: ModuleType
    repairs: tuple[str, ...]
    _changes: list[tuple[Any, str, Any]] = field(default_factory=list, repr=False)

    def undo(self) -> None:
        """Take the repairs of this call back. The modules stay imported, with the font's path in their defaults."""
        while self._changes:
            owner, name, before = self._changes.pop()
            setattr(owner, name, before)
        self.repairs = ()


def mend() -> Mended:
    """Import icevision and repair what stops it; see REPAIRS.

    The import takes seconds and makes the folder `.icevision` in the user's home, as icevision does.
    Raises MissingExtraError if icevision or a package that it imports is not installed, ConfigError for a version other
    than VERSION.
    """
    _check_version()
    importing = _DRAWING_MODULE not in sys.modules
    if _FONT_MODULE in sys.modules:
        # Left behind by an import that failed for want of the font.
        sys.modules[_FONT_MODULE].__dict__["get_default_font"] = _font_path
    try:
        with _font_at_hand(), warnings.catch_warnings():
            # What the imports of old code warn of, a user can do nothing about.
            warnings.simplefilter("ignore")
            ice = importlib.import_module("icevision.all")
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"icevision needs the package {error.name!r}, which is not installed; run pip install 'contorno[interop]'."
        ) from error
    mended = Mended(ice, ("font",) if importing else ())
    _replace(mended, "numpy aliases", [(sys.modules[name], "np") for name in _NUMPY_MODULES], _with_aliases)
    _replace(mended, "image size", _importers_of_image_size(), _with_open_file)
    labels = sys.modules[_ADAPTER_MODULE].AlbumentationsInstancesLabelsComponent
    _replace(mended, "labels as ints", [(labels, "collect_labels")], _with_whole_labels)
    _replace(mended, "padding colour", _paddings(), _with_fill)
    backbones = sys.modules["icevision.backbones.resnet_fpn"]
    _replace(mended, "pretrained", [(backbones, "resnet_fpn_backbone")], _with_weights)
    return mended


def _check_version() -> None:
    try:
        found = importlib.metadata.version("icevision")
    except importlib.metadata.PackageNotFoundError as error:
        raise MissingExtraError("icevision is not installed; run `contorno env add icevision`.") from error
    if found != VERSION:
        raise ConfigError(
            f"icevision {found} is installed; the repairs are for {VERSION}: run `contorno env add icevision`."
        )


def _replace(mended: Mended, repair: str, places: Sequence[tuple[Any, str]], make: Callable[[Any], Any]) -> None:
    """Put `make(what stands there)` in each place, and note what stood there, unless the repair stands already."""
    for owner, name in places:
        before = getattr(owner, name)
        if getattr(before, "mended_by_contorno", False):
            continue
        after = make(before)
        after.mended_by_contorno = True
        setattr(owner, name, after)
        mended._changes.append((owner, name, before))
        if repair not in mended.repairs:
            mended.repairs += (repair,)


class _NumpyWithAliases(ModuleType):
    """numpy with the two names that icevision expects."""

    def __getattr__(self, name: str) -> Any:
        return {"int": int, "float": float}.get(name) or getattr(np, name)


def _with_aliases(_: ModuleType) -> ModuleType:
    return _NumpyWithAliases("numpy")


def _importers_of_image_size() -> list[tuple[Any, str]]:
    """Every module of icevision that holds the function: each star import made a name of its own."""
    original = sys.modules["icevision.utils.imageio"].get_img_size
    modules = [module for name, module in sorted(sys.modules.items()) if name.split(".")[0] == "icevision"]
    return [(module, "get_img_size") for module in modules if module.__dict__.get("get_img_size") is original]


def _with_open_file(get_img_size: Callable[[Path | str], Any]) -> Callable[[Path | str], Any]:
    size_type = get_img_size.__globals__["ImgSize"]

    def get(filepath: Path | str) -> Any:
        height, width = image_size(Path(filepath))
        return size_type(width=width, height=height)

    return get


def _with_whole_labels(collect_labels: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
    def collect(component: Any, record: Any) -> None:
        found = component.adapter._albu_out
        found["labels"] = [int(label) for label in found["labels"]]
        collect_labels(component, record)

    return collect


def _paddings() -> list[tuple[Any, str]]:
    """Where the presets' default padding keeps its functools.partial; icevision wraps it in a class of its own."""
    helpers = sys.modules[_HELPERS_MODULE]
    defaults = [*helpers.resize_and_pad.__defaults__, *helpers.aug_tfms.__defaults__]
    found = [(default, getattr(default, "_partial", None)) for default in defaults]
    return [(default, "_partial") for default, inner in found if inner is not None and "value" in inner.keywords]


def _with_fill(padding: partial[Any]) -> partial[Any]:
    others = {name: value for name, value in padding.keywords.items() if name != "value"}
    return partial(padding.func, *padding.args, fill=padding.keywords["value"], **others)


def _with_weights(resnet_fpn_backbone: Callable[..., Any]) -> Callable[..., Any]:
    def build(backbone_name: str, pretrained: bool, **options: Any) -> Any:
        # The weights that torchvision itself puts in place of pretrained=True.
        weights = "IMAGENET1K_V1" if pretrained else None
        return resnet_fpn_backbone(backbone_name=backbone_name, weights=weights, **options)

    return build


@contextmanager
def _font_at_hand() -> Iterator[None]:
    """Let icevision find a font instead of downloading one, while it is imported."""
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
        if fullname != _FONT_MODULE:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.origin is not None:
            spec.loader = _FontLoader(fullname, spec.origin)
        return spec


class _FontLoader(SourceFileLoader):
    """Runs the module, then replaces its function that downloads the font; the next module calls it at once."""

    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        module.__dict__["get_default_font"] = _font_path


def _font_path() -> str:
    matplotlib = importlib.util.find_spec("matplotlib")
    if matplotlib is None or matplotlib.origin is None:
        raise MissingExtraError("icevision needs the package 'matplotlib', which is not installed.")
    return str(Path(matplotlib.origin).parent / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf")
