"""The command line, as a person would call it: exit codes, streams, one sentence for a fault."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from contorno.cli import main


def call(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    try:
        code = main(words)
    except SystemExit as stop:
        code = int(stop.code or 0)
    out = capsys.readouterr()
    return code, out.out, out.err


def test_help_fits_a_screen_and_ends_with_examples(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "--help")
    assert code == 0
    assert len(out.splitlines()) <= 30
    assert "contorno run quickstart" in out


@pytest.mark.parametrize(
    "words", [["run"], ["evaluate"], ["predict"], ["export"], ["recipes", "copy"], ["env", "add"]], ids=" ".join
)
def test_every_command_ends_its_help_with_an_example(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    code, out, _ = call(capsys, *words, "--help")
    assert code == 0
    assert "example: contorno " in out


def test_recipes_are_listed_with_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "recipes", "list")
    assert code == 0
    assert any(line.startswith("quickstart  ") for line in out.splitlines())


def test_show_prints_the_recipe_itself(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "recipes", "show", "finetune")
    assert code == 0
    assert "def main(cfg: Config, run: Run)" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["rnu", "quickstart"], "Did you mean run?"),
        (["run", "quickstrat"], "did you mean quickstart?"),
        (["run", "quickstart", "epoch=3"], "did you mean epochs?"),
        (["run", "quickstart", "epochs=many"], "epochs is 'many' in the command line; expected a whole number"),
        (["run", "finetune"], "data is not given"),
        (["run", "quickstart", "--resume"], "--resume needs --out"),
        (["run", "quickstart", "--config", "nine"], "there is no config 'nine'"),
        (["evaluate", "no/such/run"], "is not a finished run folder: model.json is missing"),
        (["predict", "no/such/run", "a.jpg"], "is not a finished run folder"),
        (["export", "no/such/run"], "is not a finished run folder"),
        (["env", "add", "tensorflow"], "invalid choice"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_misuse_is_one_sentence_and_exit_code_2(
    capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    code, out, err = call(capsys, *words)
    assert code == 2
    assert out == ""
    assert message in err
    assert "Traceback" not in err
    assert len(err.strip().splitlines()) == 1


def test_an_existing_output_folder_is_refused_before_any_work(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    for more in ([], ["--dry-run"]):
        code, _, err = call(capsys, "run", "quickstart", "--out", str(tmp_path), *more)
        assert code == 2
        assert "exists already" in err
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_dry_run_shows_settings_and_writes_nothing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, _ = call(capsys, "run", "quickstart", "epochs=3", "--dry-run")
    assert code == 0
    assert "epochs: 3" in out
    assert "would write to: runs/quickstart" in out
    assert "nothing was fetched, trained or written" in out
    assert list(tmp_path.iterdir()) == []


def test_adding_icevision_says_what_it_would_do(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "env", "add", "icevision", "--dry-run")
    assert code == 0
    assert "--no-deps icevision==0.12.0" in out


def test_the_module_runs_and_help_needs_no_torch() -> None:
    code = (
        "import sys; from contorno.cli import main\n"
        "try: main(['run', '--help'])\nexcept SystemExit: pass\n"
        "sys.exit(3 if 'torch' in sys.modules else 0)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0
    version = subprocess.run([sys.executable, "-m", "contorno", "--version"], capture_output=True, text=True)
    assert version.stdout.startswith("contorno ")
