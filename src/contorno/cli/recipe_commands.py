"""`contorno recipes list | show | copy` and `contorno run`."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

from contorno import config, processes, recipe_files
from contorno.errors import ConfigError, ContornoError


def add(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the commands to the parser."""
    recipes = commands.add_parser("recipes", help="list, show or copy the recipes")
    verbs = recipes.add_subparsers(metavar="VERB", required=True)
    listing = verbs.add_parser("list", help="every recipe with a line about it")
    listing.set_defaults(call=_list)
    show = verbs.add_parser("show", help="print a recipe", epilog="example: contorno recipes show quickstart")
    show.add_argument("name")
    show.set_defaults(call=_show)
    copy = verbs.add_parser(
        "copy", help="copy a recipe, to change it", epilog="example: contorno recipes copy finetune"
    )
    copy.add_argument("name")
    copy.add_argument("--to", type=Path, default=Path(), metavar="PATH", help="a folder or a new file (default: here)")
    copy.set_defaults(call=_copy)

    run = commands.add_parser(
        "run",
        help="run a recipe",
        epilog="example: contorno run finetune data=labels.json images=photos epochs=20 --out runs/mine",
    )
    run.add_argument("name", help="a recipe's name, or the path of a recipe file")
    run.add_argument(
        "settings", nargs="*", metavar="key=value", help="settings of the recipe; --help-settings lists them"
    )
    run.add_argument("--out", type=Path, metavar="DIR", help="the run folder (default: runs/NAME, numbered)")
    run.add_argument("--config", metavar="NAME|FILE", help="a preset of the recipe, or a config.yaml")
    run.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
    run.add_argument(
        "--help-settings", action="store_true", help="list the recipe's settings, what they are and what they take"
    )
    run.add_argument("--force", action="store_true", help="move an existing run folder aside")
    run.add_argument("--resume", action="store_true", help="go on with the run in --out where it stopped")
    run.add_argument("--quiet", action="store_true", help="no progress, only results")
    run.set_defaults(call=_run)


def _list(_: argparse.Namespace) -> int:
    recipes = recipe_files.all_recipes()
    width = max(len(recipe.name) for recipe in recipes)
    for recipe in recipes:
        print(f"{recipe.name:<{width}}  {recipe.summary}")
    return 0


def _show(arguments: argparse.Namespace) -> int:
    print(recipe_files.find(arguments.name).path.read_text(encoding="utf-8"), end="")
    return 0


def _copy(arguments: argparse.Namespace) -> int:
    path = recipe_files.copy(arguments.name, arguments.to)
    print(f"{path}\nrun it with: contorno run {'./' if path.parent == Path() else ''}{path}")
    return 0


def _run(arguments: argparse.Namespace) -> int:
    if (arguments.dry_run or arguments.help_settings) and not processes.is_first():
        return 0
    recipe = recipe_files.find(arguments.name)
    preset = arguments.config
    if arguments.resume and preset is None:
        if arguments.out is None:
            raise ConfigError("--resume needs --out DIR, the run folder to go on with.")
        if not (arguments.out / "config.yaml").exists():
            raise ConfigError(f"there is no run to go on with in {arguments.out}: config.yaml is missing.")
        preset = str(arguments.out / "config.yaml")
    module = recipe.load()
    if arguments.help_settings:
        print(config.describe(module.Config))
        return 0
    cfg = recipe_files.settings(recipe, module, preset, arguments.settings)
    out = arguments.out if arguments.out is not None else free_folder(Path("runs") / recipe.name)

    from contorno.progress import ProgressLine, silent
    from contorno.runs import Run

    if arguments.dry_run:
        _check_free(out, arguments)
        print(f"recipe {recipe.name}: {recipe.summary}\nwould write to: {out}\nsettings:")
        print("".join(f"  {line}\n" for line in config.to_yaml(cfg).splitlines()), end="")
        if hasattr(module, "plan"):
            print(module.plan(cfg))
        print("dry run: nothing was fetched, trained or written.")
        return 0
    began = time.monotonic()
    with ProgressLine() as line:

        def say(text: str) -> None:
            line.close()
            print(text, file=sys.stderr, flush=True)

        run = Run.create(
            out,
            arguments.name,
            cfg,
            force=arguments.force,
            resume=arguments.resume,
            say=_no_words if arguments.quiet else say,
            progress=silent if arguments.quiet else line,
        )
        try:
            summary = module.main(cfg, run)
        except ContornoError:
            run.discard_if_nothing_was_done()
            raise
        processes.end()
    print(summary)
    end = f"; open {run.report_path}" if run.report_path.exists() else f"; all of it is in {run.folder}"
    print(f"\n{run.listing()}\n\ndone in {_minutes(time.monotonic() - began)}{end}")
    return 0


def free_folder(path: Path) -> Path:
    """`path`, or `path-2`, `path-3`, ... whichever is free."""
    number, free = 1, path
    while free.exists() and (not free.is_dir() or any(free.iterdir())):
        number += 1
        free = path.with_name(f"{path.name}-{number}")
    return free


def _check_free(out: Path, arguments: argparse.Namespace) -> None:
    if out.exists() and any(out.iterdir()) and not (arguments.force or arguments.resume):
        raise ConfigError(f"the output folder {out} exists already; choose another with --out, or add --force.")


def _minutes(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _no_words(_: str) -> None:
    return None
