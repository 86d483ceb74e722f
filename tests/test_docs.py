"""What the pages say is so: command lines parse, settings exist, Python compiles, and blocks marked to run do run.

A fence is run where the line before it is `<!-- runs -->`. Such fences of a page share one namespace, in their order.
"""

from __future__ import annotations

import argparse
import ast
import re
import shlex
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from contorno import export, images, parsers, recipe_files, writers
from contorno.cli import build_parser
from contorno.models.torchvision.fitting import fit_model
from contorno.rehearsal import draw_scene
from contorno.runs import Run
from tiny import disc_records

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "recipes" / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
RECIPES = {recipe.name: recipe for recipe in recipe_files.all_recipes()}

FENCE = re.compile(r"^(?P<mark><!-- runs -->\n)?```(?P<language>\w*)[^\n]*\n(?P<code>.*?)^```$", re.M | re.S)
"""A fenced block and whether it is marked to run."""


@dataclass(frozen=True)
class Block:
    page: Path
    line: int
    language: str
    code: str
    runs: bool

    @property
    def where(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [
        Block(
            page=page,
            line=text.count("\n", 0, found.start("language")) + 1,
            language=found["language"],
            code=found["code"],
            runs=found["mark"] is not None,
        )
        for found in FENCE.finditer(text)
    ]


BLOCKS = [block for page in PAGES for block in blocks(page)]


def command_words(line: str) -> Iterator[list[str]]:
    """The words after `contorno` of each of its commands in a line of shell."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;")
    lexer.whitespace_split = True
    for is_separator, words in groupby(lexer, key=lambda word: set(word) <= set("|&;")):
        command, *rest = words
        if not is_separator and command.removeprefix("!").rpartition("/")[2] == "contorno":
            yield rest


def quoted_commands() -> list[tuple[str, list[str]]]:
    """Where each command stands, and its words: lines of `sh` blocks, and `contorno ...` in the text."""
    found = []
    for block in BLOCKS:
        if block.language == "sh":
            for number, line in enumerate(block.code.splitlines(), block.line + 1):
                found += [(f"{block.page.name}:{number}", words) for words in command_words(line)]
    for page in PAGES:
        text = FENCE.sub("", page.read_text(encoding="utf-8"))
        for code in re.findall(r"`(contorno [^`\n]+)`", text):
            found += [(page.name, words) for words in command_words(code.replace("\\|", "|").replace("...", ""))]
    return found


COMMANDS = quoted_commands()


def subcommands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    return {
        name: below
        for action in parser._actions
        if isinstance(action, argparse._SubParsersAction)
        for name, below in action.choices.items()
    }


def leaves(parser: argparse.ArgumentParser, name: str = "contorno") -> dict[str, argparse.ArgumentParser]:
    """Every command that does something, by its full name."""
    below = subcommands(parser)
    if not below:
        return {name: parser}
    return {key: leaf for word, sub in below.items() for key, leaf in leaves(sub, f"{name} {word}").items()}


def is_mention(words: list[str]) -> bool:
    """True if the words only name a command, as in "`contorno run` makes a folder"."""
    parser: argparse.ArgumentParser = build_parser()
    for word in words:
        below = subcommands(parser)
        if word not in below:
            return False
        parser = below[word]
    return True


def parse(words: list[str]) -> argparse.Namespace | None:
    """What the command line makes of the words; None where it answers at once (`--help`, `--version`)."""
    try:
        return build_parser().parse_args(words)
    except SystemExit as stop:
        if stop.code:
            raise
        return None


def test_every_quoted_command_line_parses(capsys: pytest.CaptureFixture[str]) -> None:
    checked = 0
    for where, words in COMMANDS:
        if not is_mention(words):
            try:
                parse(words)
            except SystemExit:
                pytest.fail(f"{where}: {capsys.readouterr().err}")
            checked += 1
    assert checked >= 25


def test_every_quoted_recipe_setting_and_preset_is_there() -> None:
    checked = 0
    for where, words in COMMANDS:
        arguments = None if is_mention(words) else parse(words)
        if arguments is None or words[0] != "run" or "NAME" in words:
            continue
        if arguments.name.endswith(".py"):
            continue  # a reader's own
        assert arguments.name in RECIPES, where
        recipe = RECIPES[arguments.name]
        given = list(arguments.settings)
        if recipe.name == "finetune" and not any(word.startswith("data=") for word in given):
            given.append("data=x")
        preset = arguments.config if arguments.config is None or "/" not in arguments.config else None
        recipe_files.settings(recipe, recipe.load(), preset, given)
        checked += 1
    assert checked >= 8


def test_every_python_block_compiles() -> None:
    checked = 0
    for block in BLOCKS:
        if block.language == "python":
            compile(block.code, block.where, "exec")
            checked += 1
    assert checked >= 10


def test_every_setting_of_finetune_is_in_its_page_with_its_default() -> None:
    text = (ROOT / "docs" / "how-to" / "finetune.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", text, flags=re.M))
    config = RECIPES["finetune"].load().Config(data=Path("x"))
    shown = {name: "none" if value is None else str(value).lower() for name, value in vars(config).items()}
    assert rows.pop("data") == "must be given"
    assert {name: default.strip("`") for name, default in rows.items()} == {
        name: value for name, value in shown.items() if name != "data"
    }
    assert len(rows) >= 10


def test_the_command_line_page_has_every_command_option_and_help_text() -> None:
    text = (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8").replace("\\|", "|")
    sections = dict(re.findall(r"^## `([^`]+)`\n(.*?)(?=^## |\Z)", text, flags=re.M | re.S))
    commands = leaves(build_parser())
    assert set(sections) == set(commands)
    checked = 0
    for name, parser in commands.items():
        for action in parser._actions:
            if isinstance(action, argparse._HelpAction):
                continue
            for word in (*action.option_strings, action.help or ""):
                assert word in sections[name], (name, word)
                checked += 1
        epilog = (parser.epilog or "").removeprefix("example: ")
        assert epilog in sections[name], name
        documented = set(re.findall(r"(?<=`)--[a-z-]+", sections[name]))
        assert documented <= {option for action in parser._actions for option in action.option_strings} | {"--no-deps"}
    assert checked >= 25


def test_every_recipe_is_in_the_table_of_recipes() -> None:
    text = (ROOT / "recipes" / "README.md").read_text(encoding="utf-8")
    named = re.findall(r"^\| \[`(\w+)`\]\((\w+)\.py\) \|", text, flags=re.M)
    assert len(named) >= 2
    assert [name for name, _ in named] == [file for _, file in named]
    assert {name for name, _ in named} == set(RECIPES)


def test_every_page_is_in_the_navigation_and_every_link_has_its_file() -> None:
    settings = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    listed = re.findall(r"[\w/-]+\.md", str(settings["nav"]))
    docs = ROOT / "docs"
    assert sorted(listed) == sorted(page.relative_to(docs).as_posix() for page in docs.rglob("*.md"))
    checked = 0
    for page in PAGES[1:]:  # the README's are in test_readme.py
        for link in re.findall(r"\]\((?!https?:)([^)#\s]+)", FENCE.sub("", page.read_text(encoding="utf-8"))):
            assert (page.parent / link).exists(), f"{page.name}: {link}"
            checked += 1
    assert checked >= 15


def test_the_page_about_data_names_every_parser_and_writer() -> None:
    text = (ROOT / "docs" / "reference" / "data.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^(?:::: contorno\.(?:\w+\.)*|        - )(\w+)$", text, flags=re.M))
    aliases = {"Format", "Objects", "Placing", "PolygonForm", "Records"}
    public = {*parsers.__all__, *writers.__all__} - aliases
    assert len(public) >= 35
    assert public <= named


def literals(expression: ast.expr, constants: dict[str, str]) -> Iterator[str]:
    """The texts that an expression may be; of a text with values in it the longest piece between them."""
    match expression:
        case ast.Constant(value=str(text)):
            yield text
        case ast.IfExp(body=body, orelse=other):
            yield from literals(body, constants)
            yield from literals(other, constants)
        case ast.JoinedStr(values=values):
            yield max((str(piece.value) for piece in values if isinstance(piece, ast.Constant)), key=len).strip(" ,(")
        case ast.Name(id=name) if name in constants:
            yield constants[name]


def named_faults(path: Path) -> set[str]:
    """The kinds of faults that a module of the doctor names, as far as they stand there as texts."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    constants = {
        ast.unparse(node.targets[0]): node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    }
    found: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(attr="add") | ast.Name(id="add" | "tell"), args=[_, kind, _, _, _, *_]):
                found |= set(literals(kind, constants))
            case ast.Call(func=ast.Name(id="_tell"), args=[_, _, kind, _, ast.Name(id="faults")]):
                found |= set(literals(kind, constants))
            case ast.Assign(targets=[ast.Name(id="kind")], value=kind):
                found |= set(literals(kind, constants))
            case ast.Assign(targets=[ast.Tuple(elts=[ast.Name(id="kind"), *_])], value=ast.Tuple(elts=[kind, *_])):
                found |= set(literals(kind, constants))
            case ast.Return(value=ast.Tuple(elts=[kind, _, _])):
                found |= set(literals(kind, constants))
    return found


