"""What the README and the environment files promise is what is there."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def name_of(requirement: str) -> str:
    return re.split(r"[<>=~!\[; ]", requirement, maxsplit=1)[0].lower()


def test_ci_calls_the_readmes_test_command() -> None:
    commands = re.findall(r"^python3 -m venv .*$", README, flags=re.MULTILINE)
    assert len(commands) == 2
    assert commands[0].endswith("contorno run quickstart")
    assert commands[1] in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()


def test_conda_environment_installs_this_project_with_a_kernel() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    assert environment["name"] == PROJECT["name"]
    names = [name for name in environment["dependencies"] if isinstance(name, str)]
    assert {"ipykernel", "pip"} <= set(names)
    python = next(name for name in names if name.startswith("python="))
    least = PROJECT["requires-python"].removeprefix(">=")
    assert tuple(map(int, python.removeprefix("python=").split("."))) >= tuple(map(int, least.split(".")))
    pip_lines = next(item["pip"] for item in environment["dependencies"] if isinstance(item, dict))
    assert "--constraint constraints.txt" in pip_lines
    extras = re.search(r"\.\[(.*)\]", " ".join(pip_lines))
    assert extras is not None
    assert set(extras[1].split(",")) <= set(PROJECT["optional-dependencies"])


def test_constraints_name_a_tested_version_of_every_dependency() -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!_-]+", line) for line in lines)
    pinned = {line.partition("==")[0].lower() for line in lines}
    wanted = [*PROJECT["dependencies"], *(r for extra in PROJECT["optional-dependencies"].values() for r in extra)]
    assert len(wanted) > 15
    assert {name_of(requirement) for requirement in wanted} <= pinned


def test_icevision_is_in_no_extra_since_its_pins_cannot_be_met() -> None:
    wanted = [*PROJECT["dependencies"], *(r for extra in PROJECT["optional-dependencies"].values() for r in extra)]
    assert "icevision" not in {name_of(requirement) for requirement in wanted}


def test_every_picture_and_page_that_the_readme_names_is_there() -> None:
    links = re.findall(r"\]\((?!http)([^)#]+)", README)
    assert links
    for link in links:
        assert (ROOT / link).exists(), link


def test_the_wheel_carries_the_recipes() -> None:
    build = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]
    assert build["targets"]["wheel"]["force-include"] == {"recipes": "contorno/recipes"}
    assert (ROOT / "recipes" / "quickstart.py").exists()
