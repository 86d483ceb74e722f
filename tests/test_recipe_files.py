"""Recipes are found, copied, read for their settings, and refused in one sentence."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from contorno import config, recipe_files
from contorno.errors import ConfigError

RECIPES = recipe_files.all_recipes()


def test_the_recipes_of_the_main_job_are_there() -> None:
    assert {recipe.name for recipe in RECIPES} >= {"quickstart", "finetune"}


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_a_recipe_reads_top_to_bottom_in_under_150_lines(recipe: recipe_files.RecipeFile) -> None:
    text = recipe.path.read_text(encoding="utf-8")
    assert len(text.splitlines()) < 150
    for heading in ("Needs:", "Gives:", "Run:"):
        assert heading in recipe.docstring
    classes = [node.name for node in ast.parse(text).body if isinstance(node, ast.ClassDef)]
    assert classes == ["Config"]


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_every_preset_of_a_recipe_resolves(recipe: recipe_files.RecipeFile) -> None:
    module = recipe.load()
    given = ["data=x"] if recipe.name == "finetune" else []
    presets = [
        path.stem.removeprefix(f"{recipe.name}_") for path in recipe.path.parent.glob(f"configs/{recipe.name}_*")
    ]
    for preset in [None, *presets]:
        settings = recipe_files.settings(recipe, module, preset, given)
        assert config.resolve(module.Config, config.to_plain(settings)) == settings


def test_an_unknown_recipe_gets_the_nearest_name() -> None:
    with pytest.raises(ConfigError, match="there is no recipe 'quickstar'; did you mean quickstart"):
        recipe_files.find("quickstar")
    with pytest.raises(ConfigError, match=r"the recipe file .*none\.py does not exist"):
        recipe_files.find("./none.py")


def test_an_unknown_preset_lists_those_there_are() -> None:
    recipe = recipe_files.find("quickstart")
    with pytest.raises(ConfigError, match="one of: smoke"):
        recipe_files.settings(recipe, recipe.load(), "smok", [])


def test_a_copy_runs_like_the_original_and_is_not_overwritten(tmp_path: Path) -> None:
    path = recipe_files.copy("quickstart", tmp_path)
    assert path == tmp_path / "quickstart.py"
    assert recipe_files.find(str(path)).load().Config().image_size == 192
    with pytest.raises(ConfigError, match="exists already"):
        recipe_files.copy("quickstart", tmp_path)
    assert recipe_files.copy("quickstart", tmp_path / "mine.py").name == "mine.py"


def test_a_file_that_is_no_recipe_says_what_it_lacks(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("x = 1\n")
    with pytest.raises(ConfigError, match="it has no Config"):
        recipe_files.find(str(tmp_path / "mine.py")).load()
