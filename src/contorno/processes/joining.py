"""Meeting the other processes, and noticing when one of them has ended."""

from __future__ import annotations

import datetime
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from contorno.errors import ConfigError, ProcessError
from contorno.processes.places import INTERRUPTED, count, is_first, launch_command, leave, place, team

PATIENCE = datetime.timedelta(days=30)
"""How long a process waits for the others: a validation or a download may take hours, and a process that has ended is
noticed by its closed connection, not by this time."""

FIRST_WORD_SECONDS = 3.0


def start() -> None:
    """Meet the other processes, each on a GPU of its own if there are GPUs. Done once; alone it does nothing.

    Raises ConfigError if there are more processes on this machine than GPUs.
    """
    here = place()
    if here.count == 1 or team.is_started:
        return
    import torch
    from torch import distributed

    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if gpus and here.local_count > gpus:
        if here.rank:
            leave(ConfigError.exit_code)
        raise ConfigError(
            f"torchrun started {here.local_count} processes on a machine of {gpus} GPUs, and each needs one of its "
            f"own; say `{launch_command(gpus, sys.argv)}`."
        )
    if gpus:
        torch.cuda.set_device(here.local_rank)
    backend = "cpu:gloo,cuda:nccl" if gpus else "gloo"
    with together():
        if distributed.is_initialized():  # by a script, in a way of its own
            team.group = distributed.new_group(backend=backend, timeout=PATIENCE)
        else:
            distributed.init_process_group(backend, timeout=PATIENCE)
    team.is_started = True


def let_the_first_speak() -> None:
    """Wait a moment before this process tells of an error, unless it is the first.

    If all have met the same error the first one tells it, and torchrun ends the others before they repeat it.
    """
    if not is_first():
        time.sleep(FIRST_WORD_SECONDS)


@contextmanager
def together() -> Iterator[None]:
    """End this process too if another one has ended: torch's errors of a lost connection are RuntimeErrors."""
    try:
        yield
    except KeyboardInterrupt:
        if place().rank:
            leave(INTERRUPTED)
        raise
    except RuntimeError as error:
        if place().rank:
            leave(ProcessError.exit_code)
        told = next(iter(str(error).splitlines()), type(error).__name__)
        raise ProcessError(
            f"another process of this training has ended, or cannot be reached ({told}); see what it said."
        ) from error


@contextmanager
def told_of_the_end() -> Iterator[None]:
    """In the block a SIGTERM, by which torchrun ends all processes when one has ended, is a ProcessError.

    Only in the first of several processes, which so has a last word, and in the main thread, where signals arrive.
    """
    if count() == 1 or not is_first() or threading.current_thread() is not threading.main_thread():
        yield
        return

    def raise_it(*_: object) -> None:
        raise ProcessError("torchrun has ended the training because one of its processes has ended; see what it said.")

    before = signal.signal(signal.SIGTERM, raise_it)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
