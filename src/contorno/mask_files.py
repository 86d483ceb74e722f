"""A mask file as run-length code at the size of its image, here or in a process that does nothing else.

Most of the work on one mask is Python and numpy by turns, which threads of one process only get in each other's way
with: measured on 4 cores, 2 threads read 1.4 times the masks of one, 4 threads fewer than one, 4 processes 3.3 times.
The process is `python -c` of this module and not one of `multiprocessing`, which forks beside threads or imports the
user's script anew: a script without a guard, or a notebook, would run twice.
"""

from __future__ import annotations

import pickle
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal

from contorno import images, masks
from contorno.errors import DataError
from contorno.masks import RunLength, Size

MaskFault = Literal["mask damaged", "mask empty", "mask of other proportions than its image"]
MASK_DAMAGED: Final = "mask damaged"
MASK_EMPTY: Final = "mask empty"
MASK_MISFIT: Final = "mask of other proportions than its image"

Job = tuple[str, Size]
HELLO = b"contorno masks 1\n"
"""What `serve` writes first, so that another program in Python's place is not given work."""


def read_mask_code(path: Path, size: Size) -> RunLength | MaskFault:
    """The mask of a file, resized, nearest, to its image's `size` (height, width), or why it cannot be used.

    A file that is missing counts as damaged. A speck that falls between the pixels of a smaller image leaves a mask
    empty.
    """
    try:
        bits, width = images.read_mask_bits(path)
    except DataError:
        return MASK_DAMAGED
    if not bits.max():
        return MASK_EMPTY
    try:
        code = masks.encode_bits(bits, width, size)
    except DataError:
        return MASK_MISFIT
    return code if masks.area(code) else MASK_EMPTY


def read_mask_codes(jobs: Sequence[Job]) -> list[RunLength | MaskFault]:
    """`read_mask_code` of each path and size."""
    return [read_mask_code(Path(path), size) for path, size in jobs]


def serve() -> None:
    """Answer lists of jobs on standard input with lists of codes on standard output, both pickled, until its end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that asks; it ends this one
    jobs, answers = sys.stdin.buffer, sys.stdout.buffer
    try:
        answers.write(HELLO)
        answers.flush()
        while True:
            pickle.dump(read_mask_codes(pickle.load(jobs)), answers, pickle.HIGHEST_PROTOCOL)
            answers.flush()
    except (EOFError, BrokenPipeError):
        return  # whoever asked is gone
