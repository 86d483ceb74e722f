"""A picture in a window, for programs without a notebook: matplotlib's window, as IceVision's `plt.show()` has it.

matplotlib comes with fastai, finds the toolkit that a machine has (Qt, GTK, Tk, macOS), asks the display whether it
answers, lets people zoom, and waits until the window is closed. Pillow's own viewer does none of that: it leaves a file
behind and a program running, and nobody learns whether anything was seen.
"""

from __future__ import annotations

import functools
import logging
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FILE_BACKENDS = ("agg", "cairo", "pdf", "pgf", "ps", "svg", "template")
"""matplotlib's backends that only write files."""

NOTEBOOK_BACKENDS = ("inline", "ipympl", "nbagg", "notebook", "widget")
"""matplotlib's backends that show inside a notebook, and nothing outside it."""

WIDEST_PX, HIGHEST_PX = 1200, 680
"""A larger picture opens smaller, so that its window with its bars fits a screen of 1366 x 768; zoom shows the rest."""
SMALLEST_PX = 400
"""A picture whose longest side is shorter opens larger: it would be lost under the window's bars."""
PIXELS_PER_INCH = 100
WAKE_MILLISECONDS = 200

log = logging.getLogger(__name__)


def show_picture(pixels: NDArray[np.uint8], *, title: str = "contorno", kept: bool = False) -> bool:
    """Open a window with a picture and wait until it is closed; True if there was one.

    Other figures of matplotlib that are open appear with it, as `plt.show()` does; after `plt.ion()` it does not wait.
    Call it from the main thread: toolkits serve no other.
    Nothing opens, and nothing fails, where MPLBACKEND or `matplotlib.use` names a backend that only writes files
    (`MPLBACKEND=agg`: windows are off), without a display, and without a toolkit. The latter two are logged, once.

    pixels: RGB (height, width, 3).   kept: the picture is in a file already, so that a missing window is no news.
    """
    chosen = _chosen_backend()
    if chosen in FILE_BACKENDS:
        return False
    obstacle = _obstacle(chosen)
    if obstacle is None:
        obstacle = _open_and_wait(pixels, title)
    if obstacle is not None and not kept:
        _say_once(obstacle)
    return obstacle is None


def draws_to_windows() -> bool:
    """Whether `plt.show()` brings pyplot's figures before someone's eyes: not into files, not only in a notebook."""
    import matplotlib as mpl

    backend = mpl.get_backend().lower()
    return backend not in FILE_BACKENDS and not _notebook_only(backend)


def display_at_hand() -> bool:
    """Whether this machine seems to have a screen: macOS and Windows always; else if X11 or Wayland is named."""
    return sys.platform in ("darwin", "win32") or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def _chosen_backend() -> str:
    """What `matplotlib.use` or else MPLBACKEND names, in lower case; empty if matplotlib is free to choose."""
    mpl = sys.modules.get("matplotlib")
    if mpl is not None and not mpl.rcParams["backend_fallback"]:
        return str(mpl.get_backend()).lower()
    return os.environ.get("MPLBACKEND", "").lower()


def _obstacle(chosen: str) -> str | None:
    # A cheap look, before matplotlib is imported.
    if _notebook_only(chosen):
        # A kernel sets it for itself, and what is started from a cell (`!python train.py`) inherits it.
        return f"matplotlib's backend is {chosen!r}, which shows only inside a notebook"
    if not chosen and not display_at_hand():
        return "there is no display here (neither DISPLAY nor WAYLAND_DISPLAY is set)"
    if threading.current_thread() is not threading.main_thread():
        return "only the main thread can open one"
    return None


def _notebook_only(backend: str) -> bool:
    return backend.lower().rpartition(".")[2].removeprefix("backend_") in NOTEBOOK_BACKENDS


def _open_and_wait(pixels: NDArray[np.uint8], title: str) -> str | None:
    import matplotlib as mpl
    from matplotlib import pyplot

    size_px = window_size(pixels.shape[1], pixels.shape[0])
    try:
        figure = pyplot.figure(figsize=[side / PIXELS_PER_INCH for side in size_px], dpi=PIXELS_PER_INCH)
    except _toolkit_errors() as error:
        return f"matplotlib cannot open one ({error})"
    try:
        if not draws_to_windows():
            return (
                f"matplotlib draws with {mpl.get_backend()!r}: the display does not answer, or no toolkit for windows "
                "is installed (Tk comes with the system's package python3-tk, Qt with `pip install pyqt6`)"
            )
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        axes.imshow(pixels)
        if figure.canvas.manager is not None:
            figure.canvas.manager.set_window_title(title)
        with _ctrl_c_heard(figure):
            pyplot.show()
    finally:
        # Interactive mode leaves the window open on purpose.
        if not pyplot.isinteractive() or not draws_to_windows():
            pyplot.close(figure)
    return None


@contextmanager
def _ctrl_c_heard(figure: Figure) -> Iterator[None]:
    """Wake Tk now and then: it sleeps until something happens in its window, and Ctrl-C in a terminal is not that."""
    if getattr(figure.canvas, "required_interactive_framework", None) != "tk":
        yield
        return
    timer = figure.canvas.new_timer(interval=WAKE_MILLISECONDS)
    timer.add_callback(lambda: None)
    timer.start()
    try:
        yield
    finally:
        timer.stop()


def window_size(width: int, height: int) -> tuple[int, int]:
    """Width and height in pixels at which a picture opens, in its own proportions: as it is, if it fits the limits."""
    scale = max(1.0, SMALLEST_PX / max(width, height))
    scale = min(scale, WIDEST_PX / width, HIGHEST_PX / height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _toolkit_errors() -> tuple[type[Exception], ...]:
    """What toolkits raise that find no display after all: Tk under Wayland alone, Qt and GTK."""
    tkinter = sys.modules.get("tkinter")
    return (ImportError, RuntimeError) if tkinter is None else (ImportError, RuntimeError, tkinter.TclError)


@functools.cache
def _say_once(obstacle: str) -> None:
    # By logging, not as a warning: programs that make warnings errors run on machines without a display too.
    log.warning("no window opens for pictures: %s; path=... writes them to a file.", obstacle)
