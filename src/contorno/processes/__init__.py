"""Several processes that train one model together, as torchrun starts them: which one this is, and what they exchange.

The first process, of rank 0, writes and speaks; the others train with it and leave when the training is over. Without
torchrun there is one process, and nothing here does anything, nor imports torch. Every function that exchanges
something has to be called by all processes, in the same order; if one of them has ended, the others end too instead of
waiting.
"""

from __future__ import annotations

from contorno.processes.exchanging import agreed, average, equalize, gathered, gathered_by_first, meet
from contorno.processes.handover import announce, announced, end, release, require_not_over
from contorno.processes.joining import let_the_first_speak, start, told_of_the_end
from contorno.processes.places import INTERRUPTED, Place, count, is_first, launch_command, leave, place

__all__ = [
    "INTERRUPTED",
    "Place",
    "agreed",
    "announce",
    "announced",
    "average",
    "count",
    "end",
    "equalize",
    "gathered",
    "gathered_by_first",
    "is_first",
    "launch_command",
    "leave",
    "let_the_first_speak",
    "meet",
    "place",
    "release",
    "require_not_over",
    "start",
    "told_of_the_end",
]