def test_every_fault_that_the_doctor_names_is_on_its_page() -> None:
    text = (ROOT / "docs" / "explain" / "doctor.md").read_text(encoding="utf-8")
    kinds = {
        kind for path in sorted((ROOT / "src" / "contorno" / "doctor").glob("*.py")) for kind in named_faults(path)
    }
    assert len(kinds) >= 90
    assert {kind for kind in kinds if kind not in text} == set()


def run_blocks(
    page: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    settings: Mapping[str, Any] | None = None,
    names: dict[str, Any] | None = None,
) -> tuple[int, dict[str, Any]]:
    """Run the marked blocks of a page in `folder`: how many, and their names.

    settings: smaller values for names that a block has just set.   names: what a page before this one left.
    """
    marked = [block for block in blocks(ROOT / "docs" / page) if block.runs]
    names = {"__name__": "page"} if names is None else names
    monkeypatch.chdir(folder)
    waiting = dict(settings or {})
    for block in marked:
        assert block.language == "python", block.where
        with warnings.catch_warnings():
            # What a reader sees as well: torch on the age of TorchScript.
            warnings.simplefilter("ignore")
            exec(compile(block.code, block.where, "exec"), names)
        names.update({key: waiting.pop(key) for key in list(waiting) if key in names})
    assert not waiting, f"{page} sets no {', '.join(waiting)}"
    return len(marked), names


