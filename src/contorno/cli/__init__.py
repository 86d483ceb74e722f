"""The command line: parse the words, call the library, print the result. Heavy imports happen inside the commands.

Results go to stdout, progress and messages to stderr. Exit codes: 0 done, 1 the work failed, 2 misuse, 130 Ctrl-C.
"""

from __future__ import annotations

import argparse
import difflib
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from contorno import __version__, processes
from contorno.cli import (
    data_commands,
    environment,
    fetch_command,
    openimages_commands,
    recipe_commands,
    run_commands,
)
from contorno.errors import ContornoError

EXAMPLES = """\
examples:
  contorno run quickstart                      from nothing to a measured, exported model; offline, minutes on a CPU
  contorno run finetune data=my.json images=photos minutes=30
  contorno openimages fetch "Hot dog" --dry-run   images, masks and bytes of a class, before anything is fetched
  contorno data check labels.json --images photos   every fault of your labels, whatever their format
  contorno predict runs/finetune photo.jpg     outlines in a picture and as JSON
  contorno recipes copy finetune               a recipe of your own to change
"""


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors name the nearest command."""

    def error(self, message: str) -> NoReturn:
        hint = ""
        if "invalid choice:" in message:
            word = message.partition("invalid choice: '")[2].partition("'")[0]
            near = difflib.get_close_matches(word, self._known_words(), n=1, cutoff=0.4)
            hint = f" Did you mean {near[0]}?" if near else ""
        print(f"contorno: {message}.{hint} See `{self.prog} --help`.", file=sys.stderr)
        raise SystemExit(2)

    def _known_words(self) -> list[str]:
        return [
            str(choice)
            for action in self._actions
            if isinstance(action, argparse._SubParsersAction)
            for choice in action.choices
        ]


def build_parser() -> Parser:
    """The whole command line."""
    parser = Parser(
        prog="contorno",
        description="Recipes for instance segmentation: from a name or your labels to a model that outlines things.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"contorno {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=Parser)
    recipe_commands.add(commands)
    run_commands.add(commands)
    data_commands.add(commands)
    fetch_command.add(openimages_commands.add(commands))
    environment.add(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    # albumentations asks the network for its newest version on import unless told not to; a command decides that for
    # its own process, the library does not.
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # names that no terminal can write are no reason to stop
    parser = build_parser()
    # argparse takes settings in one place only; people write them before and after the options.
    arguments, late = parser.parse_known_args(argv)
    if any(word.startswith("-") or "=" not in word for word in late) or (late and not hasattr(arguments, "settings")):
        parser.error(f"unrecognized arguments: {' '.join(late)}")
    if late:
        arguments.settings += late
    try:
        return int(arguments.call(arguments) or 0)
    except ContornoError as error:
        processes.let_the_first_speak()
        print(f"contorno: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        if processes.is_first():
            print("contorno: stopped by Ctrl-C.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of a pipe (`| head`) has left; what it wanted it has.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def launch(file: str) -> NoReturn:
    """Run a recipe file from its own `if __name__ == "__main__":`, as `contorno run FILE` does."""
    sys.exit(main(["run", str(Path(file).resolve()), *sys.argv[1:]]))
