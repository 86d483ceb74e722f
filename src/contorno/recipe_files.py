"""Find, copy and run recipe files: plain Python files with a `Config` and a `main(config, run)`."""

from __future__ import annotations

import ast
import difflib
import importlib.util
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from contorno import config, files
from contorno.errors import ConfigError


@dataclass(frozen=True, slots=True)
class RecipeFile:
    """A recipe on disk."""

    name: str
    path: Path

    @property
    def docstring(self) -> str:
        """The recipe's header, read without running it."""
        return ast.get_docstring(ast.parse(self.path.read_text(encoding="utf-8"))) or ""

    @property
    def summary(self) -> str:
        """The first line of the header."""
        return self.docstring.partition("\n")[0]

    def load(self) -> ModuleType:
        """Run the file as a module. Raises ConfigError if it has no `Config` or no `main`."""
        name = f"contorno_recipe_{self.name}"
        spec = importlib.util.spec_from_file_location(name, self.path)
        if spec is None or spec.loader is None:
            raise ConfigError(f"{self.path} is not a Python file; a recipe is a .py file with a Config and a main.")
        module = importlib.util.module_from_spec(spec)
        # Dataclasses look their module up by name while they are being made.
        sys.modules[name] = module
        spec.loader.exec_module(module)
        for part in ("Config", "main"):
            if not hasattr(module, part):
                raise ConfigError(
                    f"{self.path} is not a recipe: it has no {part}; copy one with `contorno recipes copy`."
                )
        return module


def folder() -> Path:
    """Where the recipes are: in the installed package, or beside `src` in a checkout."""
    installed = Path(__file__).parent / "recipes"
    return installed if installed.is_dir() else Path(__file__).parents[2] / "recipes"


def all_recipes() -> list[RecipeFile]:
    """Every recipe that contorno brings, by name."""
    return [RecipeFile(path.stem, path) for path in sorted(folder().glob("*.py"))]


def find(name: str) -> RecipeFile:
    """A recipe by name, or by the path of a .py file. Raises ConfigError that names the nearest recipe."""
    if name.endswith(".py") or "/" in name:
        path = Path(name)
        if not path.is_file():
            raise ConfigError(f"the recipe file {path} does not exist.")
        return RecipeFile(path.stem, path)
    known = {recipe.name: recipe for recipe in all_recipes()}
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
        hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(known)}"
        raise ConfigError(f"there is no recipe {name!r}; {hint} (see `contorno recipes list`).")
    return known[name]


def copy(name: str, to: Path) -> Path:
    """Copy a recipe to a folder or file of the user's. Raises ConfigError if the file exists."""
    recipe = find(name)
    target = to / recipe.path.name if to.is_dir() or not to.suffix else to
    if target.exists():
        raise ConfigError(f"{target} exists already; choose another name with --to, or remove it.")
    files.write_text(target, recipe.path.read_text(encoding="utf-8"))
    return target


def settings(recipe: RecipeFile, module: ModuleType, preset: str | None, overrides: Sequence[str]) -> Any:
    """The recipe's Config from its defaults, a preset and `key=value` words.

    preset: the name of a file `configs/<recipe>_<preset>.yaml` beside the recipe, or the path of a YAML file, such as
    the `config.yaml` of an earlier run.
    """
    values: dict[str, Any] = {}
    source = "the config"
    if preset is not None:
        path = recipe.path.parent / "configs" / f"{recipe.name}_{preset}.yaml"
        path = Path(preset) if preset.endswith((".yaml", ".yml")) else path
        if not path.exists():
            known = sorted(p.stem.removeprefix(f"{recipe.name}_") for p in path.parent.glob(f"{recipe.name}_*.yaml"))
            raise ConfigError(
                f"there is no config {preset!r} for {recipe.name}; "
                f"give the path of a .yaml file, or one of: {', '.join(known) or 'none'}."
            )
        values, source = config.read_yaml(path), path.name
    return config.resolve(module.Config, values, overrides, source=source)
