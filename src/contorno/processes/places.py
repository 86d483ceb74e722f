"""Which of how many processes this is, as torchrun says, and how they are started."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from contorno.errors import ConfigError

INTERRUPTED = 130
"""Exit code after Ctrl-C."""

_VARIABLES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")


@dataclass(frozen=True, slots=True)
class Place:
    """Which of how many processes this is, over all machines and on this one."""

    rank: int = 0
    count: int = 1
    local_rank: int = 0
    local_count: int = 1


@dataclass(slots=True)
class Team:
    """How far this process has come with the others.   group: torch's; None is its default group."""

    group: Any = None
    is_started: bool = False
    is_over: bool = False


team = Team()


def place() -> Place:
    """The place that torchrun gave this process; the only one without torchrun, and when the training is over.

    Raises ConfigError if torchrun's variables are no numbers.
    """
    if team.is_over or any(name not in os.environ for name in _VARIABLES):
        return Place()
    try:
        count = int(os.environ["WORLD_SIZE"])
        rank, local = int(os.environ["RANK"]), int(os.environ["LOCAL_RANK"])
        return Place(rank, count, local, int(os.environ.get("LOCAL_WORLD_SIZE", count)))
    except ValueError as error:
        raise ConfigError(
            f"torchrun's variables WORLD_SIZE, RANK and LOCAL_RANK must be numbers ({error}); start the processes with "
            "torchrun, or unset them."
        ) from error


def count() -> int:
    """How many processes train together."""
    return place().count


def is_first() -> bool:
    """Whether this process is the one that writes and speaks."""
    return place().rank == 0


def launch_command(processes: int, words: Sequence[str]) -> str:
    """The command that starts the program of `words` (as in sys.argv) in so many processes."""
    program = Path(words[0] if words else "")
    start = f"torchrun --nproc_per_node={processes}"
    if program.stem == "contorno" or program.name == "__main__.py":
        return f"{start} -m contorno {shlex.join(words[1:])}".rstrip()
    if program.suffix == ".py" and program.stem != "ipykernel_launcher":
        return f"{start} {shlex.join(words)}"
    return f"{start} your_script.py"


def leave(code: int) -> NoReturn:
    """End this process without a word, since the first one speaks."""
    raise SystemExit(code)
