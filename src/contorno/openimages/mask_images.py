"""Published masks as run-length code at the size of their images, on all cores.

The calling process reads masks from the start. Where much is left, other processes (`contorno.mask_files.serve`) take
pieces of the list as soon as they are up. Nothing depends on them: a piece that one has not handed in, because it was
killed or never came up, is read by the caller.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from contorno.errors import ConfigError
from contorno.mask_files import HELLO, MASK_DAMAGED, MASK_EMPTY, MASK_MISFIT, Job, MaskFault, read_mask_codes
from contorno.masks import RunLength, Size
from contorno.progress import Progress, silent

__all__ = ["MASK_DAMAGED", "MASK_EMPTY", "MASK_MISFIT", "MaskFault", "read_masks"]

_PIECE = 32  # masks; some 10 ms of work
_WORTH_SECONDS = 0.25  # a process takes 0.15 s of its core until it reads its first mask
_PATIENCE_SECONDS = 2.0  # with a piece that another process holds when all others are done

Code = RunLength | MaskFault


def read_masks(
    items: Sequence[tuple[Path, Size]], *, workers: int | None = None, progress: Progress = silent
) -> list[Code]:
    """Read masks, each resized, nearest, to the exact size of its image, in the order of `items`.

    items:   path of a mask, and (height, width) of the decoded image.
    workers: processes that read at one time, this one among them; None: as many as there are cores to run on. Others
             than this one are started only where about a quarter of a second of work is left.
    A mask that cannot be used gives the reason in place of its code: MASK_DAMAGED, MASK_EMPTY, MASK_MISFIT. No file is
    removed. Raises ConfigError for a number of workers below 1.
    """
    if workers is not None and workers < 1:
        raise ConfigError(f"workers is {workers}; expected at least 1, or None for all cores.")
    work = _Work([(os.fspath(path), (int(size[0]), int(size[1]))) for path, size in items])
    most = (_cores() if workers is None else workers) - 1
    helpers: list[threading.Thread] = []
    began = time.perf_counter()
    mine = 0
    try:
        while (start := work.take()) is not None:
            work.finish(start, read_mask_codes(work.piece(start)))
            progress("masks read", work.done, len(items))
            mine += _PIECE
            if not helpers and most and work.left * (time.perf_counter() - began) / mine > _WORTH_SECONDS:
                helpers = [threading.Thread(target=_help, args=(work,), name="masks") for _ in range(most)]
                for helper in helpers:
                    helper.start()
        for start in work.late():
            work.finish(start, read_mask_codes(work.piece(start)))
        if len(items) > mine:
            progress("masks read", len(items), len(items))
    finally:
        work.stop()
        for helper in helpers:
            helper.join()
    return work.codes()


class _Work:
    """A list of masks, given out in pieces and put together again; used by several threads.

    A piece is named by the index of its first mask.
    """

    def __init__(self, jobs: Sequence[Job]) -> None:
        self._jobs = jobs
        self._codes: dict[int, list[Code]] = {}
        self._next = 0
        self._stopped = False
        self._processes: list[subprocess.Popen[bytes]] = []
        self._changed = threading.Condition()

    def take(self) -> int | None:
        """The next piece that nobody has, or None."""
        with self._changed:
            if self._stopped or self._next >= len(self._jobs):
                return None
            start, self._next = self._next, self._next + _PIECE
            return start

    def piece(self, start: int) -> Sequence[Job]:
        return self._jobs[start : start + _PIECE]

    def finish(self, start: int, codes: list[Code]) -> None:
        with self._changed:
            self._codes.setdefault(start, codes)
            self._changed.notify_all()

    def late(self) -> list[int]:
        """The pieces that are still out after a fair wait."""
        starts = range(0, len(self._jobs), _PIECE)
        with self._changed:
            self._changed.wait_for(
                lambda: len(self._codes) == len(starts) or not self._processes, timeout=_PATIENCE_SECONDS
            )
            return [start for start in starts if start not in self._codes]

    @property
    def left(self) -> int:
        """Masks that nobody has."""
        return max(0, len(self._jobs) - self._next)

    @property
    def done(self) -> int:
        """Masks that are read; the last piece may hold fewer than it is counted for."""
        return min(len(self._codes) * _PIECE, len(self._jobs))

    def codes(self) -> list[Code]:
        return [code for start in range(0, len(self._jobs), _PIECE) for code in self._codes[start]]

    def enter(self, process: subprocess.Popen[bytes]) -> bool:
        """Count a process in; False if there is nothing for it to do any more."""
        with self._changed:
            if not self._stopped:
                self._processes.append(process)
            return not self._stopped

    def leave(self, process: subprocess.Popen[bytes]) -> None:
        with self._changed:
            if process in self._processes:
                self._processes.remove(process)
            self._changed.notify_all()

    def stop(self) -> None:
        """Give out nothing more, and end the processes: those who wait for an answer wait no longer."""
        with self._changed:
            self._stopped = True
            for process in self._processes:
                process.kill()


def _help(work: _Work) -> None:
    """Start a process and hand it one piece after the other. Whatever goes wrong, the caller reads what is missing."""
    if not sys.executable or getattr(sys, "frozen", False):
        return  # Python inside another program: what would start is that program
    # Its own threads would only take the cores from its like.
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    program = f"import sys; sys.path[:] = {sys.path!r}; from contorno.mask_files import serve; serve()"
    try:
        process = subprocess.Popen(
            [sys.executable, "-c", program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
    except OSError:
        return
    try:
        if work.enter(process):
            _feed(process, work)
    except (OSError, EOFError, pickle.UnpicklingError):
        pass  # it was ended, perhaps in the middle of an answer
    finally:
        work.leave(process)
        process.kill()
        _close(process)


def _feed(process: subprocess.Popen[bytes], work: _Work) -> None:
    jobs, answers = process.stdin, process.stdout
    assert jobs is not None
    assert answers is not None
    if answers.read(len(HELLO)) != HELLO:
        return
    while (start := work.take()) is not None:
        pickle.dump(work.piece(start), jobs, pickle.HIGHEST_PROTOCOL)
        jobs.flush()
        work.finish(start, pickle.load(answers))


def _close(process: subprocess.Popen[bytes]) -> None:
    try:
        with process:
            pass
    except OSError:
        pass  # what stood in the buffer for a process that is gone


def _cores() -> int:
    """Cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
