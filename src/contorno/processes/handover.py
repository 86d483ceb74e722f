"""Before and after the training: the first process prepares, then the others; the first one finishes alone."""

from __future__ import annotations

from pathlib import Path

from contorno.errors import ConfigError
from contorno.processes.exchanging import agreed, gathered_by_first
from contorno.processes.joining import start
from contorno.processes.places import count, is_first, leave, place, team

_folders: list[str] = []
"""Run folders that the first process has made and not yet told, or that another one was told and has not yet taken."""


def end() -> None:
    """Part when a training is over, or when there was none: the first process goes on alone, the others leave."""
    if not team.is_started:
        return
    if is_first() and _folders:
        agreed([])
        _folders.clear()
    # Not `meet`: the first process may cut the connection once it has heard of all others, and not before.
    gathered_by_first(None)
    rank = place().rank
    team.is_started, team.is_over = False, True
    if team.group is None:
        from torch import distributed

        distributed.destroy_process_group()
    if rank:
        leave(0)


def require_not_over() -> None:
    """Raise ConfigError for a second training after the other processes have left."""
    if team.is_over:
        raise ConfigError(
            "the processes that torchrun starts share the training of one run, and that is over; start torchrun again "
            "for the next."
        )


def announce(folder: Path) -> None:
    """Of the first process: it has made a run folder, which the others wait for until it calls `release`."""
    if count() > 1:
        start()
        _folders.append(str(folder.resolve()))


def release() -> None:
    """Of the first process: its preparations are done, so those that wait may do theirs. Of the others: nothing."""
    if is_first() and _folders:
        agreed(_folders)
        _folders.clear()


def announced() -> Path:
    """Of the others: wait until the first process has prepared its data and trains, and take its run folder.

    So what is fetched or drawn is fetched once, and the others find it. They leave if there is no training after all.
    """
    start()
    if not _folders:
        _folders.extend(agreed([]))
    if not _folders:
        end()
    return Path(_folders.pop(0))