def test_marked_blocks_stand_only_on_pages_that_are_run_below() -> None:
    marked = [block.page.name for block in BLOCKS if block.runs]
    assert set(marked) == {"labels.md", "masks.md", "notebook.md", "tutorial.md", "use.md"}
    raw = sum(page.read_text(encoding="utf-8").count("<!-- runs -->") for page in PAGES)
    assert len(marked) == raw == 18


def test_the_blocks_about_masks_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    count, names = run_blocks("explain/masks.md", tmp_path, monkeypatch)
    assert count == 1
    assert names["masks"].area(names["code"]) == names["bitmap"].sum() > 0


def test_the_parser_of_a_format_of_ones_own_runs_and_what_it_writes_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [
        "image,x,y,radius",
        "north.png,30.5,20,9",
        "north.png,70,41.5,12.5",
        "south.png,50,30,0",
        "south.png,20,35,6",
    ]
    (tmp_path / "moon").mkdir()
    (tmp_path / "moon" / "craters.csv").write_text("\n".join(rows) + "\n")
    for name in ("north.png", "south.png"):
        images.write_image(tmp_path / "moon" / name, np.full((60, 100, 3), 128, dtype=np.uint8))

    count, names = run_blocks("how-to/labels.md", tmp_path, monkeypatch)
    assert count == 1
    page = (ROOT / "docs" / "how-to" / "labels.md").read_text(encoding="utf-8")
    assert f"```text\n{names['parser'].report}\n```" in page
    parts = parsers.read(tmp_path / "moon_coco")
    assert {record.path.name: len(record.instances) for part in parts.values() for record in part if record.path} == {
        "north.png": 2,
        "south.png": 1,
    }


TUTORIAL_SMALL = {
    "drawn": {"train": 8, "validation": 4, "test": 4},
    "image_size": 96,
    "presize": 112,
    "epochs": 1,
}


@pytest.mark.slow
def test_the_tutorial_runs_from_its_first_block_to_its_last_and_its_run_can_be_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    count, names = run_blocks("start/tutorial.md", tmp_path, monkeypatch, settings=TUTORIAL_SMALL)
    assert count == 13
    assert len(names["coco"]["images"]) == len(names["train_records"]) + len(names["valid_records"]) >= 3
    assert names["train_records"].num_objects + names["valid_records"].num_objects == len(names["coco"]["annotations"])
    assert names["train_ds"][0].image.shape == (96, 96, 3)
    assert len(names["learn"].history.rows) == 1
    assert names["preds"][0].class_map.names == ("choripan",)
    assert names["preds"][0].size_hw == names["img"].shape[:2]
    assert {path.name for path in names["save_dir"].iterdir()} == {"model.pth", "labels.txt", "jit-model.pt"}
    assert re.search(r"^\d+ found; \d+ by the model itself$", capsys.readouterr().out, flags=re.M)

    # The page about notebooks goes on with what the tutorial made.
    count, names = run_blocks("how-to/notebook.md", tmp_path, monkeypatch, names=names)
    assert count == 1
    kept = {path.name for path in (tmp_path / "runs" / "hot_dog").iterdir()}
    assert {"model.pth", "labels.txt", "model.json", "history.csv", "splits", "checkpoints"} <= kept


@pytest.mark.slow
def test_the_blocks_that_use_a_model_run_without_contorno_and_agree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    records = disc_records(2)
    run = Run(tmp_path / "runs" / "finetune", recipe="finetune")
    fitted = fit_model(records, 96, weights="none")
    fitted.model.eval()
    run.write_card(fitted.settings, records.class_map, 96)
    torch.save(fitted.model.state_dict(), run.weights_path)
    photo = draw_scene(np.random.default_rng(0), (160, 160)).image  # of a square both make the same sample
    export.export(run, [photo])
    images.write_image(tmp_path / "photo.jpg", photo)

    count, names = run_blocks("how-to/use.md", tmp_path, monkeypatch)
    assert count == 2
    found, same = names["found"], names["same"]
    assert len(found["scores"]) > 0
    assert found["masks"].shape[2:] == photo.shape[:2]
    for key in ("boxes", "labels", "scores", "masks"):
        torch.testing.assert_close(found[key], same[key], atol=1e-3, rtol=1e-3)
    code = "".join(block.code for block in blocks(ROOT / "docs" / "how-to" / "use.md") if block.runs)
    assert "contorno" not in code
