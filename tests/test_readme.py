"""What the README and the environment files promise is what is there."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from contorno import rehearsal
from contorno.rehearsal.opening import open_bucket

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
    # Without extras: imantics brings the OpenCV that fails to import where there is no libGL, as in StudioLab.
    assert pip_lines == ["--constraint constraints.txt", "."]


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


@pytest.mark.slow
def test_the_python_block_runs_on_the_offline_bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```$", README, flags=re.M | re.S)
    smaller = {
        'meta_dir="csv_anno"': 'meta_dir="csv_anno", bucket=bucket',
        "size=384, presize=512": "size=96, presize=112",
        "resize_and_pad(384)": "resize_and_pad(96)",
        "resnet50_fpn(pretrained=True)": "resnet18_fpn(pretrained=False)",
        "num_workers=2": "num_workers=0",
        "fine_tune(10, 1e-4, freeze_epochs=2)": "fine_tune(1, 1e-3, freeze_epochs=1)",
    }
    for written, run in smaller.items():
        assert written in code
        code = code.replace(written, run)
    rehearsal.make_bucket(tmp_path / "bucket", images={"train": 6, "validation": 2, "test": 2})
    monkeypatch.chdir(tmp_path)
    with open_bucket(tmp_path / "bucket") as bucket:
        names: dict[str, Any] = {"bucket": bucket}
        exec(compile(code, "README.md", "exec"), names)
    assert len(names["preds"]) == len(names["valid_records"]) >= 1
    assert len(names["learn"].history.rows) == 2
